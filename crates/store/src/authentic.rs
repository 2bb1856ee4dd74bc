//! Records that nobody can make who has not the key: [`Authentic`] stores every value with a tag
//! over its key and itself, and refuses what does not verify.
//!
//! ```text
//! stored value = value ‖ tag
//! tag          = first 16 bytes of HMAC-SHA-256(key of the tagger, length of key as u32 BE ‖ key ‖ value)
//! ```
//!
//! A record that was edited, made up, or moved to another key or from a store under another key is
//! as good as a decayed one: [`Error::Damaged`], and a gap in pages. Only an older record *of the
//! same key* still verifies. Values under the `bare` prefixes carry no tag: bodies, which are sealed
//! by themselves and large, and what must be read before the tagger's key is known.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::{Batch, Cause, Change, Damages, Entry, Error, MetaStore, Position, Precondition, Scan, Write};

/// Bytes of a tag: nobody guesses one of 128 bits.
const TAG: usize = 16;

/// Records adopted in one commit.
const PAGE: usize = 500;

/// Makes tags under a key that it keeps.
pub trait Tagger: Send + Sync {
    /// The tag over the concatenation of `pieces`.
    fn tag(&self, pieces: &[&[u8]]) -> [u8; 32];
}

/// A store whose records are authentic.
pub struct Authentic<S> {
    inner: S,
    tagger: Arc<dyn Tagger>,
    bare: &'static [&'static [u8]],
    damages: Arc<Damages>,
}

impl<S: MetaStore> Authentic<S> {
    /// Over `inner`, which holds only what was written through such a store under the same key, but
    /// for keys that begin with one of `bare`. What is damaged is noted in `damages`.
    pub fn new(inner: S, tagger: Arc<dyn Tagger>, bare: &'static [&'static [u8]], damages: Arc<Damages>) -> Self {
        Self { inner, tagger, bare, damages }
    }

    /// Tags every record of a store that was written without tags, and returns how many. Interrupted,
    /// the same call finishes. Who calls it vouches for what is there.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn adopt(&self) -> Result<u64, Error> {
        let (mut adopted, mut scan) = (0, Scan::prefix(b"", PAGE));
        loop {
            let page = self.inner.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(adopted) };
            scan.start = [&last.key[..], &[0]].concat().into();
            let mut batch = Batch::default();
            for Entry { key, value } in page {
                let untagged = |value: &Bytes| !self.is_bare(&key) && self.open(&key, value.clone()).is_none();
                let Some(value) = value.filter(untagged) else { continue };
                let tagged = self.tagged(&key, &value);
                batch = batch.unchanged(key.clone(), Some(value)).put(key, tagged);
                adopted += 1;
            }
            if !batch.writes.is_empty() {
                self.inner.commit(batch).await?;
            }
        }
    }

    fn is_bare(&self, key: &[u8]) -> bool {
        self.bare.iter().any(|prefix| key.starts_with(prefix))
    }

    fn tag(&self, key: &[u8], value: &[u8]) -> [u8; TAG] {
        let length = u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes();
        let tag = self.tagger.tag(&[&length, key, value]);
        *tag.first_chunk().expect("a tag of 32 bytes has a first 16")
    }

    fn tagged(&self, key: &[u8], value: &[u8]) -> Bytes {
        if self.is_bare(key) {
            return Bytes::copy_from_slice(value);
        }
        let mut stored = BytesMut::with_capacity(value.len() + TAG);
        stored.extend_from_slice(value);
        stored.extend_from_slice(&self.tag(key, value));
        stored.freeze()
    }

    /// The value of a stored one, if it is authentic.
    fn open(&self, key: &[u8], mut stored: Bytes) -> Option<Bytes> {
        if self.is_bare(key) {
            return Some(stored);
        }
        let (value, tag) = stored.split_last_chunk::<TAG>()?;
        if !same(&self.tag(key, value), tag) {
            return None;
        }
        stored.truncate(value.len());
        Some(stored)
    }

    /// Puts the value of an entry in the place of what is stored.
    fn opened(&self, entry: &mut Entry) {
        let cause = if entry.value.is_some() { Cause::Forged } else { Cause::Decayed };
        entry.value = entry.value.take().and_then(|stored| self.open(&entry.key, stored));
        if entry.value.is_none() {
            self.damages.note(&entry.key, cause);
        }
    }

    /// What is asked of the inner store.
    async fn translated(&self, precondition: Precondition) -> Result<Precondition, Error> {
        Ok(match precondition {
            Precondition::Unchanged { key, value } => {
                let value = value.map(|value| self.tagged(&key, &value));
                Precondition::Unchanged { key, value }
            }
            Precondition::Damaged(key) => match self.inner.get(&key).await {
                Err(Error::Damaged { .. }) => Precondition::Damaged(key),
                Ok(Some(stored)) if self.open(&key, stored.clone()).is_none() => {
                    Precondition::Unchanged { key, value: Some(stored) }
                }
                Ok(_) => return Err(Error::Conflict),
                Err(error) => return Err(error),
            },
            other => other,
        })
    }

    /// Of a refused batch: whether what it compares is forged. That is no conflict, because who
    /// reads it again does not come further.
    async fn refused(&self, compared: Vec<Bytes>) -> Error {
        for key in compared {
            if let Err(damaged @ Error::Damaged { .. }) = self.get(&key).await {
                return damaged;
            }
        }
        Error::Conflict
    }
}

