//! Google Tink's AES-GCM-HKDF Streaming AEAD, byte for byte (F-10 … F-18; Tink documentation,
//! "AES-GCM-HKDF Streaming AEAD"), with 64 KiB segments, a 32-byte derived key and HKDF-SHA-256.

mod geometry;
mod opener;
mod sealer;

pub use geometry::{HEADER_LEN, MAX_PLAIN, SEGMENT_LEN, plain_size, sealed_size};
pub use opener::Opener;
pub use sealer::Sealer;

use crate::aead::{Aead, NONCE_LEN};
use crate::kdf::Prk;

const SALT_LEN: usize = 32;
const PREFIX_LEN: usize = 7;

/// A stream's derived key and nonce prefix.
struct StreamKey<A> {
    aead: A,
    prefix: [u8; PREFIX_LEN],
}

impl<A: Aead> StreamKey<A> {
    /// F-13: the segment key is HKDF-SHA-256 of the input key, with the header's salt, and the
    /// associated data as info.
    fn derive(ikm: &[u8; 32], aad: &[u8], salt: &[u8; SALT_LEN], prefix: &[u8; PREFIX_LEN]) -> Self {
        let key = Prk::extract(salt, ikm).expand::<32>(&[aad]);
        Self { aead: A::new(&key), prefix: *prefix }
    }

    /// F-14: prefix, segment number, last-segment flag.
    fn nonce(&self, segment: u32, last: bool) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        nonce[..PREFIX_LEN].copy_from_slice(&self.prefix);
        nonce[PREFIX_LEN..NONCE_LEN - 1].copy_from_slice(&segment.to_be_bytes());
        nonce[NONCE_LEN - 1] = u8::from(last);
        nonce
    }
}

#[cfg(test)]
mod tests;
