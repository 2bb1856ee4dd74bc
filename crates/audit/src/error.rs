/// Why an event was not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The record's medium failed or is full.
    #[error("the audit record cannot be written")]
    Io(#[from] std::io::Error),
    /// The store behind the record failed.
    #[error("the audit record cannot be written")]
    Store(#[from] arqueta_store::Error),
    /// The head that the store keeps was not made by this record's key.
    #[error("the stored end of the audit record is not one that this gateway's root key vouches for")]
    ForgedHead,
    /// The sink is shutting down.
    #[error("the audit sink is closed")]
    Closed,
}

impl Error {
    /// Whether nothing but a lack of space is the cause.
    #[must_use]
    pub fn is_full(&self) -> bool {
        use std::io::ErrorKind;
        match self {
            Self::Io(error) => matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded),
            Self::Store(error) => error.is_full(),
            _ => false,
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Closed | Self::ForgedHead)
    }
}
