//! Ed25519ph (RFC 8032, section 5.1) without a context, which aws-lc-rs does not have.

use arqueta_kms::Error;
use aws_lc_rs::digest::Digest;
use aws_lc_rs::encoding::{AsBigEndian as _, Curve25519SeedBin};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::Ed25519KeyPair;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::digest::array::Array;
use sha2::digest::consts::U64;
use sha2::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};

use super::broken;

pub(super) use ed25519_dalek::SigningKey;

/// A digest that is already there, where the library wants a hash that has read the message.
#[derive(Clone, Default)]
struct Ready(Array<u8, U64>);

impl HashMarker for Ready {}

impl OutputSizeUser for Ready {
    type OutputSize = U64;
}

impl Update for Ready {
    fn update(&mut self, _: &[u8]) {
        // Signing and verifying only finish it; more input would make another digest.
        self.0 = Array::default();
    }
}

impl FixedOutput for Ready {
    fn finalize_into(self, out: &mut Output<Self>) {
        *out = self.0;
    }
}

fn ready(digest: &Digest) -> Option<Ready> {
    Array::try_from(digest.as_ref()).ok().map(Ready)
}

/// The same key for the other library. It wipes itself, too.
pub(super) fn signing_key(pair: &Ed25519KeyPair) -> Result<SigningKey, Unspecified> {
    let seed: Curve25519SeedBin<'_> = pair.seed()?.as_be_bytes()?;
    seed.as_ref().try_into().map(SigningKey::from_bytes).map_err(|_| Unspecified)
}

/// # Errors
/// `KMSInternalException` for a digest that is not of SHA-512.
pub(super) fn sign(key: &SigningKey, digest: &Digest) -> Result<Vec<u8>, Error> {
    let digest = ready(digest).ok_or_else(broken)?;
    let signature = key.sign_prehashed(digest, None).map_err(|_| broken())?;
    Ok(signature.to_bytes().to_vec())
}

/// Whether `signature` is one of `digest` under the public key `spki`.
pub(super) fn verify(spki: &[u8], digest: &Digest, signature: &[u8]) -> bool {
    // RFC 8410: the key is what a SubjectPublicKeyInfo ends with.
    let key = spki.last_chunk().and_then(|point| VerifyingKey::from_bytes(point).ok());
    let (Some(key), Some(digest), Ok(signature)) = (key, ready(digest), Signature::from_slice(signature)) else {
        return false;
    };
    key.verify_prehashed_strict(digest, None, &signature).is_ok()
}
