//! CreateKey, DescribeKey, ListKeys and the operations on a key's state.

use arqueta_kms::{KeyManager, KeySpec, KeyState, KeyUsage};
use arqueta_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{EpochSeconds, KeyAlgorithms, Tag};

/// `CreateKey`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateKeyRequest {
    /// Key policy; the default policy (root of the account delegates to IAM) if absent. Up to 32 KiB.
    pub policy: Option<String>,
    /// Up to 8,192 characters.
    pub description: Option<String>,
    /// `ENCRYPT_DECRYPT` if absent; required for all but symmetric keys.
    pub key_usage: Option<String>,
    /// Deprecated name of `key_spec`; both must agree.
    pub customer_master_key_spec: Option<String>,
    /// `SYMMETRIC_DEFAULT` if absent.
    pub key_spec: Option<String>,
    /// `AWS_KMS` if absent, or `EXTERNAL`; other origins are not supported.
    pub origin: Option<String>,
    /// The custom key store that makes and holds the material; with `AWS_CLOUDHSM` only.
    pub custom_key_store_id: Option<String>,
    /// Skips the check that the caller can still change the policy.
    pub bypass_policy_lockout_safety_check: bool,
    /// Up to 50.
    pub tags: Vec<Tag>,
    /// Whether the key can have replicas in other Regions.
    pub multi_region: Option<bool>,
    /// Not supported.
    pub xks_key_id: Option<String>,
}

/// Answer to [`CreateKeyRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateKeyResponse {
    /// The new key.
    pub key_metadata: KeyMetadata,
}

/// `DescribeKey`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeKeyRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
}

/// Answer to [`DescribeKeyRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeKeyResponse {
    /// The key.
    pub key_metadata: KeyMetadata,
}

/// What AWS tells of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyMetadata {
    /// Owner.
    #[serde(rename = "AWSAccountId")]
    pub aws_account_id: String,
    /// Id within account and region.
    pub key_id: String,
    /// ARN.
    pub arn: String,
    /// When it was created.
    pub creation_date: EpochSeconds,
    /// Whether the state is `Enabled`.
    pub enabled: bool,
    /// Description, possibly empty.
    pub description: String,
    /// Usage.
    pub key_usage: KeyUsage,
    /// State.
    pub key_state: KeyState,
    /// When the material will be destroyed; in `PendingDeletion` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_date: Option<EpochSeconds>,
    /// `AWS_KMS`, `EXTERNAL`, …
    pub origin: String,
    /// Of origin `EXTERNAL` with imported material: whether any of it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_model: Option<&'static str>,
    /// When the first of the imported material expires, if any does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<EpochSeconds>,
    /// Who manages it.
    pub key_manager: KeyManager,
    /// Deprecated name of `key_spec`.
    pub customer_master_key_spec: KeySpec,
    /// Spec.
    pub key_spec: KeySpec,
    /// What it can do.
    #[serde(flatten)]
    pub algorithms: KeyAlgorithms,
    /// Whether it is a multi-Region key.
    pub multi_region: bool,
    /// The keys of a multi-Region key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_region_configuration: Option<MultiRegionConfiguration>,
    /// Waiting period once all replicas are deleted; in `PendingReplicaDeletion` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_deletion_window_in_days: Option<u16>,
    /// The custom key store that holds the material.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_key_store_id: Option<String>,
    /// Its cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_hsm_cluster_id: Option<String>,
    /// Id of the material that encrypts now; of symmetric encryption keys, outside custom key stores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_key_material_id: Option<String>,
}

/// `ListKeys`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListKeysRequest {
    /// 1 to 1,000; 100 if absent.
    pub limit: Option<i64>,
    /// `next_marker` of the page before.
    pub marker: Option<String>,
    /// `SELF`, also if absent; keys that other accounts share by RAM are not supported.
    pub resource_owners: Vec<String>,
}

/// Answer to [`ListKeysRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeysResponse {
    /// Keys of the caller's account, in the order of their ids.
    pub keys: Vec<KeyListEntry>,
    /// Present when truncated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// Whether there are more.
    pub truncated: bool,
}

/// One key of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyListEntry {
    /// Id.
    pub key_id: String,
    /// ARN.
    pub key_arn: String,
}

macro_rules! names_one_key {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub struct $name {
            /// Key id or key ARN.
            pub key_id: String,
        }
    )+};
}
pub(super) use names_one_key;

names_one_key!(
    /// `EnableKey`.
    EnableKeyRequest,
    /// `DisableKey`.
    DisableKeyRequest,
    /// `CancelKeyDeletion`.
    CancelKeyDeletionRequest,
);

/// Answer to [`CancelKeyDeletionRequest`]: the key is `Disabled` now.
#[derive(Debug, Clone)]
pub struct CancelKeyDeletionResponse {
    /// ARN of the key.
    pub key_id: String,
}

/// `ScheduleKeyDeletion`.
#[derive(Debug, Clone, Default)]
pub struct ScheduleKeyDeletionRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// 7 to 30; 30 if absent.
    pub pending_window_in_days: Option<u16>,
}

/// Answer to [`ScheduleKeyDeletionRequest`].
#[derive(Debug, Clone)]
pub struct ScheduleKeyDeletionResponse {
    /// ARN of the key.
    pub key_id: String,
    /// When the material will be destroyed; absent where replicas must be deleted first.
    pub deletion_date: Option<Timestamp>,
    /// `PendingDeletion`, or `PendingReplicaDeletion` of a primary key that has replicas.
    pub key_state: KeyState,
    /// The waiting period.
    pub pending_window_in_days: u16,
}

/// `UpdateKeyDescription`.
#[derive(Debug, Clone, Default)]
pub struct UpdateKeyDescriptionRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// Up to 8,192 characters.
    pub description: String,
}

/// The keys of a multi-Region key, in [`KeyMetadata`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MultiRegionConfiguration {
    /// `PRIMARY` or `REPLICA`: which this key is.
    pub multi_region_key_type: &'static str,
    /// The primary key.
    pub primary_key: MultiRegionKey,
    /// The replicas, in the order of their Regions.
    pub replica_keys: Vec<MultiRegionKey>,
}

/// One key of a multi-Region key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MultiRegionKey {
    /// Its ARN.
    pub arn: String,
    /// Its Region.
    pub region: String,
}
