//! What a signature is held against.

/// A signature under which a request may have been made.
pub struct Candidate {
    /// What it was made over.
    pub canonical: String,
    /// What was signed.
    pub string_to_sign: String,
    /// The signature.
    pub signature: String,
}
