//! What whoever imports is told meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A setting of the bucket was brought over, or would be.
    Setting {
        /// Which.
        what: &'static str,
    },
    /// A setting that stays behind.
    SettingLeft {
        /// Which.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// A version that stays behind.
    Left {
        /// Its key.
        key: String,
        /// Its id, where versions are listed.
        version: Option<String>,
        /// Why.
        why: String,
    },
}

/// What was done so far, by all that is done at the same time.
#[derive(Debug, Default)]
pub struct Totals {
    /// Keys that were looked at.
    pub keys: AtomicU64,
    /// Versions copied, or to be copied.
    pub copied: AtomicU64,
    /// Delete markers made, or to be made.
    pub markers: AtomicU64,
    /// Versions that were there already.
    pub there: AtomicU64,
    /// Versions that stay behind.
    pub left: AtomicU64,
    /// Bytes that came, or are to come.
    pub bytes: AtomicU64,
    /// Objects deleted, since the source has them no more.
    pub deleted: AtomicU64,
}

impl Totals {
    pub(crate) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    /// Whether nothing was to be done.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        [&self.copied, &self.markers, &self.deleted].iter().all(|counter| counter.load(Ordering::Relaxed) == 0)
    }

    /// For people.
    #[must_use]
    pub fn line(&self) -> String {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let deleted = match of(&self.deleted) {
            0 => String::new(),
            some => format!(", {some} deleted"),
        };
        format!(
            "{} keys: {} versions of {} bytes and {} delete markers copied{deleted}, {} there already, {} left behind",
            of(&self.keys),
            of(&self.copied),
            of(&self.bytes),
            of(&self.markers),
            of(&self.there),
            of(&self.left)
        )
    }
}
