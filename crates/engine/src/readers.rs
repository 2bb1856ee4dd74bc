//! Bodies that someone is still reading.
//!
//! Garbage waits a while before it goes, but a slow reader of a large object may take longer than
//! any fixed time. What is held here is left for the next sweep.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_model::BlobId;

/// Blob files by number of readers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readers(Arc<Mutex<HashMap<BlobId, usize>>>);

/// Holds some files until dropped.
#[derive(Debug)]
pub(crate) struct Held {
    readers: Readers,
    files: Vec<BlobId>,
}

impl Readers {
    /// Holds these files.
    pub fn hold(&self, files: Vec<BlobId>) -> Held {
        let mut counts = self.counts();
        for id in &files {
            *counts.entry(*id).or_default() += 1;
        }
        drop(counts);
        Held { readers: self.clone(), files }
    }

    /// Whether someone holds this file.
    pub fn holds(&self, id: BlobId) -> bool {
        self.counts().contains_key(&id)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<BlobId, usize>> {
        // Counting does not panic half-way; a poisoned count is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut counts = self.readers.counts();
        for id in &self.files {
            if let Some(count) = counts.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_held_until_its_last_reader_is_done() {
        let (readers, id) = (Readers::default(), BlobId::random());
        let first = readers.hold(vec![id, id]);
        let second = readers.hold(vec![id, BlobId::random()]);
        drop(first);
        assert!(readers.holds(id));
        drop(second);
        assert!(!readers.holds(id) && readers.counts().is_empty());
    }
}
