//! Tags over bytes that are stored in the clear: HMAC-SHA-256 (RFC 2104) under a key of its own.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::kdf::Prk;

/// Makes and checks tags. Its state is key material and wiped when dropped.
pub struct TagKey(Hmac<Sha256>);

impl TagKey {
    /// Length of a tag in bytes.
    pub const TAG_LEN: usize = 32;

    /// The key for the purpose `info` under `secret`: HKDF-SHA-256 without salt. Two purposes have
    /// unrelated keys.
    ///
    /// # Panics
    /// Never: HMAC takes a key of any length.
    #[must_use]
    pub fn derive(secret: &[u8; 32], info: &[u8]) -> Self {
        let key = Prk::extract(&[], secret).expand::<32>(&[info]);
        Self(Hmac::new_from_slice(&*key).expect("HMAC takes a key of any length"))
    }

    /// The tag of the concatenation of `pieces`. Who calls it sees to it that no two messages
    /// concatenate alike.
    #[must_use]
    pub fn tag(&self, pieces: &[&[u8]]) -> [u8; Self::TAG_LEN] {
        let mut mac = self.0.clone();
        pieces.iter().for_each(|piece| mac.update(piece));
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagKey(32 bytes)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_depends_on_secret_purpose_and_every_byte() {
        let key = TagKey::derive(&[1; 32], b"record");
        let tag = key.tag(&[b"ab", b"c"]);
        assert_eq!(key.tag(&[b"abc"]), tag, "pieces are one message");
        assert_ne!(key.tag(&[b"abd"]), tag);
        assert_ne!(key.tag(&[b"ab"]), tag);
        assert_ne!(TagKey::derive(&[2; 32], b"record").tag(&[b"abc"]), tag);
        assert_ne!(TagKey::derive(&[1; 32], b"recorder").tag(&[b"abc"]), tag);
        assert_eq!(format!("{key:?}"), "TagKey(32 bytes)");
    }

    #[test]
    fn it_is_hmac_sha_256_under_the_expanded_key() {
        let key = Prk::extract(&[], &[1; 32]).expand::<32>(&[b"record"]);
        let mut mac: Hmac<Sha256> = Hmac::new_from_slice(&*key).unwrap();
        mac.update(b"abc");
        assert_eq!(&TagKey::derive(&[1; 32], b"record").tag(&[b"abc"])[..], &mac.finalize().into_bytes()[..]);
    }
}
