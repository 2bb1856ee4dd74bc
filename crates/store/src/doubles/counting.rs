use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arqueta_model::BlobId;
use async_trait::async_trait;
use bytes::Bytes;

use crate::{Batch, BlobEntry, BlobStore, BlobStream, BlobWriter, Change, Entry, Error, MetaStore, Position, Scan};

/// A store that counts its calls, failed ones included. Cloning shares the counters.
#[derive(Debug, Clone)]
pub struct Counting<S> {
    inner: S,
    reads: Arc<AtomicU64>,
    writes: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl<S> Counting<S> {
    /// All counters at zero.
    pub fn new(inner: S) -> Self {
        Self { inner, reads: Arc::default(), writes: Arc::default(), bytes: Arc::default() }
    }

    /// Calls of `get`, `page`, `pages`, `changes`, `read` and `list`.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Calls of `commit`, `trim`, `create` and `delete`.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Bytes given to `write` of blobs.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn reading(&self) -> &S {
        self.reads.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }

    fn writing(&self) -> &S {
        self.writes.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }
}

#[async_trait]
impl<S: MetaStore> MetaStore for Counting<S> {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.reading().get(key).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        self.reading().page(scan).await
    }
    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        self.reading().pages(scans).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        self.writing().commit(batch).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        self.reading().changes(since, limit).await
    }
    async fn trim(&self, through: Position) -> Result<(), Error> {
        self.writing().trim(through).await
    }
}

struct CountingWriter {
    inner: Box<dyn BlobWriter>,
    bytes: Arc<AtomicU64>,
}

#[async_trait]
impl BlobWriter for CountingWriter {
    async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        self.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        self.inner.write(chunk).await
    }
    async fn finish(self: Box<Self>) -> Result<u64, Error> {
        self.inner.finish().await
    }
}

#[async_trait]
impl<S: BlobStore> BlobStore for Counting<S> {
    async fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, Error> {
        let inner = self.writing().create(id).await?;
        Ok(Box::new(CountingWriter { inner, bytes: self.bytes.clone() }))
    }
    async fn read(&self, id: BlobId, size: u64, range: Range<u64>) -> Result<BlobStream, Error> {
        self.reading().read(id, size, range).await
    }
    async fn delete(&self, id: BlobId) -> Result<(), Error> {
        self.writing().delete(id).await
    }
    async fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobEntry>, Error> {
        self.reading().list(after, limit).await
    }
}
