//! Bucket keys at rest, and the limits of their windows.

use std::time::Duration;

use arqueta_model::{BucketKeyId, BucketName, KeyArn, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// When a bucket key's window ends: at whichever limit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketKeyConfig {
    /// Longest life of a plaintext bucket key in memory. Less than a second counts as a second.
    pub window: Duration,
    /// Most objects sealed under one bucket key; zero counts as one.
    pub max_objects: u64,
    /// Most bytes of objects sealed under one bucket key, as reported by
    /// [`Envelope::report_sealed`](crate::Envelope::report_sealed).
    pub max_bytes: u64,
}

impl Default for BucketKeyConfig {
    /// Five minutes, a million objects, one TiB.
    fn default() -> Self {
        Self { window: Duration::from_secs(300), max_objects: 1_000_000, max_bytes: 1 << 40 }
    }
}

/// A bucket key as its bucket keeps it: useless without the key service and the context, which
/// is the bucket's ARN and the pairs that each object names itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedBucketKey {
    /// The KMS key that wrapped it.
    pub key: KeyArn,
    /// What [`arqueta_kms::Kms::decrypt`] opens.
    #[serde(with = "serde_bytes")]
    pub wrapped: Vec<u8>,
    /// When its window began.
    pub created: Timestamp,
}

/// The store of wrapped bucket keys failed.
#[derive(Debug, thiserror::Error)]
#[error("the store of wrapped bucket keys failed")]
pub struct BucketKeyStoreError {
    retryable: bool,
    full: bool,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl BucketKeyStoreError {
    /// Wraps the store's own error; `retryable` says whether the same call may succeed later.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>, retryable: bool) -> Self {
        Self { retryable, full: false, source: source.into() }
    }

    /// The same, where a lack of space is the cause.
    #[must_use]
    pub fn when_full(self, full: bool) -> Self {
        Self { full, ..self }
    }

    /// Whether a lack of space is the cause.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.full
    }

    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.retryable
    }
}

/// Where wrapped bucket keys live: in their bucket's metadata.
#[async_trait]
pub trait WrappedBucketKeys: Send + Sync {
    /// Stores a bucket key durably; `id` is fresh. No object refers to it before this returns.
    async fn store(
        &self,
        bucket: &BucketName,
        id: BucketKeyId,
        key: &WrappedBucketKey,
    ) -> Result<(), BucketKeyStoreError>;

    /// The bucket key `id` of `bucket`, if the bucket has it.
    async fn load(&self, bucket: &BucketName, id: BucketKeyId)
    -> Result<Option<WrappedBucketKey>, BucketKeyStoreError>;
}
