//! Rotation of key material.

use super::keys::names_one_key;
use arqueta_model::Timestamp;

names_one_key!(
    /// `RotateKeyOnDemand`: new material at once; up to 25 times in a key's life.
    RotateKeyOnDemandRequest,
    /// `GetKeyRotationStatus`.
    GetKeyRotationStatusRequest,
    /// `DisableKeyRotation`.
    DisableKeyRotationRequest,
);

/// Answer to [`RotateKeyOnDemandRequest`].
#[derive(Debug, Clone)]
pub struct RotateKeyOnDemandResponse {
    /// ARN of the key.
    pub key_id: String,
}

/// `EnableKeyRotation`.
#[derive(Debug, Clone, Default)]
pub struct EnableKeyRotationRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// 90 to 2,560 days; the present period, or 365, if absent.
    pub rotation_period_in_days: Option<u16>,
}

/// Answer to [`GetKeyRotationStatusRequest`].
#[derive(Debug, Clone)]
pub struct GetKeyRotationStatusResponse {
    /// Whether automatic rotation is on.
    pub key_rotation_enabled: bool,
    /// ARN of the key.
    pub key_id: String,
    /// Present when enabled.
    pub rotation_period_in_days: Option<u16>,
    /// Present when enabled.
    pub next_rotation_date: Option<Timestamp>,
}

/// `ListKeyRotations`.
#[derive(Debug, Clone, Default)]
pub struct ListKeyRotationsRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// Material that no rotation made, too.
    pub all_material: bool,
    /// Most that are answered; 100 if absent.
    pub limit: Option<usize>,
    /// `next_marker` of the page before: what follows it.
    pub marker: Option<String>,
}

/// Answer to [`ListKeyRotationsRequest`].
#[derive(Debug, Clone)]
pub struct ListKeyRotationsResponse {
    /// Newest first.
    pub rotations: Vec<RotationsListEntry>,
    /// The last one's name, where there are more.
    pub next_marker: Option<String>,
}

/// One version of a key's material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationsListEntry {
    /// ARN of the key.
    pub key_id: String,
    /// Id of the material.
    pub key_material_id: String,
    /// `CURRENT`, `NON_CURRENT`, `PENDING_ROTATION` or `PENDING_MULTI_REGION_IMPORT_AND_ROTATION`.
    pub key_material_state: &'static str,
    /// What its importer said of it. This and the next three: of origin `EXTERNAL` only.
    pub key_material_description: Option<String>,
    /// `IMPORTED` or `PENDING_IMPORT`.
    pub import_state: Option<&'static str>,
    /// Whether it expires; of imported material that is there.
    pub expiration_model: Option<&'static str>,
    /// When it expires.
    pub valid_to: Option<Timestamp>,
    /// When it became current; absent for the first one and for one that waits for a rotation.
    pub rotation_date: Option<Timestamp>,
    /// `AUTOMATIC` or `ON_DEMAND`; absent as the date is.
    pub rotation_type: Option<&'static str>,
}
