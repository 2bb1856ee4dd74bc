//! What the service keeps in the metadata store, under the prefix `kms/`.
//!
//! | key | value |
//! | --- | --- |
//! | `kms/root` | an empty message sealed under the root key: tells whether it is the right one |
//! | `kms/k/<account>/<key id>` | [`KeyRecord`], with its sealed material |
//! | `kms/a/<account>/<alias name>` | [`AliasRecord`] |
//! | `kms/g/<account>/<key id>/<grant id>` | [`GrantRecord`] |
//! | `kms/i/<account>/<key id>/<id>` | [`WrappingRecord`], until it expires |
//! | `kms/u/<account>/<key id>` | [`LastUse`] of a key, at most a minute old |
//! | `kms/s/<account>/<store id>` | [`StoreRecord`], with its sealed password |
//! | `kms/o/<region>/<account>/<key id>` | [`ErrandRecord`]: what another Region has yet to hear |
//! | `kms/t/<account>/<key id>` | [`Edition`] at which a multi-Region key was destroyed here |
//!
//! Values are a format version byte, then MessagePack with named members.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use arqueta_kms::{Error, KeyManager, KeySpec, KeyState, KeyUsage};
use arqueta_model::{AccountId, EncryptionContext, KeyArn, Principal, Region, Timestamp};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;

pub(crate) const ROOT: &[u8] = b"kms/root";
pub(crate) const KEYS: &str = "kms/k/";
pub(crate) const ALIASES: &str = "kms/a/";
pub(crate) const GRANTS: &str = "kms/g/";
pub(crate) const WRAPPINGS: &str = "kms/i/";
pub(crate) const USES: &str = "kms/u/";
pub(crate) const STORES: &str = "kms/s/";
pub(crate) const ERRANDS: &str = "kms/o/";
pub(crate) const TOMBS: &str = "kms/t/";

/// A KMS key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    pub account: AccountId,
    pub id: String,
    pub created: Timestamp,
    pub description: String,
    pub usage: KeyUsage,
    pub spec: KeySpec,
    pub manager: KeyManager,
    pub lifecycle: Lifecycle,
    /// As it was put, with unique ids in the place of the ARNs of users and roles; empty for the
    /// service-owned key.
    pub policy: String,
    pub tags: BTreeMap<String, String>,
    pub rotation: Rotation,
    /// Where its material comes from.
    pub origin: Origin,
    /// The custom key store that holds the material.
    pub custom_key_store: Option<String>,
    /// Its place among the Regions that share it.
    pub multi_region: Option<MultiRegion>,
    /// Oldest first, in the same order in every Region. A ciphertext names one by its index, so
    /// none that was ever current is removed: what is deleted or expired loses its sealed bytes.
    pub versions: Vec<VersionRecord>,
}

/// Where a key's material comes from; fixed at creation (KMS API Reference, "Origin" of CreateKey).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// This service drew it.
    AwsKms,
    /// Its owner imports it.
    External,
    /// It was drawn inside the tokens of a custom key store and never leaves them.
    CloudHsm,
    /// It exists at an external key service, whose key this one stands for.
    ExternalKeyStore,
}

impl Origin {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AwsKms => "AWS_KMS",
            Self::External => "EXTERNAL",
            Self::CloudHsm => "AWS_CLOUDHSM",
            Self::ExternalKeyStore => "EXTERNAL_KEY_STORE",
        }
    }
}

/// A multi-Region key as this Region knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MultiRegion {
    pub primary: Region,
    /// All Regions but the primary's.
    pub replicas: BTreeSet<Region>,
    /// Of the properties that all its Regions share. Only the primary makes a new one.
    pub edition: Edition,
    /// Number of the first version that some Region may still lack: nothing is encrypted under it
    /// or later ones before every Region has it.
    pub waiting: Option<u32>,
}

/// Orders what is said of a multi-Region key's shared properties: of two editions the higher is
/// right, wherever and in whatever order they arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) struct Edition {
    /// Counts hand-overs of the primary.
    pub term: u64,
    /// Counts changes over all terms.
    pub revision: u64,
}

