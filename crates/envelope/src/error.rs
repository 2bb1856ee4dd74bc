use std::sync::Arc;

use arqueta_model::{BucketKeyId, ContextError, SseMode};

use crate::BucketKeyStoreError;

/// Why an object could not be sealed, opened or re-wrapped. `Clone`, because one answer of the
/// key service is handed to everyone who waited for it. Exhaustive on purpose: S3's error map
/// matches without a `_` arm.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The key service's answer.
    #[error("the key service refused or failed")]
    Kms(#[source] Arc<arqueta_kms::Error>),
    /// A wrapped bucket key could not be stored or read.
    #[error("the bucket's keys cannot be stored or read")]
    BucketKeyStore(#[source] Arc<BucketKeyStoreError>),
    /// The object refers to a bucket key that its bucket does not have.
    #[error("the bucket key {0} of the object is missing")]
    BucketKeyMissing(BucketKeyId),
    /// The caller's own encryption context cannot be used.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The object's keys do not authenticate, or are of an unknown format.
    #[error("the object's keys cannot be opened")]
    Seal(#[from] arqueta_seal::Error),
    /// The object is under a customer's key and the request brought none.
    #[error("the object was stored using a form of server-side encryption that needs the customer's key")]
    CustomerKeyRequired,
    /// The customer's key is not the one that the object was stored under.
    #[error("the provided customer key is not the object's")]
    CustomerKeyWrong,
    /// A customer's key was given for an object that is not under one.
    #[error("the encryption parameters are not applicable to this object")]
    CustomerKeyNotApplicable,
    /// Re-wrapping cannot lead from one mode to the other: the content itself would change, or a
    /// customer's key is involved. Copying the object can.
    #[error("an object's keys cannot be re-wrapped from {from:?} to {to:?}")]
    NotRewrappable {
        /// The object's mode.
        from: SseMode,
        /// The mode asked for.
        to: SseMode,
    },
}

impl Error {
    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Kms(error) => error.is_retryable(),
            Self::BucketKeyStore(error) => error.is_retryable(),
            _ => false,
        }
    }
}

impl From<arqueta_kms::Error> for Error {
    fn from(error: arqueta_kms::Error) -> Self {
        Self::Kms(Arc::new(error))
    }
}

impl From<BucketKeyStoreError> for Error {
    fn from(error: BucketKeyStoreError) -> Self {
        Self::BucketKeyStore(Arc::new(error))
    }
}
