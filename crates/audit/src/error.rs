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
    /// The metadata is older than the record: it knows the chain's end number `found` and had once
    /// been known to keep number `kept`.
    #[error(
        "the metadata is older than the audit record: it knows the record up to group {found}, and group {kept} had \
         been noted in it. Identities, keys and policies may have been put back to what they were before. If they were \
         restored from a backup, start once with --accept-older-metadata"
    )]
    OlderMetadata {
        /// What it had kept.
        kept: u64,
        /// What it keeps.
        found: u64,
    },
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
        !matches!(self, Self::Closed | Self::ForgedHead | Self::OlderMetadata { .. })
    }
}
