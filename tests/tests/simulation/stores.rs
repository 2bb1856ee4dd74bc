//! The stores as a gateway of the simulation sees them: each operation in its turn.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use arqueta_model::BlobId;
use arqueta_store::{
    Batch, BlobEntry, BlobStore, BlobStream, BlobWriter, Change, Entry, Error, MetaStore, Position, Scan,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;

use crate::turns::{Fate, Step, Turns};

/// A store whose operations wait for their turn.
#[derive(Clone)]
pub struct InTurn<S> {
    inner: S,
    turns: Arc<Turns>,
}

impl<S> InTurn<S> {
    pub const fn new(inner: S, turns: Arc<Turns>) -> Self {
        Self { inner, turns }
    }
}

async fn run<T>(turns: &Turns, step: Step, operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let fate = turns.take(step).await;
    match fate {
        Fate::Works => operation.await,
        Fate::Refused => Err(Error::Io(told())),
        Fate::Full => Err(Error::Full(io::ErrorKind::StorageFull.into())),
        Fate::Forgotten => operation.await.and(Err(Error::Io(told()))),
    }
}

/// How a failure looks.
pub fn told() -> io::Error {
    io::Error::other("the simulation said so")
}

#[async_trait]
impl<S: MetaStore> MetaStore for InTurn<S> {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        run(&self.turns, Step::Read, self.inner.get(key)).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        run(&self.turns, Step::Read, self.inner.page(scan)).await
    }
    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        run(&self.turns, Step::Read, self.inner.pages(scans)).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        run(&self.turns, Step::Commit, self.inner.commit(batch)).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        run(&self.turns, Step::Read, self.inner.changes(since, limit)).await
    }
    async fn trim(&self, through: Position) -> Result<(), Error> {
        run(&self.turns, Step::Commit, self.inner.trim(through)).await
    }
}

struct WriterInTurn {
    inner: Box<dyn BlobWriter>,
    turns: Arc<Turns>,
}

#[async_trait]
impl BlobWriter for WriterInTurn {
    async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        run(&self.turns, Step::Body, self.inner.write(chunk)).await
    }
    async fn finish(self: Box<Self>) -> Result<u64, Error> {
        run(&self.turns, Step::Body, self.inner.finish()).await
    }
}

#[async_trait]
impl<S: BlobStore> BlobStore for InTurn<S> {
    async fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, Error> {
        let inner = run(&self.turns, Step::Body, self.inner.create(id)).await?;
        Ok(Box::new(WriterInTurn { inner, turns: self.turns.clone() }))
    }
    async fn read(&self, id: BlobId, size: u64, range: Range<u64>) -> Result<BlobStream, Error> {
        // All of it at once: reading ahead is done on other threads, whenever they like.
        let whole = async { Ok(self.inner.read(id, size, range).await?.collect::<Vec<_>>().await) };
        let chunks = run(&self.turns, Step::Body, whole).await?;
        Ok(futures::stream::iter(chunks).boxed())
    }
    async fn delete(&self, id: BlobId) -> Result<(), Error> {
        run(&self.turns, Step::Body, self.inner.delete(id)).await
    }
    async fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobEntry>, Error> {
        run(&self.turns, Step::Body, self.inner.list(after, limit)).await
    }
}
