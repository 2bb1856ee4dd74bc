use std::sync::Arc;

use arqueta_envelope::{CustomerKey, SealedKeys, SseMode};
use arqueta_model::{EncryptionContext, KeyArn};
use serde::{Deserialize, Serialize};

/// What the encryption headers of a write ask for.
#[derive(Debug, Clone, Default)]
pub struct EncryptionRequest {
    /// The mode; nothing asked for means the bucket's default.
    pub mode: RequestedMode,
    /// `x-amz-server-side-encryption-bucket-key-enabled`; overrides the bucket's setting.
    pub bucket_key: Option<bool>,
}

/// A mode with its parameters.
#[derive(Debug, Clone, Default)]
pub enum RequestedMode {
    /// The bucket's default.
    #[default]
    Default,
    /// `AES256`.
    S3,
    /// `aws:kms`; without a key `aws/s3`, whatever the bucket's default.
    Kms {
        /// Key id, key ARN, alias or alias ARN, as given.
        key: Option<String>,
        /// The caller's own pairs.
        context: EncryptionContext,
    },
    /// `aws:kms:dsse`.
    DualKms {
        /// As for `Kms`.
        key: Option<String>,
        /// The caller's own pairs.
        context: EncryptionContext,
    },
    /// SSE-C.
    Customer(Arc<CustomerKey>),
}

/// How a stored object is encrypted, for answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionInfo {
    /// The mode.
    pub mode: SseMode,
    /// ARN of the KMS key; `None` for SSE-S3 and SSE-C.
    pub key: Option<KeyArn>,
    /// Whether a bucket key is behind it. Never told for SSE-S3, where it is always so.
    pub bucket_key: bool,
    /// The caller's own pairs.
    pub context: EncryptionContext,
    /// MD5 of the customer's key, for the echo header.
    pub customer_key_md5: Option<[u8; 16]>,
}

impl EncryptionInfo {
    /// What the keys of an object tell.
    #[must_use]
    pub fn of(keys: &SealedKeys) -> Self {
        let visible = matches!(keys.mode(), SseMode::Kms | SseMode::DualKms);
        Self {
            mode: keys.mode(),
            key: keys.key_arn().filter(|_| visible).cloned(),
            bucket_key: visible && keys.uses_bucket_key(),
            context: keys.context().clone(),
            customer_key_md5: keys.customer_key_md5(),
        }
    }
}

/// Default encryption of a bucket, as set and as echoed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultEncryption {
    /// The mode.
    pub mode: DefaultMode,
    /// `BucketKeyEnabled`. Only SSE-KMS heeds it; it is kept and echoed for every mode.
    pub bucket_key: bool,
}

impl Default for DefaultEncryption {
    /// What every bucket has since 2023: SSE-S3.
    fn default() -> Self {
        Self { mode: DefaultMode::S3, bucket_key: false }
    }
}

/// Mode of a bucket's default encryption; keys as given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DefaultMode {
    /// `AES256`.
    S3,
    /// `aws:kms`; without a key `aws/s3`.
    Kms(Option<String>),
    /// `aws:kms:dsse`; without a key `aws/s3`.
    DualKms(Option<String>),
}

/// A kind of encryption that a bucket does not accept (`BlockedEncryptionTypes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum BlockedEncryption {
    /// SSE-C.
    Customer,
}
