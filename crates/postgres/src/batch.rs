//! A batch as `apply_batch` takes it: arrays, and the locks under which they are looked at.

use std::collections::BTreeMap;

use arqueta_store::{Batch, Precondition, Write, record};
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

/// Locks of single keys at most: the server has room for some thousands. A larger batch locks all keys.
const MOST_LOCKS: usize = 256;

/// The locks of one schema: those of a database are one space, and stores in it are not to wait for each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Locks(u32);

impl Locks {
    /// Of the schema with this number.
    pub(crate) const fn of(schema: i32) -> Self {
        Self(schema.cast_unsigned())
    }

    /// All ranges of keys: exclusive for who asks whether a range is empty, shared for who adds a key.
    pub(crate) fn ranges(self) -> i64 {
        i64::MIN + i64::from(self.0)
    }

    /// The feed, behind nearly all others: positions are given and seen in one order.
    pub(crate) fn feed(self) -> i64 {
        i64::MAX - i64::from(self.0)
    }

    /// One key. Two may have the same number: they wait for each other, no more.
    fn key(self, key: &[u8]) -> i64 {
        let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
        digest.update(&self.0.to_be_bytes());
        digest.update(key);
        i64::from_ne_bytes(digest.finalize().to_ne_bytes())
    }
}

/// The arguments of `apply_batch`.
#[derive(Debug, Default)]
pub(crate) struct Arrays {
    pub(crate) locks: Vec<i64>,
    pub(crate) shared: Vec<bool>,
    pub(crate) same_keys: Vec<Bytes>,
    pub(crate) same_values: Vec<Option<Bytes>>,
    pub(crate) present: Vec<Bytes>,
    pub(crate) empty: Vec<Bytes>,
    pub(crate) deleted: Vec<Bytes>,
    pub(crate) put_keys: Vec<Bytes>,
    pub(crate) put_values: Vec<Bytes>,
    pub(crate) announced: Vec<Bytes>,
}

/// The record of `key` and `value` as it is stored.
pub(crate) fn sealed(key: &[u8], value: &[u8]) -> Bytes {
    let mut sealed = vec![0; value.len() + record::OVERHEAD];
    record::encode_into(key, value, &mut sealed);
    sealed.into()
}

impl Arrays {
    /// `stored` are the damaged records that the batch's preconditions of that kind are about, in their order.
    pub(crate) fn of(batch: &Batch, stored: &[Bytes], locks: Locks) -> Self {
        let (mut arrays, mut stored) = (Self::default(), stored.iter());
        for precondition in &batch.preconditions {
            match precondition {
                Precondition::Unchanged { key, value } => {
                    arrays.same_keys.push(key.clone());
                    arrays.same_values.push(value.as_ref().map(|value| sealed(key, value)));
                }
                Precondition::Damaged(key) => {
                    arrays.same_keys.push(key.clone());
                    arrays.same_values.push(stored.next().cloned());
                }
                Precondition::Present(key) => arrays.present.push(key.clone()),
                Precondition::NoneUnder(prefix) => arrays.empty.push(prefix.clone()),
            }
        }
        // Of several writes of one key the last one counts.
        let mut last = BTreeMap::new();
        for write in &batch.writes {
            match write {
                Write::Put(key, value) => drop(last.insert(key, Some(value))),
                Write::Delete(key) => drop(last.insert(key, None)),
                Write::Announce(body) => arrays.announced.push(sealed(b"", body)),
            }
        }
        for (key, value) in last {
            match value {
                Some(value) => {
                    arrays.put_values.push(sealed(key, value));
                    arrays.put_keys.push(key.clone());
                }
                None => arrays.deleted.push(key.clone()),
            }
        }
        (arrays.locks, arrays.shared) = arrays.locked(locks).into_iter().unzip();
        arrays
    }

    /// The locks in the one order of all, and whether others may share each.
    fn locked(&self, of: Locks) -> BTreeMap<i64, bool> {
        let compared = self.same_keys.iter().chain(&self.present);
        let written = self.deleted.iter().chain(&self.put_keys);
        let mut locks: BTreeMap<i64, bool> = compared.map(|key| (of.key(key), true)).collect();
        locks.extend(written.map(|key| (of.key(key), false)));
        let all = locks.len() > MOST_LOCKS;
        if all {
            locks.clear();
        }
        if all || !self.empty.is_empty() {
            locks.insert(of.ranges(), false);
        } else if !locks.is_empty() {
            // Shared by all others, so that a large batch is alone; and who adds a key waits for who asked.
            locks.entry(of.ranges()).or_insert(true);
        }
        if !self.announced.is_empty() {
            locks.insert(of.feed(), false);
        }
        locks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Locks = Locks(7);

    fn locks(batch: &Batch) -> Vec<(i64, bool)> {
        let Arrays { locks, shared, .. } = Arrays::of(batch, &[], HERE);
        locks.into_iter().zip(shared).collect()
    }

    #[test]
    fn locks_are_in_one_order_and_writers_have_theirs_alone() {
        let batch = Batch::default().unchanged("a", None).put("a", "1").unchanged("b", None).delete("c").announce("x");
        let found = locks(&batch);
        assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0), "{found:?}");
        assert_eq!(found.first(), Some(&(HERE.ranges(), true)));
        assert_eq!(found.last(), Some(&(HERE.feed(), false)));
        for (key, shared) in [(b"a", false), (b"b", true), (b"c", false)] {
            assert!(found.contains(&(HERE.key(key), shared)), "{key:?}");
        }
        let asks = Batch::default().require(Precondition::NoneUnder("a".into())).put("b", "");
        assert!(locks(&asks).contains(&(HERE.ranges(), false)));
        assert_eq!(locks(&Batch::default()), []);
    }

    #[test]
    fn a_large_batch_is_alone() {
        let large = (0..1000u32).fold(Batch::default(), |batch, n| batch.put(n.to_be_bytes().to_vec(), ""));
        assert_eq!(locks(&large), [(HERE.ranges(), false)]);
    }

    #[test]
    fn of_several_writes_of_a_key_the_last_one_counts() {
        let batch = Batch::default().put("a", "1").put("a", "2").delete("b").put("b", "3").put("c", "4").delete("c");
        let arrays = Arrays::of(&batch, &[], HERE);
        assert_eq!((arrays.put_keys, arrays.deleted), (vec!["a".into(), "b".into()], vec!["c".into()]));
        assert_eq!(arrays.put_values, [sealed(b"a", b"2"), sealed(b"b", b"3")]);
    }
}
