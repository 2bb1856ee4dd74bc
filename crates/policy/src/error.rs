/// Why a text is not an acceptable policy document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not valid JSON, or valid JSON that is no valid policy of its kind. AWS answers
    /// `MalformedPolicyDocument` (IAM, STS, KMS) or `MalformedPolicy` (S3) with this message.
    #[error("{message}")]
    Malformed {
        /// AWS's words, then what to change.
        message: String,
    },
    /// Longer than the kind's quota. AWS answers `LimitExceeded` (IAM),
    /// `PackedPolicyTooLarge` (STS) or `MalformedPolicyDocument` (KMS).
    #[error("Cannot exceed quota for PolicySize: {limit}. The document has {size}.")]
    TooLarge {
        /// Its size, as AWS counts it: without white space, except for bucket policies.
        size: usize,
        /// The quota.
        limit: usize,
    },
}

impl ParseError {
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::Malformed { message: message.into() }
    }

    /// Always false: the same document stays wrong.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}
