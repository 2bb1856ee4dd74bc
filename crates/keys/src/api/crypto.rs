//! Cryptographic operations.

use arqueta_kms::EncryptionAlgorithm;
use arqueta_model::EncryptionContext;

use super::Blob;

/// `GenerateDataKey`.
#[derive(Debug, Default)]
pub struct GenerateDataKeyRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// Authenticated beside the wrapped form.
    pub encryption_context: EncryptionContext,
    /// Bytes of the data key, 1 to 1,024.
    pub size: usize,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`GenerateDataKeyRequest`].
#[derive(Debug)]
pub struct GenerateDataKeyResponse {
    /// The wrapped data key.
    pub ciphertext_blob: Blob,
    /// The data key.
    pub plaintext: Blob,
    /// ARN of the KMS key.
    pub key_id: String,
    /// Id of the material that wrapped it.
    pub key_material_id: Option<String>,
}

/// `GenerateDataKeyWithoutPlaintext`.
#[derive(Debug, Default)]
pub struct GenerateDataKeyWithoutPlaintextRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// Authenticated beside the wrapped form.
    pub encryption_context: EncryptionContext,
    /// Bytes of the data key, 1 to 1,024.
    pub size: usize,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`GenerateDataKeyWithoutPlaintextRequest`].
#[derive(Debug)]
pub struct GenerateDataKeyWithoutPlaintextResponse {
    /// The wrapped data key.
    pub ciphertext_blob: Blob,
    /// ARN of the KMS key.
    pub key_id: String,
    /// Id of the material that wrapped it.
    pub key_material_id: Option<String>,
}

/// `Encrypt`.
#[derive(Debug, Default)]
pub struct EncryptRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// 1 to 4,096 bytes; less under RSA keys.
    pub plaintext: Blob,
    /// Authenticated beside the ciphertext; of symmetric keys.
    pub encryption_context: EncryptionContext,
    /// `SYMMETRIC_DEFAULT` if absent, or of the key's.
    pub encryption_algorithm: Option<EncryptionAlgorithm>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`EncryptRequest`].
#[derive(Debug)]
pub struct EncryptResponse {
    /// The ciphertext.
    pub ciphertext_blob: Blob,
    /// ARN of the KMS key.
    pub key_id: String,
    /// What encrypted it.
    pub encryption_algorithm: &'static str,
}

/// `Decrypt`.
#[derive(Debug, Default)]
pub struct DecryptRequest {
    /// 1 to 6,144 bytes.
    pub ciphertext_blob: Blob,
    /// The same context as at encryption.
    pub encryption_context: EncryptionContext,
    /// The key it must be encrypted under; any symmetric one, if absent.
    pub key_id: Option<String>,
    /// `SYMMETRIC_DEFAULT` if absent, or of the key's.
    pub encryption_algorithm: Option<EncryptionAlgorithm>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
    /// In a dry run: whether the permission alone is asked about, with no ciphertext.
    pub ignore_ciphertext: bool,
}

/// Answer to [`DecryptRequest`].
#[derive(Debug)]
pub struct DecryptResponse {
    /// ARN of the KMS key.
    pub key_id: String,
    /// The plaintext.
    pub plaintext: Blob,
    /// What encrypted it.
    pub encryption_algorithm: &'static str,
    /// Id of the material that opened it; of symmetric keys.
    pub key_material_id: Option<String>,
}

/// `ReEncrypt`.
#[derive(Debug, Default)]
pub struct ReEncryptRequest {
    /// 1 to 6,144 bytes.
    pub ciphertext_blob: Blob,
    /// Context of `ciphertext_blob`.
    pub source_encryption_context: EncryptionContext,
    /// The key it must be encrypted under; any symmetric one, if absent.
    pub source_key_id: Option<String>,
    /// Key id, key ARN, alias name or alias ARN.
    pub destination_key_id: String,
    /// Context of the new ciphertext.
    pub destination_encryption_context: EncryptionContext,
    /// `SYMMETRIC_DEFAULT` if absent, or of the key's.
    pub source_encryption_algorithm: Option<EncryptionAlgorithm>,
    /// `SYMMETRIC_DEFAULT` if absent, or of the key's.
    pub destination_encryption_algorithm: Option<EncryptionAlgorithm>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
    /// In a dry run: whether the permission alone is asked about, with no ciphertext.
    pub ignore_ciphertext: bool,
}

/// Answer to [`ReEncryptRequest`].
#[derive(Debug)]
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
    pub source_key_material_id: Option<String>,
    /// Material that sealed the new one; of symmetric keys.
    pub destination_key_material_id: Option<String>,
}

/// `GenerateRandom`.
#[derive(Debug, Default)]
pub struct GenerateRandomRequest {
    /// 1 to 1,024.
    pub number_of_bytes: usize,
    /// Draws from the tokens of this custom key store.
    pub custom_key_store_id: Option<String>,
}

/// Answer to [`GenerateRandomRequest`].
#[derive(Debug)]
pub struct GenerateRandomResponse {
    /// Random bytes of the operating system.
    pub plaintext: Blob,
}
