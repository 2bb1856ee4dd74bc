//! What redb reports, in the words of the contract.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::Error;

/// A failure that several callers may have to be told of.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// The operating system's error; redb refuses everything until it is opened again.
    Io(Arc<io::Error>),
    /// redb refuses because of an earlier error.
    Latched,
    /// Content that redb or our checksum does not recognise.
    Damaged(String),
    /// Anything else.
    Database(Arc<redb::Error>),
}

impl Failure {
    /// Whether redb answers only after being opened again.
    pub(super) fn is_latched(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Latched)
    }

    fn of(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Self::Damaged(error.to_string()),
            redb::Error::Io(error) => Self::Io(Arc::new(error)),
            redb::Error::PreviousIo | redb::Error::DatabaseClosed => Self::Latched,
            redb::Error::Corrupted(what) => Self::Damaged(what),
            // A later redb's file is refused before this is asked, by the format of the folder.
            redb::Error::UpgradeRequired(version) => {
                Self::Damaged(format!("no format of a database has the number {version}"))
            }
            other => Self::Database(Arc::new(other)),
        }
    }
}

macro_rules! from_redb {
    ($($kind:ident)*) => {$(
        impl From<redb::$kind> for Failure {
            fn from(error: redb::$kind) -> Self {
                Self::of(error.into())
            }
        }
    )*};
}
from_redb!(StorageError TableError TransactionError CommitError DatabaseError SetDurabilityError);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Damaged { what } => Self::Damaged(what),
            Error::Io(error) | Error::Full(error) => Self::Io(Arc::new(error)),
            _ => Self::Latched,
        }
    }
}

impl From<arqueta_journal::Error> for Failure {
    fn from(error: arqueta_journal::Error) -> Self {
        match error.io() {
            Some(io) => Self::Io(io.clone()),
            None => Self::Damaged(error.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            // The kind decides between `Full` and `Io`; the original stays as the source.
            Failure::Io(error) => io::Error::new(error.kind(), error).into(),
            Failure::Latched => Self::Closed,
            Failure::Damaged(what) => Self::Damaged { what },
            Failure::Database(error) => Self::Database(Box::new(error)),
        }
    }
}

/// Runs a call into redb. A damaged page may make redb panic; that is damage to report, not a
/// reason to take the process down. Nothing of ours is half changed when it happens: reads change
/// nothing, and a writer that panicked is opened again.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(Failure::Damaged("the metadata database is inconsistent".to_owned())))
}
