//! What a key is: its state, who manages it, what it is for.

use serde::{Deserialize, Serialize};

/// State of a KMS key (KMS Developer Guide, "Key states of AWS KMS keys").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum KeyState {
    /// Usable.
    Enabled,
    /// Disabled by its administrator.
    Disabled,
    /// Waiting to be destroyed.
    PendingDeletion,
    /// A multi-Region primary waiting for its replicas to be destroyed.
    PendingReplicaDeletion,
    /// Waiting for imported material.
    PendingImport,
    /// Being created.
    Creating,
    /// A multi-Region key whose primary is moving.
    Updating,
    /// Its custom key store cannot be reached.
    Unavailable,
}

/// Who manages a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyManager {
    /// The service, on an account's behalf (`alias/aws/s3`).
    #[serde(rename = "AWS")]
    Aws,
    /// Its owner.
    #[serde(rename = "CUSTOMER")]
    Customer,
    /// The service for itself (behind SSE-S3).
    #[serde(rename = "OWNED")]
    Owned,
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyUsage {
    /// Encrypt, Decrypt, data keys.
    EncryptDecrypt,
    /// Sign, Verify.
    SignVerify,
    /// GenerateMac, VerifyMac.
    GenerateVerifyMac,
    /// DeriveSharedSecret.
    KeyAgreement,
}

impl KeyUsage {
    /// The AWS name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EncryptDecrypt => "ENCRYPT_DECRYPT",
            Self::SignVerify => "SIGN_VERIFY",
            Self::GenerateVerifyMac => "GENERATE_VERIFY_MAC",
            Self::KeyAgreement => "KEY_AGREEMENT",
        }
    }
}
