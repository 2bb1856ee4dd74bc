//! Bytes, and what keys can do.

use std::fmt;

use arqueta_kms::Algorithms;
use zeroize::Zeroizing;

/// Bytes: a plaintext or a ciphertext. Wiped on drop, `Debug` prints the
/// length only.
#[derive(Default, PartialEq, Eq)]
pub struct Blob(Zeroizing<Vec<u8>>);

impl Blob {
    /// Takes bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Zeroizing<Vec<u8>>> for Blob {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

/// What a key can do, by its spec and usage; empty lists are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAlgorithms {
    /// Of keys for `ENCRYPT_DECRYPT`.
    pub encryption_algorithms: Vec<&'static str>,
    /// Of keys for `SIGN_VERIFY`.
    pub signing_algorithms: Vec<&'static str>,
    /// Of keys for `KEY_AGREEMENT`.
    pub key_agreement_algorithms: Vec<&'static str>,
    /// Of keys for `GENERATE_VERIFY_MAC`.
    pub mac_algorithms: Vec<&'static str>,
}

impl From<Algorithms> for KeyAlgorithms {
    fn from(algorithms: Algorithms) -> Self {
        Self {
            encryption_algorithms: algorithms.encryption.iter().map(|algorithm| algorithm.name()).collect(),
            signing_algorithms: algorithms.signing.iter().map(|algorithm| algorithm.name()).collect(),
            key_agreement_algorithms: algorithms.agreement.iter().map(|algorithm| algorithm.name()).collect(),
            mac_algorithms: algorithms.mac.iter().map(|algorithm| algorithm.name()).collect(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_of_a_blob_shows_no_byte() {
        assert_eq!(format!("{:?}", Blob::new(b"secret".to_vec())), "Blob(6 bytes)");
    }
}
