//! Multi-Region keys.

use std::collections::BTreeMap;

use arqueta_model::Region;

use super::{KeyMetadata, Tag};

/// `ReplicateKey`.
#[derive(Debug, Clone)]
pub struct ReplicateKeyRequest {
    /// Key id or key ARN of a multi-Region primary key.
    pub key_id: String,
    /// Region of the replica; one of the configuration.
    pub replica_region: Region,
    /// The replica's key policy; the default policy if absent.
    pub policy: Option<String>,
    /// Skips the check that the caller can still change the policy.
    pub bypass_policy_lockout_safety_check: bool,
    /// The replica's description.
    pub description: String,
    /// The replica's tags, up to 50.
    pub tags: BTreeMap<String, String>,
}

/// Answer to [`ReplicateKeyRequest`].
#[derive(Debug, Clone)]
pub struct ReplicateKeyResponse {
    /// The replica, in state `Creating`.
    pub replica_key_metadata: KeyMetadata,
    /// Its key policy.
    pub replica_policy: String,
    /// Its tags.
    pub replica_tags: Vec<Tag>,
}

/// `UpdatePrimaryRegion`.
#[derive(Debug, Clone)]
pub struct UpdatePrimaryRegionRequest {
    /// Key id or key ARN of the present primary key.
    pub key_id: String,
    /// Region of the replica that becomes the primary key.
    pub primary_region: Region,
}
