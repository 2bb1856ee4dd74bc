//! Elliptic curve Diffie-Hellman (NIST SP 800-56A, section 5.7.1.2).

use aws_lc_rs::agreement::{self, ParsedPublicKey, ParsedPublicKeyFormat, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::broken;
use super::keys::{Inner, PrivateKey};
use crate::Error;
use crate::embedded::limits::invalid;

impl PrivateKey {
    /// The shared secret with the holder of `peer`, a public key as SubjectPublicKeyInfo in DER:
    /// the x coordinate, as long as the field.
    ///
    /// # Errors
    /// `ValidationException` for anything but a point of the same curve in that form.
    pub(in crate::embedded) fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Inner::Ecdh(key) = &self.inner else { return Err(broken()) };
        let refused = || invalid("PublicKey is not a DER-encoded X.509 public key on the curve of the KMS key.");
        let peer = ParsedPublicKey::try_from(UnparsedPublicKey::new(key.algorithm(), peer)).map_err(|_| refused())?;
        if peer.format() != ParsedPublicKeyFormat::X509 {
            return Err(refused());
        }
        agreement::agree(key, peer, (), |secret| Ok(Zeroizing::new(secret.to_vec()))).map_err(|()| refused())
    }
}
