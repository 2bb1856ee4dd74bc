//! A walk over a range of the metadata store that can jump.

use std::collections::VecDeque;

use arqueta_store::{Entry, MetaStore, Scan};
use bytes::Bytes;

use crate::Error;

/// Entries read after a jump. Where common prefixes follow each other the first one decides for the next
/// jump; where single entries do, chunks grow again.
const AFTER_JUMP: usize = 1;

/// Most pairs read at once.
const LARGEST: usize = 1000;

/// Entries of `start..end` in order, damaged ones included, read in chunks. A chunk is one snapshot, the walk is not.
pub(super) struct Cursor<'a> {
    meta: &'a dyn MetaStore,
    read: VecDeque<Entry>,
    /// Where the unread rest starts; `None` when there is no rest.
    rest: Option<Bytes>,
    end: Option<Bytes>,
    chunk: usize,
    /// Pairs handed out so far.
    pub(super) examined: usize,
}

impl<'a> Cursor<'a> {
    /// A walk whose first chunk is `first` pairs.
    pub(super) fn new(meta: &'a dyn MetaStore, start: Bytes, end: Option<Bytes>, first: usize) -> Self {
        Self { meta, read: VecDeque::new(), rest: Some(start), end, chunk: first.clamp(1, LARGEST), examined: 0 }
    }

    /// The next entry.
    pub(super) async fn next(&mut self) -> Result<Option<Entry>, Error> {
        if self.read.is_empty() {
            self.fill().await?;
        }
        let entry = self.read.pop_front();
        self.examined += usize::from(entry.is_some());
        Ok(entry)
    }

    /// Leaves out everything before `key`; `None` leaves out everything.
    pub(super) fn jump(&mut self, key: Option<Bytes>) {
        let Some(key) = key else {
            self.read.clear();
            self.rest = None;
            return;
        };
        let skipped = self.read.partition_point(|entry| entry.key < key);
        self.read.drain(..skipped);
        if self.read.is_empty()
            && let Some(rest) = &mut self.rest
            && *rest < key
        {
            *rest = key;
            self.chunk = AFTER_JUMP;
        }
    }

    async fn fill(&mut self) -> Result<(), Error> {
        let Some(start) = self.rest.take() else { return Ok(()) };
        if self.end.as_ref().is_some_and(|end| start >= *end) {
            return Ok(());
        }
        let page = self.meta.page(Scan { start, end: self.end.clone(), limit: self.chunk }).await?;
        if page.len() == self.chunk {
            self.rest = page.last().map(|entry| just_after(&entry.key));
        }
        self.chunk = (self.chunk * 4).min(LARGEST);
        self.read = page.into();
        Ok(())
    }
}

/// The first key after `key`.
pub(super) fn just_after(key: &[u8]) -> Bytes {
    [key, &[0]].concat().into()
}

/// The first key after all that begin with `prefix`; `None` if there is no such key.
pub(super) fn after_all(prefix: &[u8]) -> Option<Bytes> {
    Scan::prefix(prefix, 1).end
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_store::{Batch, MemoryMeta};

    use super::*;

    async fn store(keys: impl IntoIterator<Item = u16>) -> MemoryMeta {
        let meta = MemoryMeta::new();
        let batch = keys.into_iter().fold(Batch::default(), |batch, n| batch.put(n.to_be_bytes().to_vec(), "v"));
        meta.commit(batch).await.unwrap();
        meta
    }

    fn key(n: u16) -> Bytes {
        n.to_be_bytes().to_vec().into()
    }

    #[tokio::test]
    async fn chunks_join_without_gaps_or_repeats() {
        let meta = store(0..500).await;
        for first in [1, 2, 7, 499, 500, 501] {
            let mut cursor = Cursor::new(&meta, key(10), Some(key(490)), first);
            for n in 10..490 {
                assert_eq!(cursor.next().await.unwrap().unwrap().key, key(n));
            }
            assert!(cursor.next().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn jumps_land_within_and_beyond_what_is_read() {
        let meta = store(0..500).await;
        let mut cursor = Cursor::new(&meta, key(0), None, 100);
        for (to, want) in [(5, 5), (3, 6), (99, 99), (300, 300), (200, 301)] {
            cursor.jump(Some(key(to)));
            assert_eq!(cursor.next().await.unwrap().unwrap().key, key(want));
        }
        cursor.jump(Some(key(900)));
        assert!(cursor.next().await.unwrap().is_none());
        cursor.jump(None);
        assert!(cursor.next().await.unwrap().is_none());
        assert_eq!(cursor.examined, 5);
    }
}
