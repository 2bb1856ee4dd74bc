//! What was replicated, and what waits, for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arqueta_model::Timestamp;

/// Counters of every destination, by the bucket's name.
#[derive(Debug, Default)]
pub struct Progress {
    destinations: Mutex<BTreeMap<String, Arc<Counts>>>,
}

/// Counters of one destination.
#[derive(Debug, Default)]
pub struct Counts {
    replicated: AtomicU64,
    bytes: AtomicU64,
    put_off: AtomicU64,
    oldest: AtomicI64,
    failed: Mutex<BTreeMap<String, u64>>,
}

impl Progress {
    /// One destination's.
    pub(crate) fn destination(&self, name: &str) -> Arc<Counts> {
        let mut destinations = self.destinations.lock().unwrap_or_else(PoisonError::into_inner);
        destinations.entry(name.to_owned()).or_default().clone()
    }

    /// Every destination's that had anything to take since the start.
    #[must_use]
    pub fn destinations(&self) -> BTreeMap<String, Arc<Counts>> {
        self.destinations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Counts {
    pub(crate) fn replicated(&self, bytes: u64) {
        self.replicated.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, reason: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed.entry(reason.to_owned()).or_default() += 1;
    }

    pub(crate) fn put_off(&self) {
        self.put_off.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn oldest_is(&self, oldest: Option<Timestamp>) {
        self.oldest.store(oldest.map_or(0, Timestamp::millis), Ordering::Relaxed);
    }

    /// Versions, delete markers and changes that the destination took, and bytes of content in them.
    #[must_use]
    pub fn taken(&self) -> (u64, u64) {
        (self.replicated.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Attempts that failed and are made again.
    #[must_use]
    pub fn attempts_put_off(&self) -> u64 {
        self.put_off.load(Ordering::Relaxed)
    }

    /// What it did not take, by AWS's failure reason.
    #[must_use]
    pub fn denied(&self) -> BTreeMap<String, u64> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the oldest of what waits was written; `None` if nothing waits.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(self.oldest.load(Ordering::Relaxed))).filter(|oldest| oldest.millis() != 0)
    }
}
