//! Values of condition keys that tell conditions apart: with one of each class of values that some
//! condition treats alike, a search through them is a search through all.

use std::collections::BTreeSet;

/// Stands for every value that no condition names.
const OTHER: &str = "(another)";

/// Values of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    values: BTreeSet<String>,
    /// Whether some condition may treat a further value unlike all of these.
    partial: bool,
    /// Whether some condition asks about several values at once.
    sets: bool,
}

impl Samples {
    /// One for each class, as far as that is known; at least one.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }

    /// Whether every value is like one of these for every condition.
    #[must_use]
    pub fn are_complete(&self) -> bool {
        !self.partial
    }

    /// Whether some condition asks about several values at once (`ForAnyValue`, `ForAllValues`).
    #[must_use]
    pub fn have_sets(&self) -> bool {
        self.sets
    }

    /// Of a key that no condition has been held against.
    pub(crate) fn any() -> Self {
        Self { values: BTreeSet::from([OTHER.to_owned()]), ..Self::default() }
    }

    pub(crate) fn add(&mut self, value: impl Into<String>) {
        self.values.insert(value.into());
    }

    /// A value that begins with `prefix` and is none that anybody writes.
    pub(crate) fn add_beyond(&mut self, prefix: &str) {
        self.values.insert([prefix, OTHER].concat());
    }

    pub(crate) fn note_partial(&mut self) {
        self.partial = true;
    }

    pub(crate) fn note_sets(&mut self) {
        self.sets = true;
    }
}
