//! What bucket keys saved, per bucket, key and direction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arqueta_model::{BucketName, KeyArn};

/// What a bucket key was wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Sealing new objects.
    Write,
    /// Opening objects.
    Read,
}

/// Counts of one bucket, KMS key and direction since the start of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountersOf {
    /// The bucket.
    pub bucket: BucketName,
    /// The KMS key; the service-owned one for SSE-S3.
    pub key: KeyArn,
    /// Sealing or opening.
    pub direction: Direction,
    /// Uses of an open window.
    pub hits: u64,
    /// Windows opened, each by one key-service call.
    pub misses: u64,
}

impl CountersOf {
    /// Key-service calls that were not made: without bucket keys every use is one.
    #[must_use]
    pub const fn calls_saved(&self) -> u64 {
        self.hits
    }
}

/// Counters of all bucket keys.
#[derive(Debug, Default)]
pub struct Counters {
    cells: RwLock<HashMap<CellKey, Arc<Cells>>>,
}

type CellKey = (BucketName, KeyArn, Direction);

#[derive(Debug, Default)]
struct Cells {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Counters {
    /// All counts, ordered by bucket, key and direction.
    #[must_use]
    pub fn snapshot(&self) -> Vec<CountersOf> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = cells
            .iter()
            .map(|((bucket, key, direction), cells)| CountersOf {
                bucket: bucket.clone(),
                key: key.clone(),
                direction: *direction,
                hits: cells.hits.load(Ordering::Relaxed),
                misses: cells.misses.load(Ordering::Relaxed),
            })
            .collect();
        all.sort_by(|a, b| (&a.bucket, &a.key, a.direction).cmp(&(&b.bucket, &b.key, b.direction)));
        all
    }

    pub(crate) fn hit(&self, bucket: &BucketName, key: &KeyArn, direction: Direction) {
        self.cells(bucket, key, direction).hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn miss(&self, bucket: &BucketName, key: &KeyArn, direction: Direction) {
        self.cells(bucket, key, direction).misses.fetch_add(1, Ordering::Relaxed);
    }

    fn cells(&self, bucket: &BucketName, key: &KeyArn, direction: Direction) -> Arc<Cells> {
        let cell = (bucket.clone(), key.clone(), direction);
        if let Some(cells) = self.cells.read().unwrap_or_else(PoisonError::into_inner).get(&cell) {
            return cells.clone();
        }
        self.cells.write().unwrap_or_else(PoisonError::into_inner).entry(cell).or_default().clone()
    }
}
