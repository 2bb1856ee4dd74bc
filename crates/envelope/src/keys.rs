//! What is stored with an object to open it again.

use std::fmt;

use arqueta_model::{BucketKeyId, EncryptionContext, KeyArn, SseMode};
use arqueta_seal::{FORMAT_VERSION, WrappedBodyKey};
use serde::{Deserialize, Serialize};

use crate::in_use::Hold;

/// The wrapped keys of an object (F-34). Nothing in it is secret; nothing in it is trusted either,
/// until its keys have opened.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKeys {
    pub(crate) version: u8,
    pub(crate) mode: SseMode,
    pub(crate) key: Option<KeyArn>,
    pub(crate) context: EncryptionContext,
    pub(crate) layers: Vec<Layer>,
    pub(crate) customer_md5: Option<[u8; 16]>,
    /// Of keys that this process made: their bucket key is in use until they are dropped.
    #[serde(skip)]
    hold: Option<Hold>,
}

/// One layer's wrapped body key and where its source key comes from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) source: Source,
    #[serde(with = "serde_bytes")]
    salt: [u8; 32],
    #[serde(with = "serde_bytes")]
    body_key: Vec<u8>,
}

/// Where a source key comes from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    /// A bucket key of the object's bucket.
    BucketKey(BucketKeyId),
    /// A data key of this layer's own, as the key service wrapped it.
    Wrapped(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The request.
    Customer,
}

impl Source {
    pub(crate) const fn bucket_key(&self) -> Option<BucketKeyId> {
        match self {
            Self::BucketKey(id) => Some(*id),
            Self::Wrapped(_) | Self::Customer => None,
        }
    }
}

impl Layer {
    pub(crate) fn new(source: Source, wrapped: WrappedBodyKey) -> Self {
        Self { source, salt: wrapped.salt, body_key: wrapped.bytes }
    }

    pub(crate) fn wrapped(&self) -> WrappedBodyKey {
        WrappedBodyKey { salt: self.salt, bytes: self.body_key.clone() }
    }
}

impl SealedKeys {
    /// The object's encryption mode.
    #[must_use]
    pub const fn mode(&self) -> SseMode {
        self.mode
    }

    /// ARN of the KMS key; with SSE-S3 that of the service-owned key, which users are not shown;
    /// `None` with a customer's key.
    #[must_use]
    pub const fn key_arn(&self) -> Option<&KeyArn> {
        self.key.as_ref()
    }

    /// The caller's own pairs, without `aws:s3:arn`.
    #[must_use]
    pub const fn context(&self) -> &EncryptionContext {
        &self.context
    }

    /// Whether a bucket key is behind it.
    #[must_use]
    pub fn uses_bucket_key(&self) -> bool {
        self.bucket_key().is_some()
    }

    /// The bucket key behind it.
    #[must_use]
    pub fn bucket_key(&self) -> Option<BucketKeyId> {
        self.layers.first().and_then(|layer| layer.source.bucket_key())
    }

    /// MD5 of the customer's key.
    #[must_use]
    pub const fn customer_key_md5(&self) -> Option<[u8; 16]> {
        self.customer_md5
    }

    /// Keys in the current format version.
    pub(crate) const fn new(
        mode: SseMode,
        key: Option<KeyArn>,
        context: EncryptionContext,
        layers: Vec<Layer>,
        customer_md5: Option<[u8; 16]>,
    ) -> Self {
        Self { version: FORMAT_VERSION, mode, key, context, layers, customer_md5, hold: None }
    }

    /// The same, keeping their bucket key in use.
    pub(crate) fn holding(self, hold: Option<Hold>) -> Self {
        Self { hold, ..self }
    }
}

impl fmt::Debug for SealedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedKeys")
            .field("version", &self.version)
            .field("mode", &self.mode)
            .field("key", &self.key)
            .field("bucket_key", &self.bucket_key())
            .field("layers", &self.layers.len())
            .finish_non_exhaustive()
    }
}
