use std::sync::Arc;

use arqueta_store::{Batch, Change, Entry, Error, MetaStore, Position, Scan};
use async_trait::async_trait;
use bytes::Bytes;

use super::outbox::Outbox;
use super::scope;

/// A store whose commits carry what their calls began.
pub struct Told<S> {
    inner: S,
    outbox: Arc<Outbox>,
}

impl<S: MetaStore> Told<S> {
    /// Over `inner`; `outbox` looks after the rows.
    #[must_use]
    pub fn new(inner: S, outbox: Arc<Outbox>) -> Self {
        Self { inner, outbox }
    }
}

impl<S> std::fmt::Debug for Told<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Told").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}

#[async_trait]
impl<S: MetaStore> MetaStore for Told<S> {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.inner.get(key).await
    }

    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        self.inner.page(scan).await
    }

    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        self.inner.pages(scans).await
    }

    async fn commit(&self, mut batch: Batch) -> Result<(), Error> {
        if batch.writes.is_empty() {
            return self.inner.commit(batch).await;
        }
        let telling = scope::current();
        let rows = telling.as_ref().and_then(|telling| telling.rows(&self.outbox));
        for row in rows.iter().flat_map(|rows| &**rows) {
            batch = batch.put(row.key.clone(), row.line.clone());
        }
        // Not lost if this is given up in the middle: the next start finds the rows needless.
        let needless = self.outbox.needless();
        batch = needless.iter().cloned().fold(batch, Batch::delete);
        let outcome = self.inner.commit(batch).await;
        if let Some((telling, _)) = telling.zip(rows) {
            telling.carry(outcome.is_ok());
        }
        if outcome.is_err() {
            self.outbox.keep(needless);
        }
        outcome
    }

    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        self.inner.changes(since, limit).await
    }

    async fn trim(&self, through: Position) -> Result<(), Error> {
        self.inner.trim(through).await
    }
}
