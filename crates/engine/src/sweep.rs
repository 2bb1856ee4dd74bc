//! Work that no request waits for: garbage is deleted, orphans are found, ended uploads forgotten.
//!
//! Everything here may be interrupted anywhere and run again: a blob is deleted before the record
//! that says so, and deleting a missing blob is fine.

use std::sync::atomic::Ordering;
use std::time::Duration;

use arqueta_model::{BlobId, Timestamp, UploadId};
use arqueta_store::{Batch, Entry, Scan};

use crate::multipart::{FINISHED_KEPT, FinishedUpload, Uploads};
use crate::record::Record as _;
use crate::state::State;
use crate::{Error, schema};

/// Records handled at a time.
const CHUNK: usize = 1000;

/// How long it is remembered that a replica was removed for good, so that its source does not bring it back.
const REMOVALS_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// When to sweep.
#[derive(Debug, Clone, Copy)]
pub struct SweepSchedule {
    /// Time between two rounds.
    pub every: Duration,
    /// How long a released blob that could not be removed at once stays, at least. Readers of this
    /// process need none: what they hold stays for as long as they do.
    pub garbage_kept: Duration,
    /// Age at which a blob that nothing refers to is an orphan and not about to be committed.
    pub orphan_age: Duration,
    /// Rounds between two searches for orphans, which list every blob.
    pub orphans_every: u32,
    /// Whether orphans are removed at all: only where the metadata is known to be that of these bodies.
    pub orphans: bool,
}

impl Default for SweepSchedule {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60),
            garbage_kept: Duration::ZERO,
            orphan_age: Duration::from_secs(24 * 60 * 60),
            orphans_every: 24 * 60,
            orphans: true,
        }
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Blobs deleted because their record went away.
    pub garbage: u64,
    /// Blobs deleted because no record ever named them.
    pub orphans: u64,
    /// Ended uploads forgotten.
    pub uploads: u64,
    /// Removals of replicas forgotten.
    pub removals: u64,
}

/// Removes what nothing refers to any more.
#[derive(Debug, Clone, Copy)]
pub struct Sweeper<'a> {
    state: &'a State,
}

impl<'a> Sweeper<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Sweeper<'_> {
    /// Bytes of bodies that no record names and that are still stored, as of the last sweep: somebody
    /// reads them, or they could not be removed.
    #[must_use]
    pub fn dead_bytes(self) -> u64 {
        self.state.dead.load(Ordering::Relaxed)
    }

    /// Deletes garbage that was released before `before` and that nobody reads any more.
    ///
    /// # Errors
    /// [`Error::Store`]; what was done stays done.
    pub async fn garbage(self, before: Timestamp) -> Result<u64, Error> {
        let (mut swept, mut left, mut scan) = (0, 0, Scan::prefix(schema::GARBAGE, CHUNK));
        loop {
            let page = self.state.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else {
                self.state.dead.store(left, Ordering::Relaxed);
                return Ok(swept);
            };
            scan.start = [&last.key[..], &[0]].concat().into();
            let mut forget = Batch::default();
            for Entry { key, value } in &page {
                let id = blob_of(key, schema::GARBAGE).ok_or(Error::Damaged { what: "garbage" })?;
                // A damaged mark is a mark all the same: only its time is not known.
                let released = value.as_ref().and_then(|value| value.first_chunk());
                let released = released.map(|bytes| Timestamp::from_millis(i64::from_be_bytes(*bytes)));
                let size = value
                    .as_ref()
                    .and_then(|value| value.get(8..)?.first_chunk())
                    .map_or(0, |b| u64::from_be_bytes(*b));
                let due = released.is_none_or(|at| at < before);
                let Some(_removing) = self.state.readers.remove(id).filter(|_| due) else {
                    left += size;
                    continue;
                };
                if self.is_there(&schema::referenced(id)).await? {
                    // Never seen, and if ever, data goes before space.
                    tracing::error!(%id, "a referenced blob is marked as garbage and is kept");
                    continue;
                }
                self.state.blobs.delete(id).await?;
                forget = forget.delete(key.clone());
                swept += 1;
            }
            if !forget.writes.is_empty() {
                self.state.commit_freeing(forget).await?;
            }
        }
    }

    /// Deletes blobs that were finished before `before` and that nothing refers to: left by a
    /// crash, or by a commit whose outcome was unknown, between the blob and its record. What this
    /// engine is about to commit stays, however old it looks.
    ///
    /// # Errors
    /// [`Error::Store`]; what was done stays done.
    pub async fn orphans(self, before: Timestamp) -> Result<u64, Error> {
        self.state.in_flight.forget_doubtful(before);
        let (mut swept, mut after) = (0, None);
        loop {
            let page = self.state.blobs.list(after, CHUNK).await?;
            let Some(last) = page.last() else { return Ok(swept) };
            after = Some(last.id);
            for blob in page.into_iter().filter(|blob| blob.finished < before) {
                // The order matters: the blob was listed, is then not in flight, and only then are
                // the records read. One committed in between has its record by now.
                if self.state.in_flight.holds(blob.id) {
                    continue;
                }
                let named = self.is_there(&schema::referenced(blob.id)).await?
                    || self.is_there(&schema::garbage(blob.id)).await?;
                if !named {
                    self.state.blobs.delete(blob.id).await?;
                    tracing::info!(id = %blob.id, size = blob.size, "an orphaned blob was removed");
                    swept += 1;
                }
            }
        }
    }