/// Takes the same time wherever they differ.
fn same(a: &[u8; TAG], b: &[u8; TAG]) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[async_trait]
impl<S: MetaStore> MetaStore for Authentic<S> {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let stored = match self.inner.get(key).await {
            Err(damaged @ Error::Damaged { .. }) => {
                self.damages.note(key, Cause::Decayed);
                return Err(damaged);
            }
            stored => stored?,
        };
        let Some(stored) = stored else { return Ok(None) };
        let value = self.open(key, stored);
        if value.is_none() {
            self.damages.note(key, Cause::Forged);
        }
        value.map(Some).ok_or_else(|| Error::record(key))
    }

    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        let mut page = self.inner.page(scan).await?;
        page.iter_mut().for_each(|entry| self.opened(entry));
        Ok(page)
    }

    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        let mut pages = self.inner.pages(scans).await?;
        pages.iter_mut().flatten().for_each(|entry| self.opened(entry));
        Ok(pages)
    }

    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        let mut inner = Batch::default();
        let mut compared = Vec::new();
        for precondition in batch.preconditions {
            if let Precondition::Unchanged { key, .. } = &precondition {
                compared.push(key.clone());
            }
            inner.preconditions.push(self.translated(precondition).await?);
        }
        let tagged = |write| match write {
            Write::Put(key, value) => {
                let value = self.tagged(&key, &value);
                Write::Put(key, value)
            }
            other => other,
        };
        inner.writes = batch.writes.into_iter().map(tagged).collect();
        let healed = if self.damages.is_empty() { Vec::new() } else { inner.writes.clone() };
        match self.inner.commit(inner).await {
            Err(Error::Conflict) => Err(self.refused(compared).await),
            result => result.inspect(|()| self.damages.healed(healed.iter())),
        }
    }

    /// The feed is told as it is: nothing is decided by it.
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        self.inner.changes(since, limit).await
    }

    async fn trim(&self, through: Position) -> Result<(), Error> {
        self.inner.trim(through).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::MemoryMeta;
    use crate::contract;

    /// No secret and no cryptography, but every byte counts, and so does `0`.
    struct Sums(u8);

    impl Tagger for Sums {
        fn tag(&self, pieces: &[&[u8]]) -> [u8; 32] {
            let mut tag = [self.0; 32];
            for (at, byte) in pieces.concat().into_iter().enumerate() {
                tag[at % TAG] = tag[at % TAG].wrapping_mul(31).wrapping_add(byte).rotate_left(3) ^ self.0;
            }
            tag
        }
    }

    fn over(inner: Arc<MemoryMeta>) -> Authentic<Arc<MemoryMeta>> {
        Authentic::new(inner, Arc::new(Sums(7)), &[b"i/"], Arc::default())
    }

    fn put(key: &'static str, value: &'static str) -> Batch {
        Batch::default().put(key, value)
    }

    async fn raw(inner: &MemoryMeta, key: &str) -> Bytes {
        inner.get(key.as_bytes()).await.unwrap().unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keeps_the_contract() {
        contract::meta_store(async || over(Arc::default())).await;
    }

    #[tokio::test]
    async fn decayed_and_forged_records_are_told_alike() {
        let (inner, store) = (Arc::new(MemoryMeta::new()), over(Arc::default()));
        let store = Authentic { inner: inner.clone(), ..store };
        store.commit(put("a", "1").put("c", "3").put("worse", "")).await.unwrap();
        inner.commit(put("bad", "a value that nobody tagged, long enough for a tag")).await.unwrap();
        inner.damage(b"worse").await;
        contract::damaged_records(&store).await;
        assert!(store.damages.is_empty(), "both were replaced or removed");
        assert!(store.damages.met() >= 6);
    }

    #[tokio::test]
    async fn a_record_is_good_for_its_key_its_store_and_its_value_only() {
        let inner = Arc::new(MemoryMeta::new());
        let store = over(inner.clone());
        store.commit(put("a", "one").put("b", "two").put("i/1", "body")).await.unwrap();
        let (a, b) = (raw(&inner, "a").await, raw(&inner, "b").await);
        assert_eq!((a.len(), raw(&inner, "i/1").await), (3 + TAG, Bytes::from("body")));
        let refused = async |key: &str, value: Bytes| {
            inner.commit(Batch::default().put(key.to_owned(), value)).await.unwrap();
            assert!(matches!(store.get(key.as_bytes()).await, Err(Error::Damaged { .. })), "{key}");
            assert!(matches!(store.scan(Scan::prefix(key.as_bytes(), 1)).await, Err(Error::Damaged { .. })));
        };
        refused("a", b.clone()).await;
        refused("b", a.clone()).await;
        refused("new", a.clone()).await;
        for cut in 0..a.len() {
            refused("a", a.slice(..cut)).await;
        }
        for bit in 0..a.len() * 8 {
            let mut edited = a.to_vec();
            edited[bit / 8] ^= 1 << (bit % 8);
            refused("a", edited.into()).await;
        }
        inner.commit(Batch::default().put("a", a)).await.unwrap();
        assert_eq!(store.get(b"a").await.unwrap().unwrap(), "one");
        let elsewhere = Authentic::new(inner, Arc::new(Sums(8)), &[], Arc::default());
        assert!(matches!(elsewhere.get(b"a").await, Err(Error::Damaged { .. })), "moved between stores");
    }

    #[tokio::test]
    async fn a_store_without_tags_is_adopted_once_and_after_any_crash() {
        let inner = Arc::new(MemoryMeta::new());
        let many = (0..1203u32).fold(Batch::default(), |batch, n| batch.put(n.to_be_bytes().to_vec(), "some value"));
        inner.commit(many.put("i/1", "body").put("gone", "")).await.unwrap();
        inner.damage(b"gone").await;
        let store = over(inner.clone());
        store.commit(put("new", "x")).await.unwrap();
        assert!(store.get(&7u32.to_be_bytes()).await.is_err(), "untagged");
        assert_eq!(store.adopt().await.unwrap(), 1203);
        assert_eq!(store.adopt().await.unwrap(), 0, "what has its tag keeps it");
        assert_eq!(store.get(&7u32.to_be_bytes()).await.unwrap().unwrap(), "some value");
        assert_eq!(store.get(b"i/1").await.unwrap().unwrap(), "body");
        assert_eq!(store.get(b"new").await.unwrap().unwrap(), "x");
        assert!(store.get(b"gone").await.is_err(), "damage is not healed by adopting it");
    }
}
