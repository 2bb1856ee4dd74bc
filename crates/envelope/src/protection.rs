//! What a write asks for.

use std::fmt;
use std::sync::Arc;

use arqueta_kms::KeyRef;
use arqueta_model::{EncryptionContext, SseMode};
use arqueta_seal::SourceKey;

/// How an object is to be protected: resolved from headers and the bucket's default.
#[derive(Debug, Clone)]
pub enum Protection {
    /// SSE-S3: under the service-owned key, always by a bucket key.
    ServiceKey,
    /// SSE-KMS.
    Kms {
        /// The key, as named by the user.
        key: KeyRef,
        /// The caller's own pairs; `aws:s3:arn` is refused among them.
        context: EncryptionContext,
        /// Whether to use a bucket key.
        bucket_key: bool,
    },
    /// DSSE-KMS: two data keys, never a bucket key.
    DualKms {
        /// The key, as named by the user.
        key: KeyRef,
        /// The caller's own pairs; `aws:s3:arn` is refused among them.
        context: EncryptionContext,
    },
    /// SSE-C.
    Customer(Arc<CustomerKey>),
}

impl Protection {
    /// The mode it results in.
    #[must_use]
    pub const fn mode(&self) -> SseMode {
        match self {
            Self::ServiceKey => SseMode::S3,
            Self::Kms { .. } => SseMode::Kms,
            Self::DualKms { .. } => SseMode::DualKms,
            Self::Customer(_) => SseMode::Customer,
        }
    }
}

/// A customer's key (SSE-C) as a request brought it. Never stored; its MD5 is, for the echo header.
pub struct CustomerKey {
    source: SourceKey,
    md5: [u8; 16],
}

impl CustomerKey {
    /// A key and its MD5, which the caller has checked; the caller's own copy of the key is the
    /// caller's to wipe.
    #[must_use]
    pub fn new(key: &[u8; 32], md5: [u8; 16]) -> Self {
        Self { source: SourceKey::from_bytes(key), md5 }
    }

    /// MD5 of the key.
    #[must_use]
    pub const fn md5(&self) -> [u8; 16] {
        self.md5
    }

    pub(crate) const fn source(&self) -> &SourceKey {
        &self.source
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey")
    }
}
