//! The counts of all buckets, and the limits of accounts.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_model::{AccountId, BucketName};
use arqueta_store::{Batch, Error as StoreError, MetaStore, Precondition};
use bytes::Bytes;
use tokio::sync::{OnceCell, OwnedRwLockWriteGuard};

use super::account::Account;
use super::ledger::{Counted, Entry, Ledger, Owner};
use super::{Amount, Quota, Usage, change, reading};
use crate::api::BucketDocument;
use crate::carried::carried;
use crate::record::{BucketRecord, Record as _};
use crate::{Error, schema};

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
    /// Accounts that are limited or own a bucket that is known, once the limits were read.
    accounts: OnceCell<Mutex<HashMap<AccountId, Arc<Account>>>>,
    /// Held while limits of accounts change, so that what is remembered is what is stored.
    limiting: Arc<tokio::sync::Mutex<()>>,
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
        Self { meta, ledgers: Mutex::default(), accounts: OnceCell::new(), limiting: Arc::default() }
    }

    /// What lies in a bucket.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; failures of the store.
    pub async fn of(&self, bucket: &BucketName) -> Result<BucketUsage, Error> {
        let known = self.learned(bucket).await?.known();
        let (owner, _) = known.owner.ok_or(Error::NoSuchBucket)?;
        Ok(BucketUsage { bucket: bucket.clone(), owner, usage: known.total.told(), quota: known.quota })
    }

    /// Every bucket's, by name. Reads a row or a few for each that nobody asked about yet.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn all(&self) -> Result<Vec<BucketUsage>, Error> {
        let mut all = Vec::new();
        for record in reading::buckets(&*self.meta).await? {
            match self.of(&record.name).await {
                // It went meanwhile.
                Err(Error::NoSuchBucket) => {}
                usage => all.push(usage?),
            }
        }
        Ok(all)
    }

    /// What is known right now, without reading anything: every bucket that was asked about, written to or made
    /// since the start.
    #[must_use]
    pub fn known(&self) -> Vec<BucketUsage> {
        let ledgers: Vec<_> =
            locked(&self.ledgers).iter().map(|(bucket, ledger)| (bucket.clone(), Arc::clone(ledger))).collect();
        let told = |(bucket, ledger): (BucketName, Arc<Ledger>)| {
            let known = ledger.known();
            let (owner, _) = known.owner?;
            Some(BucketUsage { bucket, owner, usage: known.total.told(), quota: known.quota })
        };
        ledgers.into_iter().filter_map(told).collect()
    }

    /// Limits of accounts that have any.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn account_quotas(&self) -> Result<BTreeMap<AccountId, Quota>, Error> {
        let accounts = locked(self.accounts().await?);
        let quotas = accounts.iter().map(|(id, account)| (id.clone(), account.quota()));
        Ok(quotas.filter(|(_, quota)| !quota.is_none()).collect())
    }

    /// Limits all buckets of an account together, from now on; what is there stays.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn limit_account(&self, id: &AccountId, quota: Quota) -> Result<(), Error> {
        let account = self.account(id).await?;
        let key = schema::account_quota(id);
        let batch = match quota.is_none() {
            true => Batch::default().delete(key),
            false => Batch::default().put(key, quota.encode()),
        };
        let limiting = Arc::clone(&self.limiting).lock_owned().await;
        let meta = Arc::clone(&self.meta);
        let limit = async move {
            meta.commit(batch).await?;
            account.limit(quota);
            drop(limiting);
            Ok(())
        };
        carried(limit).await
    }

    /// Limits a bucket, from now on; what is there stays.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; failures of the store.
    pub async fn limit_bucket(&self, bucket: &BucketName, quota: Quota) -> Result<(), Error> {
        let ledger = self.learned(bucket).await?;
        // Whoever reads the record meanwhile would remember its old limits.
        let held = ledger.hold().await;
        let (meta, key) = (Arc::clone(&self.meta), schema::bucket(bucket));
        let limit = async move {
            let _held = held;
            for _ in 0..ATTEMPTS {
                let bytes = meta.get(&key).await?.ok_or(Error::NoSuchBucket)?;
                let mut record = BucketRecord::decode(&bytes)?;
                reading::state_quota(&mut record, quota);
                let batch = Batch::default().unchanged(key.clone(), Some(bytes)).put(key.clone(), record.encode());
                match meta.commit(batch).await {
                    Ok(()) => {
                        ledger.limit(quota);
                        return Ok(());
                    }
                    Err(StoreError::Conflict) => {}
                    Err(error) => {
                        ledger.doubt();
                        return Err(error.into());
                    }
                }
            }
            Err(StoreError::Conflict.into())
        };
        carried(limit).await
    }

    /// Counts a bucket again. Its commits wait meanwhile.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; failures of the store.
    pub async fn recount(&self, bucket: &BucketName) -> Result<BucketUsage, Error> {
        let ledger = self.learned(bucket).await?;
        let held = ledger.hold().await;
        let record = reading::record(&*self.meta, bucket).await?.ok_or(Error::NoSuchBucket)?;
        self.count(&ledger, &record).await?;
        drop(held);
        self.of(bucket).await
    }

    /// Whether anything limits a bucket, so that it is worth asking before a body is read.
    pub(crate) async fn is_limited(&self, bucket: &BucketRecord) -> Result<bool, Error> {
        Ok(bucket.documents.contains_key(&BucketDocument::Quota)
            || !self.account(&bucket.owner).await?.quota().is_none())
    }

    /// Whether the bucket may change by so much now. Its commit asks again.
    pub(crate) async fn permits(&self, bucket: &BucketName, by: Amount) -> Result<bool, Error> {
        let ledger = self.learned(bucket).await?;
        self.read_account(&ledger).await?;
        Ok(ledger.permits(by))
    }

    /// A commit's part in the count: the batch with its row, and whom to tell of the outcome. `None` where
    /// that would be more than may be there and `within` limits it has to stay.
    pub(crate) async fn enter(
        &self,
        batch: Batch,
        within: bool,
    ) -> Result<Option<(Batch, Option<Counted>)>, StoreError> {
        let Some(change) = change::of(&batch) else { return Ok(Some((batch, None))) };
        let ledger = self.ledger(&change.bucket);
        let entered = loop {
            if !ledger.is_known() {
                self.learn(&change.bucket, &ledger).await?;
            }
            if within {
                // Before the gate: other buckets may have to be read, whose commits may be reading this one.
                self.read_account(&ledger).await?;
            }
            let gate = ledger.join().await;
            match ledger.enter(gate, change.by, within) {
                Entry::In(entered) => break entered,
                Entry::Full => return Ok(None),
                Entry::Unknown => {}
            }
        };
        let key = schema::usage(&change.bucket, entered.slot);
        let row = entered.after.encode();
        let batch = batch.unchanged(key.clone(), entered.before.clone()).put(key.clone(), row.clone());
        Ok(Some((batch, Some(Counted { entered, key, row }))))
    }

    /// Commits a bucket that was not there, and its empty count. Whoever had the name before is forgotten.
    pub(crate) async fn make(&self, record: &BucketRecord, batch: Batch) -> Result<(), StoreError> {
        let owner = (record.owner.clone(), self.account(&record.owner).await?);
        let quota = reading::quota(record);
        let ledger = self.ledger(&record.name);
        let held = ledger.hold().await;
        let (meta, its) = (Arc::clone(&self.meta), Arc::clone(&ledger));
        let make = async move {
            let outcome = meta.commit(batch).await;
            match &outcome {
                Ok(()) => its.learn(Some(owner), quota, Vec::new()),
                Err(StoreError::Conflict) => {}
                Err(_) => its.doubt(),
            }
            drop(held);
            outcome
        };
        let outcome = carried(make).await;
        self.discard(&record.name, &ledger);
        outcome
    }

    /// The rows of a bucket that is going away, and its place: nothing comes in while it is held.
    pub(crate) async fn leave(self: &Arc<Self>, bucket: &BucketName) -> Result<Leaving, Error> {
        let ledger = self.ledger(bucket);
        let gate = ledger.hold().await;
        let mut leaving =
            Leaving { book: Arc::clone(self), bucket: bucket.clone(), ledger, rows: Vec::new(), _gate: gate };
        let rows = reading::page(&*self.meta, bucket).await?;
        leaving.rows = rows.into_iter().map(|entry| entry.key).collect();
        Ok(leaving)
    }

    fn ledger(&self, bucket: &BucketName) -> Arc<Ledger> {
        let mut ledgers = locked(&self.ledgers);
        if let Some(ledger) = ledgers.get(bucket) {
            return Arc::clone(ledger);
        }
        Arc::clone(ledgers.entry(bucket.clone()).or_default())
    }

    /// Forgets a ledger of no bucket, unless somebody else has it: two of one bucket would not agree.
    fn discard(&self, bucket: &BucketName, ledger: &Arc<Ledger>) {
        /// The book's and the caller's.
        const OWN: usize = 2;
        let mut ledgers = locked(&self.ledgers);
        let is_its = ledgers.get(bucket).is_some_and(|its| Arc::ptr_eq(its, ledger));
        if is_its && ledger.is_nobodys() && Arc::strong_count(ledger) == OWN {
            ledgers.remove(bucket);
        }
    }

    async fn learned(&self, bucket: &BucketName) -> Result<Arc<Ledger>, Error> {
        let ledger = self.ledger(bucket);
        if !ledger.is_known() {
            self.learn(bucket, &ledger).await?;
        }
        if ledger.is_nobodys() {
            self.discard(bucket, &ledger);
            return Err(Error::NoSuchBucket);
        }
        Ok(ledger)
    }

    /// Reads the rows of a bucket, and counts it where there are none.
    async fn learn(&self, bucket: &BucketName, ledger: &Ledger) -> Result<(), StoreError> {
        let _held = ledger.hold().await;
        if ledger.is_known() {
            return Ok(());
        }
        let Some(record) = reading::record(&*self.meta, bucket).await? else {
            // What is committed into it will not be.
            ledger.learn(None, Quota::default(), Vec::new());
            return Ok(());
        };
        match reading::rows(&reading::page(&*self.meta, bucket).await?).filter(|rows| !rows.is_empty()) {
            Some(rows) => {
                ledger.learn(Some(self.owner(&record).await?), reading::quota(&record), rows);
                Ok(())
            }
            None => self.count(ledger, &record).await,
        }
    }

    /// Counts what lies in a bucket, by who holds it.
    async fn count(&self, ledger: &Ledger, bucket: &BucketRecord) -> Result<(), StoreError> {
        let (owner, quota) = (self.owner(bucket).await?, reading::quota(bucket));
        let total = reading::total(&*self.meta, &bucket.name).await?;
        let there = reading::page(&*self.meta, &bucket.name).await?;
        if total == Amount::ZERO && there.is_empty() {
            ledger.learn(Some(owner), quota, Vec::new());
            return Ok(());
        }
        // Given up it may be committed later, when others have counted and written.
        let none = Precondition::NoneUnder(schema::usages(&bucket.name));
        let batch = if there.is_empty() { Batch::default().require(none) } else { Batch::default() };
        let batch = there.into_iter().fold(batch, |batch, entry| match entry.value {
            Some(value) => batch.unchanged(entry.key.clone(), Some(value)).delete(entry.key),
            None => batch.require(Precondition::Damaged(entry.key.clone())).delete(entry.key),
        });
        let row = total.encode();
        self.meta.commit(batch.put(schema::usage(&bucket.name, 0), row.clone())).await?;
        ledger.learn(Some(owner), quota, vec![Some((total, row))]);
        Ok(())
    }

    async fn accounts(&self) -> Result<&Mutex<HashMap<AccountId, Arc<Account>>>, StoreError> {
        self.accounts.get_or_try_init(|| async { Ok(Mutex::new(reading::accounts(&*self.meta).await?)) }).await
    }

    async fn account(&self, id: &AccountId) -> Result<Arc<Account>, StoreError> {
        let mut accounts = locked(self.accounts().await?);
        if let Some(account) = accounts.get(id) {
            return Ok(Arc::clone(account));
        }
        Ok(Arc::clone(accounts.entry(id.clone()).or_default()))
    }

    async fn owner(&self, bucket: &BucketRecord) -> Result<Owner, StoreError> {
        Ok((bucket.owner.clone(), self.account(&bucket.owner).await?))
    }

    /// Makes known what lies in all buckets of a bucket's owner, where that is limited and not known yet.
    async fn read_account(&self, ledger: &Ledger) -> Result<(), StoreError> {
        let Some(doubts) = ledger.unread_account() else { return Ok(()) };
        let Some((owner, account)) = ledger.known().owner else { return Ok(()) };
        for record in reading::buckets(&*self.meta).await?.into_iter().filter(|record| record.owner == owner) {
            let other = self.ledger(&record.name);
            if !other.is_known() {
                self.learn(&record.name, &other).await?;
            }
        }
        account.was_read(doubts);
        Ok(())
    }
}

