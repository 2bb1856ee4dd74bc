//! Primitives of key pairs, on aws-lc-rs (Ed25519ph on ed25519-dalek): generation, signatures, OAEP and Diffie-Hellman.
//!
//! Nothing here knows policies, states or the record. Private keys exist as PKCS #8 (`Material`)
//! and parsed ([`PrivateKey`]); both wipe themselves. Operations with a private key take from
//! 15 µs (P-256) to some milliseconds (RSA 4096), so that callers run them off the runtime's
//! threads ([`crate::Embedded::off_runtime`]).

mod agree;
mod ed25519ph;
mod keys;
mod oaep;
mod sign;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub(crate) use keys::{PrivateKey, check_private_key, generate};
pub(crate) use oaep::{encrypt, max_plaintext};
pub(crate) use sign::{Message, verify};

use arqueta_kms::Error;

use crate::limits::refused;

/// A primitive failed that cannot fail with a key that parsed.
pub(crate) fn broken() -> Error {
    refused("KMSInternalException", "The cryptographic operation failed.")
}
