//! Keys and the versions of their material.

use std::collections::BTreeMap;
use std::time::Duration;

use arqueta_kms::{KeyManager, KeySpec, KeyState, KeyUsage};
use arqueta_model::{AccountId, KeyArn, Region, Timestamp};
use serde::{Deserialize, Serialize};

use super::names::KEYS;
use super::regions::MultiRegion;

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
