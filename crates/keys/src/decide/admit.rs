//! How every operation gets at a key: it is found, charged, and decided about.

use std::sync::Arc;

use arqueta_kms::Error;

use super::access::authorize;
use super::ask::Ask;
use super::charge::charge;
use super::resolve::{Names, Target, resolve, resolve_key};
use crate::Embedded;
use crate::call::Call;
use crate::key::Key;

/// Finds a key and checks that the caller may do `ask` with it.
pub(crate) async fn admit(
    service: &Embedded,
    call: &mut Call<'_>,
    name: &str,
    names: Names,
    ask: Ask<'_>,
) -> Result<Arc<Key>, Error> {
    let target = resolve(service, call.caller, name, names, "keyId").await?;
    admit_target(service, call, &target, ask)
}

/// As [`admit`] for key ids and ARNs, for who has a turn: in the directory as it is.
pub(crate) fn admit_in_turn(
    service: &Embedded,
    call: &mut Call<'_>,
    name: &str,
    ask: Ask<'_>,
) -> Result<Arc<Key>, Error> {
    let target = resolve_key(service, call.caller, name, "keyId")?;
    admit_target(service, call, &target, ask)
}

/// Notes the key in the record, as far as the caller may know it, and decides.
pub(crate) fn admit_target(
    service: &Embedded,
    call: &mut Call<'_>,
    target: &Target,
    ask: Ask<'_>,
) -> Result<Arc<Key>, Error> {
    let account = &call.caller.identity.principal.account;
    let own = target.key.as_ref().filter(|key| key.record.account == *account);
    if let Some(key) = own {
        call.touches(&key.arn);
        charge(service, call.caller, ask.operation, key)?;
    }
    let key = authorize(service, ask, target)?;
    call.touches(&key.arn);
    if own.is_none() {
        // Later than for an own key: the quota that a call counts against tells the key's spec.
        charge(service, call.caller, ask.operation, &key)?;
    }
    Ok(key)
}
