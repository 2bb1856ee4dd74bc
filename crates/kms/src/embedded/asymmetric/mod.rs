//! Primitives of key pairs, on aws-lc-rs (Ed25519ph on ed25519-dalek): generation, signatures, OAEP and Diffie-Hellman.
//!
//! Nothing here knows policies, states or the record. Private keys exist as PKCS #8 (`Material`)
//! and parsed ([`PrivateKey`]); both wipe themselves. Operations with a private key take from
//! 15 µs (P-256) to some milliseconds (RSA 4096), so that callers run them off the runtime's
//! threads ([`super::Embedded::off_runtime`]).

mod agree;
mod ed25519ph;
mod keys;
mod oaep;
mod sign;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub(super) use keys::{PrivateKey, check_private_key, generate};
pub(super) use oaep::{encrypt, max_plaintext};
pub(super) use sign::{Message, verify};

use super::limits::refused;
use crate::Error;

/// A primitive failed that cannot fail with a key that parsed.
pub(super) fn broken() -> Error {
    refused("KMSInternalException", "The cryptographic operation failed.")
}
