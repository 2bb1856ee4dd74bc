//! What scrubbing did since the process began, for metrics.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use arqueta_engine::scrub::Scrubbed;
use arqueta_model::Timestamp;

use super::place::{Place, Stage};

/// Counters of the worker.
#[derive(Debug, Default)]
pub struct Progress {
    running: AtomicBool,
    records: AtomicU64,
    bodies: AtomicU64,
    bytes: AtomicU64,
    unopened: AtomicU64,
    failures: AtomicU64,
    found: AtomicU64,
    finished: AtomicI64,
}

impl Progress {
    pub(super) fn saw(&self, done: &Scrubbed) {
        self.records.fetch_add(done.records, Ordering::Relaxed);
        self.bodies.fetch_add(done.bodies, Ordering::Relaxed);
        self.bytes.fetch_add(done.bytes, Ordering::Relaxed);
        self.unopened.fetch_add(done.unopened, Ordering::Relaxed);
    }

    /// The scrub that is kept, of this process or an earlier one.
    pub(super) fn is_at(&self, place: Option<&Place>) {
        self.running.store(place.is_some_and(|place| place.stage == Stage::Running), Ordering::Relaxed);
        self.found.store(place.map_or(0, |place| place.found), Ordering::Relaxed);
        if let Some(ended) = place.filter(|place| place.stage == Stage::Done).and_then(|place| place.ended) {
            self.finished.store(Timestamp::from_millis(ended).seconds(), Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a scrub is under way.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// Records read.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Bodies read to their ends.
    #[must_use]
    pub fn bodies(&self) -> u64 {
        self.bodies.load(Ordering::Relaxed)
    }

    /// Bytes of bodies read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Versions whose key did not open.
    #[must_use]
    pub fn unopened(&self) -> u64 {
        self.unopened.load(Ordering::Relaxed)
    }

    /// Steps that failed and are tried again.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// What the last scrub found, or the one under way so far.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }

    /// When the last one was finished, in seconds since the epoch; 0 before the first.
    #[must_use]
    pub fn last_finished(&self) -> i64 {
        self.finished.load(Ordering::Relaxed)
    }
}
