//! The AWS JSON 1.1 protocol for CloudTrail (AWS CloudTrail API Reference, version 2013-11-01):
//! each call authorized before it acts and recorded before it is answered.

mod logging;
mod lookup;
mod operations;
mod shapes;
mod tagging;
mod trails;

use std::sync::Arc;

use arqueta_audit::EventBuilder;
use arqueta_iam::Identity;
use arqueta_model::RequestInfo;
use arqueta_trail::{Trail, TrailId};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::access::{self, Wish};
use crate::answer::Protocol;
use crate::service::Services;
use crate::{Error, json};

pub(crate) use lookup::Lookups;

/// Target prefix of the service.
pub(crate) const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.";
const SOURCE: &str = "cloudtrail.amazonaws.com";

/// One verified call.
pub(crate) struct Call<'a> {
    pub services: &'a Services,
    pub identity: &'a Arc<Identity>,
    pub info: &'a RequestInfo,
}

/// Performs one operation.
///
/// # Errors
/// [`Error::UnknownOperation`] for a name that CloudTrail does not have, [`Error::Unsupported`]
/// for one that is not served here, denials, and CloudTrail's own refusals.
pub(crate) async fn perform(
    lookups: &Lookups,
    call: &Call<'_>,
    operation: &str,
    body: &[u8],
) -> Result<Vec<u8>, Error> {
    if operation == "LookupEvents" {
        let outcome = lookups.call(call.services, call.identity, call.info, body).await;
        call.record("LookupEvents", body, outcome.as_ref().map(|_| &Value::Null)).await?;
        return outcome;
    }
    let Some(&name) = operations::SERVED.iter().find(|served| **served == operation) else {
        return Err(match operations::KNOWN.contains(&operation) {
            true => Error::Unsupported { operation: operation.to_owned() },
            false => Error::UnknownOperation,
        });
    };
    let outcome = call.answer(name, body).await;
    call.record(name, body, outcome.as_ref()).await?;
    let answer = outcome?;
    if name == "StopLogging" {
        logging::settle(call, body).await;
    }
    json::encoded(&answer)
}

impl Call<'_> {
    async fn answer(&self, operation: &str, body: &[u8]) -> Result<Value, Error> {
        match operation {
            "CreateTrail" => answered(trails::create(self, json::decoded(body)?).await?),
            "UpdateTrail" => answered(trails::update(self, json::decoded(body)?).await?),
            "DeleteTrail" => answered(trails::delete(self, json::decoded(body)?).await?),
            "DescribeTrails" => answered(trails::describe(self, json::decoded(body)?).await?),
            "GetTrail" => answered(trails::get(self, json::decoded(body)?).await?),
            "ListTrails" => answered(trails::list(self, json::decoded(body)?).await?),
            "StartLogging" => answered(logging::start(self, json::decoded(body)?).await?),
            "StopLogging" => answered(logging::stop(self, json::decoded(body)?).await?),
            "GetTrailStatus" => answered(logging::status(self, json::decoded(body)?).await?),
            "PutEventSelectors" => answered(logging::put_selectors(self, json::decoded(body)?).await?),
            "GetEventSelectors" => answered(logging::selectors(self, json::decoded(body)?).await?),
            "ListPublicKeys" => answered(trails::public_keys(self, json::decoded(body)?).await?),
            "AddTags" => answered(tagging::add(self, json::decoded(body)?).await?),
            "RemoveTags" => answered(tagging::remove(self, json::decoded(body)?).await?),
            "ListTags" => answered(tagging::list(self, json::decoded(body)?).await?),
            _ => Err(Error::UnknownOperation),
        }
    }

    /// The trail that the caller names, if it is allowed to do `operation` to it. It need not exist.
    async fn trail(&self, operation: &str, named: &str) -> Result<TrailId, Error> {
        self.trail_with(operation, named, &[]).await
    }

    /// As [`Call::trail`], with condition keys of the request.
    async fn trail_with(&self, operation: &str, named: &str, keys: &[(&str, &str)]) -> Result<TrailId, Error> {
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
    fn allow(&self, operation: &str) -> Result<(), Error> {
        let action = format!("cloudtrail:{operation}");
        let wish = Wish { action: &action, resource: "*", owner: &self.identity.principal.account, keys: &[] };
        access::check(self.services, self.identity, self.info, &wish)
    }

    async fn record(&self, operation: &str, body: &[u8], outcome: Result<&Value, &Error>) -> Result<(), Error> {
        let principal = &self.identity.principal;
        let parameters = json::decoded::<Map<String, Value>>(body).unwrap_or_default();
        let Value::Object(parameters) = lower_camel(Value::Object(parameters)) else {
            return Err(Error::UnknownOperation);
        };
        let mut event =
            EventBuilder::new(SOURCE, operation, &self.services.region, principal, self.info).parameters(parameters);
        let writes = !["Get", "List", "Describe", "Lookup"].iter().any(|verb| operation.starts_with(verb));
        if writes {
            event = event.writes();
        }
        event = match outcome {
            Ok(Value::Object(answer)) if writes && !answer.is_empty() => {
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
}

fn answered<T: Serialize>(answer: T) -> Result<Value, Error> {
    serde_json::to_value(answer).map_err(Error::Encoding)
}

fn refused(code: &'static str, message: &str) -> Error {
    Error::CloudTrail { code, message: message.to_owned() }
}

/// Names as CloudTrail writes them in events: `S3BucketName` becomes `s3BucketName`.
fn lower_camel(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(mut name, value)| {
                    if let Some(first) = name.get_mut(..1) {
                        first.make_ascii_lowercase();
                    }
                    (name, lower_camel(value))
                })
                .collect(),
        ),
        Value::Array(values) => Value::Array(values.into_iter().map(lower_camel).collect()),
        other => other,
    }
}
