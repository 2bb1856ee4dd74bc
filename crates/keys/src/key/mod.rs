//! One key as it is at one moment.

pub(crate) mod condition_keys;
pub(crate) mod fitness;
pub(crate) mod homes;
pub(crate) mod id;
pub(crate) mod link;
pub(crate) mod material;

use std::sync::{Arc, OnceLock};

use arqueta_kms::{Error, KeyManager, KeyState};
use arqueta_model::{KeyArn, Region, Timestamp};
use arqueta_policy::{Policy, PolicyKind};
use bytes::Bytes;

use crate::limits::refused;
use crate::schema::{KeyRecord, Lifecycle};
use homes::{Home, Registry};
use link::Link;
use material::Slot;

/// One key as it is at one moment.
#[derive(Debug)]
pub(crate) struct Key {
    pub arn: KeyArn,
    pub record: KeyRecord,
    /// The parsed policy; the service-owned key has none.
    pub policy: Option<Arc<Policy>>,
    /// Names of aliases that stand for it.
    pub aliases: Vec<String>,
    /// One for each version.
    pub slots: Vec<Slot>,
    /// Who holds the material, for each version that is held elsewhere.
    pub homes: Vec<Option<Home>>,
    /// The stored form, as precondition of the next change.
    pub stored: Bytes,
    /// When the clock has something to do with it.
    pub due: Option<Timestamp>,
    /// Whether `record` is already without imported material that expired, while the stored form
    /// still has it.
    pub lapsed: bool,
}

impl Key {
    /// A snapshot; the opened material of an earlier one is taken over.
    pub(crate) fn new(
        region: &Region,
        homes: &Registry,
        record: KeyRecord,
        stored: Bytes,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        let policy = match record.manager {
            KeyManager::Owned => None,
            _ => Some(Arc::new(parse_policy(&record.policy)?)),
        };
        let mut slots = before.map(|key| key.slots.clone()).unwrap_or_default();
        slots.resize_with(record.versions.len(), || Arc::new(OnceLock::new()));
        for (number, (slot, version)) in slots.iter_mut().zip(&record.versions).enumerate() {
            let old = before.and_then(|key| key.record.versions.get(number));
            if !version.is_here() || old.is_some_and(|old| old.sealed != version.sealed) {
                // Expired, deleted or given up: the opened form goes with the last call that still uses it.
                *slot = Arc::new(OnceLock::new());
            }
        }
        let homes = record.versions.iter().map(|v| v.held.as_ref().map(|held| homes.get(&held.holder))).collect();
        Ok(Self {
            arn: record.arn(region),
            due: record.due(region),
            record,
            policy,
            aliases: before.map(|key| key.aliases.clone()).unwrap_or_default(),
            slots,
            homes,
            stored,
            lapsed: false,
        })
    }

    /// The same key, to be given other aliases.
    pub(crate) fn again(&self) -> Self {
        Self {
            arn: self.arn.clone(),
            record: self.record.clone(),
            policy: self.policy.clone(),
            due: self.due,
            aliases: self.aliases.clone(),
            slots: self.slots.clone(),
            homes: self.homes.clone(),
            stored: self.stored.clone(),
            lapsed: self.lapsed,
        }
    }

    /// The key as it is at `now`: imported material ends at its time, even if nobody has
    /// destroyed it yet.
    pub(crate) fn at(self: &Arc<Self>, now: Timestamp) -> Arc<Self> {
        if !self.record.has_lapsed(now) {
            return self.clone();
        }
        let mut key = self.again();
        key.record.expire(now);
        key.slots.truncate(key.record.versions.len());
        key.homes.truncate(key.record.versions.len());
        key.lapsed = true;
        Arc::new(key)
    }

    /// Its state.
    pub(crate) fn state(&self) -> KeyState {
        match self.record.lifecycle.state() {
            KeyState::Enabled | KeyState::Disabled if self.is_out_of_reach() => KeyState::Unavailable,
            state => state,
        }
    }

    /// Whether its current material is held where it cannot be used now.
    fn is_out_of_reach(&self) -> bool {
        let home = self.record.current().and_then(|number| self.homes[number].as_ref());
        home.is_some_and(|home| !home.is_available())
    }

    /// The custom key store that it is in.
    pub(crate) fn store(&self) -> Option<&Link> {
        let home = self.record.current().and_then(|number| self.homes[number].as_ref())?;
        home.store.as_deref()
    }

    /// Whether its waiting period is over: it no longer exists, even if nobody has cleaned up yet.
    pub(crate) fn is_gone(&self, now: Timestamp) -> bool {
        matches!(self.record.lifecycle, Lifecycle::PendingDeletion { at } if at <= now)
    }

    /// Whether only the service itself may see the key.
    pub(crate) fn is_owned(&self) -> bool {
        self.record.manager == KeyManager::Owned
    }
}

/// A key policy that somebody gives a key.
///
/// # Errors
/// `MalformedPolicyDocumentException`.
pub(crate) fn new_policy(text: &str) -> Result<Policy, Error> {
    let policy = parse_policy(text)?;
    condition_keys::check(&policy)?;
    Ok(policy)
}

/// A key policy as it is stored.
///
/// # Errors
/// `MalformedPolicyDocumentException`.
pub(crate) fn parse_policy(text: &str) -> Result<Policy, Error> {
    Policy::parse(text, PolicyKind::Key).map_err(|error| refused("MalformedPolicyDocumentException", error.to_string()))
}
