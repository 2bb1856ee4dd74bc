//! [`MetaStore`] on a journal and redb: the embedded default (docs/adr/0003, docs/adr/0007).
//!
//! Writes go to one committing thread, which makes each group of them durable in the journal with
//! one sync; redb is the index over what was written, applied in memory and made durable in
//! checkpoints, from which a start replays the rest of the journal. Reads run on the calling thread
//! against the snapshot of the last durable group, so they wait for no commit, no other thread and
//! no sync, and go on when the medium takes no more writes.

mod commit;
mod effect;
mod failure;
mod frozen;
mod head;
mod index;
mod open;
mod staged;
mod tables;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use redb::{ReadOnlyTable, ReadTransaction, TableDefinition};

use crate::copies::Copies;
use crate::database::Databases;
use crate::embedded::commit::Writer;
use crate::embedded::failure::Failure;
use crate::embedded::open::Opener;
use crate::group::{Committer, Request};
use crate::{Batch, Change, Entry, Error, MetaStore, Position, Scan, record};
use arqueta_journal::OsDisk;

pub use frozen::Frozen;

/// The pairs; values are records with a checksum.
const PAIRS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("pairs");
/// The change feed by position; values are records with a checksum over the position too.
const CHANGES: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("changes");
/// The change feed as versions without a journal kept it.
const FEED: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("feed");
/// What stands in its place: such versions refuse to open a table of another type.
const GUARD: TableDefinition<'static, &'static str, &'static str> = TableDefinition::new("feed");
/// The journal that belongs to the database.
const JOURNAL: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("journal");
/// Its identity, which is in every frame's checksum.
const JOURNAL_ID: &str = "id";
/// Where its next frame goes: everything before is applied.
const JOURNAL_NEXT: &str = "next";
/// Numbers of the store itself.
const COUNTERS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("counters");
/// Counter: the last position given to a change. Kept apart from the feed, which may be trimmed
/// down to nothing.
const LAST_POSITION: &str = "last-position";

/// How a [`RedbStore`] is opened.
#[derive(Debug, Clone, Copy)]
pub struct RedbOptions {
    /// Most bytes of pages kept in memory. Default: 64 MiB.
    pub cache_bytes: usize,
    /// Verifies the checksum of every page when opening, which reads the whole file. Default: no.
    ///
    /// Without it a damaged value is still never returned, and a scan notices a damaged key; but
    /// a lookup that a damaged key or inner page leads astray may answer that nothing is there.
    pub verify: bool,
}

impl Default for RedbOptions {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20, verify: false }
    }
}

/// Sizes that tests make small.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    pub(crate) journal: arqueta_journal::Options,
    /// Bytes of frames between two checkpoints: bounds what a start has to replay.
    pub(crate) checkpoint_bytes: usize,
    /// Bytes of segments at which writers wait for a checkpoint.
    pub(crate) limit_bytes: u64,
    /// Bytes of index pages in memory at which a checkpoint starts; at twice as many writers wait.
    pub(crate) waiting_bytes: usize,
    /// No threads: who commits does their work, so that a simulation can repeat itself.
    pub(crate) in_line: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            journal: arqueta_journal::Options { segment_bytes: 4 << 20, spares: 8 },
            checkpoint_bytes: 16 << 20,
            limit_bytes: 64 << 20,
            waiting_bytes: 32 << 20,
            in_line: false,
        }
    }
}

/// Whether a store takes writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Writing {
    /// It does.
    #[default]
    Going,
    /// The medium is full. Reads go on; each write tries again.
    Full,
    /// The medium failed. Reads go on where it can be read; each write tries to go on in a fresh
    /// segment of the journal.
    Stopped(String),
}

/// The embedded metadata store.
///
/// Dropping it waits until all accepted commits are durable.
#[derive(Debug)]
pub struct RedbStore {
    view: Arc<View>,
    committer: Committer,
}

/// What others see of the committing thread's work.
#[derive(Debug, Default)]
struct View {
    /// What readers see; replaced after each commit.
    snapshot: RwLock<Option<Arc<Snapshot>>>,
    writing: RwLock<Writing>,
}

/// The state after one durable group.
struct Snapshot {
    /// Which opening of the file this belongs to.
    generation: u64,
    pairs: ReadOnlyTable<&'static [u8], &'static [u8]>,
    /// Of the same state: opens what is asked for less often.
    read: ReadTransaction,
}

