//! A key of its own for what is kept elsewhere, under a passphrase: everything in a back-up is sealed by it.

use std::path::Path;

use arqueta_kms::RootKeyError;
use arqueta_seal::{SourceKey, TagKey, message};
use zeroize::Zeroizing;

use crate::{Argon2Cost, Frame, FrameError, Kdf, Passphrase};

const NAME: &[u8; 7] = b"arqbkey";
const NAMES: &[u8] = b"arqueta/1/back-up/names";

/// Seals and opens what belongs to one place of back-ups.
pub struct Chest {
    key: Zeroizing<[u8; 32]>,
    names: TagKey,
}

impl Chest {
    /// A new one, and what opens it again with the passphrase. Takes long on purpose.
    ///
    /// # Errors
    /// [`RootKeyError::Cost`].
    pub fn make(passphrase: &Passphrase, cost: Argon2Cost) -> Result<(Self, Vec<u8>), RootKeyError> {
        let kdf = Kdf::new(cost)?;
        let wrapping = kdf.derive(passphrase)?;
        let head = Frame::new(NAME, kdf).head;
        let key = Zeroizing::new(*SourceKey::random().expose());
        let sealed = message::seal(&wrapping, &head, &*key);
        Ok((Self::of(key), [head, sealed].concat()))
    }

    /// The one that [`Chest::make`] returned as `bytes`, which lie in `path`.
    ///
    /// # Errors
    /// [`RootKeyError::Malformed`], [`RootKeyError::UnknownFormat`], [`RootKeyError::DoesNotOpen`].
    pub fn open(bytes: &[u8], path: &Path, passphrase: &Passphrase) -> Result<Self, RootKeyError> {
        let path = || path.to_owned();
        let (frame, sealed) = Frame::<Kdf>::parse(NAME, bytes).map_err(|error| match error {
            FrameError::Foreign => RootKeyError::Malformed { path: path() },
            FrameError::Version(version) => RootKeyError::UnknownFormat { path: path(), version },
        })?;
        // Parameters out of bounds: the file was edited.
        let wrapping = frame.parameters.derive(passphrase).map_err(|_| RootKeyError::Malformed { path: path() })?;
        let opened = message::open(&wrapping, &frame.head, sealed).ok();
        let key = opened.and_then(|bytes| bytes[..].try_into().ok().map(Zeroizing::new));
        key.map(Self::of).ok_or_else(|| RootKeyError::DoesNotOpen { path: path(), with: "passphrase".to_owned() })
    }

    fn of(key: Zeroizing<[u8; 32]>) -> Self {
        Self { names: TagKey::derive(&key, NAMES), key }
    }

    /// Seals `content` as what `what` says it is (F-50).
    #[must_use]
    pub fn seal(&self, what: &[u8], content: &[u8]) -> Vec<u8> {
        message::seal(&self.key, what, content)
    }

    /// What was sealed as `what`; `None` for anything else.
    #[must_use]
    pub fn unseal(&self, what: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        message::open(&self.key, what, sealed).ok()
    }

    /// A name for content that nobody without the key can tell from the content.
    #[must_use]
    pub fn name(&self, content: &[u8]) -> [u8; 32] {
        self.names.tag(&[content])
    }
}

impl std::fmt::Debug for Chest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chest(32 bytes)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LEAST: Argon2Cost = Argon2Cost { memory_kib: 8 << 10, iterations: 1, lanes: 1 };

    #[test]
    fn it_opens_with_its_passphrase_and_not_otherwise() {
        let (right, wrong) = (Passphrase::new(b"correct horse").unwrap(), Passphrase::new(b"incorrect horse").unwrap());
        let (chest, bytes) = Chest::make(&right, LEAST).unwrap();
        let sealed = chest.seal(b"what", b"content");
        let again = Chest::open(&bytes, Path::new("key"), &right).unwrap();
        assert_eq!(&again.unseal(b"what", &sealed).unwrap()[..], b"content");
        assert_eq!(again.unseal(b"else", &sealed), None);
        assert_eq!(again.name(b"content"), chest.name(b"content"));
        assert_ne!(Chest::make(&right, LEAST).unwrap().0.name(b"content"), chest.name(b"content"));
        let refused = |bytes: &[u8], passphrase| Chest::open(bytes, Path::new("key"), passphrase).unwrap_err();
        assert!(matches!(refused(&bytes, &wrong), RootKeyError::DoesNotOpen { .. }));
        for at in 0..bytes.len() {
            let mut edited = bytes.clone();
            edited[at] ^= 1;
            // A cost that is another takes longer than the test may.
            if Frame::<Kdf>::parse(NAME, &edited)
                .is_ok_and(|(frame, _)| frame.parameters != Frame::<Kdf>::parse(NAME, &bytes).unwrap().0.parameters)
            {
                continue;
            }
            refused(&edited, &right);
        }
        assert!(matches!(refused(b"", &right), RootKeyError::Malformed { .. }));
    }
}
