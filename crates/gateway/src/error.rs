use std::path::PathBuf;

use arqueta_model::with_causes;

/// Why the gateway did not start or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A bad option, variable or file key.
    #[error("{0}")]
    Config(String),
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}", path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// TLS files do not make a server.
    #[error("cannot use the TLS certificate {} and its key", cert.display())]
    Tls {
        /// The certificate file.
        cert: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A part of the gateway did not open.
    #[error("cannot open the {part}")]
    Open {
        /// Which part.
        part: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The record cannot be read.
    #[error("the audit record cannot be read")]
    Record(#[source] arqueta_audit::Error),
    /// The record is not what was written.
    #[error("the audit record was changed: {0} finding(s)")]
    Tampered(usize),
    /// Something that is stored is damaged, or does not fit together.
    #[error("{0} finding(s)")]
    Damage(u64),
    /// A gateway that was asked does not answer, or says that it is not well.
    #[error("the gateway at {address} is not well: {said}")]
    NotWell {
        /// Its administration port.
        address: std::net::SocketAddr,
        /// What it said, or why it did not.
        said: String,
    },
    /// Everything was said; this is the exit status.
    #[error("exit status {0}")]
    Answer(u8),
    /// Standard output is gone or full.
    #[error("the output cannot be written")]
    Output(#[source] std::io::Error),
    /// The runtime failed.
    #[error("the runtime failed")]
    Runtime(#[from] std::io::Error),
}

impl Error {
    /// For `map_err`: part `part` did not open.
    pub(crate) fn open<E>(part: &'static str) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Self::Open { part, source: Box::new(source) }
    }

    /// What the process ends with: 3 where it found damage, so that scripts can tell it from a search that
    /// could not be made.
    #[must_use]
    pub const fn status(&self) -> u8 {
        match self {
            Self::Damage(_) => 3,
            _ => 1,
        }
    }

    /// The error and its causes in one line, for people.
    #[must_use]
    pub fn line(&self) -> String {
        with_causes(self)
    }
}
