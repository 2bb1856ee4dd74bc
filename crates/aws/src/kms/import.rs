//! Shapes of imported key material.

use arqueta_keys::api::{
    Blob, DeleteImportedKeyMaterialRequest, DeleteImportedKeyMaterialResponse, GetParametersForImportRequest,
    ImportKeyMaterialRequest, ImportKeyMaterialResponse, WrappingAlgorithm,
};
use arqueta_kms::{Error, KeySpec};
use arqueta_model::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::limits;
use super::parameters::{Base64, MAX_CIPHERTEXT};
use super::shape::{Shape, Told};
use super::wire::answers;

const EXPIRES: &str = "KEY_MATERIAL_EXPIRES";
const EXPIRES_NOT: &str = "KEY_MATERIAL_DOES_NOT_EXPIRE";
const WRAPPINGS: &[&str] = &[
    "RSAES_PKCS1_V1_5",
    "RSAES_OAEP_SHA_1",
    "RSAES_OAEP_SHA_256",
    "RSA_AES_KEY_WRAP_SHA_1",
    "RSA_AES_KEY_WRAP_SHA_256",
    "SM2PKE",
];

/// A number of seconds since the epoch, within the years 0 to 9999, to the millisecond.
#[derive(Debug, Clone, Copy)]
pub(super) struct EpochSeconds(Timestamp);

impl<'de> Deserialize<'de> for EpochSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const YEARS_0_TO_9999: std::ops::RangeInclusive<f64> = -62_167_219_200.0..=253_402_300_799.0;
        let seconds = f64::deserialize(deserializer)?;
        if !YEARS_0_TO_9999.contains(&seconds) {
            return Err(serde::de::Error::custom("not a time"));
        }
        // Far within i64 by the check above.
        let millis = (seconds * 1000.0).round() as i64;
        Ok(Self(Timestamp::from_millis(millis)))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GetParametersForImport {
    key_id: String,
    wrapping_algorithm: String,
    wrapping_key_spec: String,
}

impl Shape for GetParametersForImport {
    type Request = GetParametersForImportRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        told.with("wrappingAlgorithm", self.wrapping_algorithm.as_str());
        told.with("wrappingKeySpec", self.wrapping_key_spec.as_str());
        let (algorithm, spec) = (&self.wrapping_algorithm, &self.wrapping_key_spec);
        limits::member_of(algorithm, "wrappingAlgorithm", WRAPPINGS)?;
        // AWS took PKCS #1 v1.5 out of service in 2023; SM2 is of the China Regions.
        let wrapping_algorithm = WrappingAlgorithm::named(algorithm)
            .ok_or_else(|| limits::unsupported(&format!("WrappingAlgorithm {algorithm}")))?;
        limits::member_of(spec, "wrappingKeySpec", &["RSA_2048", "RSA_3072", "RSA_4096", "SM2"])?;
        let wrapping_key_spec = KeySpec::named(spec)
            .filter(|spec| *spec != KeySpec::SM2)
            .ok_or_else(|| limits::unsupported(&format!("WrappingKeySpec {spec}")))?;
        Ok(GetParametersForImportRequest { key_id: self.key_id, wrapping_algorithm, wrapping_key_spec })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ImportKeyMaterial {
    key_id: String,
    import_token: Base64,
    encrypted_key_material: Base64,
    valid_to: Option<EpochSeconds>,
    expiration_model: Option<String>,
    import_type: Option<String>,
    key_material_description: Option<String>,
    key_material_id: Option<String>,
}

impl Shape for ImportKeyMaterial {
    type Request = ImportKeyMaterialRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        let model = self.expiration_model.as_deref().unwrap_or(EXPIRES);
        told.with("keyId", self.key_id.as_str()).with("expirationModel", model);
        told.maybe("validTo", self.valid_to.map(|at| at.0.rfc3339()));
        told.maybe("importType", self.import_type.as_deref());
        told.maybe("keyMaterialDescription", self.key_material_description.as_deref());
        told.maybe("keyMaterialId", self.key_material_id.as_deref());
        limits::member_of(model, "expirationModel", &[EXPIRES, EXPIRES_NOT])?;
        let (import_token, encrypted_key_material) = blobs(self.import_token, self.encrypted_key_material)?;
        match (model == EXPIRES, self.valid_to) {
            (true, None) => {
                return Err(limits::invalid(
                    "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
                ));
            }
            (false, Some(_)) => {
                return Err(limits::invalid(
                    "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
                ));
            }
            _ => {}
        }
        let is_new = is_new(self.import_type.as_deref())?;
        description(self.key_material_description.as_deref())?;
        material_id(self.key_material_id.as_deref())?;
        if self.key_material_id.is_some() && is_new == Some(true) {
            return Err(limits::invalid("KeyMaterialId cannot be specified when ImportType is NEW_KEY_MATERIAL"));
        }
        Ok(ImportKeyMaterialRequest {
            key_id: self.key_id,
            import_token,
            encrypted_key_material,
            valid_to: self.valid_to.map(|at| at.0),
            is_new,
            key_material_description: self.key_material_description,
            key_material_id: self.key_material_id,
        })
    }

