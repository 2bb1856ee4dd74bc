//! The records in the store: reading, listing, and changes that happen one after another.
//!
//! Keys, under `iam/`: `a/<account>`, `u|g|r|p|o|n/<account>\0<lower-case name>`,
//! `k/<access key id>`, `i/<unique id>` (account and name of a user or role), `l/<access key or role id>`
//! (last use), `c/<account>` (credential report),
//! `m/<alias>` (the account that has it), `epoch`. Every change requires the epoch it read and moves it, so that changes by
//! several gateways over one store happen in some order, each seeing the one before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arqueta_model::{AccountId, Clock, Timestamp};
use arqueta_store::{Batch, MetaStore, Scan};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard};

use crate::Error;
use crate::page::{List, Page};
use crate::record::{AccessKeyRecord, AccountRecord, CredentialReport, Named, decode, encode};

const EPOCH: &[u8] = b"iam/epoch";
/// Pairs read at a time.
const CHUNK: usize = 500;

pub(crate) struct Directory {
    meta: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    /// One change at a time in this process; the store's epoch orders processes.
    changing: Mutex<()>,
    /// Moves whenever anything remembered may be out of date.
    generation: AtomicU64,
    /// The store's epoch when the generation last moved.
    seen: std::sync::Mutex<Option<Bytes>>,
}

