//! Elliptic curve Diffie-Hellman (NIST SP 800-56A, section 5.7.1.2).

use arqueta_kms::Error;
use aws_lc_rs::agreement::{self, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::broken;
use super::keys::{Inner, PrivateKey};
use crate::limits::invalid;

impl PrivateKey {
    /// The shared secret with the holder of `peer`, a public key as SubjectPublicKeyInfo in DER:
    /// the x coordinate, as long as the field.
    ///
    /// # Errors
    /// `ValidationException` for anything but a point of the same curve in that form: the curve by
    /// its name, the point uncompressed.
    pub(crate) fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Inner::Ecdh(key) = &self.inner else { return Err(broken()) };
        let refused = || invalid("PublicKey is not a DER-encoded X.509 public key on the curve of the KMS key.");
        let own = key.compute_public_key().map_err(|_| broken())?;
        // Both differ in their points only. The library would also read curves that are spelt out.
        let algorithm = self.public.len() - own.as_ref().len();
        if peer.len() != self.public.len() || peer[..algorithm] != self.public[..algorithm] {
            return Err(refused());
        }
        let peer = UnparsedPublicKey::new(key.algorithm(), peer);
        agreement::agree(key, peer, (), |secret| Ok(Zeroizing::new(secret.to_vec()))).map_err(|()| refused())
    }
}