impl Edition {
    pub(crate) const fn next(self) -> Self {
        Self { term: self.term, revision: self.revision + 1 }
    }

    /// The first edition under another primary.
    pub(crate) const fn next_term(self) -> Self {
        Self { term: self.term + 1, revision: self.revision + 1 }
    }
}

/// Something that another Region has yet to hear. At most one for each Region and key: it names
/// no content, the key as it is at that moment is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrandRecord {
    pub to: Region,
    pub account: AccountId,
    pub key_id: String,
    /// The edition that the other Region must at least have heard of.
    pub edition: Edition,
    pub errand: Errand,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Errand {
    /// The shared properties.
    Share,
    /// That a replica shall come to be; then the shared properties.
    Create(Box<Creation>),
    /// To the primary: the replica here is destroyed.
    Leave,
}

/// What a replica begins with, beside what it shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Creation {
    pub policy: String,
    pub description: String,
    pub tags: BTreeMap<String, String>,
    /// Who asked for it, for the record of the replica's Region.
    pub principal: Principal,
    pub source_ip: IpAddr,
    pub user_agent: String,
}

/// A multi-Region key that is destroyed here: whatever is still said of it up to this edition
/// makes no replica again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TombRecord {
    pub account: AccountId,
    pub key_id: String,
    pub edition: Edition,
}

/// Stored part of a key's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Lifecycle {
    Enabled,
    Disabled,
    /// Waits for imported material; enabled when it comes.
    PendingImport,
    /// A replica on its way from its primary.
    Creating,
    /// The primary is moving to another Region; then as before.
    Updating {
        enabled: bool,
    },
    PendingDeletion {
        at: Timestamp,
    },
    /// A primary that waits for its replicas to go before its own waiting period starts.
    PendingReplicaDeletion {
        window_days: u16,
    },
}

/// Automatic rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rotation {
    /// When the next one is due; `None` while automatic rotation is off.
    pub next: Option<Timestamp>,
    /// Kept while rotation is off.
    pub period_days: u16,
}

/// One version of a key's material.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    /// 64 lower-case hexadecimal digits (`KeyMaterialId`).
    pub id: String,
    pub made: Timestamp,
    pub cause: Cause,
    /// The material sealed under the root key, bound to the key's ARN and this version's number.
    /// Empty where there is none here: not imported, expired, deleted, or inside tokens.
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
    /// Who has the material instead.
    pub held: Option<Held>,
    /// Of imported material.
    pub imported: Option<Imported>,
}

/// Where material is that is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Name of the holder: a configured one, or a custom key store's id.
    pub holder: String,
    /// Name of the material there.
    pub name: String,
    /// Existed there before, under its owner's own rule.
    pub adopted: bool,
}

/// What its importer said of material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Imported {
    /// When it is destroyed; never if absent.
    pub expires: Option<Timestamp>,
    pub description: String,
    /// Imported as new material that no rotation has moved to yet.
    pub pending_rotation: bool,
}

/// Why a version came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cause {
    Creation,
    Automatic,
    OnDemand,
    /// Imported by the key's owner.
    Import,
}

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

/// The last successful cryptographic operation of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastUse {
    pub operation: String,
    pub at: Timestamp,
    pub event_id: String,
    pub request_id: String,
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AliasRecord {
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
pub(crate) struct GrantRecord {
    pub account: AccountId,
    pub key_id: String,
    pub id: String,
    pub name: String,
    pub created: Timestamp,
    /// The unique id of a user, role or session of a role; the ARN of an account's root user or a
    /// federated user. ARNs of users and roles, from earlier releases, name nobody.
    pub grantee: String,
    /// As `grantee`.
    pub retiring: Option<String>,
    pub issuer: AccountId,
    pub operations: BTreeSet<String>,
    pub equals: Option<EncryptionContext>,
    pub subset: Option<EncryptionContext>,
}

/// A custom key store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoreRecord {
    pub account: AccountId,
    pub id: String,
    pub name: String,
    /// Name of the cluster in the configuration.
    pub cluster: String,
    pub trust_anchor: String,
    /// Sealed under the root key.
    #[serde(with = "serde_bytes")]
    pub password: Vec<u8>,
    pub created: Timestamp,
    pub connection: Connection,
}

