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
pub enum WrappingAlgorithm {
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

impl WrappingAlgorithm {
    const ALL: [Self; 4] = [Self::OaepSha1, Self::OaepSha256, Self::AesSha1, Self::AesSha256];

    /// The AWS name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OaepSha1 => "RSAES_OAEP_SHA_1",
            Self::OaepSha256 => "RSAES_OAEP_SHA_256",
            Self::AesSha1 => "RSA_AES_KEY_WRAP_SHA_1",
            Self::AesSha256 => "RSA_AES_KEY_WRAP_SHA_256",
        }
    }

    /// The algorithm of an AWS name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}
