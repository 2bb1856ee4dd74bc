//! Shapes of a key's state, its description and its last use.

use arqueta_keys::api::{ScheduleKeyDeletionRequest, UpdateKeyDescriptionRequest};
use arqueta_kms::Error;
use serde::Deserialize;

use super::limits;
use super::parameters::{MAX_DESCRIPTION, days, of_one_key};
use super::shape::{Shape, Told};
use super::wire::answers;

of_one_key! {
    CancelKeyDeletion => CancelKeyDeletionRequest,
    DisableKey => DisableKeyRequest,
    EnableKey => EnableKeyRequest,
    GetKeyLastUsage => GetKeyLastUsageRequest,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ScheduleKeyDeletion {
    key_id: String,
    pending_window_in_days: Option<i64>,
}

impl Shape for ScheduleKeyDeletion {
    type Request = ScheduleKeyDeletionRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        told.with("pendingWindowInDays", self.pending_window_in_days.unwrap_or(30));
        let pending_window_in_days = days(self.pending_window_in_days, "pendingWindowInDays", 7, 30)?;
        Ok(ScheduleKeyDeletionRequest { key_id: self.key_id, pending_window_in_days })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpdateKeyDescription {
    key_id: String,
    description: String,
}

impl Shape for UpdateKeyDescription {
    type Request = UpdateKeyDescriptionRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        let Self { key_id, description } = self;
        told.with("keyId", key_id.as_str()).with("description", description.as_str());
        limits::length(&description, "description", 0, MAX_DESCRIPTION)?;
        Ok(UpdateKeyDescriptionRequest { key_id, description })
    }
}

answers! {
    CancelKeyDeletionResponse { "KeyId": key_id }
    ScheduleKeyDeletionResponse {
        "KeyId": key_id,
        "DeletionDate": deletion_date,
        "KeyState": key_state,
        "PendingWindowInDays": pending_window_in_days,
    }
    GetKeyLastUsageResponse {
        "KeyId": key_id,
        "KeyLastUsage": key_last_usage,
        "TrackingStartDate": tracking_start_date,
        "KeyCreationDate": key_creation_date,
    }
    KeyLastUsageData {
        "Operation": operation,
        "Timestamp": timestamp,
        "CloudTrailEventId": cloud_trail_event_id,
        "KmsRequestId": kms_request_id,
    }
}
