//! Secret access keys, and the seam that seals them at rest.

use std::fmt;

use zeroize::Zeroizing;

/// A secret access key.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// From its text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text: for verifying a signature, and for the one answer that shows a new key.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// Seals secrets and session tokens under a key that this crate never sees.
pub trait SecretSealer: Send + Sync {
    /// Seals `plaintext`, bound to `context`. Two calls give different bytes.
    fn seal(&self, context: &[u8], plaintext: &[u8]) -> Vec<u8>;

    /// Opens what [`Self::seal`] returned for the same `context`; `None` for anything else.
    fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
}
