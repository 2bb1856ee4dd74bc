use std::io;
use std::path::PathBuf;

use arqueta_model::BlobId;

/// What can go wrong in a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A precondition of a batch did not hold; nothing was written. The caller reads again.
    #[error("a precondition of the batch does not hold")]
    Conflict,
    /// No blob of that id.
    #[error("no such blob")]
    NoSuchBlob,
    /// The requested range does not lie within the blob.
    #[error("the range does not lie within the blob")]
    OutOfRange,
    /// The medium is full; what was there is untouched.
    #[error("no space left on the storage device")]
    Full(#[source] io::Error),
    /// A stored record or blob is not what was written.
    #[error("stored data is damaged: {what}")]
    Damaged {
        /// Which record or file, without its content.
        what: String,
    },
    /// The operating system or the database failed. The write may or may not have happened.
    #[error("storage failed")]
    Io(#[source] io::Error),
    /// The embedded database failed.
    #[error("the metadata database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another process has the store open.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The file or folder.
        path: PathBuf,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(error),
            _ => Self::Io(error),
        }
    }
}

impl Error {
    /// A metadata record that is not what was written.
    #[must_use]
    pub fn record(key: &[u8]) -> Self {
        Self::Damaged { what: format!("metadata record {}", key.escape_ascii()) }
    }

    /// A blob that is not as long as its writer left it.
    pub(crate) fn wrong_size(id: BlobId) -> Self {
        Self::Damaged { what: format!("blob {id} has another size than it was given") }
    }

    /// Whether nothing but a lack of space is the cause.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict | Self::Full(_) | Self::Io(_) | Self::Closed)
    }
}
