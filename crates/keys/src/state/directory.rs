//! All keys, aliases and grants in memory, as immutable snapshots that administration replaces.
//!
//! Reading is a lock and an `Arc`; deciding about a key needs nothing else. A hundred thousand
//! keys are some hundred megabytes at most, and usually there are a few.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use arqueta_kms::Error;
use arqueta_model::{AccountId, Region, Timestamp};
use arqueta_store::{MetaStore, Scan};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::issued::Issued;
use crate::key::Key;
use crate::key::homes::Registry;
use crate::key::link::Store;
use crate::schema::{
    self, ALIASES, AliasRecord, ERRANDS, Edition, ErrandRecord, GRANTS, GrantRecord, KEYS, KeyRecord, Origin, STORES,
    StoreRecord, TOMBS, TombRecord, WRAPPINGS, WrappingRecord,
};

/// Everything the service knows.
pub(crate) struct Directory {
    pub keys: BTreeMap<AccountId, BTreeMap<String, Arc<Key>>>,
    pub aliases: BTreeMap<AccountId, BTreeMap<String, Arc<AliasRecord>>>,
    pub stores: BTreeMap<AccountId, BTreeMap<String, Arc<Store>>>,
    /// What each other Region has yet to hear, by account and key id.
    pub errands: BTreeMap<Region, BTreeMap<(AccountId, String), Arc<ErrandRecord>>>,
    /// Multi-Region keys that were destroyed here.
    pub tombs: BTreeMap<(AccountId, String), Edition>,
    /// The grants of all keys.
    pub issued: Issued,
    homes: Arc<Registry>,
    /// When each stored [`WrappingRecord`] is to be destroyed, by its name.
    wrappings: BTreeMap<String, Timestamp>,
    /// The same names by their time.
    expiring: BTreeSet<(Timestamp, String)>,
    /// Keys that the clock has something to do with, by when.
    due: BTreeSet<(Timestamp, AccountId, String)>,
    /// Ids of the keys that only the service itself sees, by account.
    owned: BTreeSet<(AccountId, String)>,
}

impl Directory {
    /// Reads everything. Only a key that waits for its first import has no version: any other
    /// record without one is damaged.
    pub(crate) async fn load(meta: &dyn MetaStore, region: &Region, homes: &Arc<Registry>) -> Result<Self, Error> {
        let mut directory = Self::empty(homes.clone());
        // Before the keys: they look for their homes.
        for (_, store) in scan::<StoreRecord>(meta, STORES).await? {
            directory.put_store(store);
        }
        for (stored, record) in scan::<KeyRecord>(meta, KEYS).await? {
            if record.versions.is_empty() && record.origin != Origin::External {
                return Err(arqueta_store::Error::Damaged { what: record.store_key() }.into());
            }
            directory.put_key(region, record, stored)?;
        }
        for (_, alias) in scan::<AliasRecord>(meta, ALIASES).await? {
            directory.put_alias(alias);
        }
        for (_, grant) in scan::<GrantRecord>(meta, GRANTS).await? {
            directory.put_grant(grant);
        }
        for (_, wrapping) in scan::<WrappingRecord>(meta, WRAPPINGS).await? {
            directory.put_wrapping(&wrapping);
        }
        for (_, errand) in scan::<ErrandRecord>(meta, ERRANDS).await? {
            directory.put_errand(errand);
        }
        // A tomb that cannot be read must not let its key come back.
        for (key, value) in meta_pairs(meta, TOMBS).await? {
            let value = value.ok_or_else(|| arqueta_store::Error::Damaged { what: shown(&key) })?;
            directory.put_tomb(schema::decode::<TombRecord>(&key, &value)?);
        }
        Ok(directory)
    }

    fn empty(homes: Arc<Registry>) -> Self {
        Self {
            keys: BTreeMap::new(),
            aliases: BTreeMap::new(),
            stores: BTreeMap::new(),
            errands: BTreeMap::new(),
            tombs: BTreeMap::new(),
            issued: Issued::default(),
            homes,
            wrappings: BTreeMap::new(),
            expiring: BTreeSet::new(),
            due: BTreeSet::new(),
            owned: BTreeSet::new(),
        }
    }

