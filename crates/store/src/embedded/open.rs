//! Creating and opening the database file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Builder, Database, DatabaseError};

use super::failure::{Failure, guarded};
use super::{COUNTERS, FEED, PAIRS, RedbOptions};
use crate::Error;
use crate::database::Databases;
use arqueta_journal::disk::parent;

/// Opens one database file, as often as needed.
#[derive(Debug)]
pub(super) struct Opener {
    disk: Arc<dyn Databases>,
    path: PathBuf,
    options: RedbOptions,
}

impl Opener {
    pub(super) fn new(disk: Arc<dyn Databases>, path: &Path, options: RedbOptions) -> Self {
        Self { disk, path: path.to_owned(), options }
    }

    /// Opens the file, or creates it first.
    pub(super) fn open(&self) -> Result<Database, Error> {
        match self.disk.stat(&self.path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create()?,
            Err(error) => return Err(error.into()),
        }
        self.database(&self.path)
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
        let database = self.database(&unfinished)?;
        create_tables(&database)?;
        drop(database);
        self.disk.rename(&unfinished, &self.path)?;
        self.disk.sync_dir(parent(&self.path))?;
        Ok(())
    }

    fn database(&self, path: &Path) -> Result<Database, Error> {
        let opened = guarded(|| {
            let mut builder = Builder::new();
            builder.set_cache_size(self.options.cache_bytes);
            builder.set_check_integrity_on_open(self.options.verify);
            Ok(self.disk.database(&builder, path))
        });
        match opened {
            Ok(Ok(database)) => Ok(database),
            Ok(Err(DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch)) => {
                Err(Error::InUse { path: path.to_owned() })
            }
            Ok(Err(error)) => Err(self.named(error.into())),
            Err(failure) => Err(self.named(failure)),
        }
    }

    /// Says which file is damaged: this error is read by a person at start.
    fn named(&self, failure: Failure) -> Error {
        match failure {
            Failure::Damaged(what) => Error::Damaged { what: format!("{}: {what}", self.path.display()) },
            other => other.into(),
        }
    }
}

fn create_tables(database: &Database) -> Result<(), Failure> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    transaction.open_table(PAIRS)?;
    transaction.open_table(FEED)?;
    transaction.open_table(COUNTERS)?;
    transaction.commit()?;
    Ok(())
}
