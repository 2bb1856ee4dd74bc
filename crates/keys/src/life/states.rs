//! Operations on a key's state and description (KMS Developer Guide, "Key states of AWS KMS keys").

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error, KeyState};

use super::change::{at_rest, change_key, change_key_in, not_pending};
use crate::Embedded;
use crate::api::{
    CancelKeyDeletionRequest, CancelKeyDeletionResponse, DisableKeyRequest, EnableKeyRequest, EpochSeconds,
    ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse, UpdateKeyDescriptionRequest,
};
use crate::call::{Call, finish};
use crate::decide::ask::Ask;
use crate::key::Key;
use crate::key::fitness::not_pending_deletion;
use crate::limits::{self, refused};
use crate::schema::{KeyRecord, Lifecycle, Origin, days};

/// `EnableKey`.
///
/// # Errors
/// As the API names them.
pub async fn enable_key(service: &Embedded, caller: &Caller, request: EnableKeyRequest) -> Result<(), Error> {
    change_key(service, Call::new(caller, Kms::EnableKey), &request.key_id, |key, record| {
        not_pending(key)?;
        record.lifecycle = Lifecycle::Enabled;
        Ok(())
    })
    .await
}

/// `DisableKey`. Takes effect with the next call under the key.
///
/// # Errors
/// As the API names them.
pub async fn disable_key(service: &Embedded, caller: &Caller, request: DisableKeyRequest) -> Result<(), Error> {
    change_key(service, Call::new(caller, Kms::DisableKey), &request.key_id, |key, record| {
        not_pending(key)?;
        record.lifecycle = Lifecycle::Disabled;
        Ok(())
    })
    .await
}

/// `UpdateKeyDescription`.
///
/// # Errors
/// As the API names them.
pub async fn update_key_description(
    service: &Embedded,
    caller: &Caller,
    request: UpdateKeyDescriptionRequest,
) -> Result<(), Error> {
    let call = Call::new(caller, Kms::UpdateKeyDescription).with("description", request.description.as_str());
    change_key(service, call, &request.key_id, |key, record| {
        limits::length(&request.description, "description", 0, super::change::MAX_DESCRIPTION)?;
        not_pending_deletion(key)?;
        record.description.clone_from(&request.description);
        Ok(())
    })
    .await
}

/// `ScheduleKeyDeletion`. Once the waiting period is over the key is gone, and its material
/// is removed by [`Embedded::run_due`].
///
/// # Errors
/// As the API names them.
pub async fn schedule_key_deletion(
    service: &Embedded,
    caller: &Caller,
    request: ScheduleKeyDeletionRequest,
) -> Result<ScheduleKeyDeletionResponse, Error> {
    let window = request.pending_window_in_days.unwrap_or(30);
    let now = service.state.clock.now();
    let mut call = Call::new(caller, Kms::ScheduleKeyDeletion)
        .with("pendingWindowInDays", window)
        .with("keyId", request.key_id.as_str());
    let days_asked = [window.to_string()];
    let conditions = [("kms:ScheduleKeyDeletionPendingWindowInDays", &days_asked[..])];
    let ask = Ask::new(caller, Kms::ScheduleKeyDeletion).conditions(&conditions);
    let change = |key: &Key, record: &mut KeyRecord| {
        let window_days = limits::range(window, "pendingWindowInDays", 7, 30)?;
        at_rest(key)?;
        let window_days = u16::try_from(window_days).expect("at most 30");
        let at = now.plus(days(window_days));
        let kept = key
            .record
            .multi_region
            .as_ref()
            .is_some_and(|all| record.leads(&service.state.region) && !all.replicas.is_empty());
        record.lifecycle = match kept {
            true => Lifecycle::PendingReplicaDeletion { window_days },
            false => Lifecycle::PendingDeletion { at },
        };
        Ok(ScheduleKeyDeletionResponse {
            key_id: key.arn.as_str().to_owned(),
            deletion_date: (!kept).then_some(EpochSeconds(at)),
            key_state: record.lifecycle.state(),
            pending_window_in_days: window,
        })
    };
    let outcome = change_key_in(service, &mut call, &request.key_id, ask, change).await;
    finish(service, call, outcome).await
}

/// `CancelKeyDeletion`. The key is disabled then, or waits for its import as before.
///
/// # Errors
/// As the API names them.
pub async fn cancel_key_deletion(
    service: &Embedded,
    caller: &Caller,
    request: CancelKeyDeletionRequest,
) -> Result<CancelKeyDeletionResponse, Error> {
    change_key(service, Call::new(caller, Kms::CancelKeyDeletion), &request.key_id, |key, record| {
        if !matches!(key.state(), KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) {
            return Err(refused("KMSInvalidStateException", format!("{} is not pending deletion.", key.arn)));
        }
        record.lifecycle = match record.origin {
            Origin::External if !record.is_complete() => Lifecycle::PendingImport,
            _ => Lifecycle::Disabled,
        };
        Ok(CancelKeyDeletionResponse { key_id: key.arn.as_str().to_owned() })
    })
    .await
}
