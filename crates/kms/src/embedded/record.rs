//! What the service keeps in the metadata store, under the prefix `kms/`.
//!
//! | key | value |
//! | --- | --- |
//! | `kms/root` | an empty message sealed under the root key: tells whether it is the right one |
//! | `kms/k/<account>/<key id>` | [`KeyRecord`], with its sealed material |
//! | `kms/a/<account>/<alias name>` | [`AliasRecord`] |
//! | `kms/g/<account>/<key id>/<grant id>` | [`GrantRecord`] |
//!
//! Values are a format version byte, then MessagePack with named members.

use std::collections::{BTreeMap, BTreeSet};

use arqueta_model::{AccountId, EncryptionContext, KeyArn, Region, Timestamp};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, KeyManager, KeySpec, KeyUsage};

const VERSION: u8 = 1;

pub(super) const ROOT: &[u8] = b"kms/root";
pub(super) const KEYS: &str = "kms/k/";
pub(super) const ALIASES: &str = "kms/a/";
pub(super) const GRANTS: &str = "kms/g/";

/// A KMS key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    pub account: AccountId,
    pub id: String,
    pub created: Timestamp,
    pub description: String,
    pub usage: KeyUsage,
    pub spec: KeySpec,
    pub manager: KeyManager,
    pub lifecycle: Lifecycle,
    /// Exactly as it was put; empty for the service-owned key.
    pub policy: String,
    pub tags: BTreeMap<String, String>,
    pub rotation: Rotation,
    /// Oldest first; the last one encrypts. Never empty.
    pub versions: Vec<VersionRecord>,
}

/// Stored part of a key's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Lifecycle {
    Enabled,
    Disabled,
    PendingDeletion { at: Timestamp },
}

/// Automatic rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rotation {
    /// When the next one is due; `None` while automatic rotation is off.
    pub next: Option<Timestamp>,
    /// Kept while rotation is off.
    pub period_days: u16,
}

/// One version of a key's material.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct VersionRecord {
    /// 64 lower-case hexadecimal digits (`KeyMaterialId`).
    pub id: String,
    pub made: Timestamp,
    pub cause: Cause,
    /// 32 bytes sealed under the root key, bound to the key's ARN and this version's number.
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
}

/// Why a version came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cause {
    Creation,
    Automatic,
    OnDemand,
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AliasRecord {
    pub account: AccountId,
    /// With `alias/`.
    pub name: String,
    /// Key id in the same account.
    pub target: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GrantRecord {
    pub account: AccountId,
    pub key_id: String,
    pub id: String,
    pub name: String,
    pub created: Timestamp,
    pub grantee: String,
    pub retiring: Option<String>,
    pub issuer: AccountId,
    pub operations: BTreeSet<String>,
    pub equals: Option<EncryptionContext>,
    pub subset: Option<EncryptionContext>,
}

impl KeyRecord {
    pub(super) fn store_key(&self) -> String {
        format!("{KEYS}{}/{}", self.account, self.id)
    }

    pub(super) fn arn(&self, region: &Region) -> KeyArn {
        KeyArn::new(region, &self.account, &self.id)
    }
}

impl AliasRecord {
    pub(super) fn store_key(&self) -> String {
        format!("{ALIASES}{}/{}", self.account, self.name)
    }
}

impl GrantRecord {
    pub(super) fn store_key(&self) -> String {
        format!("{GRANTS}{}/{}/{}", self.account, self.key_id, self.id)
    }
}

pub(super) fn encode<T: Serialize>(record: &T) -> Bytes {
    let mut bytes = vec![VERSION];
    rmp_serde::encode::write_named(&mut bytes, record).expect("records hold nothing that MessagePack cannot");
    bytes.into()
}

pub(super) fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Error> {
    let damaged = || arqueta_store::Error::Damaged { what: String::from_utf8_lossy(key).into_owned() };
    match value.split_first() {
        Some((&VERSION, body)) => rmp_serde::from_slice(body).map_err(|_| damaged().into()),
        _ => Err(damaged().into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn alias() -> AliasRecord {
        AliasRecord {
            account: "111122223333".parse().unwrap(),
            name: "alias/x".into(),
            target: "k".into(),
            created: Timestamp::from_millis(1),
            updated: Timestamp::from_millis(2),
        }
    }

    #[test]
    fn a_record_survives_its_encoding() {
        assert_eq!(decode::<AliasRecord>(b"k", &encode(&alias())).unwrap(), alias());
    }

    #[test]
    fn unknown_versions_and_damage_are_refused() {
        let good = encode(&alias()).to_vec();
        for bad in [vec![], vec![VERSION], [&[2], &good[1..]].concat(), good[..good.len() - 1].to_vec()] {
            let error = decode::<AliasRecord>(b"kms/a/x", &bad).unwrap_err();
            assert!(matches!(error, Error::Store(arqueta_store::Error::Damaged { .. })), "{bad:?}");
        }
    }
}
