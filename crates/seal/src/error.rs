/// What can go wrong with sealed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something does not authenticate: a wrong key, a changed, missing or added byte, a wrong
    /// name. Which one is not told, on purpose.
    #[error("the sealed data does not authenticate")]
    Authentication,
    /// Written by a version of the format that this build does not know.
    #[error("unknown format version {0}")]
    UnknownFormat(u8),
    /// The plaintext exceeds [`crate::stream::MAX_PLAIN`] bytes: the segment counter would wrap.
    #[error("the plaintext exceeds what one stream can hold")]
    TooLarge,
    /// The requested range does not lie within the plaintext.
    #[error("the range does not lie within the plaintext")]
    OutOfRange,
}

impl Error {
    /// Whether the same call may succeed later without anyone's help: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}
