//! The metadata contract: ordered keys, snapshot pages, atomic batches, a change feed.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Error;

/// A key and its value.
pub type Pair = (Bytes, Bytes);

/// One key of a page, and its value where that is what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Bytes,
    /// The value; `None` for a damaged record.
    pub value: Option<Bytes>,
}

impl From<Pair> for Entry {
    fn from((key, value): Pair) -> Self {
        Self { key, value: Some(value) }
    }
}

/// A position in the change feed. Positions grow; zero lies before the first change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Position(pub u64);

/// One entry of the change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where it stands.
    pub position: Position,
    /// What the writer announced.
    pub body: Bytes,
}

/// A page request: keys in `start..end`, in byte order.
#[derive(Debug, Clone)]
pub struct Scan {
    /// First key wanted.
    pub start: Bytes,
    /// First key no longer wanted; `None` for no bound.
    pub end: Option<Bytes>,
    /// Most pairs in the page; at least 1.
    pub limit: usize,
}

impl Scan {
    /// All keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8], limit: usize) -> Self {
        Self { start: Bytes::copy_from_slice(prefix), end: successor(prefix), limit }
    }
}

/// The first key after every key that begins with `prefix`; `None` if there is none.
fn successor(prefix: &[u8]) -> Option<Bytes> {
    let keep = prefix.iter().rposition(|&b| b != 0xff)?;
    let mut end = prefix[..=keep].to_vec();
    end[keep] += 1;
    Some(end.into())
}

/// What must hold, at the moment of the commit, for a batch to happen.
#[derive(Debug, Clone)]
pub enum Precondition {
    /// The key holds exactly this value, or nothing for `None`.
    Unchanged {
        /// The key.
        key: Bytes,
        /// The value as read.
        value: Option<Bytes>,
    },
    /// The key holds some value.
    Present(Bytes),
    /// No key begins with this prefix.
    NoneUnder(Bytes),
    /// The key is there, and its record is damaged: what may replace or remove such a record.
    Damaged(Bytes),
}

/// One write of a batch.
#[derive(Debug, Clone)]
pub enum Write {
    /// Key and value.
    Put(Bytes, Bytes),
    /// Removes a key; a missing one is fine.
    Delete(Bytes),
    /// Appends to the change feed.
    Announce(Bytes),
}

/// An atomic batch.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// All must hold, seen against the state right before this batch.
    pub preconditions: Vec<Precondition>,
    /// Applied in order.
    pub writes: Vec<Write>,
}

impl Batch {
    /// Adds a precondition.
    #[must_use]
    pub fn require(mut self, precondition: Precondition) -> Self {
        self.preconditions.push(precondition);
        self
    }

    /// Requires that `key` still holds `value`.
    #[must_use]
    pub fn unchanged(self, key: impl Into<Bytes>, value: Option<Bytes>) -> Self {
        self.require(Precondition::Unchanged { key: key.into(), value })
    }

    /// Writes a pair.
    #[must_use]
    pub fn put(mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        self.writes.push(Write::Put(key.into(), value.into()));
        self
    }

    /// Appends to the change feed.
    #[must_use]
    pub fn announce(mut self, body: impl Into<Bytes>) -> Self {
        self.writes.push(Write::Announce(body.into()));
        self
    }

    /// Removes a key.
    #[must_use]
    pub fn delete(mut self, key: impl Into<Bytes>) -> Self {
        self.writes.push(Write::Delete(key.into()));
        self
    }
}

/// Ordered, durable, transactional metadata. One contract suite, every adapter.
#[async_trait]
pub trait MetaStore: Send + Sync {
    /// The value of `key` in the latest committed state.
    ///
    /// # Errors
    /// [`Error::Damaged`] if its record is not what was written.
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error>;

    /// One page, read from one snapshot. Damaged records stand in it as such and count towards its
    /// limit.
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error>;

    /// Several pages from one snapshot, in the order asked for.
    ///
    /// As provided, they are read until two readings are the same; of keys that never rest the last
    /// one is returned. Adapters read them at once.
    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        const PATIENCE: usize = 16;
        let mut seen = None;
        for _ in 0..PATIENCE {
            let mut pages = Vec::with_capacity(scans.len());
            for scan in &scans {
                pages.push(self.page(scan.clone()).await?);
            }
            let rests = scans.len() < 2 || seen.as_ref() == Some(&pages);
            seen = Some(pages);
            if rests {
                break;
            }
        }
        Ok(seen.unwrap_or_default())
    }

    /// [`MetaStore::page`] for who cannot go on past a damaged record.
    ///
    /// # Errors
    /// [`Error::Damaged`] names the first one.
    async fn scan(&self, scan: Scan) -> Result<Vec<Pair>, Error> {
        let whole = |entry: Entry| match entry.value {
            Some(value) => Ok((entry.key, value)),
            None => Err(Error::record(&entry.key)),
        };
        self.page(scan).await?.into_iter().map(whole).collect()
    }

    /// Applies a batch whole or not at all and returns once it is durable. Concurrent commits
    /// share one sync.
    ///
    /// # Errors
    /// [`Error::Conflict`] if a precondition does not hold; [`Error::Damaged`] if one compares a
    /// damaged record. After [`Error::Io`] the outcome is unknown until the store is read again.
    async fn commit(&self, batch: Batch) -> Result<(), Error>;

    /// Up to `limit` announced changes after `since`, in commit order.
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error>;

    /// Forgets the changes up to and including `through`. Positions are never reused. Need not be
    /// durable on return: a crash may bring trimmed changes back.
    async fn trim(&self, through: Position) -> Result<(), Error>;
}

#[async_trait]
impl<S: MetaStore + ?Sized> MetaStore for &S {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        (**self).get(key).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        (**self).page(scan).await
    }
    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        (**self).pages(scans).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        (**self).commit(batch).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        (**self).changes(since, limit).await
    }
    async fn trim(&self, through: Position) -> Result<(), Error> {
        (**self).trim(through).await
    }
}

#[async_trait]
impl<S: MetaStore + ?Sized> MetaStore for Arc<S> {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        (**self).get(key).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        (**self).page(scan).await
    }
    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        (**self).pages(scans).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        (**self).commit(batch).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        (**self).changes(since, limit).await
    }
    async fn trim(&self, through: Position) -> Result<(), Error> {
        (**self).trim(through).await
    }
}
