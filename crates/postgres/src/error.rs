//! What can go wrong, and what the contract calls it.

use std::io;
use std::time::Duration;

use arqueta_store::Error;
use tokio_postgres::error::{Severity, SqlState};

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// What is not the URL of a database. The reason has no part of it.
    #[error("not the URL of a PostgreSQL database: {0}")]
    Url(String),
    /// Another gateway serves it.
    #[error("{place} is in use by another gateway: {holder}; stop it first")]
    InUse {
        /// The database.
        place: String,
        /// Who, and since when.
        holder: String,
    },
    /// A newer Arqueta wrote it.
    #[error(
        "{place} has schema version {found}, and this Arqueta knows versions up to {known}: a newer Arqueta wrote it and must serve it"
    )]
    Newer {
        /// The database.
        place: String,
        /// Its version.
        found: i32,
        /// The newest that is known here.
        known: i32,
    },
    /// The server is older than any that is supported.
    #[error("{place} is PostgreSQL {found}; Arqueta needs 13 or later")]
    OldServer {
        /// The database.
        place: String,
        /// Its version as the server says it.
        found: String,
    },
    /// TLS is asked for, and nothing says whom to trust.
    #[error("{place} is reached by TLS, and no certificate authority is known")]
    NoTrust {
        /// The database.
        place: String,
    },
    /// It cannot be reached, or refuses.
    #[error("{place} cannot be used")]
    Unusable {
        /// The database.
        place: String,
        /// Why.
        #[source]
        source: Error,
    },
}

/// What the contract calls a failure of the client or the server.
pub(crate) fn failed(error: &tokio_postgres::Error) -> Error {
    let Some(told) = error.as_db_error() else {
        let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
        let kind = if error.is_closed() { io::ErrorKind::ConnectionAborted } else { io::ErrorKind::NotConnected };
        return io::Error::new(kind, format!("PostgreSQL cannot be asked: {error}{source}")).into();
    };
    let code = told.code().code();
    let text = format!("PostgreSQL: {} (SQLSTATE {code})", told.message());
    match (code, &code[..2]) {
        ("53300", _) => io::Error::new(io::ErrorKind::ResourceBusy, text).into(),
        ("53100", _) => io::Error::new(io::ErrorKind::StorageFull, text).into(),
        // What the same call may find different later: no connection, no room, a timeout, a standby, a shutdown.
        ("55P03" | "57014" | "25006", _) | (_, "08" | "28" | "40" | "53" | "57" | "58") => {
            io::Error::other(text).into()
        }
        _ => Error::Database(text.into()),
    }
}

/// Nothing came for `limit`.
pub(crate) fn late(what: &str, limit: Duration) -> Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("PostgreSQL: {what} for {} ms", limit.as_millis())).into()
}

/// Another gateway has taken the metadata over: nothing is read or written here any more.
pub(crate) fn superseded() -> Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "another gateway has taken over this metadata").into()
}

/// Whether the server has no room for another connection.
pub(crate) fn is_crowded(error: &Error) -> bool {
    matches!(error, Error::Io(why) if why.kind() == io::ErrorKind::ResourceBusy)
}

/// Whether the server says that the transaction did not happen. A fatal error, or none, says nothing: it may
/// come after the commit.
pub(crate) fn is_undone(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|told| told.parsed_severity() == Some(Severity::Error))
}

/// Whether the same transaction may do better at once.
pub(crate) fn is_transient(error: &tokio_postgres::Error) -> bool {
    [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED]
        .into_iter()
        .any(|code| error.code() == Some(code))
}
