//! The two protocols.

/// A protocol, as far as answers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// AWS JSON 1.1.
    Json,
    /// AWS Query, with the namespace of the service's documents.
    Query(&'static str),
}
