//! What delivery stands on: a place to put files, and a key to sign with.

use std::fmt;

use arqueta_model::{AccountId, BucketName, Timestamp};
use async_trait::async_trait;
use bytes::Bytes;

/// Where a trail delivers, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Account of the trail (`aws:SourceAccount`).
    pub account: AccountId,
    /// ARN of the trail (`aws:SourceArn`).
    pub trail: String,
    /// The bucket.
    pub bucket: BucketName,
}

/// A file to deliver. It is gzip-compressed JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub body: Bytes,
    /// User metadata, by name without `x-amz-meta-`.
    pub metadata: Vec<(&'static str, String)>,
    /// ARN of the KMS key to encrypt it under; `None` for the bucket's default.
    pub kms_key: Option<String>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("key", &self.key).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// Why a file was not delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// No such bucket.
    #[error("the bucket does not exist")]
    NoSuchBucket,
    /// The bucket does not let CloudTrail in.
    #[error("the bucket's policy does not let CloudTrail deliver")]
    AccessDenied,
    /// No such KMS key, as far as CloudTrail can see.
    #[error("the KMS key does not exist")]
    KeyNotFound,
    /// A name that no key can have, or a key that cannot encrypt.
    #[error("the KMS key is not a symmetric encryption key, or its name cannot be one")]
    KeyUnsuitable,
    /// The KMS key cannot be used now.
    #[error("the KMS key is disabled or pending deletion")]
    KeyDisabled,
    /// The KMS key's policy does not let CloudTrail use it.
    #[error("the policy of the KMS key does not let CloudTrail use it")]
    KeyDenied,
    /// Anything that may pass.
    #[error("the bucket cannot be reached or written now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl DeliveryError {
    /// The code that GetTrailStatus shows.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchBucket => "NoSuchBucket",
            Self::AccessDenied => "AccessDenied",
            Self::KeyNotFound => "KMS.NotFoundException",
            Self::KeyUnsuitable => "KMS.InvalidKeyUsageException",
            Self::KeyDisabled => "KMS.DisabledException",
            Self::KeyDenied => "KMS.AccessDeniedException",
            Self::Unavailable(_) => "InternalError",
        }
    }

    /// Whether the same delivery may succeed later without anyone's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Puts files into buckets as `cloudtrail.amazonaws.com`.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// Whether files with keys below `folder` would be taken, under `kms_key` if there is one
    /// (as given: id, ARN or alias). Answers the ARN of that key.
    async fn check(
        &self,
        to: &Destination,
        folder: &str,
        kms_key: Option<&str>,
    ) -> Result<Option<String>, DeliveryError>;

    /// Puts one file, over one of the same key if there is one. Durable on return.
    async fn put(&self, to: &Destination, object: Object) -> Result<(), DeliveryError>;
}

/// A public key and when signatures of it were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Names the key: 32 hexadecimal digits.
    pub fingerprint: String,
    /// `RSAPublicKey` of PKCS #1, DER.
    pub der: Vec<u8>,
    /// First moment of its validity.
    pub from: Timestamp,
    /// Last moment of its validity.
    pub to: Timestamp,
}

/// The signing key cannot be used now.
#[derive(Debug, thiserror::Error)]
#[error("the signing key cannot be used")]
pub struct SignError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Signs digests.
#[async_trait]
pub trait Sign: Send + Sync {
    /// The key that signs now.
    async fn current(&self) -> Result<PublicKey, SignError>;

    /// Signs `message` with the key of this fingerprint: RSASSA-PKCS1-v1_5 with SHA-256
    /// (RFC 8017, 8.2), so the same message has the same signature.
    async fn sign(&self, fingerprint: &str, message: &[u8]) -> Result<Vec<u8>, SignError>;

    /// Every key that ever signed, oldest first.
    async fn public_keys(&self) -> Result<Vec<PublicKey>, SignError>;
}