/// How connecting a custom key store ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Connection {
    Disconnected,
    Connected,
    Failed(ConnectionError),
}

/// Why a custom key store could not be connected (`ConnectionErrorCode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ConnectionError {
    InvalidCredentials,
    ClusterNotFound,
    InsufficientHsms,
    InternalError,
}

impl ConnectionError {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::InvalidCredentials => "INVALID_CREDENTIALS",
            Self::ClusterNotFound => "CLUSTER_NOT_FOUND",
            Self::InsufficientHsms => "INSUFFICIENT_CLOUDHSM_HSMS",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }
}

impl StoreRecord {
    pub(crate) fn store_key(&self) -> String {
        format!("{STORES}{}/{}", self.account, self.id)
    }
}

impl Lifecycle {
    pub(crate) const fn state(self) -> KeyState {
        match self {
            Self::Enabled => KeyState::Enabled,
            Self::Disabled => KeyState::Disabled,
            Self::PendingImport => KeyState::PendingImport,
            Self::Creating => KeyState::Creating,
            Self::Updating { .. } => KeyState::Updating,
            Self::PendingDeletion { .. } => KeyState::PendingDeletion,
            Self::PendingReplicaDeletion { .. } => KeyState::PendingReplicaDeletion,
        }
    }
}

impl KeyRecord {
    /// Index of the version that new ciphertext is under: the newest that is not waiting for a
    /// rotation. `None` before the first import.
    pub(crate) fn current(&self) -> Option<usize> {
        self.everywhere().iter().rposition(|version| !version.is_pending())
    }

    /// The versions that every Region of the key has.
    pub(crate) fn everywhere(&self) -> &[VersionRecord] {
        let waiting = self.multi_region.as_ref().and_then(|regions| regions.waiting);
        let count = waiting.map_or(self.versions.len(), |first| self.versions.len().min(first as usize));
        &self.versions[..count]
    }

    /// Whether every version that a ciphertext can be under has its material.
    pub(crate) fn is_complete(&self) -> bool {
        let mut lasting = self.versions.iter().filter(|version| !version.is_pending()).peekable();
        lasting.peek().is_some() && lasting.all(VersionRecord::is_here)
    }

    /// Destroys the material of an imported version. One that was never current is no version of
    /// the key any more; without any other the key waits for its import again.
    pub(crate) fn forget(&mut self, number: usize) {
        let version = &mut self.versions[number];
        if version.is_pending() {
            // Always the last one: nothing newer is imported before a rotation moved to it.
            self.versions.truncate(number);
            return;
        }
        version.sealed.clear();
        if let Some(imported) = &mut version.imported {
            imported.expires = None;
        }
        if matches!(self.lifecycle, Lifecycle::Enabled | Lifecycle::Disabled) {
            self.lifecycle = Lifecycle::PendingImport;
        }
    }

    /// Whether imported material is past its time.
    pub(crate) fn has_lapsed(&self, now: Timestamp) -> bool {
        self.versions.iter().any(|version| version.has_lapsed(now))
    }

