use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::RwLock;

use crate::{Batch, Change, Error, MetaStore, Pair, Position, Precondition, Scan, Write};

#[derive(Debug, Default)]
struct State {
    pairs: BTreeMap<Bytes, Bytes>,
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

    /// Every pair, in key order: what a test compares whole states by.
    pub async fn dump(&self) -> Vec<Pair> {
        self.state.read().await.pairs.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl State {
    fn holds(&self, precondition: &Precondition) -> bool {
        match precondition {
            Precondition::Unchanged { key, value } => self.pairs.get(key) == value.as_ref(),
            Precondition::Present(key) => self.pairs.contains_key(key),
            Precondition::NoneUnder(prefix) => {
                let first = self.pairs.range::<[u8], _>((Bound::Included(&prefix[..]), Bound::Unbounded)).next();
                first.is_none_or(|(key, _)| !key.starts_with(prefix))
            }
        }
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Put(key, value) => {
                self.pairs.insert(key, value);
            }
            Write::Delete(key) => {
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
        Ok(self.state.read().await.pairs.get(key).cloned())
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Pair>, Error> {
        let state = self.state.read().await;
        let from = state.pairs.range((Bound::Included(scan.start), Bound::Unbounded));
        let within = from.take_while(|(key, _)| scan.end.as_ref().is_none_or(|end| *key < end));
        Ok(within.take(scan.limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        let mut state = self.state.write().await;
        if !batch.preconditions.iter().all(|precondition| state.holds(precondition)) {
            return Err(Error::Conflict);
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

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keeps_the_contract() {
        crate::contract::meta_store(async || MemoryMeta::new()).await;
    }
}
