//! Bodies that someone is still reading, and bodies that are being removed.
//!
//! A body whose record went away is removed at once, unless it is held here; then the next sweep looks
//! again. Holding and removing exclude each other: who comes to hold a body that is being removed has
//! read a record that is gone, and reads again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_model::BlobId;

/// Blob files by what goes on with them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readers(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// By number of readers.
    held: HashMap<BlobId, usize>,
    removing: HashSet<BlobId>,
    /// Who holds all of them.
    all: usize,
}

/// Holds some files until dropped.
#[derive(Debug)]
pub(crate) struct Held {
    readers: Readers,
    files: Vec<BlobId>,
}

/// Keeps every body until dropped; what was released meanwhile goes with the next sweep.
#[derive(Debug)]
pub struct BodiesHeld {
    readers: Readers,
}

impl Drop for BodiesHeld {
    fn drop(&mut self) {
        self.readers.known().all -= 1;
    }
}

/// Keeps a file from being held until dropped.
#[derive(Debug)]
pub(crate) struct Removing {
    readers: Readers,
    file: BlobId,
}

impl Readers {
    /// Holds these files; `None` if one of them is being removed.
    pub fn hold(&self, files: Vec<BlobId>) -> Option<Held> {
        let mut known = self.known();
        if files.iter().any(|id| known.removing.contains(id)) {
            return None;
        }
        for id in &files {
            *known.held.entry(*id).or_default() += 1;
        }
        drop(known);
        Some(Held { readers: self.clone(), files })
    }

    /// Holds every file that is there and is not being removed: those that the metadata refer to from now on.
    pub fn hold_all(&self) -> BodiesHeld {
        self.known().all += 1;
        BodiesHeld { readers: self.clone() }
    }

    /// Lets nobody hold this file any more; `None` if someone does.
    pub fn remove(&self, file: BlobId) -> Option<Removing> {
        let mut known = self.known();
        if known.all > 0 || known.held.contains_key(&file) {
            return None;
        }
        known.removing.insert(file);
        drop(known);
        Some(Removing { readers: self.clone(), file })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Counting does not panic half-way; a poisoned count is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut known = self.readers.known();
        for id in &self.files {
            if let Some(count) = known.held.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    known.held.remove(id);
                }
            }
        }
    }
}

impl Drop for Removing {
    fn drop(&mut self) {
        self.readers.known().removing.remove(&self.file);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_held_until_its_last_reader_is_done() {
        let (readers, id) = (Readers::default(), BlobId::random());
        let first = readers.hold(vec![id, id]).unwrap();
        let second = readers.hold(vec![id, BlobId::random()]).unwrap();
        drop(first);
        assert!(readers.remove(id).is_none());
        drop(second);
        assert!(readers.remove(id).is_some() && readers.known().held.is_empty());
    }

    #[test]
    fn who_holds_all_keeps_what_nobody_knew_of() {
        let (readers, id) = (Readers::default(), BlobId::random());
        let (all, again) = (readers.hold_all(), readers.hold_all());
        assert!(readers.remove(id).is_none());
        drop(all);
        assert!(readers.remove(id).is_none() && readers.hold(vec![id]).is_some());
        drop(again);
        assert!(readers.remove(id).is_some());
    }

    #[test]
    fn a_file_that_is_being_removed_cannot_be_held() {
        let (readers, id, other) = (Readers::default(), BlobId::random(), BlobId::random());
        let removing = readers.remove(id).unwrap();
        assert!(readers.hold(vec![other, id]).is_none());
        assert!(readers.remove(other).is_some(), "nothing is held of what was not held whole");
        drop(removing);
        assert!(readers.hold(vec![id]).is_some());
    }
}
