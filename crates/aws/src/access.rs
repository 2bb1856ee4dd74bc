//! May this caller do this? The question that IAM, STS and CloudTrail calls ask before they act.

use arqueta_call::Operation;
use arqueta_iam::{ConditionKeys, Identity, Request};
use arqueta_model::{AccountId, RequestInfo};

use crate::Error;
use crate::services::Services;

/// What a call wants to do.
pub(crate) struct Wish<'a> {
    /// The operation.
    pub operation: &'static Operation,
    /// ARN of what it is done to, or `*`.
    pub resource: &'a str,
    /// Account that owns it.
    pub owner: &'a AccountId,
    /// Condition keys of the service.
    pub keys: &'a [(&'a str, &'a str)],
}

/// Asks the caller's policies for every action that the operation needs.
///
/// # Errors
/// [`Error::Denied`], in AWS's words.
pub(crate) fn check(
    services: &Services,
    identity: &Identity,
    info: &RequestInfo,
    wish: &Wish<'_>,
) -> Result<(), Error> {
    let mut keys = ConditionKeys::of_request(info, &services.region);
    for (name, value) in wish.keys {
        keys.insert(name, *value);
    }
    for permission in wish.operation.permissions {
        let request = Request { action: permission.action.name, resource: wish.resource, keys: &keys };
        arqueta_iam::authorize(identity, &request, None, wish.owner).map_err(|denied| Error::Denied(denied.message))?;
    }
    Ok(())
}
