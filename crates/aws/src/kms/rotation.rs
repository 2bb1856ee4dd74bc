//! Shapes of the rotation of key material.

use arqueta_keys::api::{EnableKeyRotationRequest, ListKeyRotationsRequest};
use arqueta_kms::Error;
use serde::Deserialize;

use super::limits;
use super::parameters::{days, limit, marker, of_one_key};
use super::shape::{Shape, Told};
use super::wire::answers;

of_one_key! {
    DisableKeyRotation => DisableKeyRotationRequest,
    GetKeyRotationStatus => GetKeyRotationStatusRequest,
    RotateKeyOnDemand => RotateKeyOnDemandRequest,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct EnableKeyRotation {
    key_id: String,
    rotation_period_in_days: Option<i64>,
}

impl Shape for EnableKeyRotation {
    type Request = EnableKeyRotationRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).maybe("rotationPeriodInDays", self.rotation_period_in_days);
        let rotation_period_in_days = days(self.rotation_period_in_days, "rotationPeriodInDays", 90, 2560)?;
        Ok(EnableKeyRotationRequest { key_id: self.key_id, rotation_period_in_days })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListKeyRotations {
    key_id: String,
    include_key_material: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

impl Shape for ListKeyRotations {
    type Request = ListKeyRotationsRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        told.maybe("includeKeyMaterial", self.include_key_material.as_deref());
        let include = self.include_key_material.as_deref().unwrap_or("ROTATIONS_ONLY");
        limits::member_of(include, "includeKeyMaterial", &["ALL_KEY_MATERIAL", "ROTATIONS_ONLY"])?;
        let (limit, marker) = (limit(self.limit, 1000)?, marker(self.marker.as_deref())?);
        let all_material = include == "ALL_KEY_MATERIAL";
        Ok(ListKeyRotationsRequest { key_id: self.key_id, all_material, limit, marker })
    }
}

answers! {
    RotateKeyOnDemandResponse { "KeyId": key_id }
    GetKeyRotationStatusResponse {
        "KeyRotationEnabled": key_rotation_enabled,
        "KeyId": key_id,
        "RotationPeriodInDays": rotation_period_in_days,
        "NextRotationDate": next_rotation_date,
    }
    ListKeyRotationsResponse { "Rotations": rotations } + page(next_marker)
    RotationsListEntry {
        "KeyId": key_id,
        "KeyMaterialId": key_material_id,
        "KeyMaterialState": key_material_state,
        "KeyMaterialDescription": key_material_description,
        "ImportState": import_state,
        "ExpirationModel": expiration_model,
        "ValidTo": valid_to,
        "RotationDate": rotation_date,
        "RotationType": rotation_type,
    }
}
