//! Operations of key pairs.

use arqueta_kms::{KeySpec, KeyUsage, MessageType, SigningAlgorithm};
use arqueta_model::EncryptionContext;

use super::{Blob, KeyAlgorithms};

/// `Sign`.
#[derive(Debug)]
pub struct SignRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// 1 to 4,096 bytes.
    pub message: Blob,
    /// What the message is.
    pub message_type: MessageType,
    /// One of the key's.
    pub signing_algorithm: SigningAlgorithm,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`SignRequest`].
#[derive(Debug)]
pub struct SignResponse {
    /// ARN of the key.
    pub key_id: String,
    /// RSA: as long as the modulus; ECDSA: DER; others: as their standards say.
    pub signature: Blob,
    /// As in the request.
    pub signing_algorithm: &'static str,
}

/// `Verify`.
#[derive(Debug)]
pub struct VerifyRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// 1 to 4,096 bytes.
    pub message: Blob,
    /// What the message is.
    pub message_type: MessageType,
    /// 1 to 6,144 bytes.
    pub signature: Blob,
    /// One of the key's.
    pub signing_algorithm: SigningAlgorithm,
    /// Answers `DryRunOperationException` where the call would have been tried.
    pub dry_run: bool,
}

/// Answer to [`VerifyRequest`], for valid signatures only.
#[derive(Debug)]
pub struct VerifyResponse {
    /// ARN of the key.
    pub key_id: String,
    /// `true`.
    pub signature_valid: bool,
    /// As in the request.
    pub signing_algorithm: &'static str,
}

/// `GetPublicKey`.
#[derive(Debug, Default)]
pub struct GetPublicKeyRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
}

/// Answer to [`GetPublicKeyRequest`].
#[derive(Debug)]
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
    pub algorithms: KeyAlgorithms,
}

/// `GenerateDataKeyPair`.
#[derive(Debug)]
pub struct GenerateDataKeyPairRequest {
    /// Of a symmetric key: key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// Authenticated beside the wrapped private key.
    pub encryption_context: EncryptionContext,
    /// What to make: RSA or ECC.
    pub key_pair_spec: KeySpec,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`GenerateDataKeyPairRequest`].
#[derive(Debug)]
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
    pub key_material_id: Option<String>,
}

/// `GenerateDataKeyPairWithoutPlaintext`.
#[derive(Debug)]
pub struct GenerateDataKeyPairWithoutPlaintextRequest {
    /// Of a symmetric key: key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// Authenticated beside the wrapped private key.
    pub encryption_context: EncryptionContext,
    /// What to make: RSA or ECC.
    pub key_pair_spec: KeySpec,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`GenerateDataKeyPairWithoutPlaintextRequest`].
#[derive(Debug)]
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
    pub key_material_id: Option<String>,
}

/// `DeriveSharedSecret`.
#[derive(Debug, Default)]
pub struct DeriveSharedSecretRequest {
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// The peer's, as SubjectPublicKeyInfo in DER, on the same curve.
    pub public_key: Blob,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`DeriveSharedSecretRequest`].
#[derive(Debug)]
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