impl Directory {
    pub(crate) fn new(meta: Arc<dyn MetaStore>, clock: Arc<dyn Clock>) -> Self {
        Self { meta, clock, changing: Mutex::new(()), generation: AtomicU64::new(1), seen: std::sync::Mutex::default() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Notices changes by other processes.
    pub(crate) async fn refresh(&self) -> Result<(), Error> {
        let epoch = self.meta.get(EPOCH).await?;
        self.notice(epoch);
        Ok(())
    }

    fn notice(&self, epoch: Option<Bytes>) {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *seen != epoch {
            *seen = epoch;
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    pub(crate) async fn find<R: Named>(&self, account: &AccountId, name: &str) -> Result<Option<R>, Error> {
        self.read(&named_key::<R>(account, name)).await
    }

    pub(crate) async fn access_key(&self, id: &str) -> Result<Option<AccessKeyRecord>, Error> {
        self.read(&access_key_key(id)).await
    }

    pub(crate) async fn account(&self, account: &AccountId) -> Result<Option<AccountRecord>, Error> {
        self.read(&account_key(account)).await
    }

    /// All accounts, in order.
    pub(crate) async fn accounts(&self) -> Result<Vec<AccountId>, Error> {
        let pairs = self.pairs(b"iam/a/").await?;
        let account = |(key, _): &(Bytes, Bytes)| std::str::from_utf8(&key[b"iam/a/".len()..]).ok()?.parse().ok();
        Ok(pairs.iter().filter_map(account).collect())
    }

    /// Whether an account has any record of a name, also a damaged one.
    pub(crate) async fn has_any(&self, account: &AccountId) -> Result<bool, Error> {
        for letter in ["u", "g", "r", "p", "o", "n"] {
            let prefix = format!("iam/{letter}/{account}\0");
            if !self.meta.page(Scan::prefix(prefix.as_bytes(), 1)).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The account that has an alias.
    pub(crate) async fn alias_owner(&self, alias: &str) -> Result<Option<AccountId>, Error> {
        self.read(&alias_key(alias)).await
    }

    /// The account and name of the user or role with a unique id.
    pub(crate) async fn by_id(&self, id: &str) -> Result<Option<(AccountId, String)>, Error> {
        self.read(&id_key(id)).await
    }

    /// When an access key or role was last used.
    pub(crate) async fn last_use(&self, id: &str) -> Result<Option<Timestamp>, Error> {
        self.read(&last_use_key(id)).await
    }

    /// Notes the use of an access key or role. Not a change: nobody's rights move.
    pub(crate) async fn note_use(&self, id: &str, at: Timestamp) -> Result<(), Error> {
        Ok(self.meta.commit(Batch::default().put(last_use_key(id), encode(&at))).await?)
    }

    /// The credential report of an account.
    pub(crate) async fn report(&self, account: &AccountId) -> Result<Option<CredentialReport>, Error> {
        self.read(&report_key(account)).await
    }

    /// Keeps a credential report. Not a change: nobody's rights move.
    pub(crate) async fn put_report(&self, account: &AccountId, report: &CredentialReport) -> Result<(), Error> {
        Ok(self.meta.commit(Batch::default().put(report_key(account), encode(report))).await?)
    }

    async fn read<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, Error> {
        self.meta.get(key).await?.map(|value| decode(&value, &shown(key))).transpose()
    }

    /// All records of a kind, by name.
    pub(crate) async fn all<R: Named>(&self, account: &AccountId) -> Result<Vec<R>, Error> {
        let pairs = self.pairs(&named_key::<R>(account, "")).await?;
        pairs.iter().map(|(key, value)| decode(value, &shown(key))).collect()
    }

    /// At most so many records of a kind, by lower-case name behind `after`; a damaged one is `None`.
    pub(crate) async fn after<R: Named>(
        &self,
        account: &AccountId,
        after: &str,
        most: usize,
    ) -> Result<Vec<(String, Option<R>)>, Error> {
        let prefix = named_key::<R>(account, "");
        let mut scan = Scan::prefix(&prefix, most);
        if !after.is_empty() {
            scan.start = [&named_key::<R>(account, after), &[0u8][..]].concat().into();
        }
        let page = self.meta.page(scan).await?.into_iter();
        let record = |entry: arqueta_store::Entry| {
            let name = String::from_utf8_lossy(&entry.key[prefix.len()..]).into_owned();
            (name, entry.value.and_then(|value| decode(&value, &shown(&entry.key)).ok()))
        };
        Ok(page.map(record).collect())
    }

    /// A page of records whose path begins with the list's prefix.
    pub(crate) async fn page<R: Named>(&self, account: &AccountId, list: &List) -> Result<Page<R>, Error> {
        let records = self.all::<R>(account).await?;
        let prefix = list.path_prefix.as_deref().unwrap_or("/");
        list.page(records.into_iter().filter(|record| record.path().starts_with(prefix)), |record| record.name().into())
    }

    /// For lists, not for decisions: a damaged record is left out, and found by its name it is an error.
    async fn pairs(&self, prefix: &[u8]) -> Result<Vec<(Bytes, Bytes)>, Error> {
        let mut all = Vec::new();
        let mut scan = Scan::prefix(prefix, CHUNK);
        loop {
            let page = self.meta.page(scan.clone()).await?;
            let full = page.len() == CHUNK;
            if let Some(last) = page.last() {
                // The next key in byte order.
                scan.start = [&last.key[..], &[0u8]].concat().into();
            }
            all.extend(page.into_iter().filter_map(|entry| Some((entry.key, entry.value?))));
            if !full {
                return Ok(all);
            }
        }
    }

    /// Begins a change: nobody else's happens until it ends.
    pub(crate) async fn begin(&self) -> Result<Change<'_>, Error> {
        let turn = self.changing.lock().await;
        let epoch = self.meta.get(EPOCH).await?;
        Ok(Change { directory: self, _turn: turn, epoch, batch: Batch::default() })
    }
}

/// A change under way; dropping it changes nothing.
pub(crate) struct Change<'a> {
    directory: &'a Directory,
    _turn: MutexGuard<'a, ()>,
    epoch: Option<Bytes>,
    batch: Batch,
}

impl Change<'_> {
    pub(crate) fn put<R: Named>(&mut self, account: &AccountId, record: &R) {
        self.write(named_key::<R>(account, record.name()), record);
    }

    pub(crate) fn delete<R: Named>(&mut self, account: &AccountId, name: &str) {
        self.remove(named_key::<R>(account, name));
    }

    pub(crate) fn put_access_key(&mut self, record: &AccessKeyRecord) {
        self.write(access_key_key(&record.id), record);
    }

    pub(crate) fn delete_access_key(&mut self, id: &str) {
        self.remove(access_key_key(id));
        self.remove(last_use_key(id));
    }

    pub(crate) fn put_account(&mut self, account: &AccountId, record: &AccountRecord) {
        self.write(account_key(account), record);
    }

    pub(crate) fn put_alias(&mut self, alias: &str, account: &AccountId) {
        self.write(alias_key(alias), account);
    }

    pub(crate) fn delete_alias(&mut self, alias: &str) {
        self.remove(alias_key(alias));
    }

    pub(crate) fn put_id(&mut self, id: &str, account: &AccountId, name: &str) {
        self.write(id_key(id), &(account, name));
    }

    pub(crate) fn delete_id(&mut self, id: &str) {
        self.remove(id_key(id));
        self.remove(last_use_key(id));
    }

    fn write<T: Serialize>(&mut self, key: Vec<u8>, value: &T) {
        self.batch = std::mem::take(&mut self.batch).put(key, encode(value));
    }

    fn remove(&mut self, key: Vec<u8>) {
        self.batch = std::mem::take(&mut self.batch).delete(key);
    }

    /// Makes the change durable, then seen.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        let number = self.epoch.as_deref().and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        let next = Bytes::copy_from_slice(&number.wrapping_add(1).to_be_bytes());
        let batch = self.batch.unchanged(EPOCH, self.epoch).put(EPOCH, next.clone());
        let outcome = self.directory.meta.commit(batch).await;
        match &outcome {
            Ok(()) => self.directory.notice(Some(next)),
            // It may have happened all the same: forget what is remembered.
            Err(_) => _ = self.directory.generation.fetch_add(1, Ordering::AcqRel),
        }
        Ok(outcome?)
    }
}

fn named_key<R: Named>(account: &AccountId, name: &str) -> Vec<u8> {
    format!("iam/{}/{account}\0{}", R::LETTER, name.to_lowercase()).into_bytes()
}

fn access_key_key(id: &str) -> Vec<u8> {
    format!("iam/k/{id}").into_bytes()
}

fn last_use_key(id: &str) -> Vec<u8> {
    format!("iam/l/{id}").into_bytes()
}

fn id_key(id: &str) -> Vec<u8> {
    format!("iam/i/{id}").into_bytes()
}

fn report_key(account: &AccountId) -> Vec<u8> {
    format!("iam/c/{account}").into_bytes()
}

fn alias_key(alias: &str) -> Vec<u8> {
    format!("iam/m/{alias}").into_bytes()
}

fn account_key(account: &AccountId) -> Vec<u8> {
    format!("iam/a/{account}").into_bytes()
}

fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).replace('\0', "/")
}
