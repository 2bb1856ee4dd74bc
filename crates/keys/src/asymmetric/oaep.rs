//! RSAES-OAEP, with the same hash for the label and the mask, and no label.

use arqueta_kms::{EncryptionAlgorithm, Error};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPublicEncryptingKey, PublicEncryptingKey,
};
use zeroize::Zeroizing;

use super::broken;
use super::keys::{Inner, PrivateKey};

fn oaep(algorithm: EncryptionAlgorithm) -> Option<&'static OaepAlgorithm> {
    match algorithm {
        EncryptionAlgorithm::RSAES_OAEP_SHA_1 => Some(&OAEP_SHA1_MGF1SHA1),
        EncryptionAlgorithm::RSAES_OAEP_SHA_256 => Some(&OAEP_SHA256_MGF1SHA256),
        EncryptionAlgorithm::SYMMETRIC_DEFAULT | EncryptionAlgorithm::SM2PKE => None,
    }
}

fn public(spki: &[u8]) -> Result<OaepPublicEncryptingKey, Error> {
    let key = PublicEncryptingKey::from_der(spki).map_err(|_| broken())?;
    OaepPublicEncryptingKey::new(key).map_err(|_| broken())
}

/// Most bytes that one ciphertext under the public key `spki` holds.
///
/// # Errors
/// `KMSInternalException` for a key or an algorithm that is not of RSA.
pub(crate) fn max_plaintext(algorithm: EncryptionAlgorithm, spki: &[u8]) -> Result<usize, Error> {
    Ok(public(spki)?.max_plaintext_size(oaep(algorithm).ok_or_else(broken)?))
}

/// A ciphertext as long as the modulus.
///
/// # Errors
/// `KMSInternalException`, also for a plaintext longer than [`max_plaintext`].
pub(crate) fn encrypt(algorithm: EncryptionAlgorithm, spki: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    let key = public(spki)?;
    let mut out = vec![0; key.ciphertext_size()];
    let length =
        key.encrypt(oaep(algorithm).ok_or_else(broken)?, plaintext, &mut out, None).map_err(|_| broken())?.len();
    out.truncate(length);
    Ok(out)
}

impl PrivateKey {
    /// # Errors
    /// [`Error::InvalidCiphertext`] for every ciphertext that does not open: one opaque case.
    pub(crate) fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Inner::RsaDecrypting(key) = &self.inner else { return Err(broken()) };
        let mut out = Zeroizing::new(vec![0; key.min_output_size()]);
        let length = key
            .decrypt(oaep(algorithm).ok_or_else(broken)?, ciphertext, &mut out, None)
            .map_err(|_| Error::InvalidCiphertext)?
            .len();
        out.truncate(length);
        Ok(out)
    }
}
