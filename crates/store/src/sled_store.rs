//! [`MetaStore`] on sled 0.34 (feature `sled`): by request, not the default.
//!
//! What was measured (docs/adr/0003): sled's own `flush` calls `sync_file_range`, which on Linux
//! does not make a file durable; alone it lost acknowledged data in 60 of 60 simulated power
//! cuts. This adapter syncs sled's files itself after each flush.
//!
//! sled has no snapshots and no preconditions on ranges. So one committing thread evaluates
//! preconditions, and readers wait while it applies and syncs a group: a page is one state, and
//! nothing is seen that a power cut could take back.
//!
//! A group that sled applied and whose sync failed cannot be taken back, and a further sync would
//! say nothing of what the kernel dropped. So the first error of a write is the last outcome:
//! neither writes nor reads are answered until the store is opened again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::copies::Copies;
use crate::group::{Apply, Committer, Request};
use crate::{Batch, Change, Entry, Error, MetaStore, Position, Precondition, Scan, Write, record};
use arqueta_journal::OsDisk;
use arqueta_journal::disk::{create_dirs, parent};

/// First byte of the sled key of a pair.
const PAIR: u8 = b'p';
/// First byte of the sled key of a change; its position follows, big-endian.
const CHANGE: u8 = b'f';
/// The sled key of the last position given to a change.
const LAST_POSITION: &[u8] = b"n";

/// Bytes of pages that sled keeps in memory.
const CACHE: u64 = 64 << 20;

/// Makes a file, or the names in a folder, durable.
type SyncPath = fn(&Path) -> io::Result<()>;

/// The metadata store on sled.
#[derive(Debug)]
pub struct SledStore {
    state: Arc<RwLock<State>>,
    committer: Committer,
}

/// What readers see.
#[derive(Debug)]
struct State {
    database: sled::Db,
    /// The first error of a write: what the database shows from there on may have been refused.
    failed: Option<Told>,
}

/// An error that many are told of.
#[derive(Debug, Clone)]
struct Told(io::ErrorKind, String);

impl From<Told> for Error {
    fn from(Told(kind, text): Told) -> Self {
        io::Error::new(kind, text).into()
    }
}

impl From<&Error> for Told {
    fn from(error: &Error) -> Self {
        match error {
            Error::Full(error) | Error::Io(error) => Self(error.kind(), error.to_string()),
            other => Self(io::ErrorKind::Other, other.to_string()),
        }
    }
}

impl SledStore {
    /// Opens the store in the folder `path`, or creates it there. Blocks; call it at start.
    ///
    /// # Errors
    /// [`Error::InUse`] while another process has it open, [`Error::Damaged`] when sled cannot
    /// make sense of its files, [`Error::Full`], [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path.as_ref(), |path| File::open(path)?.sync_all())
    }

    fn open_with(path: &Path, sync_path: SyncPath) -> Result<Self, Error> {
        create_dirs(&OsDisk, parent(path))?;
        let config = sled::Config::default().path(path).cache_capacity(CACHE).flush_every_ms(None);
        let database = guarded(|| config.open()).map_err(|error| in_use_or(error, path))?;
        let state = Arc::new(RwLock::new(State { database: database.clone(), failed: None }));
        let writer = Writer { state: state.clone(), plain: database, path: path.to_owned(), sync_path };
        writer.sync()?;
        sync_path(parent(path))?;
        Ok(Self { state, committer: Committer::start("meta-commit", writer)? })
    }

    /// For reading, while no group is being written and none has failed.
    async fn read(&self) -> Result<RwLockReadGuard<'_, State>, Error> {
        let state = self.state.read().await;
        match &state.failed {
            Some(told) => Err(told.clone().into()),
            None => Ok(state),
        }
    }
}

/// sled reports damage by panicking as often as by an error.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Error> {
    let damaged = || Error::Damaged { what: "the metadata database is inconsistent".to_owned() };
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| damaged())?.map_err(Error::from)
}

