//! One state of the store, for who reads all of it while others write.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{RedbStore, Snapshot, failure};
use crate::{Batch, Change, Entry, Error, MetaStore, Position, Scan};

/// The state of a [`RedbStore`] at one moment; it can be read and not be changed. The pages of the file
/// that it consists of are not used again before it is dropped, so the file grows meanwhile. Reads fail once
/// the store has been opened again.
#[derive(Debug, Clone)]
pub struct Frozen(Arc<Snapshot>);

impl RedbStore {
    /// The state after the last commit.
    ///
    /// # Errors
    /// [`Error::Closed`] while the store cannot be read.
    pub fn freeze(&self) -> Result<Frozen, Error> {
        self.view.current().map(Frozen).ok_or(Error::Closed)
    }
}

fn refused<T>() -> Result<T, Error> {
    Err(Error::Io(io::ErrorKind::ReadOnlyFilesystem.into()))
}

#[async_trait]
impl MetaStore for Frozen {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(failure::guarded(|| self.0.get(key))?)
    }

    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        Ok(failure::guarded(|| self.0.page(&scan))?)
    }

    async fn commit(&self, _: Batch) -> Result<(), Error> {
        refused()
    }

    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        Ok(failure::guarded(|| self.0.changes(since, limit))?)
    }

    async fn trim(&self, _: Position) -> Result<(), Error> {
        refused()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_stays_what_it_was_while_others_write_and_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let store = RedbStore::open(dir.path().join("meta.redb")).unwrap();
        store.commit(Batch::default().put("a", "1").put("b", "1")).await.unwrap();
        let frozen = store.freeze().unwrap();
        for n in 0..20 {
            store.commit(Batch::default().put("a", vec![n; 100_000]).delete("b")).await.unwrap();
            store.checkpoint().await.unwrap();
        }
        assert_eq!(frozen.get(b"a").await.unwrap().unwrap(), "1");
        let page = frozen.page(Scan::prefix(b"", 9)).await.unwrap();
        assert_eq!(page.iter().map(|entry| &entry.key[..]).collect::<Vec<_>>(), [b"a", b"b"]);
        assert!(frozen.commit(Batch::default().put("c", "1")).await.is_err());
        assert_eq!(store.get(b"b").await.unwrap(), None);
    }
}
