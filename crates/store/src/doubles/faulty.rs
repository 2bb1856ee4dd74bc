use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arqueta_model::BlobId;
use async_trait::async_trait;
use bytes::Bytes;

use crate::{Batch, BlobEntry, BlobStore, BlobStream, BlobWriter, Change, Entry, Error, MetaStore, Position, Scan};

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// [`Error::Io`], and nothing happened.
    Refused,
    /// [`Error::Io`], although it did happen: the outcome that callers forget.
    Unacknowledged,
    /// [`Error::Full`], and nothing happened.
    Full,
}

#[derive(Debug, Default)]
struct Plan {
    /// Operations so far.
    done: u64,
    /// Faults by operation number, the first operation being 1.
    faults: BTreeMap<u64, Fault>,
    /// Fault of every operation, while set.
    always: Option<Fault>,
}

/// A store whose operations fail as planned. Every call of either seam counts as one operation,
/// each `write` and `finish` of a blob included. Cloning shares the plan.
#[derive(Debug, Clone)]
pub struct Faulty<S> {
    inner: S,
    plan: Arc<Mutex<Plan>>,
}

impl<S> Faulty<S> {
    /// Fails nothing until told to.
    pub fn new(inner: S) -> Self {
        Self { inner, plan: Arc::default() }
    }

    /// Fails the `nth` operation from now on; 1 is the next one.
    pub fn fail_nth(&self, nth: u64, fault: Fault) {
        self.with(|plan| plan.faults.insert(plan.done + nth, fault));
    }

    /// Fails every operation, or none any more.
    pub fn fail_always(&self, fault: Option<Fault>) {
        self.with(|plan| plan.always = fault);
    }

    /// Operations so far, failed ones included.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.with(|plan| plan.done)
    }

    fn with<T>(&self, f: impl FnOnce(&mut Plan) -> T) -> T {
        f(&mut self.plan.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn run<T>(&self, operation: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
        let fault = self.with(|plan| {
            plan.done += 1;
            plan.faults.remove(&plan.done).or(plan.always)
        });
        let injected = || io::Error::other("injected fault");
        match fault {
            None => operation.await,
            Some(Fault::Refused) => Err(Error::Io(injected())),
            Some(Fault::Full) => Err(Error::Full(io::ErrorKind::StorageFull.into())),
            Some(Fault::Unacknowledged) => operation.await.and(Err(Error::Io(injected()))),
        }
    }
}

#[async_trait]
impl<S: MetaStore> MetaStore for Faulty<S> {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.run(self.inner.get(key)).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        self.run(self.inner.page(scan)).await
    }
    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        self.run(self.inner.pages(scans)).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        self.run(self.inner.commit(batch)).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        self.run(self.inner.changes(since, limit)).await
    }
    async fn trim(&self, through: Position) -> Result<(), Error> {
        self.run(self.inner.trim(through)).await
    }
}

struct FaultyWriter<S> {
    inner: Box<dyn BlobWriter>,
    store: Faulty<S>,
}

#[async_trait]
impl<S: Clone + Send + Sync> BlobWriter for FaultyWriter<S> {
    async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        self.store.run(self.inner.write(chunk)).await
    }
    async fn finish(self: Box<Self>) -> Result<u64, Error> {
        self.store.run(self.inner.finish()).await
    }
}

#[async_trait]
impl<S: BlobStore + Clone + 'static> BlobStore for Faulty<S> {
    async fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, Error> {
        let inner = self.run(self.inner.create(id)).await?;
        Ok(Box::new(FaultyWriter { inner, store: self.clone() }))
    }
    async fn read(&self, id: BlobId, size: u64, range: Range<u64>) -> Result<BlobStream, Error> {
        self.run(self.inner.read(id, size, range)).await
    }
    async fn delete(&self, id: BlobId) -> Result<(), Error> {
        self.run(self.inner.delete(id)).await
    }
    async fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobEntry>, Error> {
        self.run(self.inner.list(after, limit)).await
    }
}