    /// Keys that the clock has something to do with by `now`.
    pub(crate) fn due_by(&self, now: Timestamp) -> impl Iterator<Item = &(Timestamp, AccountId, String)> {
        self.due.iter().take_while(move |(at, ..)| *at <= now)
    }

    /// Names of the stored wrappings that are to be destroyed by `now`.
    pub(crate) fn expired_by(&self, now: Timestamp) -> impl Iterator<Item = &String> {
        self.expiring.iter().take_while(move |(at, _)| *at <= now).map(|(_, name)| name)
    }

    /// When the clock has something to do next.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let key = self.due.first().map(|(at, ..)| *at);
        let wrapping = self.expiring.first().map(|(at, _)| *at);
        key.into_iter().chain(wrapping).min()
    }

    /// Keys of `account` that only the service itself sees.
    pub(crate) fn owned(&self, account: &AccountId) -> impl Iterator<Item = &Arc<Key>> {
        let ids = self.owned.range((account.clone(), String::new())..).take_while(move |(of, _)| of == account);
        ids.filter_map(|(account, id)| self.key(account, id))
    }

    /// What `to` has yet to hear of a key.
    pub(crate) fn errand(&self, to: &Region, account: &AccountId, id: &str) -> Option<&Arc<ErrandRecord>> {
        self.errands.get(to)?.get(&(account.clone(), id.to_owned()))
    }

    pub(crate) fn put_errand(&mut self, errand: ErrandRecord) {
        let key = (errand.account.clone(), errand.key_id.clone());
        self.errands.entry(errand.to.clone()).or_default().insert(key, Arc::new(errand));
    }

    pub(crate) fn remove_errand(&mut self, errand: &ErrandRecord) {
        if let Some(errands) = self.errands.get_mut(&errand.to) {
            errands.remove(&(errand.account.clone(), errand.key_id.clone()));
        }
    }

    pub(crate) fn put_tomb(&mut self, tomb: TombRecord) {
        self.tombs.insert((tomb.account, tomb.key_id), tomb.edition);
    }

    pub(crate) fn key(&self, account: &AccountId, id: &str) -> Option<&Arc<Key>> {
        self.keys.get(account)?.get(id)
    }

    pub(crate) fn alias(&self, account: &AccountId, name: &str) -> Option<&Arc<AliasRecord>> {
        self.aliases.get(account)?.get(name)
    }

    pub(crate) fn put_key(&mut self, region: &Region, record: KeyRecord, stored: Bytes) -> Result<Arc<Key>, Error> {
        let before = self.key(&record.account, &record.id).cloned();
        let (account, id) = (record.account.clone(), record.id.clone());
        let key = Arc::new(Key::new(region, &self.homes, record, stored, before.as_deref())?);
        let due = |key: &Key| key.due.map(|at| (at, account.clone(), id.clone()));
        if let Some(due) = before.as_deref().and_then(due) {
            self.due.remove(&due);
        }
        self.due.extend(due(&key));
        if key.is_owned() {
            self.owned.insert((account.clone(), id.clone()));
        }
        self.keys.entry(account).or_default().insert(id, key.clone());
        Ok(key)
    }

    /// Forgets a key with its aliases and grants; its opened material is wiped with the last call
    /// that still uses it.
    pub(crate) fn remove_key(&mut self, account: &AccountId, id: &str) {
        let wrappings: Vec<_> = self.wrappings_of(account, id).map(str::to_owned).collect();
        wrappings.iter().for_each(|name| self.remove_wrapping(name));
        self.issued.remove_key(account, id);
        let Some(key) = self.keys.get_mut(account).and_then(|keys| keys.remove(id)) else { return };
        if let Some(aliases) = self.aliases.get_mut(account) {
            key.aliases.iter().for_each(|alias| drop(aliases.remove(alias)));
        }
        if let Some(at) = key.due {
            self.due.remove(&(at, account.clone(), id.to_owned()));
        }
        self.owned.remove(&(account.clone(), id.to_owned()));
    }

    /// Names of what is stored for imports into a key.
    pub(crate) fn wrappings_of(&self, account: &AccountId, id: &str) -> impl Iterator<Item = &str> {
        let own = schema::wrapping_key(account, id, "");
        let behind = self.wrappings.range::<str, _>((Bound::Included(own.as_str()), Bound::Unbounded));
        behind.map(|(name, _)| name.as_str()).take_while(move |name| name.starts_with(&own))
    }

    pub(crate) fn put_wrapping(&mut self, wrapping: &WrappingRecord) {
        let name = wrapping.store_key();
        self.remove_wrapping(&name);
        self.expiring.insert((wrapping.until, name.clone()));
        self.wrappings.insert(name, wrapping.until);
    }

    pub(crate) fn remove_wrapping(&mut self, name: &str) {
        if let Some(until) = self.wrappings.remove(name) {
            self.expiring.remove(&(until, name.to_owned()));
        }
    }

    pub(crate) fn put_store(&mut self, record: StoreRecord) {
        let (account, id) = (record.account.clone(), record.id.clone());
        let store = Store { link: self.homes.link(&record), record };
        self.stores.entry(account).or_default().insert(id, Arc::new(store));
    }

    pub(crate) fn remove_store(&mut self, account: &AccountId, id: &str) {
        self.homes.unlink(id);
        if let Some(stores) = self.stores.get_mut(account) {
            stores.remove(id);
        }
    }

    pub(crate) fn put_alias(&mut self, alias: AliasRecord) {
        self.remove_alias(&alias.account, &alias.name);
        self.change(&alias.account, &alias.target, |key| key.aliases.push(alias.name.clone()));
        let aliases = self.aliases.entry(alias.account.clone()).or_default();
        aliases.insert(alias.name.clone(), Arc::new(alias));
    }

    pub(crate) fn remove_alias(&mut self, account: &AccountId, name: &str) {
        let Some(old) = self.aliases.get_mut(account).and_then(|aliases| aliases.remove(name)) else { return };
        self.change(account, &old.target, |key| key.aliases.retain(|alias| alias != name));
    }

    pub(crate) fn put_grant(&mut self, grant: GrantRecord) {
        // One whose key is gone gives nothing.
        if self.key(&grant.account, &grant.key_id).is_some() {
            self.issued.put(Arc::new(grant));
        }
    }

    fn change(&mut self, account: &AccountId, id: &str, change: impl FnOnce(&mut Key)) {
        if let Some(slot) = self.keys.get_mut(account).and_then(|keys| keys.get_mut(id)) {
            let mut key = slot.again();
            change(&mut key);
            *slot = Arc::new(key);
        }
    }
}