impl RedbStore {
    /// Opens the store in the file at `path`, or creates it there. Blocks; call it at start.
    ///
    /// # Errors
    /// [`Error::InUse`] while another process has it open, [`Error::Damaged`] when the file is
    /// not what redb wrote, [`Error::Full`], [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, RedbOptions::default())
    }

    /// [`RedbStore::open`] with options.
    ///
    /// # Errors
    /// As [`RedbStore::open`].
    pub fn open_with(path: impl AsRef<Path>, options: RedbOptions) -> Result<Self, Error> {
        Self::open_on(Arc::new(OsDisk), path.as_ref(), options, Tuning::default())
    }

    pub(crate) fn open_on(
        disk: Arc<dyn Databases>,
        path: &Path,
        options: RedbOptions,
        tuning: Tuning,
    ) -> Result<Self, Error> {
        let view = Arc::new(View::default());
        let writer = Writer::new(Opener::new(disk, path, options, tuning), view.clone())?;
        let committer = match tuning.in_line {
            true => Committer::in_line(writer),
            false => Committer::start("meta-commit", writer)?,
        };
        Ok(Self { view, committer })
    }

    /// Whether writes are taken, as of the last one that was tried. For readiness see
    /// [`RedbStore::probe`].
    #[must_use]
    pub fn writing(&self) -> Writing {
        self.view.writing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether writes are taken. If they were not, this tries to go on, as a write would: a
    /// readiness probe that keeps writers away must not keep the store from recovering.
    ///
    /// # Errors
    /// Why they are not.
    pub async fn probe(&self) -> Result<(), Error> {
        self.committer.submit(Request::Probe).await
    }

    /// Makes durable in the database what so far only the journal has, so that the next opening has
    /// nothing to replay: for a process that is about to end, and may be killed in the middle of it.
    /// What is committed afterwards is as durable as before, in the journal.
    ///
    /// # Errors
    /// What the medium said. The next opening replays then.
    pub async fn checkpoint(&self) -> Result<(), Error> {
        self.committer.submit(Request::Checkpoint).await
    }

    /// Reads from the current snapshot. A database that failed before is opened again once: an
    /// input/output error, a full disk say, makes redb refuse everything from then on.
    async fn read<T>(&self, read: impl Fn(&Snapshot) -> Result<T, Failure>) -> Result<T, Error> {
        let seen = {
            let snapshot = self.view.current();
            match snapshot.as_deref().map(&read) {
                Some(Ok(found)) => return Ok(found),
                Some(Err(failure)) if !failure.is_latched() => return Err(failure.into()),
                _ => snapshot.map_or(0, |snapshot| snapshot.generation),
            }
        };
        self.committer.submit(Request::Reopen(seen)).await?;
        let snapshot = self.view.current().ok_or(Error::Closed)?;
        Ok(read(&snapshot)?)
    }
}

impl View {
    fn current(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, snapshot: Option<Snapshot>) {
        let before = std::mem::replace(
            &mut *self.snapshot.write().unwrap_or_else(PoisonError::into_inner),
            snapshot.map(Arc::new),
        );
        // Outside the lock: the last holder of a snapshot releases pages.
        drop(before);
    }

    fn set_writing(&self, now: Writing) {
        let mut writing = self.writing.write().unwrap_or_else(PoisonError::into_inner);
        if *writing != now {
            *writing = now;
        }
    }

    fn stop(&self, failure: Failure) {
        self.set_writing(match Error::from(failure) {
            Error::Full(_) => Writing::Full,
            error => Writing::Stopped(sources(&error)),
        });
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Snapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Failure> {
        match self.pairs.get(key)? {
            Some(found) => Ok(Some(Bytes::copy_from_slice(record::decode(key, found.value())?))),
            None => Ok(None),
        }
    }

    fn page(&self, scan: &Scan) -> Result<Vec<Entry>, Failure> {
        let start = &scan.start[..];
        if scan.end.as_ref().is_some_and(|end| end[..] <= *start) {
            return Ok(Vec::new());
        }
        let range = match &scan.end {
            Some(end) => self.pairs.range::<&[u8]>(start..&end[..])?,
            None => self.pairs.range::<&[u8]>(start..)?,
        };
        let (mut page, mut copies) = (Vec::with_capacity(scan.limit.min(1024)), Copies::of(scan.limit));
        for pair in range.take(scan.limit) {
            let (key, found) = pair?;
            let (key, body) = (key.value(), record::decode(key.value(), found.value()).ok());
            page.push(Entry { key: copies.copy(key), value: body.map(|body| copies.copy(body)) });
        }
        Ok(page)
    }

    fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Failure> {
        let Some(first) = since.0.checked_add(1) else { return Ok(Vec::new()) };
        let mut changes = Vec::new();
        for entry in self.read.open_table(CHANGES)?.range(first..)?.take(limit) {
            let (at, found) = entry?;
            let body = record::decode(&at.value().to_be_bytes(), found.value())?;
            changes.push(Change { position: Position(at.value()), body: Bytes::copy_from_slice(body) });
        }
        Ok(changes)
    }
}

/// An error with what caused it, for an operator.
fn sources(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

#[async_trait]
impl MetaStore for RedbStore {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.read(|snapshot| failure::guarded(|| snapshot.get(key))).await
    }

    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        self.read(|snapshot| failure::guarded(|| snapshot.page(&scan))).await
    }

    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        let pages = |snapshot: &Snapshot| scans.iter().map(|scan| snapshot.page(scan)).collect();
        self.read(|snapshot| failure::guarded(|| pages(snapshot))).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        self.committer.submit(Request::Commit(batch)).await
    }

    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        self.read(|snapshot| failure::guarded(|| snapshot.changes(since, limit))).await
    }

    async fn trim(&self, through: Position) -> Result<(), Error> {
        self.committer.submit(Request::Trim(through)).await
    }
}

#[cfg(test)]
mod head_tests;
#[cfg(test)]
mod journal_tests;
#[cfg(test)]
mod tests;
