//! Key types: zeroized on drop, no `Clone`, no `Serialize`, `Debug` prints lengths only.

use std::fmt;

use zeroize::Zeroizing;

/// 32 bytes that the key service generated: a bucket key or a single object's data key.
pub struct SourceKey(Zeroizing<[u8; 32]>);

impl SourceKey {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// A fresh key from the operating system's generator.
    #[must_use]
    pub fn random() -> Self {
        let mut key = Self(Zeroizing::new([0; 32]));
        getrandom::fill(&mut *key.0).expect("the operating system's random generator works, or nothing here is safe");
        key
    }

    /// Takes over key bytes; the caller's own copy is the caller's to wipe.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The bytes themselves, for a cipher or a KMS answer.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceKey({} bytes)", Self::LEN)
    }
}
