//! All keys, aliases and grants in memory, as immutable snapshots that administration replaces.
//!
//! Reading is a lock and an `Arc`; deciding about a key needs nothing else. A hundred thousand
//! keys are some hundred megabytes at most, and usually there are a few.

use std::collections::BTreeMap;
use std::sync::Arc;

use arqueta_model::{AccountId, Region, Timestamp};
use arqueta_store::{MetaStore, Scan};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::homes::Registry;
use super::key::Key;
use super::record::{
    self, ALIASES, AliasRecord, ERRANDS, Edition, ErrandRecord, GRANTS, GrantRecord, KEYS, KeyRecord, Origin, STORES,
    StoreRecord, TOMBS, TombRecord, WRAPPINGS, WrappingRecord,
};
use super::stores::Store;
use crate::Error;

/// Everything the service knows.
pub(super) struct Directory {
    pub keys: BTreeMap<AccountId, BTreeMap<String, Arc<Key>>>,
    pub aliases: BTreeMap<AccountId, BTreeMap<String, Arc<AliasRecord>>>,
    pub stores: BTreeMap<AccountId, BTreeMap<String, Arc<Store>>>,
    /// What each other Region has yet to hear, by account and key id.
    pub errands: BTreeMap<Region, BTreeMap<(AccountId, String), Arc<ErrandRecord>>>,
    /// Multi-Region keys that were destroyed here.
    pub tombs: BTreeMap<(AccountId, String), Edition>,
    homes: Arc<Registry>,
    /// When each stored [`WrappingRecord`] is to be destroyed, by its name.
    pub wrappings: BTreeMap<String, Timestamp>,
}

impl Directory {
    /// Reads everything. Only a key that waits for its first import has no version: any other
    /// record without one is damaged.
    pub(super) async fn load(meta: &dyn MetaStore, region: &Region, homes: &Arc<Registry>) -> Result<Self, Error> {
        let (keys, aliases, stores, wrappings, errands, tombs) = Default::default();
        let mut directory = Self { keys, aliases, stores, wrappings, errands, tombs, homes: homes.clone() };
        // Before the keys: they look for their homes.
        for (_, store) in scan::<StoreRecord>(meta, STORES).await? {
            directory.put_store(store);
        }
        for (stored, record) in scan::<KeyRecord>(meta, KEYS).await? {
            if record.versions.is_empty() && record.origin != Origin::External {
                return Err(arqueta_store::Error::Damaged { what: record.store_key() }.into());
            }
            let (account, id) = (record.account.clone(), record.id.clone());
            let key = Key::new(region, &directory.homes, record, stored, None)?;
            directory.keys.entry(account).or_default().insert(id, Arc::new(key));
        }
        for (_, alias) in scan::<AliasRecord>(meta, ALIASES).await? {
            directory.put_alias(alias);
        }
        for (_, grant) in scan::<GrantRecord>(meta, GRANTS).await? {
            directory.put_grant(grant);
        }
        for (_, wrapping) in scan::<WrappingRecord>(meta, WRAPPINGS).await? {
            directory.wrappings.insert(wrapping.store_key(), wrapping.until);
        }
        for (_, errand) in scan::<ErrandRecord>(meta, ERRANDS).await? {
            directory.put_errand(errand);
        }
        for (_, tomb) in scan::<TombRecord>(meta, TOMBS).await? {
            directory.put_tomb(tomb);
        }
        Ok(directory)
    }

    /// What `to` has yet to hear of a key.
    pub(super) fn errand(&self, to: &Region, account: &AccountId, id: &str) -> Option<&Arc<ErrandRecord>> {
        self.errands.get(to)?.get(&(account.clone(), id.to_owned()))
    }

    pub(super) fn put_errand(&mut self, errand: ErrandRecord) {
        let key = (errand.account.clone(), errand.key_id.clone());
        self.errands.entry(errand.to.clone()).or_default().insert(key, Arc::new(errand));
    }

    pub(super) fn remove_errand(&mut self, errand: &ErrandRecord) {
        if let Some(errands) = self.errands.get_mut(&errand.to) {
            errands.remove(&(errand.account.clone(), errand.key_id.clone()));
        }
    }

