//! CreateKey, DescribeKey, ListKeys and the operations on a key's state.

use std::collections::BTreeMap;

use arqueta_kms::{KeyManager, KeySpec, KeyState, KeyUsage};
use arqueta_model::Timestamp;

use super::KeyAlgorithms;

/// `CreateKey`. A symmetric key of this service if nothing else is asked for.
#[derive(Debug, Clone)]
pub struct CreateKeyRequest {
    /// Key policy; the default policy (root of the account delegates to IAM) if absent.
    pub policy: Option<String>,
    /// Possibly empty.
    pub description: String,
    /// One of the spec's.
    pub key_usage: KeyUsage,
    /// What it is.
    pub key_spec: KeySpec,
    /// Where its material comes from.
    pub origin: NewOrigin,
    /// Skips the check that the caller can still change the policy.
    pub bypass_policy_lockout_safety_check: bool,
    /// Up to 50.
    pub tags: BTreeMap<String, String>,
    /// Whether the key can have replicas in other Regions.
    pub multi_region: bool,
}

/// Where the material of a new key comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NewOrigin {
    /// This service makes it.
    #[default]
    AwsKms,
    /// Its owner imports it.
    External,
    /// The custom key store of this id makes and holds it.
    CustomKeyStore(String),
}

impl NewOrigin {
    /// `Origin`, as the API names it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AwsKms => "AWS_KMS",
            Self::External => "EXTERNAL",
            Self::CustomKeyStore(_) => "AWS_CLOUDHSM",
        }
    }
}

impl Default for CreateKeyRequest {
    fn default() -> Self {
        Self {
            policy: None,
            description: String::new(),
            key_usage: KeyUsage::EncryptDecrypt,
            key_spec: KeySpec::SYMMETRIC_DEFAULT,
            origin: NewOrigin::default(),
            bypass_policy_lockout_safety_check: false,
            tags: BTreeMap::new(),
            multi_region: false,
        }
    }
}

/// Answer to [`CreateKeyRequest`].
#[derive(Debug, Clone)]
pub struct CreateKeyResponse {
    /// The new key.
    pub key_metadata: KeyMetadata,
}

/// `DescribeKey`.
#[derive(Debug, Clone, Default)]
pub struct DescribeKeyRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
}

/// Answer to [`DescribeKeyRequest`].
#[derive(Debug, Clone)]
pub struct DescribeKeyResponse {
    /// The key.
    pub key_metadata: KeyMetadata,
}

/// What AWS tells of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMetadata {
    /// Owner.
    pub aws_account_id: String,
    /// Id within account and region.
    pub key_id: String,
    /// ARN.
    pub arn: String,
    /// When it was created.
    pub creation_date: Timestamp,
    /// Whether the state is `Enabled`.
    pub enabled: bool,
    /// Description, possibly empty.
    pub description: String,
    /// Usage.
    pub key_usage: KeyUsage,
    /// State.
    pub key_state: KeyState,
    /// When the material will be destroyed; in `PendingDeletion` only.
    pub deletion_date: Option<Timestamp>,
    /// `AWS_KMS`, `EXTERNAL`, …
    pub origin: String,
    /// Of origin `EXTERNAL` with imported material: whether any of it expires.
    pub expiration_model: Option<&'static str>,
    /// When the first of the imported material expires, if any does.
    pub valid_to: Option<Timestamp>,
    /// Who manages it.
    pub key_manager: KeyManager,
    /// Deprecated name of `key_spec`.
    pub customer_master_key_spec: KeySpec,
    /// Spec.
    pub key_spec: KeySpec,
    /// What it can do.
    pub algorithms: KeyAlgorithms,
    /// Whether it is a multi-Region key.
    pub multi_region: bool,
    /// The keys of a multi-Region key.
    pub multi_region_configuration: Option<MultiRegionConfiguration>,
    /// Waiting period once all replicas are deleted; in `PendingReplicaDeletion` only.
    pub pending_deletion_window_in_days: Option<u16>,
    /// The custom key store that holds the material.
    pub custom_key_store_id: Option<String>,
    /// Its cluster.
    pub cloud_hsm_cluster_id: Option<String>,
    /// Id of the material that encrypts now; of symmetric encryption keys, outside custom key stores.
    pub current_key_material_id: Option<String>,
}

/// `ListKeys`.
#[derive(Debug, Clone, Default)]
pub struct ListKeysRequest {
    /// Most that are answered; 100 if absent.
    pub limit: Option<usize>,
    /// `next_marker` of the page before: what follows it.
    pub marker: Option<String>,
}

/// Answer to [`ListKeysRequest`].
#[derive(Debug, Clone)]
pub struct ListKeysResponse {
    /// Keys of the caller's account, in the order of their ids.
    pub keys: Vec<KeyListEntry>,
    /// The last one's name, where there are more.
    pub next_marker: Option<String>,
}

/// One key of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiRegionConfiguration {
    /// `PRIMARY` or `REPLICA`: which this key is.
    pub multi_region_key_type: &'static str,
    /// The primary key.
    pub primary_key: MultiRegionKey,
    /// The replicas, in the order of their Regions.
    pub replica_keys: Vec<MultiRegionKey>,
}

/// One key of a multi-Region key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiRegionKey {
    /// Its ARN.
    pub arn: String,
    /// Its Region.
    pub region: String,
}
