//! The counts of all buckets, and the limits of accounts.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_model::{AccountId, BucketName};
use arqueta_store::{Batch, Entry, Error as StoreError, MetaStore, Scan};
use bytes::Bytes;
use tokio::sync::{OnceCell, OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

use super::ledger::{Entered, Ledger};
use super::{Amount, Quota, Usage, change};
use crate::api::BucketDocument;
use crate::record::{BucketRecord, Record as _};
use crate::{Error, schema};

/// Records read at once.
const PAGE: usize = 1000;

/// Commits tried before a change of limits is given up.
const ATTEMPTS: usize = 16;

/// A bucket's usage and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUsage {
    /// The bucket.
    pub bucket: BucketName,
    /// The account that owns it.
    pub owner: AccountId,
    /// What lies in it.
    pub usage: Usage,
    /// How much may.
    pub quota: Quota,
}

/// Usage by bucket, and limits.
pub struct UsageBook {
    meta: Arc<dyn MetaStore>,
    ledgers: Mutex<HashMap<BucketName, Arc<Ledger>>>,
    /// Limits of accounts, once read.
    accounts: OnceCell<Mutex<BTreeMap<AccountId, Quota>>>,
}

impl fmt::Debug for UsageBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageBook").finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl UsageBook {
    /// The book of a store. It is read as it is needed.
    #[must_use]
    pub fn new(meta: Arc<dyn MetaStore>) -> Self {
        Self { meta, ledgers: Mutex::default(), accounts: OnceCell::new() }
    }

    /// What lies in a bucket.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; failures of the store.
    pub async fn of(&self, bucket: &BucketName) -> Result<BucketUsage, Error> {
        let ledger = self.learned(bucket).await?;
        let known = ledger.known();
        let owner = known.owner.ok_or(Error::NoSuchBucket)?;
        Ok(BucketUsage { bucket: bucket.clone(), owner, usage: known.total.told(), quota: known.quota })
    }

    /// Every bucket's, by name. Reads a row or a few for each that nobody asked about yet.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn all(&self) -> Result<Vec<BucketUsage>, Error> {
        let mut all = Vec::new();
        for record in self.buckets().await? {
            match self.of(&record.name).await {
                // It went meanwhile.
                Err(Error::NoSuchBucket) => {}
                usage => all.push(usage?),
            }
        }
        Ok(all)
    }

    /// What is known right now, without reading anything: every bucket that was asked about or written to
    /// since the start.
    #[must_use]
    pub fn known(&self) -> Vec<BucketUsage> {
        let ledgers: Vec<_> =
            locked(&self.ledgers).iter().map(|(bucket, ledger)| (bucket.clone(), Arc::clone(ledger))).collect();
        let told = |(bucket, ledger): (BucketName, Arc<Ledger>)| {
            let known = ledger.known();
            Some(BucketUsage { bucket, owner: known.owner?, usage: known.total.told(), quota: known.quota })
        };
        ledgers.into_iter().filter_map(told).collect()
    }

    /// Limits of accounts that have any.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn account_quotas(&self) -> Result<BTreeMap<AccountId, Quota>, Error> {
        Ok(locked(self.accounts().await?).clone())
    }

    /// Limits all buckets of an account together, from now on; what is there stays.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn limit_account(&self, account: &AccountId, quota: Quota) -> Result<(), Error> {
        let accounts = self.accounts().await?;
        let key = schema::account_quota(account);
        let batch = match quota.is_none() {
            true => Batch::default().delete(key),
            false => Batch::default().put(key, quota.encode()),
        };
        self.meta.commit(batch).await?;
        let mut accounts = locked(accounts);
        match quota.is_none() {
            true => accounts.remove(account),
            false => accounts.insert(account.clone(), quota),
        };
        Ok(())
    }

    /// Limits a bucket, from now on; what is there stays.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; failures of the store.
    pub async fn limit_bucket(&self, bucket: &BucketName, quota: Quota) -> Result<(), Error> {
        let ledger = self.learned(bucket).await?;
        let key = schema::bucket(bucket);
        for _ in 0..ATTEMPTS {
            let bytes = self.meta.get(&key).await?.ok_or(Error::NoSuchBucket)?;
            let mut record = BucketRecord::decode(&bytes)?;
            match quota.is_none() {
                true => record.documents.remove(&BucketDocument::Quota),
                false => record.documents.insert(BucketDocument::Quota, written(quota)),
            };
            let batch = Batch::default().unchanged(key.clone(), Some(bytes)).put(key.clone(), record.encode());
            match self.meta.commit(batch).await {
                Err(StoreError::Conflict) => {}
                result => {
                    result?;
                    ledger.limit(quota);
                    return Ok(());
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Counts a bucket again. Its commits wait meanwhile.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; failures of the store.
    pub async fn recount(&self, bucket: &BucketName) -> Result<BucketUsage, Error> {
        let ledger = self.ledger(bucket);
        let held = ledger.hold().await;
        let record = self.record(bucket).await?.ok_or(Error::NoSuchBucket)?;
        self.count(&ledger, &record).await?;
        drop(held);
        self.of(bucket).await
    }

    /// Whether anything limits a bucket, so that it is worth asking before a body is read.
    pub(crate) async fn is_limited(&self, bucket: &BucketRecord) -> Result<bool, Error> {
        Ok(bucket.documents.contains_key(&BucketDocument::Quota)
            || locked(self.accounts().await?).contains_key(&bucket.owner))
    }

    /// Whether the bucket may change by so much now. Its commit asks again.
    pub(crate) async fn permits(&self, bucket: &BucketName, by: Amount) -> Result<bool, Error> {
        let ledger = self.learned(bucket).await?;
        let accounts = self.known_accounts(&ledger).await?;
        Ok(self.fits_in(&ledger, &locked(accounts), by))
    }

    /// A commit's part in the count: the batch with its row, and what to tell of the outcome. `None` where
    /// that would be more than may be there and `within` limits it has to stay.
    pub(crate) async fn enter(
        &self,
        batch: Batch,
        within: bool,
    ) -> Result<Option<(Batch, Option<(Entered, Bytes)>)>, StoreError> {
        let Some(change) = change::of(&batch) else { return Ok(Some((batch, None))) };
        let ledger = self.ledger(&change.bucket);
        let entered = loop {
            if !ledger.known().is_known {
                self.learn(&change.bucket, &ledger).await?;
            }
            // Before the gate: other buckets may have to be read, whose commits may be reading this one.
            let accounts = if within { Some(self.known_accounts(&ledger).await?) } else { None };
            let gate = ledger.join().await;
            match self.try_enter(&ledger, gate, change.by, accounts) {
                Some(Some(entered)) => break entered,
                Some(None) => {}
                None => return Ok(None),
            }
        };
        let key = schema::usage(&change.bucket, entered.slot);
        let row = entered.after.encode();
        let batch = batch.unchanged(key.clone(), entered.before.clone()).put(key, row.clone());
        Ok(Some((batch, Some((entered, row)))))
    }

    /// `None` where it would be too much, within it `None` where the rows are to be read first. The limits are
    /// held from the question to the entry, so that no two commits are answered by the same room.
    fn try_enter(
        &self,
        ledger: &Arc<Ledger>,
        gate: OwnedRwLockReadGuard<()>,
        by: Amount,
        accounts: Option<&Mutex<BTreeMap<AccountId, Quota>>>,
    ) -> Option<Option<Entered>> {
        let limits = accounts.map(locked);
        match &limits {
            Some(limits) if ledger.known().is_known && !self.fits_in(ledger, limits, by) => None,
            _ => Some(ledger.enter(gate, by)),
        }
    }

    /// The rows of a bucket that is going away, and its place: nothing comes in while it is held.
    pub(crate) async fn leave(&self, bucket: &BucketName) -> Result<(Vec<Bytes>, OwnedRwLockWriteGuard<()>), Error> {
        let held = self.ledger(bucket).hold().await;
        let rows = self.meta.page(Scan::prefix(&schema::usages(bucket), usize::MAX)).await?;
        Ok((rows.into_iter().map(|entry| entry.key).collect(), held))
    }

    /// Forgets a bucket that is gone.
    pub(crate) fn forget(&self, bucket: &BucketName) {
        locked(&self.ledgers).remove(bucket);
    }

    fn ledger(&self, bucket: &BucketName) -> Arc<Ledger> {
        let mut ledgers = locked(&self.ledgers);
        if let Some(ledger) = ledgers.get(bucket) {
            return Arc::clone(ledger);
        }
        Arc::clone(ledgers.entry(bucket.clone()).or_default())
    }

    async fn learned(&self, bucket: &BucketName) -> Result<Arc<Ledger>, Error> {
        let ledger = self.ledger(bucket);
        if !ledger.known().is_known {
            self.learn(bucket, &ledger).await?;
        }
        if ledger.known().owner.is_none() {
            self.forget(bucket);
            return Err(Error::NoSuchBucket);
        }
        Ok(ledger)
    }

    /// Reads the rows of a bucket, and counts it where there are none.
    async fn learn(&self, bucket: &BucketName, ledger: &Ledger) -> Result<(), StoreError> {
        let _held = ledger.hold().await;
        if ledger.known().is_known {
            return Ok(());
        }
        let Some(record) = self.record(bucket).await? else {
            // What is committed into it will not be.
            ledger.learn(None, Quota::default(), Vec::new());
            return Ok(());
        };
        let page = self.meta.page(Scan::prefix(&schema::usages(bucket), usize::MAX)).await?;
        match rows(&page).filter(|rows| !rows.is_empty()) {
            Some(rows) => {
                ledger.learn(Some(record.owner.clone()), quota(&record), rows);
                Ok(())
            }
            None => self.count(ledger, &record).await,
        }
    }

    /// Counts what lies in a bucket, by who holds it.
    async fn count(&self, ledger: &Ledger, bucket: &BucketRecord) -> Result<(), StoreError> {
        let mut total = Amount::ZERO;
        for (prefix, is_current) in [(schema::currents(&bucket.name), true), (schema::noncurrents(&bucket.name), false)]
        {
            let mut scan = Scan::prefix(&prefix, PAGE);
            loop {
                let page = self.meta.page(scan.clone()).await?;
                let whole = page.iter().filter_map(|entry| entry.value.as_ref());
                total = whole.fold(total, |sum, record| sum.plus(change::weight(record, is_current)));
                let Some(last) = page.last().filter(|_| page.len() == PAGE) else { break };
                scan.start = [&last.key[..], &[0]].concat().into();
            }
        }
        let there = self.meta.page(Scan::prefix(&schema::usages(&bucket.name), usize::MAX)).await?;
        let row = total.encode();
        if total == Amount::ZERO && there.is_empty() {
            ledger.learn(Some(bucket.owner.clone()), quota(bucket), Vec::new());
            return Ok(());
        }
        let batch = there.into_iter().fold(Batch::default(), |batch, entry| batch.delete(entry.key));
        self.meta.commit(batch.put(schema::usage(&bucket.name, 0), row.clone())).await?;
        ledger.learn(Some(bucket.owner.clone()), quota(bucket), vec![Some((total, row))]);
        Ok(())
    }

    async fn record(&self, bucket: &BucketName) -> Result<Option<BucketRecord>, StoreError> {
        let key = schema::bucket(bucket);
        let Some(bytes) = self.meta.get(&key).await? else { return Ok(None) };
        BucketRecord::decode(&bytes)
            .map(Some)
            .map_err(|_| StoreError::Damaged { what: format!("bucket record of {bucket}") })
    }

    async fn buckets(&self) -> Result<Vec<BucketRecord>, StoreError> {
        let (mut found, mut scan) = (Vec::new(), Scan::prefix(schema::BUCKETS, PAGE));
        loop {
            let page = self.meta.page(scan.clone()).await?;
            let whole = page.iter().filter_map(|entry| BucketRecord::decode(entry.value.as_ref()?).ok());
            found.extend(whole);
            let Some(last) = page.last().filter(|_| page.len() == PAGE) else { return Ok(found) };
            scan.start = [&last.key[..], &[0]].concat().into();
        }
    }

    async fn accounts(&self) -> Result<&Mutex<BTreeMap<AccountId, Quota>>, StoreError> {
        let read = || async {
            let page = self.meta.page(Scan::prefix(schema::ACCOUNT_QUOTAS, usize::MAX)).await?;
            let account = |entry: Entry| {
                let account = std::str::from_utf8(&entry.key[schema::ACCOUNT_QUOTAS.len()..]).ok()?.parse().ok()?;
                Some((account, Quota::decode(entry.value.as_ref()?).ok()?))
            };
            Ok(Mutex::new(page.into_iter().filter_map(account).collect()))
        };
        self.accounts.get_or_try_init(read).await
    }

    /// The limits of accounts, when the buckets of a limited one are all known.
    async fn known_accounts(&self, ledger: &Ledger) -> Result<&Mutex<BTreeMap<AccountId, Quota>>, StoreError> {
        let accounts = self.accounts().await?;
        let owner = ledger.known().owner.filter(|owner| locked(accounts).contains_key(owner));
        if let Some(owner) = owner {
            for record in self.buckets().await?.into_iter().filter(|record| record.owner == owner) {
                let other = self.ledger(&record.name);
                if !other.known().is_known {
                    self.learn(&record.name, &other).await?;
                }
            }
        }
        Ok(accounts)
    }

    fn fits_in(&self, ledger: &Ledger, accounts: &BTreeMap<AccountId, Quota>, by: Amount) -> bool {
        let known = ledger.known();
        if !known.quota.permits(known.total, by) {
            return false;
        }
        let Some((owner, quota)) = known.owner.and_then(|owner| accounts.get(&owner).map(|quota| (owner, quota)))
        else {
            return true;
        };
        let ledgers: Vec<_> = locked(&self.ledgers).values().cloned().collect();
        let own = ledgers.iter().map(|ledger| ledger.known()).filter(|known| known.owner.as_ref() == Some(&owner));
        quota.permits(own.fold(Amount::ZERO, |sum, known| sum.plus(known.total)), by)
    }
}

/// The rows of a bucket by their slots; `None` where one is damaged.
fn rows(page: &[Entry]) -> Option<Vec<Option<(Amount, Bytes)>>> {
    let mut rows = Vec::new();
    for entry in page {
        let bytes = entry.value.as_ref()?;
        let slot = usize::from(schema::usage_slot(&entry.key)?);
        rows.resize(rows.len().max(slot + 1), None);
        rows[slot] = Some((Amount::decode(bytes).ok()?, bytes.clone()));
    }
    Some(rows)
}

fn written(quota: Quota) -> String {
    serde_json::to_string(&quota).expect("two numbers are JSON")
}

/// The limits that a bucket's record states. Those that cannot be read let nothing in.
fn quota(bucket: &BucketRecord) -> Quota {
    let text = bucket.documents.get(&BucketDocument::Quota);
    let nothing = Quota { bytes: Some(0), objects: Some(0) };
    text.map_or_else(Quota::default, |text| serde_json::from_str(text).unwrap_or(nothing))
}
