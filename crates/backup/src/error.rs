use std::io;
use std::path::PathBuf;

/// Why a back-up cannot be taken or brought back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The metadata cannot be read or written.
    #[error("the metadata")]
    Store(#[from] arqueta_store::Error),
    /// The place of back-ups does not open.
    #[error("the back-ups do not open")]
    Key(#[from] arqueta_kms::RootKeyError),
    /// Another back-up is being taken into the same place.
    #[error("another back-up is being written to {}", path.display())]
    InUse {
        /// The place.
        path: PathBuf,
    },
    /// A part of a back-up is missing, or not what was written.
    #[error("{what} is missing or damaged")]
    Damaged {
        /// Which.
        what: String,
    },
    /// No back-up of that name.
    #[error("there is no back-up {name}")]
    Unknown {
        /// The name.
        name: String,
    },
    /// A folder that something lies in is not restored into.
    #[error("{} is there already; a back-up is restored into a folder of its own", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is not a place of back-ups, and not empty.
    #[error("{} has other files in it and no back-ups", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
}

impl Error {
    /// For `map_err`: `path` cannot be read or written.
    pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.into(), source }
    }

    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}