    /// Whether a key is there, damaged or not.
    async fn is_there(self, key: &[u8]) -> Result<bool, Error> {
        match self.state.meta.get(key).await {
            Err(arqueta_store::Error::Damaged { .. }) => Ok(true),
            found => Ok(found?.is_some()),
        }
    }

    /// Frees parts that arrived while their upload ended, and forgets uploads that ended before
    /// `before`.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`]; what was done stays done.
    pub async fn uploads(self, before: Timestamp) -> Result<u64, Error> {
        let (mut swept, mut scan) = (0, Scan::prefix(schema::FINISHED, CHUNK));
        loop {
            let page = self.state.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(swept) };
            scan.start = [&last.key[..], &[0]].concat().into();
            let mut forget = Batch::default();
            for Entry { key, value } in &page {
                let id = key.strip_prefix(schema::FINISHED).and_then(|id| id.try_into().ok());
                Uploads::over(self.state)
                    .remove_parts(UploadId::from_bytes(id.ok_or(Error::Damaged { what: FinishedUpload::NAME })?))
                    .await?;
                let ended = value.as_ref().map(|bytes| FinishedUpload::decode(bytes)).transpose()?;
                // A damaged one cannot answer a repeated Complete any more.
                if ended.is_none_or(|upload| upload.at < before) {
                    forget = forget.delete(key.clone());
                    swept += 1;
                }
            }
            if !forget.writes.is_empty() {
                self.state.meta.commit(forget).await?;
            }
        }
    }

    /// Forgets removals of replicas that were before `before`.
    ///
    /// # Errors
    /// [`Error::Store`]; what was done stays done.
    pub async fn removals(self, before: Timestamp) -> Result<u64, Error> {
        let (mut swept, mut scan) = (0, Scan::prefix(schema::REMOVED, CHUNK));
        loop {
            let page = self.state.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(swept) };
            scan.start = [&last.key[..], &[0]].concat().into();
            let mut forget = Batch::default();
            for Entry { key, value } in &page {
                let at = value.as_ref().and_then(|value| value.first_chunk());
                // A damaged one says still that the version is gone, and not since when.
                if at.is_some_and(|at| Timestamp::from_millis(i64::from_be_bytes(*at)) < before) {
                    forget = forget.delete(key.clone());
                    swept += 1;
                }
            }
            if !forget.writes.is_empty() {
                self.state.commit_freeing(forget).await?;
            }
        }
    }

    /// Sweeps until `stop` resolves. The first round takes every blob that was finished before this
    /// engine was opened, and is not referred to, for an orphan: call this when no other process
    /// writes to the stores. Requests may be served already.
    pub async fn run(self, schedule: SweepSchedule, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        // Not now: a put that is served meanwhile may have a blob and not yet its record.
        let mut orphans_before = Some(self.state.opened);
        for round in 1u32.. {
            let work = async {
                self.round(&schedule, orphans_before).await;
                self.state.clock.sleep(schedule.every).await;
            };
            tokio::select! {
                () = work => {}
                () = &mut stop => return,
            }
            let due = round.is_multiple_of(schedule.orphans_every.max(1));
            orphans_before = due.then(|| earlier(self.state.clock.now(), schedule.orphan_age));
        }
    }

    /// One round. A failure is told and the next round tries again.
    async fn round(self, schedule: &SweepSchedule, orphans_before: Option<Timestamp>) {
        let now = self.state.clock.now();
        let round = async {
            let mut swept = Swept {
                uploads: self.uploads(earlier(now, FINISHED_KEPT)).await?,
                garbage: self.garbage(earlier(now, schedule.garbage_kept)).await?,
                orphans: 0,
                removals: 0,
            };
            if orphans_before.is_some() {
                swept.removals = self.removals(earlier(now, REMOVALS_KEPT)).await?;
            }
            if let Some(before) = orphans_before.filter(|_| schedule.orphans) {
                swept.orphans = self.orphans(before).await?;
            }
            Ok::<_, Error>(swept)
        };
        match round.await {
            Ok(swept) if swept == Swept::default() => {}
            Ok(swept) => tracing::debug!(?swept, "swept"),
            Err(error) => tracing::warn!(%error, "sweeping failed and will be tried again"),
        }
    }
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(at.millis().saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

fn blob_of(key: &[u8], prefix: &[u8]) -> Option<BlobId> {
    Some(BlobId::from_bytes(key.strip_prefix(prefix)?.try_into().ok()?))
}
