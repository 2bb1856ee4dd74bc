use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::RwLock;

use crate::{Batch, Change, Entry, Error, MetaStore, Pair, Position, Precondition, Scan, Write};

#[derive(Debug, Default)]
struct State {
    pairs: BTreeMap<Bytes, Bytes>,
    /// Keys whose records are damaged.
    damaged: BTreeSet<Bytes>,
    changes: BTreeMap<u64, Bytes>,
    last_position: u64,
}

/// [`MetaStore`] in memory. A page is read under one lock, so it is one snapshot; a commit is
/// "durable" as soon as it is applied.
#[derive(Debug, Default)]
pub struct MemoryMeta {
    state: RwLock<State>,
}

impl MemoryMeta {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Damages the record of `key`, as a flipped bit on a disk would, until it is written or removed.
    pub async fn damage(&self, key: &[u8]) {
        let mut state = self.state.write().await;
        assert!(state.pairs.contains_key(key), "nothing lies under {}", key.escape_ascii());
        state.damaged.insert(Bytes::copy_from_slice(key));
    }

    /// Every pair, in key order: what a test compares whole states by.
    pub async fn dump(&self) -> Vec<Pair> {
        self.state.read().await.pairs.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl State {
    fn value(&self, key: &[u8]) -> Result<Option<&Bytes>, Error> {
        if self.damaged.contains(key) { Err(Error::record(key)) } else { Ok(self.pairs.get(key)) }
    }

    fn page(&self, scan: &Scan) -> Vec<Entry> {
        let from = self.pairs.range::<[u8], _>((Bound::Included(&scan.start[..]), Bound::Unbounded));
        let within = from.take_while(|(key, _)| scan.end.as_ref().is_none_or(|end| *key < end));
        let entry = |(key, _): (&Bytes, _)| Entry { key: key.clone(), value: self.value(key).ok().flatten().cloned() };
        within.take(scan.limit).map(entry).collect()
    }

    fn holds(&self, precondition: &Precondition) -> Result<bool, Error> {
        Ok(match precondition {
            Precondition::Unchanged { key, value } => self.value(key)? == value.as_ref(),
            Precondition::Damaged(key) => self.damaged.contains(key),
            Precondition::Present(key) => self.pairs.contains_key(key),
            Precondition::NoneUnder(prefix) => {
                let first = self.pairs.range::<[u8], _>((Bound::Included(&prefix[..]), Bound::Unbounded)).next();
                first.is_none_or(|(key, _)| !key.starts_with(prefix))
            }
        })
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Put(key, value) => {
                self.damaged.remove(&key);
                self.pairs.insert(key, value);
            }
            Write::Delete(key) => {
                self.damaged.remove(&key);
                self.pairs.remove(&key);
            }
            Write::Announce(body) => {
                self.last_position += 1;
                self.changes.insert(self.last_position, body);
            }
        }
    }
}

#[async_trait]
impl MetaStore for MemoryMeta {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.state.read().await.value(key)?.cloned())
    }

    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        Ok(self.state.read().await.page(&scan))
    }

    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        let state = self.state.read().await;
        Ok(scans.iter().map(|scan| state.page(scan)).collect())
    }

    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        let mut state = self.state.write().await;
        for precondition in &batch.preconditions {
            if !state.holds(precondition)? {
                return Err(Error::Conflict);
            }
        }
        batch.writes.into_iter().for_each(|write| state.apply(write));
        Ok(())
    }

    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        let state = self.state.read().await;
        let after = state.changes.range((Bound::Excluded(since.0), Bound::Unbounded));
        Ok(after.take(limit).map(|(at, body)| Change { position: Position(*at), body: body.clone() }).collect())
    }

    async fn trim(&self, through: Position) -> Result<(), Error> {
        let mut state = self.state.write().await;
        state.changes.retain(|at, _| *at > through.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{damaged_records, meta_store};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keeps_the_contract() {
        meta_store(async || MemoryMeta::new()).await;
    }

    #[tokio::test]
    async fn damage_is_told() {
        let store = MemoryMeta::new();
        let batch = ["a", "bad", "c", "worse"].into_iter().zip(["1", "-", "3", "-"]);
        let batch = batch.fold(Batch::default(), |batch, (key, value)| batch.put(key, value));
        store.commit(batch).await.expect("a commit without preconditions succeeds");
        store.damage(b"bad").await;
        store.damage(b"worse").await;
        damaged_records(&store).await;
    }
}
