//! Whether the author of a key policy can still change it.

use arqueta_kms::{Caller, Error};

use super::access::keeps_control;
use crate::Embedded;
use crate::key::{Key, parse_policy};
use crate::limits::refused;
use crate::schema::KeyRecord;

/// Refuses a policy under which its author could not put another one.
pub(crate) fn check_lockout(service: &Embedded, caller: &Caller, record: &KeyRecord) -> Result<(), Error> {
    let policy = parse_policy(&record.policy)?;
    let key = Key::new(&service.state.region, &service.state.homes, record.clone(), bytes::Bytes::new(), None)?;
    if keeps_control(service, caller, &key, &policy) {
        return Ok(());
    }
    Err(refused(
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
    ))
}
