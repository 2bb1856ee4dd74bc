//! Imported key material.

use serde::{Deserialize, Serialize};

use super::{Blob, EpochSeconds};

/// `GetParametersForImport`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetParametersForImportRequest {
    /// Key id or key ARN, of origin `EXTERNAL`.
    pub key_id: String,
    /// `RSAES_OAEP_SHA_1`, `RSAES_OAEP_SHA_256`, `RSA_AES_KEY_WRAP_SHA_1` or
    /// `RSA_AES_KEY_WRAP_SHA_256`.
    pub wrapping_algorithm: String,
    /// `RSA_2048`, `RSA_3072` or `RSA_4096`.
    pub wrapping_key_spec: String,
}

/// Answer to [`GetParametersForImportRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetParametersForImportResponse {
    /// ARN of the key.
    pub key_id: String,
    /// For [`ImportKeyMaterialRequest::import_token`].
    pub import_token: Blob,
    /// What to wrap the material under: an X.509 `SubjectPublicKeyInfo` in DER.
    pub public_key: Blob,
    /// When token and public key end: 24 hours after they were made.
    pub parameters_valid_to: EpochSeconds,
}

/// `ImportKeyMaterial`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImportKeyMaterialRequest {
    /// Key id or key ARN, of origin `EXTERNAL`.
    pub key_id: String,
    /// From the same answer as the public key.
    pub import_token: Blob,
    /// The material, wrapped.
    pub encrypted_key_material: Blob,
    /// At most 365 days ahead; exactly with `KEY_MATERIAL_EXPIRES`.
    pub valid_to: Option<EpochSeconds>,
    /// `KEY_MATERIAL_EXPIRES` (the default) or `KEY_MATERIAL_DOES_NOT_EXPIRE`.
    pub expiration_model: Option<String>,
    /// `NEW_KEY_MATERIAL` (the default for the first import) or `EXISTING_KEY_MATERIAL`; of
    /// symmetric encryption keys.
    pub import_type: Option<String>,
    /// Up to 256 of `a-zA-Z0-9:/_.-` and white space; the one before if absent; of symmetric
    /// encryption keys.
    pub key_material_description: Option<String>,
    /// Which existing material this must be; of symmetric encryption keys.
    pub key_material_id: Option<String>,
}

/// Answer to [`ImportKeyMaterialRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImportKeyMaterialResponse {
    /// ARN of the key.
    pub key_id: String,
    /// Id of the material; of symmetric encryption keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
}

/// `DeleteImportedKeyMaterial`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteImportedKeyMaterialRequest {
    /// Key id or key ARN, of origin `EXTERNAL`.
    pub key_id: String,
    /// The current material if absent.
    pub key_material_id: Option<String>,
}

/// Answer to [`DeleteImportedKeyMaterialRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteImportedKeyMaterialResponse {
    /// ARN of the key.
    pub key_id: String,
    /// Id of the material; of symmetric encryption keys that had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
}
