//! Sealing of short messages under a long-lived key: the key service's own ciphertext (F-50).
//!
//! Each message derives its own AES key from a fresh 256-bit salt, so the number of messages
//! under one key is not bounded by 96-bit random nonces.

use zeroize::Zeroizing;

use crate::aead::{Aead, NONCE_LEN, Preferred, TAG_LEN};
use crate::kdf::{self, Prk};
use crate::{Error, FORMAT_VERSION, require_format};

const SALT_LEN: usize = 32;
const HEADER_LEN: usize = 1 + SALT_LEN;

/// How many bytes longer a sealed message is than its plaintext.
pub const OVERHEAD: usize = HEADER_LEN + TAG_LEN;

const INFO: &[u8] = b"arqueta/1/message";

/// Seals `plaintext` under `key`, bound to `aad`.
#[must_use]
pub fn seal(key: &[u8; 32], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let salt: [u8; SALT_LEN] = kdf::random();
    let (aead, nonce) = derive(key, &salt);
    let mut sealed = Vec::with_capacity(OVERHEAD + plaintext.len());
    sealed.push(FORMAT_VERSION);
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(plaintext);
    let tag = aead.seal(&nonce, aad, &mut sealed[HEADER_LEN..]);
    sealed.extend_from_slice(&tag);
    sealed
}

/// Opens what [`seal`] returned.
///
/// # Errors
/// [`Error::Authentication`] for another key, another `aad`, or any changed, missing or added
/// byte; [`Error::UnknownFormat`].
pub fn open(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (&version, rest) = sealed.split_first().ok_or(Error::Authentication)?;
    require_format(version)?;
    let (salt, rest) = rest.split_first_chunk::<SALT_LEN>().ok_or(Error::Authentication)?;
    let (body, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(Error::Authentication)?;
    let (aead, nonce) = derive(key, salt);
    let mut plaintext = Zeroizing::new(body.to_vec());
    aead.open(&nonce, aad, &mut plaintext, tag)?;
    Ok(plaintext)
}

fn derive(key: &[u8; 32], salt: &[u8; SALT_LEN]) -> (Preferred, [u8; NONCE_LEN]) {
    let okm = Prk::extract(salt, key).expand::<{ 32 + NONCE_LEN }>(&[INFO]);
    let (key, nonce) = okm.split_first_chunk::<32>().expect("44 bytes begin with 32");
    (Preferred::new(key), nonce.try_into().expect("44 bytes end with 12 after 32"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: [u8; 32] = [3; 32];

    #[test]
    fn sizes_are_exact_and_salts_are_fresh() {
        let (a, b) = (seal(&KEY, b"", b"same"), seal(&KEY, b"", b"same"));
        assert_eq!(a.len(), OVERHEAD + 4);
        assert_ne!(a[1..33], b[1..33]);
        assert_ne!(a[33..], b[33..]);
    }

    #[test]
    fn another_key_context_or_version_fails() {
        let sealed = seal(&KEY, b"context", b"secret");
        assert_eq!(open(&[4; 32], b"context", &sealed).unwrap_err(), Error::Authentication);
        assert_eq!(open(&KEY, b"contexT", &sealed).unwrap_err(), Error::Authentication);
        assert_eq!(open(&KEY, b"", &sealed).unwrap_err(), Error::Authentication);
        let mut newer = sealed.clone();
        newer[0] = 2;
        assert_eq!(open(&KEY, b"context", &newer).unwrap_err(), Error::UnknownFormat(2));
    }

    #[test]
    fn every_truncation_and_an_extension_fail() {
        let sealed = seal(&KEY, b"", b"secret");
        for len in 0..sealed.len() {
            assert!(open(&KEY, b"", &sealed[..len]).is_err(), "cut to {len}");
        }
        assert!(open(&KEY, b"", &[sealed.as_slice(), b"\0"].concat()).is_err());
    }

    proptest! {
        #[test]
        fn round_trip_and_any_flipped_bit(plain in prop::collection::vec(any::<u8>(), 0..200), aad: Vec<u8>, at: prop::sample::Index, bit in 0..8) {
            let mut sealed = seal(&KEY, &aad, &plain);
            let opened = open(&KEY, &aad, &sealed).unwrap();
            prop_assert_eq!(&opened[..], &plain[..]);
            let at = at.index(sealed.len());
            sealed[at] ^= 1u8 << bit;
            prop_assert!(open(&KEY, &aad, &sealed).is_err());
        }
    }
}
