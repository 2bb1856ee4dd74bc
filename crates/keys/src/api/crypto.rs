//! Cryptographic operations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Blob;

/// `GenerateDataKey`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GenerateDataKeyRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// Authenticated beside the wrapped form.
    pub encryption_context: BTreeMap<String, String>,
    /// 1 to 1,024; exactly one of this and `key_spec`.
    pub number_of_bytes: Option<i64>,
    /// `AES_256` or `AES_128`.
    pub key_spec: Option<String>,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// Not supported (Nitro enclaves).
    pub recipient: Option<Value>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`GenerateDataKeyRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateDataKeyResponse {
    /// The wrapped data key.
    pub ciphertext_blob: Blob,
    /// The data key.
    pub plaintext: Blob,
    /// ARN of the KMS key.
    pub key_id: String,
    /// Id of the material that wrapped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
}

/// `GenerateDataKeyWithoutPlaintext`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GenerateDataKeyWithoutPlaintextRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// Authenticated beside the wrapped form.
    pub encryption_context: BTreeMap<String, String>,
    /// 1 to 1,024; exactly one of this and `key_spec`.
    pub number_of_bytes: Option<i64>,
    /// `AES_256` or `AES_128`.
    pub key_spec: Option<String>,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`GenerateDataKeyWithoutPlaintextRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateDataKeyWithoutPlaintextResponse {
    /// The wrapped data key.
    pub ciphertext_blob: Blob,
    /// ARN of the KMS key.
    pub key_id: String,
    /// Id of the material that wrapped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
}

/// `Encrypt`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EncryptRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// 1 to 4,096 bytes; less under RSA keys.
    pub plaintext: Blob,
    /// Authenticated beside the ciphertext; of symmetric keys.
    pub encryption_context: BTreeMap<String, String>,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// `SYMMETRIC_DEFAULT` if absent, or of the key's.
    pub encryption_algorithm: Option<String>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`EncryptRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EncryptResponse {
    /// The ciphertext.
    pub ciphertext_blob: Blob,
    /// ARN of the KMS key.
    pub key_id: String,
    /// What encrypted it.
    pub encryption_algorithm: &'static str,
}

/// `Decrypt`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DecryptRequest {
    /// 1 to 6,144 bytes.
    pub ciphertext_blob: Blob,
    /// The same context as at encryption.
    pub encryption_context: BTreeMap<String, String>,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// The key it must be encrypted under; any symmetric one, if absent.
    pub key_id: Option<String>,
    /// `SYMMETRIC_DEFAULT` if absent, or of the key's.
    pub encryption_algorithm: Option<String>,
    /// Not supported (Nitro enclaves).
    pub recipient: Option<Value>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
    /// Not supported.
    pub dry_run_modifiers: Vec<String>,
}

/// Answer to [`DecryptRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DecryptResponse {
    /// ARN of the KMS key.
    pub key_id: String,
    /// The plaintext.
    pub plaintext: Blob,
    /// What encrypted it.
    pub encryption_algorithm: &'static str,
    /// Id of the material that opened it; of symmetric keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
}

/// `ReEncrypt`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReEncryptRequest {
    /// 1 to 6,144 bytes.
    pub ciphertext_blob: Blob,
    /// Context of `ciphertext_blob`.
    pub source_encryption_context: BTreeMap<String, String>,
    /// The key it must be encrypted under; any symmetric one, if absent.
    pub source_key_id: Option<String>,
    /// Key id, key ARN, alias name or alias ARN.
    pub destination_key_id: String,
    /// Context of the new ciphertext.
    pub destination_encryption_context: BTreeMap<String, String>,
    /// `SYMMETRIC_DEFAULT` if absent, or of the key's.
    pub source_encryption_algorithm: Option<String>,
    /// `SYMMETRIC_DEFAULT` if absent, or of the key's.
    pub destination_encryption_algorithm: Option<String>,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
    /// Not supported.
    pub dry_run_modifiers: Vec<String>,
}

/// Answer to [`ReEncryptRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReEncryptResponse {
    /// The new ciphertext.
    pub ciphertext_blob: Blob,
    /// ARN of the key of the old ciphertext.
    pub source_key_id: String,
    /// ARN of the key of the new one.
    pub key_id: String,
    /// What had encrypted it.
    pub source_encryption_algorithm: &'static str,
    /// What encrypted it now.
    pub destination_encryption_algorithm: &'static str,
    /// Material that opened the old one; of symmetric keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_key_material_id: Option<String>,
    /// Material that sealed the new one; of symmetric keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_key_material_id: Option<String>,
}

/// `GenerateRandom`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GenerateRandomRequest {
    /// 1 to 1,024.
    pub number_of_bytes: Option<i64>,
    /// Draws from the tokens of this custom key store.
    pub custom_key_store_id: Option<String>,
    /// Not supported (Nitro enclaves).
    pub recipient: Option<Value>,
}

/// Answer to [`GenerateRandomRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateRandomResponse {
    /// Random bytes of the operating system.
    pub plaintext: Blob,
}
