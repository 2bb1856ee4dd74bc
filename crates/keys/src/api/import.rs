//! Imported key material.

use arqueta_kms::KeySpec;
use arqueta_model::Timestamp;

use super::Blob;
pub use crate::schema::WrappingAlgorithm;

/// `GetParametersForImport`.
#[derive(Debug, Clone)]
pub struct GetParametersForImportRequest {
    /// Key id or key ARN, of origin `EXTERNAL`.
    pub key_id: String,
    /// How the material will be wrapped.
    pub wrapping_algorithm: WrappingAlgorithm,
    /// `RSA_2048`, `RSA_3072` or `RSA_4096`.
    pub wrapping_key_spec: KeySpec,
}

/// Answer to [`GetParametersForImportRequest`].
#[derive(Debug)]
pub struct GetParametersForImportResponse {
    /// ARN of the key.
    pub key_id: String,
    /// For [`ImportKeyMaterialRequest::import_token`].
    pub import_token: Blob,
    /// What to wrap the material under: an X.509 `SubjectPublicKeyInfo` in DER.
    pub public_key: Blob,
    /// When token and public key end: 24 hours after they were made.
    pub parameters_valid_to: Timestamp,
}

/// `ImportKeyMaterial`.
#[derive(Debug, Default)]
pub struct ImportKeyMaterialRequest {
    /// Key id or key ARN, of origin `EXTERNAL`.
    pub key_id: String,
    /// From the same answer as the public key.
    pub import_token: Blob,
    /// The material, wrapped.
    pub encrypted_key_material: Blob,
    /// When it expires, at most 365 days ahead; never if absent.
    pub valid_to: Option<Timestamp>,
    /// Whether it must be new to the key, or must not be; new the first time, if absent; of symmetric
    /// encryption keys.
    pub is_new: Option<bool>,
    /// The one before if absent; of symmetric encryption keys.
    pub key_material_description: Option<String>,
    /// Which existing material this must be; of symmetric encryption keys.
    pub key_material_id: Option<String>,
}

/// Answer to [`ImportKeyMaterialRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportKeyMaterialResponse {
    /// ARN of the key.
    pub key_id: String,
    /// Id of the material; of symmetric encryption keys.
    pub key_material_id: Option<String>,
}

/// `DeleteImportedKeyMaterial`.
#[derive(Debug, Clone, Default)]
pub struct DeleteImportedKeyMaterialRequest {
    /// Key id or key ARN, of origin `EXTERNAL`.
    pub key_id: String,
    /// The current material if absent.
    pub key_material_id: Option<String>,
}

/// Answer to [`DeleteImportedKeyMaterialRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteImportedKeyMaterialResponse {
    /// ARN of the key.
    pub key_id: String,
    /// Id of the material; of symmetric encryption keys that had one.
    pub key_material_id: Option<String>,
}
