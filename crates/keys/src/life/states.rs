//! Operations on a key's state and description (KMS Developer Guide, "Key states of AWS KMS keys").

use arqueta_call::Kms;
use arqueta_kms::{Error, KeyState};

use super::change::{at_rest, change_key, change_key_in, not_pending};
use crate::Embedded;
use crate::api::{
    CancelKeyDeletionRequest, CancelKeyDeletionResponse, DisableKeyRequest, EnableKeyRequest,
    ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse, UpdateKeyDescriptionRequest,
};
use crate::call::{Call, Operation};
use crate::decide::ask::Ask;
use crate::key::Key;
use crate::key::fitness::not_pending_deletion;
use crate::limits::refused;
use crate::schema::{KeyRecord, Lifecycle, Origin, days};

/// `EnableKey`.
impl Operation for EnableKeyRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::EnableKey;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        change_key(service, call, &self.key_id, |key, record| {
            not_pending(key)?;
            record.lifecycle = Lifecycle::Enabled;
            Ok(())
        })
        .await
    }
}

/// `DisableKey`. Takes effect with the next call under the key.
impl Operation for DisableKeyRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::DisableKey;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        change_key(service, call, &self.key_id, |key, record| {
            not_pending(key)?;
            record.lifecycle = Lifecycle::Disabled;
            Ok(())
        })
        .await
    }
}

/// `UpdateKeyDescription`.
impl Operation for UpdateKeyDescriptionRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::UpdateKeyDescription;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        change_key(service, call, &self.key_id, |key, record| {
            not_pending_deletion(key)?;
            record.description.clone_from(&self.description);
            Ok(())
        })
        .await
    }
}

/// `ScheduleKeyDeletion`. Once the waiting period is over the key is gone, and its material
/// is removed by [`Embedded::run_due`].
impl Operation for ScheduleKeyDeletionRequest {
    type Answer = ScheduleKeyDeletionResponse;
    const OPERATION: Kms = Kms::ScheduleKeyDeletion;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let window_days = self.pending_window_in_days.unwrap_or(30);
        let now = service.state.clock.now();
        let days_asked = [window_days.to_string()];
        let conditions = [("kms:ScheduleKeyDeletionPendingWindowInDays", &days_asked[..])];
        let ask = Ask::new(call.caller, Kms::ScheduleKeyDeletion).conditions(&conditions);
        let change = |key: &Key, record: &mut KeyRecord| {
            at_rest(key)?;
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
                deletion_date: (!kept).then_some(at),
                key_state: record.lifecycle.state(),
                pending_window_in_days: window_days,
            })
        };
        change_key_in(service, call, &self.key_id, ask, change).await
    }
}

/// `CancelKeyDeletion`. The key is disabled then, or waits for its import as before.
impl Operation for CancelKeyDeletionRequest {
    type Answer = CancelKeyDeletionResponse;
    const OPERATION: Kms = Kms::CancelKeyDeletion;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        change_key(service, call, &self.key_id, |key, record| {
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
}
