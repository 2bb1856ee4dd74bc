//! When a key was last used.

use super::keys::names_one_key;
use arqueta_model::Timestamp;

names_one_key!(
    /// `GetKeyLastUsage`.
    GetKeyLastUsageRequest,
);

/// Answer to [`GetKeyLastUsageRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetKeyLastUsageResponse {
    /// Id of the key.
    pub key_id: String,
    /// Empty for a key that has not been used.
    pub key_last_usage: KeyLastUsageData,
    /// Since when uses are known: the key's creation.
    pub tracking_start_date: Timestamp,
    /// When the key was created.
    pub key_creation_date: Timestamp,
}

/// The last successful cryptographic operation. All members are absent or none is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyLastUsageData {
    /// Its name.
    pub operation: Option<String>,
    /// When it happened.
    pub timestamp: Option<Timestamp>,
    /// Its event in the record.
    pub cloud_trail_event_id: Option<String>,
    /// The request.
    pub kms_request_id: Option<String>,
}