impl From<sled::Error> for Error {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => error.into(),
            sled::Error::Corruption { .. } => Self::Damaged { what: "the metadata database".to_owned() },
            other => Self::Database(Box::new(other)),
        }
    }
}

fn in_use_or(error: Error, path: &Path) -> Error {
    match error {
        // The only way sled 0.34 tells of a lock that it did not get.
        Error::Io(error) if error.to_string().contains("could not acquire lock") => {
            Error::InUse { path: path.to_owned() }
        }
        other => other,
    }
}

fn pair_key(key: &[u8]) -> Vec<u8> {
    [&[PAIR], key].concat()
}

fn change_key(position: u64) -> Vec<u8> {
    [&[CHANGE][..], &position.to_be_bytes()].concat()
}

fn sealed(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut sealed = vec![0; body.len() + record::OVERHEAD];
    record::encode_into(key, body, &mut sealed);
    sealed
}

/// A position from eight big-endian bytes; anything else is damage.
fn position(bytes: &[u8]) -> Result<u64, Error> {
    let bytes = bytes.try_into().map_err(|_| Error::Damaged { what: "a position of the change feed".to_owned() })?;
    Ok(u64::from_be_bytes(bytes))
}

fn page(database: &sled::Db, scan: &Scan) -> Result<Vec<Entry>, Error> {
    if scan.end.as_ref().is_some_and(|end| *end <= scan.start) {
        return Ok(Vec::new());
    }
    let end = scan.end.as_ref().map_or_else(|| vec![PAIR + 1], |end| pair_key(end));
    let mut copies = Copies::of(scan.limit);
    let pairs = database.range(pair_key(&scan.start)..end).take(scan.limit).map(|pair| {
        let (key, found) = pair?;
        let key = copies.copy(&key[1..]);
        let value = record::decode(&key, &found).ok().map(|body| copies.copy(body));
        Ok(Entry { key, value })
    });
    pairs.collect()
}

fn feed(database: &sled::Db, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
    let from = (Bound::Excluded(change_key(since.0)), Bound::Excluded(vec![CHANGE + 1]));
    let changes = database.range::<Vec<u8>, _>(from).take(limit).map(|change| {
        let (key, found) = change?;
        let at = position(&key[1..])?;
        let body = Bytes::copy_from_slice(record::decode(&at.to_be_bytes(), &found)?);
        Ok(Change { position: Position(at), body })
    });
    changes.collect()
}

#[async_trait]
impl MetaStore for SledStore {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let database = &self.read().await?.database;
        let found = guarded(|| database.get(pair_key(key)))?;
        found.map(|found| Ok(Bytes::copy_from_slice(record::decode(key, &found)?))).transpose()
    }

    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        let database = &self.read().await?.database;
        guarded(|| Ok(page(database, &scan)))?
    }

    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        let database = &self.read().await?.database;
        guarded(|| Ok(scans.iter().map(|scan| page(database, scan)).collect()))?
    }

    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        self.committer.submit(Request::Commit(batch)).await
    }

    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        let database = &self.read().await?.database;
        guarded(|| Ok(feed(database, since, limit)))?
    }

    async fn trim(&self, through: Position) -> Result<(), Error> {
        self.committer.submit(Request::Trim(through)).await
    }
}

/// The committing thread's side.
struct Writer {
    /// Locked for writing while a group is applied and synced.
    state: Arc<RwLock<State>>,
    /// The same database, for reading while nobody else writes.
    plain: sled::Db,
    path: PathBuf,
    sync_path: SyncPath,
}

/// What a group will have written, by sled key; `None` for a removal.
type Pending = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

impl Writer {
    /// Makes everything written so far durable, names included: the log, the configuration (which
    /// sled never syncs and does not open without), snapshots, and values kept apart. Clean files
    /// cost a system call each.
    fn sync(&self) -> io::Result<()> {
        for dir in [self.path.join("blobs"), self.path.clone()] {
            for entry in dir.read_dir()? {
                let path = entry?.path();
                if path.is_file() {
                    (self.sync_path)(&path)?;
                }
            }
            (self.sync_path)(&dir)?;
        }
        Ok(())
    }

