//! How often something happened, when, where from: rows of a report, at most so many.

use std::collections::{BTreeMap, BTreeSet};

use arqueta_audit::Event;

/// Rows of one kind that a report has; how many more calls there were is said.
pub(crate) const ROWS: usize = 10_000;
/// Source addresses of one row.
const SOURCES: usize = 16;

/// How often, when, where from.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) first: String,
    pub(crate) last: String,
    sources: BTreeSet<String>,
    others: bool,
}

impl Tally {
    fn add(&mut self, event: &Event, calls: u64, from: &str) {
        let at = &event.event_time;
        if self.count == 0 || *at < self.first {
            self.first.clone_from(at);
        }
        if *at > self.last {
            self.last.clone_from(at);
        }
        self.count += calls;
        if self.sources.len() < SOURCES {
            self.sources.insert(from.to_owned());
        } else {
            self.others |= !self.sources.contains(from);
        }
    }

    pub(crate) fn sources(self) -> Vec<String> {
        self.sources.into_iter().chain(self.others.then(|| "others".to_owned())).collect()
    }
}

/// Rows by what they are of.
pub(crate) struct Tallies<K> {
    rows: BTreeMap<K, Tally>,
    /// Calls that found no room.
    pub(crate) more: u64,
}

impl<K> Default for Tallies<K> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), more: 0 }
    }
}

impl<K: Ord> Tallies<K> {
    pub(crate) fn add(&mut self, row: K, event: &Event) {
        self.add_many(row, event, 1, &event.source_ip_address);
    }

    /// `calls` calls from `from` that one event tells of.
    pub(crate) fn add_many(&mut self, row: K, event: &Event, calls: u64, from: &str) {
        if self.rows.len() >= ROWS && !self.rows.contains_key(&row) {
            self.more += calls;
        } else {
            self.rows.entry(row).or_default().add(event, calls, from);
        }
    }

    pub(crate) fn into_rows<T>(self, row: impl Fn(K, Tally) -> T) -> Vec<T> {
        self.rows.into_iter().map(|(key, tally)| row(key, tally)).collect()
    }
}
