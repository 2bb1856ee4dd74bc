//! A bucket as it was read.

use std::sync::Arc;

use arqueta_store::Batch;
use bytes::Bytes;

use crate::record::BucketRecord;
use crate::schema;

/// A bucket's record and the very bytes it was read from, for preconditions.
#[derive(Clone)]
pub(crate) struct StoredBucket {
    pub bytes: Bytes,
    pub record: Arc<BucketRecord>,
}

impl StoredBucket {
    /// Requires that it is still as it was read.
    pub fn unchanged(&self, batch: Batch) -> Batch {
        batch.unchanged(schema::bucket(&self.record.name), Some(self.bytes.clone()))
    }
}
