//! Wrapped bucket keys beside the buckets they belong to.

use std::sync::Arc;

use arqueta_envelope::{BucketKeyStoreError, WrappedBucketKey, WrappedBucketKeys};
use arqueta_model::{BucketKeyId, BucketName};
use arqueta_store::{Batch, MetaStore};
use async_trait::async_trait;

use crate::record::Record;
use crate::schema;

/// [`WrappedBucketKeys`] over the metadata store. Keys are never removed: as long as one object
/// refers to its bucket key, losing that would lose the object.
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