/// A bucket that is going away. Nothing comes in meanwhile.
pub(crate) struct Leaving {
    book: Arc<UsageBook>,
    bucket: BucketName,
    ledger: Arc<Ledger>,
    /// Keys of its rows.
    rows: Vec<Bytes>,
    _gate: OwnedRwLockWriteGuard<()>,
}

impl Leaving {
    /// Removes its rows with the batch.
    pub fn with_rows(&self, batch: Batch) -> Batch {
        self.rows.iter().cloned().fold(batch, Batch::delete)
    }

    /// What came of the commit that removes it.
    pub fn ended(&self, outcome: &Result<(), StoreError>) {
        match outcome {
            Ok(()) => self.ledger.gone(),
            Err(StoreError::Conflict) => {}
            Err(_) => self.ledger.doubt(),
        }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.book.discard(&self.bucket, &self.ledger);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_model::{Timestamp, VersionId};
    use arqueta_store::MemoryMeta;

    use super::*;
    use crate::api::Versioning;
    use crate::record::ObjectRecord;

    fn name() -> BucketName {
        "bucket".parse().unwrap()
    }

    fn owner() -> AccountId {
        "111122223333".parse().unwrap()
    }

    /// A book over a store with one bucket.
    async fn with_bucket() -> (Arc<UsageBook>, Arc<MemoryMeta>) {
        let meta = Arc::new(MemoryMeta::default());
        let book = Arc::new(UsageBook::new(meta.clone()));
        let record = BucketRecord {
            name: name(),
            owner: owner(),
            created: Timestamp::from_millis(0),
            region: "us-east-1".parse().unwrap(),
            versioning: Versioning::Off,
            encryption: None,
            blocked: Vec::new(),
            object_lock: None,
            tags: None,
            documents: BTreeMap::default(),
        };
        book.make(&record, Batch::default().put(schema::bucket(&name()), record.encode())).await.unwrap();
        (book, meta)
    }

    /// One more version: a delete marker.
    fn one_more() -> Batch {
        let marker = ObjectRecord {
            version: VersionId::Null,
            sequence: 1,
            last_modified: Timestamp::from_millis(0),
            owner: owner(),
            content: None,
            null_sequence: None,
            replication: None,
        };
        Batch::default().put(schema::current(&name(), &"k".parse().unwrap()), marker.encode())
    }

    #[tokio::test]
    async fn of_names_that_are_no_buckets_nothing_is_remembered() {
        let book = Arc::new(UsageBook::new(Arc::new(MemoryMeta::default())));
        assert!(matches!(book.of(&name()).await, Err(Error::NoSuchBucket)));
        assert!(matches!(book.recount(&name()).await, Err(Error::NoSuchBucket)));
        drop(book.leave(&name()).await.unwrap());
        assert!(locked(&book.ledgers).is_empty());
        // Whoever waits for it meanwhile, and whoever comes then, have the same one.
        let leaving = book.leave(&name()).await.unwrap();
        let waiting = book.ledger(&name());
        drop(leaving);
        assert!(Arc::ptr_eq(&waiting, &book.ledger(&name())));
    }

    #[tokio::test]
    async fn a_conflict_gives_the_row_back_unless_it_was_over_the_row() {
        let (book, meta) = with_bucket().await;
        let ledger = book.ledger(&name());
        for _ in 0..3 {
            let (_, counted) = book.enter(one_more(), true).await.unwrap().unwrap();
            assert_eq!(ledger.known().total.versions, 1);
            counted.unwrap().refused(&*meta).await;
            assert!(ledger.is_known());
            assert_eq!(ledger.known().total, Amount::ZERO);
        }
        let (batch, counted) = book.enter(one_more(), true).await.unwrap().unwrap();
        let counted = counted.unwrap();
        assert_eq!(counted.entered.slot, 0, "the same row every time");
        meta.commit(batch).await.unwrap();
        counted.refused(&*meta).await;
        assert!(!ledger.is_known(), "somebody else wrote the row");
        assert_eq!(book.of(&name()).await.unwrap().usage.versions, 1);
    }
}
