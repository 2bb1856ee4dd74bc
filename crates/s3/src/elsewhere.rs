//! Buckets of other endpoints, as far as S3's own operations know of them.

use std::fmt;
use std::sync::Arc;

use arqueta_model::{AccountId, BucketName};

/// Which buckets are at other endpoints that replication knows.
#[derive(Clone, Default)]
pub struct Elsewhere(Option<Arc<Admits>>);

/// Whether buckets of an account may replicate into the bucket of that name; `None` if it is not elsewhere.
type Admits = dyn Fn(&BucketName, &AccountId) -> Option<bool> + Send + Sync;

impl Elsewhere {
    /// By what `admits` says.
    pub fn new(admits: impl Fn(&BucketName, &AccountId) -> Option<bool> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(admits)))
    }

    /// Whether buckets of `account` may replicate into `bucket`; `None` if it is not elsewhere.
    #[must_use]
    pub fn admits(&self, bucket: &BucketName, account: &AccountId) -> Option<bool> {
        self.0.as_ref().and_then(|admits| admits(bucket, account))
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Elsewhere")
    }
}
