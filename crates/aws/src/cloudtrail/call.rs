//! One verified call: who may do it to which trail, and its event.

use std::sync::Arc;

use arqueta_call::CloudTrail;
use arqueta_iam::Identity;
use arqueta_model::RequestInfo;
use arqueta_trail::{Trail, TrailId};

use crate::Error;
use crate::access::{self, Wish};
use crate::services::Services;

/// One verified call.
pub(crate) struct Call<'a> {
    pub services: &'a Services,
    pub identity: &'a Arc<Identity>,
    pub info: &'a RequestInfo,
}

impl Call<'_> {
    /// The trail that the caller names, if it is allowed to do `operation` to it. It need not exist.
    pub(super) async fn trail(&self, operation: CloudTrail, named: &str) -> Result<TrailId, Error> {
        self.trail_with(operation, named, &[]).await
    }

    /// As [`Call::trail`], with condition keys of the request.
    pub(super) async fn trail_with(
        &self,
        operation: CloudTrail,
        named: &str,
        keys: &[(&str, &str)],
    ) -> Result<TrailId, Error> {
        let trails = &self.services.trails;
        let id = TrailId::named(&self.identity.principal.account, trails.region(), named)?;
        let tags = trails.trail(&id).await.map(|trail: Trail| trail.tags).unwrap_or_default();
        let tags: Vec<_> = tags.iter().map(|tag| (format!("aws:ResourceTag/{}", tag.key), &*tag.value)).collect();
        let tags = tags.iter().map(|(key, value)| (&**key, *value));
        let keys: Vec<_> = keys.iter().copied().chain(tags).collect();
        let wish =
            Wish { operation: operation.row(), resource: &id.arn(trails.region()), owner: &id.account, keys: &keys };
        access::check(self.services, self.identity, self.info, &wish)?;
        Ok(id)
    }

    /// Whether the caller may do `operation`, which concerns no one trail.
    pub(super) fn allow(&self, operation: CloudTrail) -> Result<(), Error> {
        let wish =
            Wish { operation: operation.row(), resource: "*", owner: &self.identity.principal.account, keys: &[] };
        access::check(self.services, self.identity, self.info, &wish)
    }
}

pub(super) fn no_token(token: Option<&str>) -> Result<(), Error> {
    if token.is_some() { Err(arqueta_trail::Error::InvalidToken.into()) } else { Ok(()) }
}

pub(super) fn refused(code: &'static str, message: &str) -> Error {
    Error::CloudTrail { code, message: message.to_owned() }
}
