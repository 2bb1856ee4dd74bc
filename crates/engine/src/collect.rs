//! Wrapped bucket keys that nothing needs any more are removed.
//!
//! A busy writer makes one in each window, 105,000 a year; all but the few that stored objects still
//! refer to would only fill the store. Which are needed is read, not counted: a round walks over a
//! bucket's keys and over everything in the bucket that can name one, uploads first, then current
//! versions, then noncurrent ones. References move in that order, so that one that moves meanwhile is
//! met at its old place or at its new one; the one move against it, a noncurrent version that becomes
//! current again, marks its key as used before it happens. Keys of open windows and of writes under
//! way are in use ([`arqueta_envelope::InUse`]).
//!
//! A round changes nothing but to remove keys that nothing names: it may end anywhere.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arqueta_model::{BucketKeyId, BucketName};
use arqueta_store::{Batch, Entry, Scan};

use crate::bucket_keys::named;
use crate::record::{ObjectRecord, Record as _, UploadRecord};
use crate::state::State;
use crate::{Error, schema};

/// Records read at a time; between two pages other tasks have their turn.
const PAGE: usize = 256;

/// Keys that one walk over a bucket decides about: what bounds its memory.
const AT_ONCE: usize = 65_536;

/// Time between two rounds.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Time from the start to the first round, so that it does not slow a start.
const FIRST: Duration = Duration::from_secs(10 * 60);

/// What became of wrapped bucket keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Removed: nothing names them.
    pub removed: u64,
    /// Still there: named, in use, or of a bucket with damaged records.
    pub kept: u64,
}

/// Removes wrapped bucket keys that nothing names.
#[derive(Debug, Clone, Copy)]
pub struct Collector<'a> {
    state: &'a State,
}

impl<'a> Collector<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Collector<'_> {
    /// Wrapped bucket keys removed since the start, and those that the last round kept.
    #[must_use]
    pub fn collected(self) -> Collected {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Collected { removed: read(&self.state.collection.removed), kept: read(&self.state.collection.kept) }
    }

    /// One round: removes every wrapped bucket key that no record names and that has not been in use
    /// since the round before the last one began.
    ///
    /// # Errors
    /// [`Error::Store`]; what was removed stays removed.
    pub async fn collect(self) -> Result<Collected, Error> {
        self.state.envelope.in_use().begin_round();
        let (mut all, mut scan) = (Collected::default(), Scan::prefix(schema::BUCKET_KEYS, 1));
        while let Some(entry) = self.state.meta.page(scan.clone()).await?.first() {
            let bucket = schema::bucket_of(&entry.key, schema::BUCKET_KEYS).and_then(|name| name.parse().ok());
            let bucket: BucketName = bucket.ok_or(Error::Damaged { what: "wrapped bucket key" })?;
            let of = Scan::prefix(&schema::bucket_keys(&bucket), PAGE);
            let Some(next) = of.end.clone() else { break };
            let collected = self.collect_in(&bucket, of).await?;
            self.state.collection.removed.fetch_add(collected.removed, Ordering::Relaxed);
            all.removed += collected.removed;
            all.kept += collected.kept;
            scan.start = next;
        }
        self.state.collection.kept.store(all.kept, Ordering::Relaxed);
        Ok(all)
    }

    /// Rounds from now on, one a day. A store so large that reading it takes long is read seldomer: at
    /// most a hundredth of the time goes into it.
    pub async fn run(self) {
        self.state.clock.sleep(FIRST).await;
        loop {
            let began = self.state.clock.now();
            match self.collect().await {
                Ok(Collected { removed: 0, .. }) => {}
                Ok(Collected { removed, kept }) => tracing::info!(removed, kept, "bucket keys that nothing needs went"),
                Err(error) => tracing::warn!(%error, "bucket keys could not be looked through and will be again"),
            }
            let took = self.state.clock.now().since(began);
            self.state.clock.sleep(EVERY.max(took.saturating_mul(100))).await;
        }
    }

    async fn collect_in(self, bucket: &BucketName, mut keys: Scan) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        loop {
            let (mut suspects, mut more) = (HashSet::new(), true);
            while suspects.len() < AT_ONCE {
                let page = self.state.meta.page(keys.clone()).await?;
                let Some(last) = page.last() else {
                    more = false;
                    break;
                };
                keys.start = [&last.key[..], &[0]].concat().into();
                for Entry { key, .. } in &page {
                    let id = key.last_chunk().map(|bytes| BucketKeyId::from_bytes(*bytes));
                    let id = id.ok_or(Error::Damaged { what: "wrapped bucket key" })?;
                    match self.state.envelope.in_use().is_free(id) {
                        true => drop(suspects.insert(id)),
                        false => collected.kept += 1,
                    }
                }
                tokio::task::yield_now().await;
            }
            let found = suspects.len() as u64;
            let removed = match self.absolve(bucket, &mut suspects).await? {
                true => self.remove(bucket, &suspects).await?,
                false => 0,
            };
            collected.removed += removed;
            collected.kept += found - removed;
            if !more {
                return Ok(collected);
            }
        }
    }

    /// Takes from `suspects` whatever something in the bucket names. `false` if that cannot be known:
    /// a damaged record may name any of them, and may be repaired.
    async fn absolve(self, bucket: &BucketName, suspects: &mut HashSet<BucketKeyId>) -> Result<bool, Error> {
        let object = |bytes: &[u8]| {
            let content = ObjectRecord::decode(bytes)?.content;
            Ok(content.as_ref().and_then(named))
        };
        let upload = |bytes: &[u8]| Ok(UploadRecord::decode(bytes)?.keys.and_then(|keys| keys.bucket_key()));
        Ok(self.absolve_under(bucket, &schema::uploads(bucket), upload, suspects).await?
            && self.absolve_under(bucket, &schema::currents(bucket), object, suspects).await?
            && self.absolve_under(bucket, &schema::noncurrents(bucket), object, suspects).await?)
    }

    async fn absolve_under(
        self,
        bucket: &BucketName,
        prefix: &[u8],
        named: impl Fn(&[u8]) -> Result<Option<BucketKeyId>, Error> + Send + Sync,
        suspects: &mut HashSet<BucketKeyId>,
    ) -> Result<bool, Error> {
        let mut scan = Scan::prefix(prefix, PAGE);
        while !suspects.is_empty() {
            let page = self.state.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { break };
            scan.start = [&last.key[..], &[0]].concat().into();
            for Entry { value, .. } in &page {
                match value.as_ref().map(|bytes| named(bytes)) {
                    Some(Ok(Some(id))) => drop(suspects.remove(&id)),
                    Some(Ok(None)) => {}
                    None | Some(Err(_)) => {
                        tracing::warn!(%bucket, "bucket keys stay, because a damaged record may need any of them");
                        return Ok(false);
                    }
                }
            }
            // Reads do not wait for anything, so nothing else would run until the end.
            tokio::task::yield_now().await;
        }
        Ok(true)
    }

    async fn remove(self, bucket: &BucketName, dead: &HashSet<BucketKeyId>) -> Result<u64, Error> {
        // Asked again: a version may have become the current one while they were looked for.
        let dead: Vec<_> = dead.iter().filter(|id| self.state.envelope.in_use().is_free(**id)).collect();
        for chunk in dead.chunks(PAGE) {
            let batch = chunk.iter().fold(Batch::default(), |batch, id| batch.delete(schema::bucket_key(bucket, **id)));
            self.state.commit_freeing(batch).await?;
        }
        Ok(dead.len() as u64)
    }
}
