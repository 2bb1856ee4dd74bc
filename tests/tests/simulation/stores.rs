//! The stores as a gateway of the simulation sees them: each operation in its turn.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_model::BlobId;
use arqueta_store::{
    Batch, BlobEntry, BlobStore, BlobStream, BlobWriter, Change, Entry, Error, MetaStore, Position, Scan,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;

use crate::turns::{Fate, Step, Turns};

/// What a life of a gateway has, and gives back when it is over: some of a gateway's parts hold each
/// other for as long as the process lasts.
pub struct Lent<T>(Mutex<Option<Arc<T>>>);

impl<T> Lent<T> {
    pub fn new(it: T) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Arc::new(it)))))
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn borrow(&self) -> Result<Arc<T>, Error> {
        self.held().clone().ok_or(Error::Closed)
    }

    pub fn give_back(&self) {
        let it = self.held().take();
        drop(it);
    }
}

/// A store whose operations wait for their turn.
#[derive(Clone)]
pub struct InTurn<S> {
    inner: Arc<Lent<S>>,
    turns: Arc<Turns>,
}

impl<S> InTurn<S> {
    pub const fn new(inner: Arc<Lent<S>>, turns: Arc<Turns>) -> Self {
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
        run(&self.turns, Step::Read, async { self.inner.borrow()?.get(key).await }).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        run(&self.turns, Step::Read, async { self.inner.borrow()?.page(scan).await }).await
    }
    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        run(&self.turns, Step::Read, async { self.inner.borrow()?.pages(scans).await }).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        run(&self.turns, Step::Commit, async { self.inner.borrow()?.commit(batch).await }).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        run(&self.turns, Step::Read, async { self.inner.borrow()?.changes(since, limit).await }).await
    }
    async fn trim(&self, through: Position) -> Result<(), Error> {
        run(&self.turns, Step::Commit, async { self.inner.borrow()?.trim(through).await }).await
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
        let inner = run(&self.turns, Step::Body, async { self.inner.borrow()?.create(id).await }).await?;
        Ok(Box::new(WriterInTurn { inner, turns: self.turns.clone() }))
    }
    async fn read(&self, id: BlobId, size: u64, range: Range<u64>) -> Result<BlobStream, Error> {
        // All of it at once: reading ahead is done on other threads, whenever they like.
        let whole = async { Ok(self.inner.borrow()?.read(id, size, range).await?.collect::<Vec<_>>().await) };
        let chunks = run(&self.turns, Step::Body, whole).await?;
        Ok(futures::stream::iter(chunks).boxed())
    }
    async fn delete(&self, id: BlobId) -> Result<(), Error> {
        run(&self.turns, Step::Body, async { self.inner.borrow()?.delete(id).await }).await
    }
    async fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobEntry>, Error> {
        run(&self.turns, Step::Body, async { self.inner.borrow()?.list(after, limit).await }).await
    }
}
