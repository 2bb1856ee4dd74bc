//! What bucket keys saved, per bucket, key and direction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

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

/// Most counts kept. Beyond it those that were not used for longest go: buckets and keys come and go
/// for years, and a count of each would stay.
const MOST: usize = 10_000;

/// Counters of all bucket keys.
#[derive(Debug, Default)]
pub struct Counters {
    cells: RwLock<HashMap<CellKey, Arc<Cells>>>,
    uses: AtomicU64,
}

type CellKey = (BucketName, KeyArn, Direction);

#[derive(Debug, Default)]
struct Cells {
    hits: AtomicU64,
    misses: AtomicU64,
    /// Which use of all counters was this one's last.
    used: AtomicU64,
}

impl Counters {
    /// Forgets the counts of a bucket that is no more.
    pub fn forget(&self, bucket: &BucketName) {
        self.write().retain(|(of, ..), _| of != bucket);
    }

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
        let known = self.cells.read().unwrap_or_else(PoisonError::into_inner).get(&cell).cloned();
        let cells = known.unwrap_or_else(|| {
            let mut all = self.write();
            if all.len() >= MOST && !all.contains_key(&cell) {
                make_room(&mut all);
            }
            all.entry(cell).or_default().clone()
        });
        cells.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        cells
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<CellKey, Arc<Cells>>> {
        self.cells.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops the quarter that was not used for longest: seldom, so that a stream of new ones costs each of
/// them little.
fn make_room(all: &mut HashMap<CellKey, Arc<Cells>>) {
    let mut used: Vec<_> = all.values().map(|cells| cells.used.load(Ordering::Relaxed)).collect();
    let (_, oldest_kept, _) = used.select_nth_unstable(MOST / 4);
    let oldest_kept = *oldest_kept;
    all.retain(|_, cells| cells.used.load(Ordering::Relaxed) >= oldest_kept);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn name(n: usize) -> BucketName {
        format!("bucket-{n}").parse().unwrap()
    }

    fn key() -> KeyArn {
        "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555".parse().unwrap()
    }

    #[test]
    fn counts_of_a_bucket_go_with_it_and_no_other_ones() {
        let counters = Counters::default();
        for bucket in [name(1), name(11)] {
            counters.miss(&bucket, &key(), Direction::Write);
            counters.hit(&bucket, &key(), Direction::Read);
        }
        counters.forget(&name(1));
        let left = counters.snapshot();
        assert_eq!(left.iter().map(|of| &of.bucket).collect::<Vec<_>>(), [&name(11), &name(11)]);
    }

    #[test]
    fn what_was_used_last_is_counted_on_and_the_number_of_counts_is_bounded() {
        let counters = Counters::default();
        for n in 0..3 * MOST {
            counters.hit(&name(n), &key(), Direction::Write);
            counters.hit(&name(0), &key(), Direction::Write);
            assert!(counters.cells.read().unwrap().len() <= MOST);
        }
        let busy = counters.snapshot().into_iter().find(|of| of.bucket == name(0)).unwrap();
        assert_eq!(busy.hits, 3 * MOST as u64 + 1);
    }
}
