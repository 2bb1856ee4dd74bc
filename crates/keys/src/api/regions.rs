//! Multi-Region keys.

use serde::{Deserialize, Serialize};

use super::{KeyMetadata, Tag};

/// `ReplicateKey`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReplicateKeyRequest {
    /// Key id or key ARN of a multi-Region primary key.
    pub key_id: String,
    /// Region of the replica; one of the configuration.
    pub replica_region: String,
    /// The replica's key policy; the default policy if absent. Up to 32 KiB.
    pub policy: Option<String>,
    /// Skips the check that the caller can still change the policy.
    pub bypass_policy_lockout_safety_check: bool,
    /// The replica's description; empty if absent. Up to 8,192 characters.
    pub description: Option<String>,
    /// The replica's tags, up to 50.
    pub tags: Vec<Tag>,
}

/// Answer to [`ReplicateKeyRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplicateKeyResponse {
    /// The replica, in state `Creating`.
    pub replica_key_metadata: KeyMetadata,
    /// Its key policy.
    pub replica_policy: String,
    /// Its tags.
    pub replica_tags: Vec<Tag>,
}

/// `UpdatePrimaryRegion`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdatePrimaryRegionRequest {
    /// Key id or key ARN of the present primary key.
    pub key_id: String,
    /// Region of the replica that becomes the primary key.
    pub primary_region: String,
}
