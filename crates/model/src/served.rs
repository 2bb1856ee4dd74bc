//! What is told of a request that was answered.

/// What an edge tells of a request that it answered, in the extensions of the answer: for the log of
/// requests and for metrics. Only what was proven: a request that was refused before its signature
/// was verified has no `who`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// Name of the operation, one of those that exist; `None` for any other.
    pub operation: Option<&'static str>,
    /// ARN of the principal, or `anonymous`.
    pub who: Option<String>,
    /// Bucket that the request names.
    pub bucket: Option<String>,
    /// Object key that the request names.
    pub key: Option<String>,
    /// Code of the error that was answered.
    pub code: Option<String>,
}
