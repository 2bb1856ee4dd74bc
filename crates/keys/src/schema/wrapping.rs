//! Key pairs that material is wrapped under to be imported.

use arqueta_model::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::names::wrapping_key;

/// A key pair under which material of a key may be wrapped for its import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WrappingRecord {
    pub account: AccountId,
    pub key_id: String,
    pub id: String,
    pub algorithm: WrappingAlgorithm,
    /// When it is destroyed.
    pub until: Timestamp,
    /// The private key in PKCS #8, sealed under the root key and bound to this record's name.
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
}

/// How material is wrapped under the public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum WrappingAlgorithm {
    /// RSAES-OAEP with SHA-1.
    OaepSha1,
    /// RSAES-OAEP with SHA-256.
    OaepSha256,
    /// An AES-256 key under RSAES-OAEP with SHA-1, and the material under that by RFC 5649.
    AesSha1,
    /// As [`Self::AesSha1`], with SHA-256.
    AesSha256,
}

impl WrappingRecord {
    pub(crate) fn store_key(&self) -> String {
        wrapping_key(&self.account, &self.key_id, &self.id)
    }
}
