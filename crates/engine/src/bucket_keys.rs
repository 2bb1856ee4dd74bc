//! Wrapped bucket keys beside the buckets they belong to.

use std::sync::Arc;

use arqueta_envelope::{WrappedBucketKey, WrappedBucketKeys};
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
    async fn store(&self, bucket: &BucketName, id: BucketKeyId, key: &WrappedBucketKey) -> Result<(), BoxError> {
        // Fresh ids never meet; a meeting would be a broken generator, and is a conflict.
        let at = schema::bucket_key(bucket, id);
        let batch = Batch::default().unchanged(at.clone(), None).put(at, key.encode());
        Ok(self.meta.commit(batch).await?)
    }

    async fn load(&self, bucket: &BucketName, id: BucketKeyId) -> Result<Option<WrappedBucketKey>, BoxError> {
        match self.meta.get(&schema::bucket_key(bucket, id)).await? {
            Some(bytes) => Ok(Some(WrappedBucketKey::decode(&bytes)?)),
            None => Ok(None),
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Record for WrappedBucketKey {
    const NAME: &'static str = "wrapped bucket key";
}
