/// Why a request does not prove who sent it. Messages are AWS's own where AWS has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
// Exhaustive: an edge maps every case to codes of its protocol.
pub enum Error {
    /// Nothing at all in the request names a key.
    #[error("Missing Authentication Token")]
    Missing,
    /// Parts of the signature are missing or cannot be read.
    #[error("{0}")]
    Incomplete(String),
    /// Well-formed, but stale, out of scope, or leaving a header unsigned that must be signed.
    #[error("{0}")]
    Unacceptable(String),
    /// The signature is not the one that the secret gives. Opaque on purpose.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}
