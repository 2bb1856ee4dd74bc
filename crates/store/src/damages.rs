//! Damaged records that were met: told once each, counted, and remembered for who looks after the
//! store.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::Write;

/// Records remembered and told of one by one; beyond that they are only counted.
const REMEMBERED: usize = 1000;

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its checksum does not match: the disk did not keep it.
    Decayed,
    /// Its tag does not match: it was not written under this key by this store's owner.
    Forged,
    /// It is whole and cannot be understood.
    Unreadable,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decayed => "its checksum does not match",
            Self::Forged => "its authentication tag does not match",
            Self::Unreadable => "it cannot be decoded",
        })
    }
}

/// The damaged records that are known.
pub struct Damages {
    /// What a key stands for, in words for an operator.
    name: fn(&[u8]) -> String,
    known: Mutex<BTreeMap<Bytes, Cause>>,
    /// How many are in `known`, for who must not wait.
    len: AtomicUsize,
    met: AtomicU64,
}

impl Default for Damages {
    fn default() -> Self {
        Self::named_by(|key| key.escape_ascii().to_string())
    }
}

impl Damages {
    /// None known; `name` says what a key stands for.
    #[must_use]
    pub fn named_by(name: fn(&[u8]) -> String) -> Self {
        Self { name, known: Mutex::default(), len: AtomicUsize::new(0), met: AtomicU64::new(0) }
    }

    /// A damaged record was met.
    pub fn note(&self, key: &[u8], cause: Cause) {
        self.met.fetch_add(1, Ordering::Relaxed);
        let mut known = self.known();
        if known.contains_key(key) || known.len() >= REMEMBERED {
            return;
        }
        known.insert(Bytes::copy_from_slice(key), cause);
        self.len.store(known.len(), Ordering::Release);
        drop(known);
        tracing::error!(record = %(self.name)(key), %cause, "a metadata record is damaged and is left out");
    }

    /// These writes were made: what they replace or remove is damaged no longer.
    pub(crate) fn healed<'a>(&self, writes: impl Iterator<Item = &'a Write>) {
        if self.is_empty() {
            return;
        }
        for write in writes {
            let (Write::Put(key, _) | Write::Delete(key)) = write else { continue };
            let mut known = self.known();
            if known.remove(key).is_some() {
                self.len.store(known.len(), Ordering::Release);
                drop(known);
                tracing::warn!(record = %(self.name)(key), "a damaged metadata record was replaced or removed");
            }
        }
    }

    /// How many records are known to be damaged now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often one was met so far.
    #[must_use]
    pub fn met(&self) -> u64 {
        self.met.load(Ordering::Relaxed)
    }

    /// The records that are known, in key order: key, name, and what is wrong.
    #[must_use]
    pub fn list(&self) -> Vec<(Bytes, String, Cause)> {
        self.known().iter().map(|(key, cause)| (key.clone(), (self.name)(key), *cause)).collect()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Bytes, Cause>> {
        // Each change is one call into the map; a poisoned one is still right.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Damages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Damages").field("known", &self.len()).field("met", &self.met()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_until_it_is_written_again() {
        let damages = Damages::default();
        damages.note(b"a", Cause::Decayed);
        damages.note(b"b", Cause::Forged);
        damages.note(b"a", Cause::Decayed);
        assert_eq!((damages.len(), damages.met()), (2, 3));
        let key = |text: &'static str| Bytes::from_static(text.as_bytes());
        damages.healed([Write::Delete(key("b")), Write::Put(key("c"), key(""))].iter());
        assert_eq!(damages.list(), [(key("a"), "a".to_owned(), Cause::Decayed)]);
        assert!(!damages.is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let damages = Damages::default();
        for n in 0..REMEMBERED + 5 {
            damages.note(&n.to_be_bytes(), Cause::Decayed);
        }
        assert_eq!((damages.len(), damages.met()), (REMEMBERED, REMEMBERED as u64 + 5));
    }
}
