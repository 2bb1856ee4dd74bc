//! Bucket keys that this process may still write into a record.
//!
//! A wrapped bucket key may be removed once no record refers to it and none ever will again. What
//! records say, the store tells; what is still to be written, only the process that sealed it
//! knows: keys of open windows, and those that a [`SealedKeys`](crate::SealedKeys) on its way into
//! a commit names. Both hold the key here for as long as they live.
//!
//! A holder that is gone may have left a commit under way behind it, so a key that was let go stays
//! in use until two more rounds of the collector have begun.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_model::BucketKeyId;

/// Bucket keys in use.
#[derive(Clone, Default)]
pub struct InUse(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    round: u64,
    keys: HashMap<BucketKeyId, Use>,
}

#[derive(Default)]
struct Use {
    holders: usize,
    /// The round in which the last holder went.
    released: u64,
}

/// Keeps a bucket key in use until its last clone is dropped.
#[derive(Clone)]
pub(crate) struct Hold(#[expect(dead_code, reason = "its drop is what it is for")] Arc<Holding>);

struct Holding {
    id: BucketKeyId,
    table: InUse,
}

impl InUse {
    /// Begins a round of the collector: keys that nobody has held since the round before the last
    /// one began are forgotten here.
    pub fn begin_round(&self) {
        let mut table = self.table();
        table.round += 1;
        let round = table.round;
        table.keys.retain(|_, used| used.holders > 0 || used.released + 1 >= round);
    }

    /// Whether no record that this process has yet to write can name this key.
    #[must_use]
    pub fn is_free(&self, id: BucketKeyId) -> bool {
        !self.table().keys.contains_key(&id)
    }

    /// Takes a key for used just now: its reference is about to move from one record to another, and
    /// a collector under way may read both at the wrong time.
    pub fn touch(&self, id: BucketKeyId) {
        drop(self.hold(id));
    }

    /// Keeps a key in use.
    pub(crate) fn hold(&self, id: BucketKeyId) -> Hold {
        self.table().keys.entry(id).or_default().holders += 1;
        Hold(Arc::new(Holding { id, table: self.clone() }))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Each change is complete before the lock is let go; a poisoned one is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut table = self.table.table();
        let round = table.round;
        if let Some(used) = table.keys.get_mut(&self.id) {
            used.holders = used.holders.saturating_sub(1);
            used.released = round;
        }
    }
}

impl PartialEq for Hold {
    /// Who holds a key is no part of what is stored.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Hold {}

impl fmt::Debug for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InUse").field(&self.table().keys.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_key_is_in_use_through_any_number_of_rounds_and_two_more_after_its_last_holder() {
        let (keys, id) = (InUse::default(), BucketKeyId::random());
        assert!(keys.is_free(id));
        let (first, second) = (keys.hold(id), keys.hold(id));
        let clone = first.clone();
        for holder in [Some(first), Some(second), Some(clone)] {
            for _ in 0..5 {
                keys.begin_round();
                assert!(!keys.is_free(id));
            }
            drop(holder);
        }
        keys.begin_round();
        assert!(!keys.is_free(id), "a commit may be under way");
        keys.begin_round();
        assert!(keys.is_free(id));
    }

    #[test]
    fn a_touched_key_is_in_use_for_the_round_under_way_and_the_next() {
        let (keys, id) = (InUse::default(), BucketKeyId::random());
        keys.begin_round();
        keys.touch(id);
        assert!(!keys.is_free(id));
        keys.begin_round();
        assert!(!keys.is_free(id));
        keys.begin_round();
        assert!(keys.is_free(id));
    }

    #[test]
    fn a_key_that_is_held_again_starts_anew() {
        let (keys, id) = (InUse::default(), BucketKeyId::random());
        keys.touch(id);
        keys.begin_round();
        let held = keys.hold(id);
        keys.begin_round();
        keys.begin_round();
        drop(held);
        keys.begin_round();
        assert!(!keys.is_free(id));
        keys.begin_round();
        assert!(keys.is_free(id));
    }
}
