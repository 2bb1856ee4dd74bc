//! Keys: creation, description, states; and how every operation gets at one.

use arqueta_kms::Error;

use crate::Embedded;
use crate::call::Call;
use crate::decide::admit::admit_in_turn;
use crate::decide::ask::Ask;
use crate::decide::resolve::turn_for;
use crate::key::Key;
use crate::key::fitness::{in_motion, not_pending_deletion};
use crate::own::event::record_expiry;
use crate::schema::{KeyRecord, Lifecycle};
use crate::state::change::Change;

/// One change of one key by a permission named like the operation.
pub(crate) async fn change_key<T>(
    service: &Embedded,
    call: &mut Call<'_>,
    name: &str,
    edit: impl FnOnce(&Key, &mut KeyRecord) -> Result<T, Error>,
) -> Result<T, Error> {
    let ask = Ask::new(call.caller, call.operation);
    change_key_in(service, call, name, ask, edit).await
}

/// The same by another question.
pub(crate) async fn change_key_in<T>(
    service: &Embedded,
    call: &mut Call<'_>,
    name: &str,
    ask: Ask<'_>,
    edit: impl FnOnce(&Key, &mut KeyRecord) -> Result<T, Error>,
) -> Result<T, Error> {
    let turn = turn_for(service, call.caller, name).await?;
    let key = admit_in_turn(service, call, name, ask)?;
    let mut record = key.record.clone();
    let answer = edit(&key, &mut record)?;
    if key.lapsed {
        // The change takes expired material along.
        record_expiry(service, &key).await?;
    }
    service.commit(turn, vec![Change::Key(record)]).await?;
    Ok(answer)
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
