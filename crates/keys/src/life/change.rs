//! Keys: creation, description, states; and how every operation gets at one.

use std::sync::Arc;

use arqueta_kms::Error;

use crate::Embedded;
use crate::call::Call;
use crate::decide::ask::Ask;
use crate::decide::resolve::{Names, Target};
use crate::key::Key;
use crate::key::fitness::not_pending_deletion;
use crate::regions::in_motion;
use crate::schema::{KeyRecord, Lifecycle};
use crate::state::Change;

/// Characters of a key's description.
pub(crate) const MAX_DESCRIPTION: usize = 8192;

impl Embedded {
    /// Finds a key and checks that the caller may do `ask` with it.
    pub(crate) async fn admit(
        &self,
        call: &mut Call<'_>,
        name: &str,
        names: Names,
        ask: Ask<'_>,
    ) -> Result<Arc<Key>, Error> {
        let target = self.resolve(call.caller, name, names, "keyId").await?;
        self.admit_target(call, &target, ask)
    }

    /// As [`Self::admit`] for key ids and ARNs, for who has a turn: in the directory as it is.
    pub(crate) fn admit_in_turn(&self, call: &mut Call<'_>, name: &str, ask: Ask<'_>) -> Result<Arc<Key>, Error> {
        let target = self.resolve_key(call.caller, name, "keyId")?;
        self.admit_target(call, &target, ask)
    }

    /// Notes the key in the record, as far as the caller may know it, and decides.
    pub(crate) fn admit_target(&self, call: &mut Call<'_>, target: &Target, ask: Ask<'_>) -> Result<Arc<Key>, Error> {
        let account = &call.caller.identity.principal.account;
        let own = target.key.as_ref().filter(|key| key.record.account == *account);
        if let Some(key) = own {
            call.touches(&key.arn);
            self.charge(call.caller, ask.operation, key)?;
        }
        let key = self.authorize(ask, target)?;
        call.touches(&key.arn);
        if own.is_none() {
            // Later than for an own key: the quota that a call counts against tells the key's spec.
            self.charge(call.caller, ask.operation, &key)?;
        }
        Ok(key)
    }

    /// One change of one key by a permission named like the operation, recorded.
    pub(crate) async fn change_key<T>(
        &self,
        call: Call<'_>,
        name: &str,
        edit: impl FnOnce(&Key, &mut KeyRecord) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut call = call.with("keyId", name);
        let ask = Ask::new(call.caller, call.name());
        let outcome = self.change_key_in(&mut call, name, ask, edit).await;
        self.finish(call, outcome).await
    }

    pub(crate) async fn change_key_in<T>(
        &self,
        call: &mut Call<'_>,
        name: &str,
        ask: Ask<'_>,
        edit: impl FnOnce(&Key, &mut KeyRecord) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let turn = self.turn_for(call.caller, name).await?;
        let key = self.admit_in_turn(call, name, ask)?;
        let mut record = key.record.clone();
        let answer = edit(&key, &mut record)?;
        if key.lapsed {
            // The change takes expired material along.
            self.record_expiry(&key).await?;
        }
        self.commit(turn, vec![Change::Key(record)]).await?;
        Ok(answer)
    }
}

/// A key that can be enabled and disabled.
pub(crate) fn not_pending(key: &Key) -> Result<(), Error> {
    match key.record.lifecycle {
        Lifecycle::Enabled | Lifecycle::Disabled => Ok(()),
        other => Err(Error::InvalidState { key: key.arn.clone(), state: other.state() }),
    }
}

/// A key whose state can be changed by hand.
pub(crate) fn at_rest(key: &Key) -> Result<(), Error> {
    not_pending_deletion(key)?;
    if in_motion(key.record.lifecycle) {
        return Err(Error::InvalidState { key: key.arn.clone(), state: key.state() });
    }
    Ok(())
}
