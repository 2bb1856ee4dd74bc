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
    Full(#[source] std::io::Error),
    /// A stored record or blob is not what was written.
    #[error("stored data is damaged: {what}")]
    Damaged {
        /// Which record or file, without its content.
        what: String,
    },
    /// The operating system or the database failed. The write may or may not have happened.
    #[error("storage failed")]
    Io(#[from] std::io::Error),
    /// The embedded database failed.
    #[error("the metadata database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict | Self::Full(_) | Self::Io(_) | Self::Closed)
    }
}
