//! One verified call: who may do it to which trail, and its event.

use std::sync::Arc;

use arqueta_audit::EventBuilder;
use arqueta_iam::Identity;
use arqueta_model::RequestInfo;
use arqueta_trail::{Trail, TrailId};
use serde_json::{Map, Value};

use super::operations::Operation;
use crate::access::{self, Wish};
use crate::protocol::Protocol;
use crate::services::Services;
use crate::{Error, json};

const SOURCE: &str = "cloudtrail.amazonaws.com";

/// One verified call.
pub(crate) struct Call<'a> {
    pub services: &'a Services,
    pub identity: &'a Arc<Identity>,
    pub info: &'a RequestInfo,
}

impl Call<'_> {
    /// The trail that the caller names, if it is allowed to do `operation` to it. It need not exist.
    pub(super) async fn trail(&self, operation: &str, named: &str) -> Result<TrailId, Error> {
        self.trail_with(operation, named, &[]).await
    }

    /// As [`Call::trail`], with condition keys of the request.
    pub(super) async fn trail_with(
        &self,
        operation: &str,
        named: &str,
        keys: &[(&str, &str)],
    ) -> Result<TrailId, Error> {
        let trails = &self.services.trails;
        let id = TrailId::named(&self.identity.principal.account, trails.region(), named)?;
        let tags = trails.trail(&id).await.map(|trail: Trail| trail.tags).unwrap_or_default();
        let tags: Vec<_> = tags.iter().map(|tag| (format!("aws:ResourceTag/{}", tag.key), &*tag.value)).collect();
        let tags = tags.iter().map(|(key, value)| (&**key, *value));
        let keys: Vec<_> = keys.iter().copied().chain(tags).collect();
        let action = format!("cloudtrail:{operation}");
        let wish = Wish { action: &action, resource: &id.arn(trails.region()), owner: &id.account, keys: &keys };
        access::check(self.services, self.identity, self.info, &wish)?;
        Ok(id)
    }

    /// Whether the caller may do `operation`, which concerns no one trail.
    pub(super) fn allow(&self, operation: &str) -> Result<(), Error> {
        let action = format!("cloudtrail:{operation}");
        let wish = Wish { action: &action, resource: "*", owner: &self.identity.principal.account, keys: &[] };
        access::check(self.services, self.identity, self.info, &wish)
    }

    /// Makes it durable that the operation is about to change something. It may still be refused;
    /// its event tells.
    ///
    /// # Errors
    /// [`Error::Audit`]: the operation must not go on.
    pub(super) async fn announce(&self, operation: &Operation, body: &[u8]) -> Result<(), Error> {
        Ok(self.services.audit.announce(self.event(operation, body).build()).await?)
    }

    /// Records the operation with what came of it.
    ///
    /// # Errors
    /// [`Error::Audit`]: the operation must not be answered.
    pub(super) async fn record(
        &self,
        operation: &Operation,
        body: &[u8],
        outcome: Result<&Value, &Error>,
    ) -> Result<(), Error> {
        let mut event = self.event(operation, body);
        event = match outcome {
            Ok(Value::Object(answer)) if operation.writes && !answer.is_empty() => {
                event.response(lower_camel(Value::Object(answer.clone())))
            }
            Ok(_) => event,
            Err(error) => {
                let fault = error.fault(Protocol::Json);
                event.error(fault.code, &fault.message)
            }
        };
        Ok(self.services.audit.append(event.build()).await?)
    }

    fn event(&self, operation: &Operation, body: &[u8]) -> EventBuilder {
        let parameters = json::decoded::<Map<String, Value>>(body).unwrap_or_default();
        let parameters = parameters.into_iter().map(|(name, value)| (lower_first(name), lower_camel(value)));
        let (region, principal) = (&self.services.region, &self.identity.principal);
        let event =
            EventBuilder::new(SOURCE, operation.name, region, principal, self.info).parameters(parameters.collect());
        if operation.writes { event.writes() } else { event }
    }
}

pub(super) fn no_token(token: Option<&str>) -> Result<(), Error> {
    if token.is_some() { Err(arqueta_trail::Error::InvalidToken.into()) } else { Ok(()) }
}

pub(super) fn refused(code: &'static str, message: &str) -> Error {
    Error::CloudTrail { code, message: message.to_owned() }
}

fn lower_first(mut name: String) -> String {
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}

/// Names as CloudTrail writes them in events: `S3BucketName` becomes `s3BucketName`.
fn lower_camel(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (lower_first(name), lower_camel(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(lower_camel).collect()),
        other => other,
    }
}