/// All records under a prefix. A damaged one is left out, and with it what it stood for: a key is
/// not there, a grant gives nothing. The store has told of it.
pub(crate) async fn scan<T: DeserializeOwned>(meta: &dyn MetaStore, prefix: &str) -> Result<Vec<(Bytes, T)>, Error> {
    let mut found = Vec::new();
    for (key, value) in meta_pairs(meta, prefix).await? {
        if let Some(value) = value {
            found.push((value.clone(), schema::decode(&key, &value)?));
        }
    }
    Ok(found)
}

/// Everything under a prefix, page by page; damaged records have no value.
async fn meta_pairs(meta: &dyn MetaStore, prefix: &str) -> Result<Vec<(Bytes, Option<Bytes>)>, Error> {
    const PAGE: usize = 1000;
    let mut found = Vec::new();
    let mut next = Scan::prefix(prefix.as_bytes(), PAGE);
    loop {
        let page = meta.page(next.clone()).await?;
        let full = page.len() == PAGE;
        if let Some(last) = page.last() {
            // The smallest key behind this one.
            next.start = [&last.key[..], b"\0"].concat().into();
        }
        found.extend(page.into_iter().map(|entry| (entry.key, entry.value)));
        if !full {
            return Ok(found);
        }
    }
}

fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}
