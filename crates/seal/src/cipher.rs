//! One object's content cipher: derivation of everything that hangs off its body keys.

use std::fmt;
use std::ops::Range;

use arqueta_model::{ObjectId, PartId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::kdf::Prk;
use crate::{BodyKey, Error, FORMAT_VERSION, PartOpener, PartSealer, stream};

const PART: &[u8] = b"arqueta/1/part";
const MANIFEST: &[u8] = b"arqueta/1/manifest";
const ETAG: &[u8] = b"arqueta/1/etag";

/// Cipher of one object's content: one layer, or two for DSSE-KMS. Cheap to share behind `Arc`.
pub struct ObjectCipher {
    object: ObjectId,
    /// One per layer, inner first (F-20).
    layers: Vec<Prk>,
    /// Over the body keys of all layers (F-22): forging a tag takes every one of them.
    whole: Prk,
}

impl ObjectCipher {
    /// The cipher of object `object_id`; `layers` are its body keys, inner layer first.
    ///
    /// # Panics
    /// If there is no layer at all: such an object is not sealed and has no cipher.
    #[must_use]
    pub fn new(object_id: ObjectId, layers: Vec<BodyKey>) -> Self {
        assert!(!layers.is_empty(), "a sealed object has at least one layer");
        let mut all = Zeroizing::new(Vec::with_capacity(layers.len() * BodyKey::LEN));
        for layer in &layers {
            all.extend_from_slice(layer.expose());
        }
        Self {
            object: object_id,
            whole: Prk::extract(&[], &all),
            layers: layers.iter().map(|layer| Prk::extract(&[], layer.expose())).collect(),
        }
    }

    /// The object this cipher belongs to.
    #[must_use]
    pub const fn object_id(&self) -> ObjectId {
        self.object
    }

    /// Starts sealing part `part`. Draws a fresh stream salt, so sealing the same part again
    /// yields other bytes; a part uploaded again still takes a fresh [`PartId`].
    #[must_use]
    pub fn sealer(&self, part: PartId) -> PartSealer {
        PartSealer::new(self.streams(part).map(|key| stream::Sealer::new(&key, &self.part_aad(part))))
    }

    /// Starts opening the bytes `range` (of the plaintext) of part `part`, whose plaintext is
    /// `plain_size` bytes long. The empty range of an empty part verifies it; the empty range of
    /// any other part reads nothing.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `range.start <= range.end <= plain_size`;
    /// [`Error::TooLarge`] for a size that no stream has.
    pub fn opener(&self, part: PartId, plain_size: u64, range: Range<u64>) -> Result<PartOpener, Error> {
        let keys: Vec<_> = self.streams(part).collect();
        PartOpener::new(&keys, &self.part_aad(part), plain_size, range)
    }

    /// Size of a part once sealed, all layers counted. Saturates beyond [`stream::MAX_PLAIN`].
    #[must_use]
    pub fn sealed_size(&self, plain_size: u64) -> u64 {
        self.layers.iter().fold(plain_size, |size, _| stream::sealed_size(size))
    }

    /// HMAC-SHA-256 over the manifest's bytes (F-40).
    #[must_use]
    pub fn manifest_tag(&self, manifest: &[u8]) -> [u8; 32] {
        self.manifest_mac(manifest).finalize().into_bytes().into()
    }

    /// Checks a manifest's tag in constant time.
    ///
    /// # Errors
    /// [`Error::Authentication`].
    pub fn verify_manifest(&self, manifest: &[u8], tag: &[u8; 32]) -> Result<(), Error> {
        self.manifest_mac(manifest).verify(tag.into()).map_err(|_| Error::Authentication)
    }

    /// ETag of the object, or of one of its parts, where it is not an MD5 (F-45): a function of
    /// the body key, so it tells nothing about the content and never changes with a re-wrap.
    #[must_use]
    pub fn etag(&self, part: Option<PartId>) -> [u8; 16] {
        let part = part.as_ref().map_or(&[][..], |part| part.as_bytes());
        *self.whole.expand(&[ETAG, part])
    }

    /// The stream key of each layer, inner first (F-21).
    fn streams(&self, part: PartId) -> impl Iterator<Item = Zeroizing<[u8; 32]>> + '_ {
        self.layers.iter().map(move |layer| layer.expand(&[PART, part.as_bytes()]))
    }

    /// F-12: format version, object id, part id.
    fn part_aad(&self, part: PartId) -> [u8; 33] {
        let mut aad = [FORMAT_VERSION; 33];
        aad[1..17].copy_from_slice(self.object.as_bytes());
        aad[17..].copy_from_slice(part.as_bytes());
        aad
    }

    fn manifest_mac(&self, manifest: &[u8]) -> Hmac<Sha256> {
        let key = self.whole.expand::<32>(&[MANIFEST]);
        Hmac::new_from_slice(&*key).expect("HMAC takes a key of any length").chain_update(manifest)
    }
}

impl fmt::Debug for ObjectCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectCipher({:?}, {} layers)", self.object, self.layers.len())
    }
}

#[cfg(test)]
mod tests;
