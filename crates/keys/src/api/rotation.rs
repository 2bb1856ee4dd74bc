//! Rotation of key material.

use serde::{Deserialize, Serialize};

use super::EpochSeconds;
use super::keys::names_one_key;

names_one_key!(
    /// `RotateKeyOnDemand`: new material at once; up to 25 times in a key's life.
    RotateKeyOnDemandRequest,
    /// `GetKeyRotationStatus`.
    GetKeyRotationStatusRequest,
    /// `DisableKeyRotation`.
    DisableKeyRotationRequest,
);

/// Answer to [`RotateKeyOnDemandRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotateKeyOnDemandResponse {
    /// ARN of the key.
    pub key_id: String,
}

/// `EnableKeyRotation`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EnableKeyRotationRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// 90 to 2,560 days; the present period, or 365, if absent.
    pub rotation_period_in_days: Option<i64>,
}

/// Answer to [`GetKeyRotationStatusRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetKeyRotationStatusResponse {
    /// Whether automatic rotation is on.
    pub key_rotation_enabled: bool,
    /// ARN of the key.
    pub key_id: String,
    /// Present when enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_period_in_days: Option<i64>,
    /// Present when enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation_date: Option<EpochSeconds>,
}

/// `ListKeyRotations`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListKeyRotationsRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// `ROTATIONS_ONLY` (the default) or `ALL_KEY_MATERIAL`.
    pub include_key_material: Option<String>,
    /// 1 to 1,000; 100 if absent.
    pub limit: Option<i64>,
    /// `next_marker` of the page before.
    pub marker: Option<String>,
}

/// Answer to [`ListKeyRotationsRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeyRotationsResponse {
    /// Newest first.
    pub rotations: Vec<RotationsListEntry>,
    /// Present when truncated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// Whether there are more.
    pub truncated: bool,
}

/// One version of a key's material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationsListEntry {
    /// ARN of the key.
    pub key_id: String,
    /// Id of the material.
    pub key_material_id: String,
    /// `CURRENT`, `NON_CURRENT`, `PENDING_ROTATION` or `PENDING_MULTI_REGION_IMPORT_AND_ROTATION`.
    pub key_material_state: String,
    /// What its importer said of it. This and the next three: of origin `EXTERNAL` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_description: Option<String>,
    /// `IMPORTED` or `PENDING_IMPORT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_state: Option<&'static str>,
    /// Whether it expires; of imported material that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_model: Option<&'static str>,
    /// When it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<EpochSeconds>,
    /// When it became current; absent for the first one and for one that waits for a rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_date: Option<EpochSeconds>,
    /// `AUTOMATIC` or `ON_DEMAND`; absent as the date is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_type: Option<String>,
}
