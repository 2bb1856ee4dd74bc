//! A bucket as it was read.

use std::sync::Arc;

use bytes::Bytes;

use crate::record::BucketRecord;

/// A bucket's record and the very bytes it was read from, for preconditions.
#[derive(Clone)]
pub(crate) struct StoredBucket {
    pub bytes: Bytes,
    pub record: Arc<BucketRecord>,
}
