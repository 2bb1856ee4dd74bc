//! Buckets: made, found, listed, configured, removed.

mod configuration;
mod encryption;
mod lifetime;
pub(crate) mod stored;

use std::sync::Arc;

use arqueta_model::BucketName;

use crate::record::{BucketRecord, Record};
use crate::{Engine, Error, schema};
use stored::StoredBucket;

impl Engine {
    /// The record of a bucket, as of now.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn bucket(&self, name: &BucketName) -> Result<Arc<BucketRecord>, Error> {
        Ok(self.stored_bucket(name).await?.record)
    }

    /// Reads a bucket. The stored bytes are read every time, so the answer is never stale; only
    /// their decoded form is remembered.
    pub(crate) async fn stored_bucket(&self, name: &BucketName) -> Result<StoredBucket, Error> {
        let bytes = self.meta.get(&schema::bucket(name)).await?.ok_or(Error::NoSuchBucket)?;
        if let Some(known) = self.decoded_buckets.get(name)
            && known.bytes == bytes
        {
            return Ok(known);
        }
        let stored = StoredBucket { record: Arc::new(BucketRecord::decode(&bytes)?), bytes };
        self.decoded_buckets.insert(name.clone(), stored.clone());
        Ok(stored)
    }

    /// Tells a missing key in a bucket from a missing bucket.
    pub(crate) async fn require_bucket(&self, name: &BucketName) -> Result<(), Error> {
        self.stored_bucket(name).await.map(drop)
    }
}
