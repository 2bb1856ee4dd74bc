//! What lifecycle did since the process began, for metrics.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arqueta_engine::lifecycle::What;
use arqueta_model::Timestamp;

/// Counters of the worker.
#[derive(Debug, Default)]
pub struct Progress {
    seen: AtomicU64,
    removed: [AtomicU64; 5],
    rounds: AtomicU64,
    failures: AtomicU64,
    buckets_left: AtomicU64,
    finished: AtomicI64,
}

/// Labels of what goes, in the order of the counters.
const KINDS: [&str; 5] = ["object", "hidden", "version", "delete_marker", "upload"];

impl Progress {
    pub(super) fn saw(&self, records: u64) {
        self.seen.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn removed_one(&self, what: What) {
        let kind = match what {
            What::Object => 0,
            What::Hidden(_) => 1,
            What::Version(_) => 2,
            What::Marker(_) => 3,
            What::Upload(_) => 4,
        };
        self.removed[kind].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn left(&self, buckets: usize) {
        self.buckets_left.store(buckets as u64, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn finished_round(&self, at: Timestamp) {
        self.rounds.fetch_add(1, Ordering::Relaxed);
        self.finished.store(at.seconds(), Ordering::Relaxed);
    }

    /// Records looked at.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// What went, by kind: `object`, `hidden`, `version`, `delete_marker`, `upload`.
    pub fn removed(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        KINDS.into_iter().zip(self.removed.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// Rounds finished.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Rounds that ended early: the store or the record failed. They are tried again.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Buckets that the round under way has not finished.
    #[must_use]
    pub fn buckets_left(&self) -> u64 {
        self.buckets_left.load(Ordering::Relaxed)
    }

    /// When the last round was finished, in seconds since the epoch; 0 before the first.
    #[must_use]
    pub fn last_finished(&self) -> i64 {
        self.finished.load(Ordering::Relaxed)
    }
}
