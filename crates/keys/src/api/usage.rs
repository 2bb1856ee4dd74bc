//! When a key was last used.

use serde::{Deserialize, Serialize};

use super::EpochSeconds;
use super::keys::names_one_key;

names_one_key!(
    /// `GetKeyLastUsage`.
    GetKeyLastUsageRequest,
);

/// Answer to [`GetKeyLastUsageRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetKeyLastUsageResponse {
    /// Id of the key.
    pub key_id: String,
    /// Empty for a key that has not been used.
    pub key_last_usage: KeyLastUsageData,
    /// Since when uses are known: the key's creation.
    pub tracking_start_date: EpochSeconds,
    /// When the key was created.
    pub key_creation_date: EpochSeconds,
}

/// The last successful cryptographic operation. All members are absent or none is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyLastUsageData {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<EpochSeconds>,
    /// Its event in the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_trail_event_id: Option<String>,
    /// The request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_request_id: Option<String>,
}
