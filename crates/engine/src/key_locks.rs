//! Locks striped over object keys.
//!
//! Correctness comes from the preconditions of each commit; the locks only keep writers of one key
//! in one process from running into each other's preconditions again and again.

use std::hash::{DefaultHasher, Hash, Hasher};

use arqueta_model::{BucketName, ObjectKey};
use tokio::sync::{Mutex, MutexGuard};

/// Stripes; two keys share one with a probability of 1/1024.
const STRIPES: usize = 1024;

/// The locks.
#[derive(Debug)]
pub struct KeyLocks(Box<[Mutex<()>]>);

impl Default for KeyLocks {
    fn default() -> Self {
        Self((0..STRIPES).map(|_| Mutex::new(())).collect())
    }
}

impl KeyLocks {
    /// Waits for the lock of a key. Holders take no second one.
    pub async fn lock(&self, bucket: &BucketName, key: &ObjectKey) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        (bucket.as_str(), key.as_str()).hash(&mut hasher);
        let stripe = usize::try_from(hasher.finish() % STRIPES as u64).unwrap_or(0);
        self.0[stripe].lock().await
    }
}