    pub(super) fn put_tomb(&mut self, tomb: TombRecord) {
        self.tombs.insert((tomb.account, tomb.key_id), tomb.edition);
    }

    pub(super) fn key(&self, account: &AccountId, id: &str) -> Option<&Arc<Key>> {
        self.keys.get(account)?.get(id)
    }

    pub(super) fn alias(&self, account: &AccountId, name: &str) -> Option<&Arc<AliasRecord>> {
        self.aliases.get(account)?.get(name)
    }

    pub(super) fn put_key(&mut self, region: &Region, record: KeyRecord, stored: Bytes) -> Result<Arc<Key>, Error> {
        let before = self.key(&record.account, &record.id).cloned();
        let (account, id) = (record.account.clone(), record.id.clone());
        let key = Arc::new(Key::new(region, &self.homes, record, stored, before.as_deref())?);
        self.keys.entry(account).or_default().insert(id, key.clone());
        Ok(key)
    }

    /// Forgets a key with its aliases and grants; its opened material is wiped with the last call
    /// that still uses it.
    pub(super) fn remove_key(&mut self, account: &AccountId, id: &str) {
        if let Some(keys) = self.keys.get_mut(account) {
            keys.remove(id);
        }
        if let Some(aliases) = self.aliases.get_mut(account) {
            aliases.retain(|_, alias| alias.target != id);
        }
        let wrappings = record::wrapping_key(account, id, "");
        self.wrappings.retain(|name, _| !name.starts_with(&wrappings));
    }

    pub(super) fn put_store(&mut self, record: StoreRecord) {
        let (account, id) = (record.account.clone(), record.id.clone());
        let store = Store { link: self.homes.link(&record), record };
        self.stores.entry(account).or_default().insert(id, Arc::new(store));
    }

    pub(super) fn remove_store(&mut self, account: &AccountId, id: &str) {
        self.homes.unlink(id);
        if let Some(stores) = self.stores.get_mut(account) {
            stores.remove(id);
        }
    }

    pub(super) fn put_alias(&mut self, alias: AliasRecord) {
        self.remove_alias(&alias.account, &alias.name);
        self.change(&alias.account, &alias.target, |key| key.aliases.push(alias.name.clone()));
        let aliases = self.aliases.entry(alias.account.clone()).or_default();
        aliases.insert(alias.name.clone(), Arc::new(alias));
    }

    pub(super) fn remove_alias(&mut self, account: &AccountId, name: &str) {
        let Some(old) = self.aliases.get_mut(account).and_then(|aliases| aliases.remove(name)) else { return };
        self.change(account, &old.target, |key| key.aliases.retain(|alias| alias != name));
    }

    pub(super) fn put_grant(&mut self, grant: GrantRecord) {
        let grant = Arc::new(grant);
        self.change(&grant.account, &grant.key_id, |key| {
            key.grants.insert(grant.id.clone(), grant.clone());
        });
    }

    pub(super) fn remove_grant(&mut self, grant: &GrantRecord) {
        self.change(&grant.account, &grant.key_id, |key| {
            key.grants.remove(&grant.id);
        });
    }

    fn change(&mut self, account: &AccountId, id: &str, change: impl FnOnce(&mut Key)) {
        if let Some(slot) = self.keys.get_mut(account).and_then(|keys| keys.get_mut(id)) {
            let mut key = slot.again();
            change(&mut key);
            *slot = Arc::new(key);
        }
    }
}

/// All records under a prefix, page by page.
pub(super) async fn scan<T: DeserializeOwned>(meta: &dyn MetaStore, prefix: &str) -> Result<Vec<(Bytes, T)>, Error> {
    const PAGE: usize = 1000;
    let mut found = Vec::new();
    let mut next = Scan::prefix(prefix.as_bytes(), PAGE);
    loop {
        let page = meta.scan(next.clone()).await?;
        let full = page.len() == PAGE;
        for (key, value) in page {
            found.push((value.clone(), record::decode(&key, &value)?));
            // The smallest key behind this one.
            next.start = [&key[..], b"\0"].concat().into();
        }
        if !full {
            return Ok(found);
        }
    }
}
