//! What was told, and what waits, for metrics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arqueta_model::Timestamp;

/// Counters of every target, by its name.
#[derive(Debug, Default)]
pub struct Progress {
    targets: BTreeMap<String, Arc<Counts>>,
    unnamed: AtomicU64,
}

/// Counters of one target.
#[derive(Debug, Default)]
pub struct Counts {
    sent: AtomicU64,
    failures: AtomicU64,
    waiting: AtomicU64,
    oldest: AtomicI64,
}

impl Progress {
    /// Counters for these targets.
    #[must_use]
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let targets = names.into_iter().map(|name| (name.to_owned(), Arc::default())).collect();
        Self { targets, unnamed: AtomicU64::default() }
    }

    /// Every target's.
    pub fn targets(&self) -> impl Iterator<Item = (&str, &Arc<Counts>)> {
        self.targets.iter().map(|(name, counts)| (&**name, counts))
    }

    pub(crate) fn leave(&self, events: u64) {
        self.unnamed.store(events, Ordering::Relaxed);
    }

    /// Events in the outbox for targets that the configuration does not name: since the start no other is
    /// written, and none is sent.
    #[must_use]
    pub fn unnamed(&self) -> u64 {
        self.unnamed.load(Ordering::Relaxed)
    }

    /// One target's.
    #[must_use]
    pub fn target(&self, name: &str) -> Arc<Counts> {
        self.targets.get(name).cloned().unwrap_or_default()
    }
}

impl Counts {
    pub(crate) fn sent_some(&self, events: usize) {
        self.sent.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// So many wait, the oldest since then.
    pub(crate) fn wait(&self, events: u64, oldest: Option<Timestamp>) {
        self.waiting.store(events, Ordering::Relaxed);
        self.oldest.store(oldest.map_or(0, Timestamp::millis), Ordering::Relaxed);
    }

    /// Events that the target took.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Attempts that failed; each is made again.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Events in the outbox, as last seen.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// When the oldest of them happened; `None` if none waits.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(self.oldest.load(Ordering::Relaxed))).filter(|oldest| oldest.millis() != 0)
    }
}