    fn elements(answer: &ImportKeyMaterialResponse) -> Value {
        json!({ "keyId": answer.key_id, "keyMaterialId": answer.key_material_id })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DeleteImportedKeyMaterial {
    key_id: String,
    key_material_id: Option<String>,
}

impl Shape for DeleteImportedKeyMaterial {
    type Request = DeleteImportedKeyMaterialRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).maybe("keyMaterialId", self.key_material_id.as_deref());
        material_id(self.key_material_id.as_deref())?;
        Ok(DeleteImportedKeyMaterialRequest { key_id: self.key_id, key_material_id: self.key_material_id })
    }

    fn elements(answer: &DeleteImportedKeyMaterialResponse) -> Value {
        json!({ "keyId": answer.key_id, "keyMaterialId": answer.key_material_id })
    }
}

answers! {
    GetParametersForImportResponse {
        "KeyId": key_id,
        "ImportToken": import_token,
        "PublicKey": public_key,
        "ParametersValidTo": parameters_valid_to,
    }
    ImportKeyMaterialResponse { "KeyId": key_id, "KeyMaterialId": key_material_id }
    DeleteImportedKeyMaterialResponse { "KeyId": key_id, "KeyMaterialId": key_material_id }
}

fn blobs(token: Base64, material: Base64) -> Result<(Blob, Blob), Error> {
    let token = token.within("importToken", MAX_CIPHERTEXT)?;
    Ok((token, material.within("encryptedKeyMaterial", MAX_CIPHERTEXT)?))
}

fn is_new(kind: Option<&str>) -> Result<Option<bool>, Error> {
    let Some(kind) = kind else { return Ok(None) };
    limits::member_of(kind, "importType", &["NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"])?;
    Ok(Some(kind == "NEW_KEY_MATERIAL"))
}

fn description(text: Option<&str>) -> Result<(), Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(()) };
    limits::length(text, "keyMaterialDescription", 0, 256)?;
    limits::pattern(text, "keyMaterialDescription", r"^[a-zA-Z0-9:/_\s.-]+$", |c| {
        limits::is_name_char(c) || c == '.' || c.is_ascii_whitespace()
    })
}

fn material_id(id: Option<&str>) -> Result<(), Error> {
    let Some(id) = id else { return Ok(()) };
    limits::length(id, "keyMaterialId", 64, 64)?;
    limits::pattern(id, "keyMaterialId", "^[a-f0-9]+$", |c| matches!(c, '0'..='9' | 'a'..='f'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_seconds_is_a_time_and_nothing_else_is() {
        let read = serde_json::from_str::<EpochSeconds>;
        assert_eq!(read("1767225600.25").unwrap().0, Timestamp::from_millis(1_767_225_600_250));
        assert_eq!(read("0").unwrap().0, Timestamp::from_millis(0));
        for text in ["1e300", "-1e12", "253402300800", "\"2026-01-01T00:00:00Z\"", "null", "true"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