    /// Destroys what is past its time.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while let Some(number) = self.versions.iter().rposition(|version| version.has_lapsed(now)) {
            self.forget(number);
        }
    }

    /// Whether `region`'s member of the key changes what all its Regions share. True of keys of
    /// one Region.
    pub(crate) fn leads(&self, region: &Region) -> bool {
        self.multi_region.as_ref().is_none_or(|regions| regions.primary == *region)
    }

    /// Whether it rotates by the clock: replicas follow their primary, and a primary waits until
    /// the last rotation is everywhere. A disabled key rotates when it is enabled again.
    pub(crate) fn rotates(&self, region: &Region) -> bool {
        self.lifecycle == Lifecycle::Enabled && self.leads(region) && self.everywhere().len() == self.versions.len()
    }

    /// When the clock has something to do with the key in `region`: expire material, rotate it or
    /// destroy it.
    pub(crate) fn due(&self, region: &Region) -> Option<Timestamp> {
        let expires = self.versions.iter().filter_map(VersionRecord::expires).min();
        let own = match self.lifecycle {
            Lifecycle::PendingDeletion { at } => Some(at),
            _ if self.rotates(region) => self.rotation.next,
            _ => None,
        };
        expires.into_iter().chain(own).min()
    }

    pub(crate) fn store_key(&self) -> String {
        format!("{KEYS}{}/{}", self.account, self.id)
    }

    pub(crate) fn arn(&self, region: &Region) -> KeyArn {
        KeyArn::new(region, &self.account, &self.id)
    }
}

impl VersionRecord {
    /// Whether the material is here.
    pub(crate) fn is_here(&self) -> bool {
        !self.sealed.is_empty()
    }

    /// Whether it waits for a rotation to it.
    pub(crate) fn is_pending(&self) -> bool {
        self.imported.as_ref().is_some_and(|imported| imported.pending_rotation)
    }

    /// When the material that is here expires.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.imported.as_ref().filter(|_| self.is_here())?.expires
    }

    fn has_lapsed(&self, now: Timestamp) -> bool {
        self.expires().is_some_and(|at| at <= now)
    }
}

impl WrappingRecord {
    pub(crate) fn store_key(&self) -> String {
        wrapping_key(&self.account, &self.key_id, &self.id)
    }
}

/// Name of a [`WrappingRecord`].
pub(crate) fn wrapping_key(account: &AccountId, key_id: &str, id: &str) -> String {
    format!("{WRAPPINGS}{account}/{key_id}/{id}")
}

/// Name of the [`LastUse`] of a key.
pub(crate) fn use_key(account: &str, key_id: &str) -> String {
    format!("{USES}{account}/{key_id}")
}

impl AliasRecord {
    pub(crate) fn store_key(&self) -> String {
        format!("{ALIASES}{}/{}", self.account, self.name)
    }
}

impl ErrandRecord {
    pub(crate) fn store_key(&self) -> String {
        format!("{ERRANDS}{}/{}/{}", self.to, self.account, self.key_id)
    }
}

impl TombRecord {
    pub(crate) fn store_key(&self) -> String {
        format!("{TOMBS}{}/{}", self.account, self.key_id)
    }
}

impl GrantRecord {
    pub(crate) fn store_key(&self) -> String {
        format!("{GRANTS}{}/{}/{}", self.account, self.key_id, self.id)
    }
}

pub(crate) fn encode<T: Serialize>(record: &T) -> Bytes {
    let mut bytes = vec![VERSION];
    rmp_serde::encode::write_named(&mut bytes, record).expect("records hold nothing that MessagePack cannot");
    bytes.into()
}

pub(crate) fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Error> {
    let damaged = || arqueta_store::Error::Damaged { what: String::from_utf8_lossy(key).into_owned() };
    match value.split_first() {
        Some((&VERSION, body)) => rmp_serde::from_slice(body).map_err(|_| damaged().into()),
        _ => Err(damaged().into()),
    }
}

/// Whether two records of a key differ in what its Regions share.
pub(crate) fn differ(one: &KeyRecord, other: &KeyRecord) -> bool {
    let told = |version: &VersionRecord| {
        (version.id.clone(), version.made, version.cause, version.imported.as_ref().map(|i| i.pending_rotation))
    };
    let versions = |record: &KeyRecord| record.versions.iter().map(told).collect::<Vec<_>>();
    one.rotation != other.rotation || one.multi_region != other.multi_region || versions(one) != versions(other)
}

pub(crate) fn days(days: u16) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}

/// The name under which an account's AWS-managed key for S3 is reached.
pub(crate) const AWS_S3: &str = "alias/aws/s3";

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
