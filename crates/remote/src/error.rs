use std::path::PathBuf;

/// Why an adapter cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A file that it needs cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An environment variable that is not set, or is not text.
    #[error("the environment variable {0} is not set")]
    Variable(String),
    /// An address that is none.
    #[error("`{0}` is not an http:// or https:// address without path")]
    Address(String),
    /// A name, token or header value that cannot be sent.
    #[error("the {0} cannot be sent in a request")]
    Value(&'static str),
    /// The trust store cannot be built.
    #[error("the certificates cannot be used")]
    Trust(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub(crate) fn read(path: &std::path::Path) -> Result<Vec<u8>, SetupError> {
    std::fs::read(path).map_err(|source| SetupError::File { path: path.to_owned(), source })
}

/// What was seen of a failure, for the operator's log. Never holds a body.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Seen(pub(crate) String);
