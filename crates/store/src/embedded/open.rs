//! Creating, opening and migrating the database file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arqueta_journal::disk::parent;
use arqueta_journal::{Journal, JournalId, Position};
use arqueta_model::BlobId;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, TableError, WriteTransaction,
};

use super::failure::{Failure, guarded};
use super::head::{BLOCK, Head, is_damaged};
use super::index::Index;
use super::staged::Staged;
use super::{CHANGES, COUNTERS, FEED, GUARD, JOURNAL, JOURNAL_ID, JOURNAL_NEXT, PAIRS, RedbOptions, Tuning};
use crate::Error;
use crate::database::Databases;

/// Which first page a file is opened with.
#[derive(Clone, Copy)]
enum Page<'a> {
    /// The one that it has.
    Own,
    /// The copy of the one that it has.
    Copied(&'a [u8]),
    /// A copy that may be of an earlier checkpoint.
    Older(&'a [u8]),
}

/// Opens one database file and its journal, as often as needed.
#[derive(Debug)]
pub(super) struct Opener {
    disk: Arc<dyn Databases>,
    path: PathBuf,
    options: RedbOptions,
    pub(super) tuning: Tuning,
}

impl Opener {
    pub(super) fn new(disk: Arc<dyn Databases>, path: &Path, options: RedbOptions, tuning: Tuning) -> Self {
        Self { disk, path: path.to_owned(), options, tuning }
    }

    /// Opens the file, or creates it first, with the journal that belongs to it. A first page that is
    /// damaged is taken from its copy.
    pub(super) fn open(&self) -> Result<(Index, Journal), Error> {
        // Beside the file: `meta.redb` has its journal in `meta.journal`.
        let folder = self.path.with_extension("journal");
        match self.disk.stat(&self.path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.refuse_orphan(&folder)?;
                self.create()?;
            }
            Err(error) => return Err(error.into()),
        }
        let (staged, copy) = self.staged()?;
        let page = first_page(&staged)?;
        let Some(copy) = copy.filter(|copy| *copy != page) else { return self.attempt(&folder, staged, None) };
        // A page that differs in a few bits is the copied one, damaged. Others are most likely of two checkpoints.
        let damaged = is_damaged(&page, &copy);
        let (likely, other) = if damaged { (Page::Copied(&copy), Page::Own) } else { (Page::Own, Page::Older(&copy)) };
        let first = self.attempt(&folder, staged, Some(likely));
        if !matches!(first, Err(Error::Damaged { .. } | Error::Io(_) | Error::Database(_))) {
            return first;
        }
        match self.attempt(&folder, self.staged()?.0, Some(other)) {
            Ok(opened) => Ok(opened),
            // What is wrong with the file itself is what is told.
            Err(error) if damaged => Err(error),
            Err(_) => first,
        }
    }

    /// The file, of which nothing is written before it opens, and the copy of its first page.
    fn staged(&self) -> Result<(Staged, Option<Vec<u8>>), Error> {
        let (head, copy) = self.copies().map(Head::open).unzip();
        let file = self.disk.database(&self.path)?;
        Ok((Staged::new(file, head, self.tuning.in_line)?.hold(), copy.flatten()))
    }

    /// Where copies of the first page are: `meta.redb` has them in `meta.head`. A store that cannot have them
    /// is opened without.
    fn copies(&self) -> Option<Box<dyn StorageBackend>> {
        let path = self.path.with_extension("head");
        let opened = match self.disk.stat(&path) {
            Ok(_) => self.disk.database(&path),
            Err(_) => self.disk.database(&path).and_then(|file| {
                self.disk.sync_dir(parent(&path))?;
                Ok(file)
            }),
        };
        let named = |error: &io::Error| {
            tracing::warn!(file = %path.display(), %error, "the first page of the metadata is not copied");
        };
        opened.inspect_err(named).ok()
    }

    /// Opens it with its own first page or another. Unless it opens, with the journal that follows, the file
    /// stays as it is.
    fn attempt(&self, folder: &Path, staged: Staged, page: Option<Page<'_>>) -> Result<(Index, Journal), Error> {
        if let Some(Page::Copied(copy) | Page::Older(copy)) = page {
            staged.write(0, copy)?;
        }
        // What an older page names may have been written over since.
        let verify = self.options.verify || matches!(page, Some(Page::Older(_)));
        let (database, staged) = self.database(staged, verify)?;
        let (id, next) = guarded(|| journal_of(&database)).map_err(|failure| self.named(failure))?;
        let disk = self.disk.clone();
        let journal = Journal::open(disk, folder, id, self.tuning.journal).map_err(Failure::from)?;
        if page.is_some() {
            journal.replay(next, |_, _| Ok::<(), arqueta_journal::Error>(())).map_err(Failure::from)?;
        }
        if let Some(Page::Copied(_) | Page::Older(_)) = page {
            tracing::warn!(file = %self.path.display(), "the first page is damaged; it is taken from its copy");
        }
        staged.release();
        Ok((Index::new(database, staged, next), journal))
    }

    /// A journal is begun only once its database is there. Without it, a new store would take the
    /// journal's files for its own and overwrite what may be needed to restore the other.
    fn refuse_orphan(&self, folder: &Path) -> Result<(), Error> {
        if !self.disk.list(folder)?.iter().any(|name| name.ends_with(".seg")) {
            return Ok(());
        }
        let (path, folder) = (self.path.display(), folder.display());
        Err(Error::Damaged { what: format!("{path} is missing, and its journal is there, in {folder}") })
    }

    /// Creates the database under another name and renames it when it is whole and durable: a
    /// power cut in the middle leaves nothing that would later look damaged.
    fn create(&self) -> Result<(), Error> {
        let mut unfinished = self.path.clone().into_os_string();
        unfinished.push(".new");
        let unfinished = PathBuf::from(unfinished);
        match self.disk.remove(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let staged = Staged::new(self.disk.database(&unfinished)?, None, self.tuning.in_line)?;
        let (database, staged) = self.database(staged, self.options.verify)?;
        guarded(|| journal_of(&database).map(drop))?;
        drop(database);
        if let Some(refused) = staged.failure() {
            return Err(Failure::Io(refused).into());
        }
        self.disk.rename(&unfinished, &self.path)?;
        if let Err(error) = self.disk.sync_dir(parent(&self.path)) {
            // It holds nothing yet. The next start makes a new name, whose sync means something.
            let _ = self.disk.remove(&self.path);
            return Err(error.into());
        }
        Ok(())
    }

    fn database(&self, staged: Staged, verify: bool) -> Result<(Database, Staged), Error> {
        let opened = guarded(|| {
            let mut builder = Builder::new();
            builder.set_cache_size(self.options.cache_bytes);
            builder.set_check_integrity_on_open(verify);
            Ok(builder.create_with_backend(staged.clone()))
        });
        if !matches!(opened, Ok(Ok(_))) {
            // A panic may have left it without closing it.
            staged.abandon();
        }
        match opened {
            Ok(Ok(database)) => Ok((database, staged)),
            Ok(Err(DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch)) => {
                Err(Error::InUse { path: self.path.clone() })
            }
            Ok(Err(error)) => Err(self.named(error.into())),
            Err(failure) => Err(self.named(failure)),
        }
    }

    /// Says which file is damaged: this error is read by a person at start.
    fn named(&self, failure: Failure) -> Error {
        match failure {
            Failure::Damaged(what) => {
                let (path, journal) = (self.path.display(), self.path.with_extension("journal"));
                Error::Damaged {
                    what: format!(
                        "{path}: {what}; bring it and {} back from one back-up (docs/operating.md, \"The data folder\")",
                        journal.display()
                    ),
                }
            }
            other => other.into(),
        }
    }
}

/// As it is in the file; zeros stand for what a file that is too short has not.
fn first_page(file: &Staged) -> Result<Vec<u8>, Error> {
    let mut page = vec![0; BLOCK];
    let there = usize::try_from(file.len()?).unwrap_or(BLOCK).min(BLOCK);
    file.read(0, &mut page[..there])?;
    Ok(page)
}

/// The journal that a database belongs to, and where its replay begins. A database without one is
/// new, or was written before there were journals; it gets its tables in one transaction.
fn journal_of(database: &Database) -> Result<(JournalId, Position), Failure> {
    let read = database.begin_read()?;
    let table = match read.open_table(JOURNAL) {
        Err(TableError::TableDoesNotExist(_)) => {
            drop(read);
            return migrate(database);
        }
        table => table?,
    };
    let damaged = || Failure::Damaged("the journal that belongs to it is not named".to_owned());
    let (id, next) = (table.get(JOURNAL_ID)?.ok_or_else(damaged)?, table.get(JOURNAL_NEXT)?.ok_or_else(damaged)?);
    let id = id.value().try_into().map_err(|_| damaged())?;
    let next = Position::decode(next.value().try_into().map_err(|_| damaged())?);
    Ok((id, next))
}

/// Whole or not at all: one durable transaction.
fn migrate(database: &Database) -> Result<(JournalId, Position), Failure> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let id: JournalId = *BlobId::random().as_bytes();
    // No segment has the number 0: there is nothing to replay.
    let next = Position { segment: 0, offset: 0, sequence: 1, previous: 0 };
    let mut journal = transaction.open_table(JOURNAL)?;
    journal.insert(JOURNAL_ID, &id[..])?;
    journal.insert(JOURNAL_NEXT, &next.encode()[..])?;
    drop(journal);
    transaction.open_table(PAIRS)?;
    transaction.open_table(COUNTERS)?;
    move_feed(&transaction)?;
    transaction.commit()?;
    Ok((id, next))
}

/// The feed moves to another table, and a table that earlier versions cannot read takes its
/// place: they know nothing of the journal and would serve, and write to, an old state.
fn move_feed(transaction: &WriteTransaction) -> Result<(), Failure> {
    let mut changes = transaction.open_table(CHANGES)?;
    let feed = transaction.open_table(FEED)?;
    for entry in feed.iter()? {
        let (at, body) = entry?;
        changes.insert(at.value(), body.value())?;
    }
    drop(feed);
    transaction.delete_table(FEED)?;
    transaction.open_table(GUARD)?;
    Ok(())
}
