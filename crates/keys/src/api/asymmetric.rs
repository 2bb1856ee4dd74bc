//! Operations of key pairs.

use std::collections::BTreeMap;

use arqueta_kms::{KeySpec, KeyUsage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Blob, KeyAlgorithms};

/// `Sign`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SignRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// 1 to 4,096 bytes.
    pub message: Blob,
    /// `RAW` if absent, or `DIGEST`.
    pub message_type: Option<String>,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// One of the key's.
    pub signing_algorithm: String,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`SignRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SignResponse {
    /// ARN of the key.
    pub key_id: String,
    /// RSA: as long as the modulus; ECDSA: DER; others: as their standards say.
    pub signature: Blob,
    /// As in the request.
    pub signing_algorithm: &'static str,
}

/// `Verify`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VerifyRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// 1 to 4,096 bytes.
    pub message: Blob,
    /// `RAW` if absent, or `DIGEST`.
    pub message_type: Option<String>,
    /// 1 to 6,144 bytes.
    pub signature: Blob,
    /// One of the key's.
    pub signing_algorithm: String,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// Answers `DryRunOperationException` where the call would have been tried.
    pub dry_run: bool,
}

/// Answer to [`VerifyRequest`], for valid signatures only.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyResponse {
    /// ARN of the key.
    pub key_id: String,
    /// `true`.
    pub signature_valid: bool,
    /// As in the request.
    pub signing_algorithm: &'static str,
}

/// `GetPublicKey`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetPublicKeyRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
}

/// Answer to [`GetPublicKeyRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetPublicKeyResponse {
    /// ARN of the key.
    pub key_id: String,
    /// SubjectPublicKeyInfo in DER (RFC 5280).
    pub public_key: Blob,
    /// Deprecated name of `key_spec`.
    pub customer_master_key_spec: KeySpec,
    /// Spec.
    pub key_spec: KeySpec,
    /// Usage.
    pub key_usage: KeyUsage,
    /// What it can do.
    #[serde(flatten)]
    pub algorithms: KeyAlgorithms,
}

/// `GenerateDataKeyPair`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GenerateDataKeyPairRequest {
    /// Of a symmetric key: key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// Authenticated beside the wrapped private key.
    pub encryption_context: BTreeMap<String, String>,
    /// What to make: RSA or ECC.
    pub key_pair_spec: String,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// Not supported (Nitro enclaves).
    pub recipient: Option<Value>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`GenerateDataKeyPairRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateDataKeyPairResponse {
    /// The private key wrapped.
    pub private_key_ciphertext_blob: Blob,
    /// The private key in PKCS #8 (RFC 5208).
    pub private_key_plaintext: Blob,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Blob,
    /// ARN of the KMS key.
    pub key_id: String,
    /// As in the request.
    pub key_pair_spec: KeySpec,
    /// Id of the material that wrapped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
}

/// `GenerateDataKeyPairWithoutPlaintext`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GenerateDataKeyPairWithoutPlaintextRequest {
    /// Of a symmetric key: key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// Authenticated beside the wrapped private key.
    pub encryption_context: BTreeMap<String, String>,
    /// What to make: RSA or ECC.
    pub key_pair_spec: String,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`GenerateDataKeyPairWithoutPlaintextRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateDataKeyPairWithoutPlaintextResponse {
    /// The private key wrapped.
    pub private_key_ciphertext_blob: Blob,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Blob,
    /// ARN of the KMS key.
    pub key_id: String,
    /// As in the request.
    pub key_pair_spec: KeySpec,
    /// Id of the material that wrapped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
}

/// `DeriveSharedSecret`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeriveSharedSecretRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// `ECDH`.
    pub key_agreement_algorithm: String,
    /// The peer's, as SubjectPublicKeyInfo in DER, on the same curve.
    pub public_key: Blob,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// Not supported (Nitro enclaves).
    pub recipient: Option<Value>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`DeriveSharedSecretRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeriveSharedSecretResponse {
    /// ARN of the key.
    pub key_id: String,
    /// The x coordinate, as long as the field. To be used through a key derivation function only.
    pub shared_secret: Blob,
    /// `ECDH`.
    pub key_agreement_algorithm: &'static str,
    /// Where the key's material comes from.
    pub key_origin: &'static str,
}
