//! Wrapped bucket keys beside the buckets they belong to.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arqueta_envelope::{BucketKeyStoreError, SealedKeys, WrappedBucketKey, WrappedBucketKeys};
use arqueta_model::{BucketKeyId, BucketName};
use arqueta_store::{Batch, MetaStore, Precondition};
use async_trait::async_trait;

use crate::record::{Content, Record};
use crate::schema;

/// [`WrappedBucketKeys`] over the metadata store. As long as one object refers to its bucket key,
/// losing that would lose the object: only [`crate::Collector::collect`] removes any.
pub struct BucketKeyTable {
    meta: Arc<dyn MetaStore>,
}

impl BucketKeyTable {
    /// Over this store.
    #[must_use]
    pub fn new(meta: Arc<dyn MetaStore>) -> Self {
        Self { meta }
    }
}

#[async_trait]
impl WrappedBucketKeys for BucketKeyTable {
    async fn store(
        &self,
        bucket: &BucketName,
        id: BucketKeyId,
        key: &WrappedBucketKey,
    ) -> Result<(), BucketKeyStoreError> {
        // Fresh ids never meet; if two did, the later one must not replace the earlier.
        let at = schema::bucket_key(bucket, id);
        let batch = Batch::default().unchanged(at.clone(), None).put(at, key.encode());
        self.meta.commit(batch).await.map_err(failed)
    }

    async fn load(
        &self,
        bucket: &BucketName,
        id: BucketKeyId,
    ) -> Result<Option<WrappedBucketKey>, BucketKeyStoreError> {
        match self.meta.get(&schema::bucket_key(bucket, id)).await.map_err(failed)? {
            Some(bytes) => {
                WrappedBucketKey::decode(&bytes).map(Some).map_err(|error| BucketKeyStoreError::new(error, false))
            }
            None => Ok(None),
        }
    }
}

fn failed(error: arqueta_store::Error) -> BucketKeyStoreError {
    let (retryable, full) = (error.is_retryable(), error.is_full());
    BucketKeyStoreError::new(error, retryable).when_full(full)
}

impl Record for WrappedBucketKey {
    const NAME: &'static str = "wrapped bucket key";
}

/// What the collector did since the start.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    pub removed: AtomicU64,
    /// By the last round.
    pub kept: AtomicU64,
}

/// Requires that the bucket key which new content names is there: no write is acknowledged that could
/// not be read.
pub(crate) fn require_named(batch: Batch, bucket: &BucketName, keys: Option<&SealedKeys>) -> Batch {
    match keys.and_then(SealedKeys::bucket_key) {
        Some(id) => batch.require(Precondition::Present(schema::bucket_key(bucket, id))),
        None => batch,
    }
}

/// The bucket key that content names.
pub(crate) fn named(content: &Content) -> Option<BucketKeyId> {
    content.keys.as_ref()?.bucket_key()
}
