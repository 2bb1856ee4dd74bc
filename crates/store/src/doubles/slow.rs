use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arqueta_model::{BlobId, Clock};
use async_trait::async_trait;
use bytes::Bytes;

use crate::{Batch, BlobEntry, BlobStore, BlobStream, BlobWriter, Change, Entry, Error, MetaStore, Position, Scan};

#[derive(Debug, Clone)]
struct Delay {
    clock: Arc<dyn Clock>,
    each: Duration,
}

impl Delay {
    async fn pass(&self) {
        self.clock.sleep(self.each).await;
    }
}

/// A store whose every operation first takes some time on a clock.
#[derive(Debug, Clone)]
pub struct Slow<S> {
    inner: S,
    delay: Delay,
}

impl<S> Slow<S> {
    /// Delays each operation, each `write` and `finish` of a blob included, by `each`.
    pub fn new(inner: S, clock: Arc<dyn Clock>, each: Duration) -> Self {
        Self { inner, delay: Delay { clock, each } }
    }
}

#[async_trait]
impl<S: MetaStore> MetaStore for Slow<S> {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.delay.pass().await;
        self.inner.get(key).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        self.delay.pass().await;
        self.inner.page(scan).await
    }
    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        self.delay.pass().await;
        self.inner.pages(scans).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        self.delay.pass().await;
        self.inner.commit(batch).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        self.delay.pass().await;
        self.inner.changes(since, limit).await
    }
    async fn trim(&self, through: Position) -> Result<(), Error> {
        self.delay.pass().await;
        self.inner.trim(through).await
    }
}

struct SlowWriter {
    inner: Box<dyn BlobWriter>,
    delay: Delay,
}

#[async_trait]
impl BlobWriter for SlowWriter {
    async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        self.delay.pass().await;
        self.inner.write(chunk).await
    }
    async fn finish(self: Box<Self>) -> Result<u64, Error> {
        self.delay.pass().await;
        self.inner.finish().await
    }
}

#[async_trait]
impl<S: BlobStore> BlobStore for Slow<S> {
    async fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, Error> {
        self.delay.pass().await;
        Ok(Box::new(SlowWriter { inner: self.inner.create(id).await?, delay: self.delay.clone() }))
    }
    async fn read(&self, id: BlobId, size: u64, range: Range<u64>) -> Result<BlobStream, Error> {
        self.delay.pass().await;
        self.inner.read(id, size, range).await
    }
    async fn delete(&self, id: BlobId) -> Result<(), Error> {
        self.delay.pass().await;
        self.inner.delete(id).await
    }
    async fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobEntry>, Error> {
        self.delay.pass().await;
        self.inner.list(after, limit).await
    }
}
