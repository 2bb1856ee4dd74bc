//! Key types: wiped on drop, no `Clone`, no `Serialize`, `Debug` prints lengths only. The bytes
//! live on the heap, so that moving a key leaves no copy of it behind on the stack.

use std::fmt;

use zeroize::Zeroizing;

/// 32 bytes that the key service generated: a bucket key or a single object's data key.
pub struct SourceKey(Box<Zeroizing<[u8; 32]>>);

impl SourceKey {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// A fresh key from the operating system's generator.
    #[must_use]
    pub fn random() -> Self {
        Self(random())
    }

    /// Takes over key bytes; the caller's own copy is the caller's to wipe.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut key = Box::new(Zeroizing::new([0; 32]));
        key.copy_from_slice(bytes);
        Self(key)
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

/// 32 random bytes under which the content of one object (or one layer of it) is sealed. It never
/// changes for an object's life; re-keying an object wraps it anew.
pub struct BodyKey(Box<Zeroizing<[u8; 32]>>);

impl BodyKey {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// A fresh key from the operating system's generator.
    #[must_use]
    pub fn random() -> Self {
        Self(random())
    }

    /// Takes over bytes that were just unwrapped.
    pub(crate) fn from_box(bytes: Box<Zeroizing<[u8; 32]>>) -> Self {
        Self(bytes)
    }

    /// The bytes, for derivation and wrapping within this crate.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for BodyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyKey({} bytes)", Self::LEN)
    }
}

fn random() -> Box<Zeroizing<[u8; 32]>> {
    let mut key = Box::new(Zeroizing::new([0; 32]));
    arqueta_model::random::fill(&mut **key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_lengths_only() {
        assert_eq!(format!("{:?}", SourceKey::from_bytes(&[0xab; 32])), "SourceKey(32 bytes)");
        assert_eq!(format!("{:?}", BodyKey::random()), "BodyKey(32 bytes)");
    }

    #[test]
    fn keys_are_drawn_anew() {
        assert_ne!(BodyKey::random().expose(), BodyKey::random().expose());
        assert_ne!(SourceKey::random().expose(), SourceKey::random().expose());
    }
}
