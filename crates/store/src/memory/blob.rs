use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::Arc;

use arqueta_model::{BlobId, Clock, SystemClock, Timestamp};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::sync::RwLock;

use crate::{BlobEntry, BlobStore, BlobStream, BlobWriter, Error};

/// Small on purpose, so that readers meet chunk edges even in small blobs.
const READ_CHUNK: usize = 4096;

#[derive(Debug, Clone)]
struct Stored {
    body: Bytes,
    finished: Timestamp,
}

type Blobs = Arc<RwLock<BTreeMap<BlobId, Stored>>>;

/// [`BlobStore`] in memory. Cloning shares the blobs.
#[derive(Debug, Clone)]
pub struct MemoryBlobs {
    blobs: Blobs,
    clock: Arc<dyn Clock>,
}

impl MemoryBlobs {
    /// An empty store that dates blobs by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { blobs: Blobs::default(), clock }
    }

    /// Replaces a stored blob's bytes, as a failing or hostile disk would.
    pub async fn tamper(&self, id: BlobId, body: impl Into<Bytes>) {
        if let Some(stored) = self.blobs.write().await.get_mut(&id) {
            stored.body = body.into();
        }
    }
}

impl Default for MemoryBlobs {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

struct Writer {
    store: MemoryBlobs,
    id: BlobId,
    body: BytesMut,
}

#[async_trait]
impl BlobWriter for Writer {
    async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        self.body.extend_from_slice(&chunk);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<u64, Error> {
        let Self { store, id, body } = *self;
        let mut blobs = store.blobs.write().await;
        if blobs.contains_key(&id) {
            return Err(Error::Io(std::io::ErrorKind::AlreadyExists.into()));
        }
        let size = body.len() as u64;
        blobs.insert(id, Stored { body: body.freeze(), finished: store.clock.now() });
        Ok(size)
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, Error> {
        Ok(Box::new(Writer { store: self.clone(), id, body: BytesMut::new() }))
    }

    async fn read(&self, id: BlobId, size: u64, range: Range<u64>) -> Result<BlobStream, Error> {
        let blobs = self.blobs.read().await;
        let body = &blobs.get(&id).ok_or(Error::NoSuchBlob)?.body;
        if body.len() as u64 != size {
            return Err(Error::wrong_size(id));
        }
        let span = |at: u64| usize::try_from(at).ok().filter(|at| *at <= body.len()).ok_or(Error::OutOfRange);
        let (start, end) = (span(range.start)?, span(range.end)?);
        if start > end {
            return Err(Error::OutOfRange);
        }
        let wanted = body.slice(start..end);
        let chunks = (0..wanted.len()).step_by(READ_CHUNK);
        let chunks: Vec<_> = chunks.map(|at| Ok(wanted.slice(at..wanted.len().min(at + READ_CHUNK)))).collect();
        Ok(futures::stream::iter(chunks).boxed())
    }

    async fn delete(&self, id: BlobId) -> Result<(), Error> {
        self.blobs.write().await.remove(&id);
        Ok(())
    }

    async fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobEntry>, Error> {
        let blobs = self.blobs.read().await;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let page = blobs.range((from, Bound::Unbounded)).take(limit);
        Ok(page.map(|(id, s)| BlobEntry { id: *id, size: s.body.len() as u64, finished: s.finished }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keeps_the_contract() {
        crate::contract::blob_store(async || MemoryBlobs::default()).await;
    }
}