    fn found(&self, pending: &Pending, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match pending.get(key) {
            Some(found) => Ok(found.clone()),
            None => Ok(self.plain.get(key)?.map(|found| found.to_vec())),
        }
    }

    fn holds(&self, pending: &Pending, precondition: &Precondition) -> Result<bool, Error> {
        match precondition {
            Precondition::Unchanged { key, value } => {
                let found = self.found(pending, &pair_key(key))?;
                let found = found.as_deref().map(|found| record::decode(key, found)).transpose()?;
                Ok(found == value.as_deref())
            }
            Precondition::Damaged(key) => {
                Ok(self.found(pending, &pair_key(key))?.is_some_and(|found| record::decode(key, &found).is_err()))
            }
            Precondition::Present(key) => Ok(self.found(pending, &pair_key(key))?.is_some()),
            Precondition::NoneUnder(prefix) => {
                let prefix = pair_key(prefix);
                let mut written = pending.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
                if written.any(|(_, value)| value.is_some()) {
                    return Ok(false);
                }
                for pair in self.plain.scan_prefix(&prefix) {
                    if !pending.contains_key(&pair?.0[..]) {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    fn commit(&self, pending: &mut Pending, batch: &Batch) -> Result<(), Error> {
        for precondition in &batch.preconditions {
            if !self.holds(pending, precondition)? {
                return Err(Error::Conflict);
            }
        }
        for write in &batch.writes {
            match write {
                Write::Put(key, body) => drop(pending.insert(pair_key(key), Some(sealed(key, body)))),
                Write::Delete(key) => drop(pending.insert(pair_key(key), None)),
                Write::Announce(body) => {
                    let last = self.found(pending, LAST_POSITION)?;
                    let at = last.as_deref().map_or(Ok(0), position)? + 1;
                    pending.insert(LAST_POSITION.to_vec(), Some(at.to_be_bytes().to_vec()));
                    pending.insert(change_key(at), Some(sealed(&at.to_be_bytes(), body)));
                }
            }
        }
        Ok(())
    }

    fn trim(&self, pending: &mut Pending, through: Position) -> Result<(), Error> {
        for change in self.plain.range(change_key(0)..=change_key(through.0)) {
            pending.insert(change?.0.to_vec(), None);
        }
        let queued = pending.range_mut(change_key(0)..=change_key(through.0));
        queued.for_each(|(_, change)| *change = None);
        Ok(())
    }

    fn write(&self, pending: Pending) -> Result<(), Error> {
        let mut batch = sled::Batch::default();
        for (key, value) in pending {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        let mut state = self.state.blocking_write();
        let written = guarded(|| {
            state.database.apply_batch(batch)?;
            state.database.flush()?;
            Ok(self.sync()?)
        });
        // Before any reader is let in again.
        written.inspect_err(|error| state.failed = Some(Told::from(error)))
    }

    fn apply_all(&self, group: &[Request]) -> Result<Vec<Result<(), Error>>, Error> {
        if let Some(told) = &self.state.blocking_read().failed {
            return Err(told.clone().into());
        }
        let mut pending = Pending::new();
        let answers = group.iter().map(|request| match request {
            Request::Commit(batch) => self.commit(&mut pending, batch),
            Request::Trim(through) => self.trim(&mut pending, *through),
            // Each group is durable, and no file is opened again.
            Request::Reopen(_) | Request::Probe | Request::Checkpoint => Ok(()),
        });
        let answers = answers.collect();
        if !pending.is_empty() {
            self.write(pending)?;
        }
        Ok(answers)
    }
}

impl Apply for Writer {
    fn apply(&mut self, group: &[Request]) -> Vec<Result<(), Error>> {
        match guarded(|| Ok(self.apply_all(group))).flatten() {
            Ok(answers) => answers,
            Err(error) => {
                tracing::error!(%error, batches = group.len(), "a metadata commit failed");
                let told = Told::from(&error);
                group.iter().map(|_| Err(told.clone().into())).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
