//! What accounts are set to as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arqueta_model::AccountId;
use arqueta_store::{Batch, Entry, MetaStore, Scan};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OnceCell};

use crate::carried::carried;
use crate::record::Record;
use crate::{Error, schema};

/// Documents by account. What could not be read is empty, which is no document.
type Known = RwLock<BTreeMap<AccountId, Arc<str>>>;

/// Settings of accounts. Few have any: all are remembered once they were read.
pub struct AccountSettings {
    meta: Arc<dyn MetaStore>,
    known: Arc<OnceCell<Known>>,
    /// One change at a time, so that what is remembered is what was committed last.
    changing: Arc<Mutex<()>>,
}

/// What is kept of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct AccountRecord {
    public_access_block: Option<String>,
}

impl Record for AccountRecord {
    const NAME: &'static str = "account";
}

impl AccountSettings {
    /// Those in a store. They are read when they are first asked for.
    #[must_use]
    pub fn new(meta: Arc<dyn MetaStore>) -> Self {
        Self { meta, known: Arc::default(), changing: Arc::default() }
    }

    /// Reads them, the first time.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn learn(&self) -> Result<(), Error> {
        self.learned().await.map(drop)
    }

    /// What an account blocks for all its buckets; `None` where it blocks nothing. An empty document where that
    /// could not be read, or [`AccountSettings::learn`] was never called: whoever reads it must take the strictest.
    #[must_use]
    pub fn public_access_block(&self, account: &AccountId) -> Option<Arc<str>> {
        match self.known.get() {
            Some(known) => read(known).get(account).cloned(),
            None => Some("".into()),
        }
    }

    /// Sets what an account blocks for all its buckets, from now on; `None` for nothing. Where nobody can say
    /// whether it was stored, the strictest holds until it is set again or read at the next start.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn put_public_access_block(&self, account: &AccountId, document: Option<String>) -> Result<(), Error> {
        self.learned().await?;
        let turn = Arc::clone(&self.changing).lock_owned().await;
        let (meta, known, account) = (Arc::clone(&self.meta), Arc::clone(&self.known), account.clone());
        let key = schema::account(&account);
        let batch = match &document {
            Some(text) => Batch::default().put(key, AccountRecord { public_access_block: Some(text.clone()) }.encode()),
            None => Batch::default().delete(key),
        };
        // Whoever asked may go away; what is in force is what is stored all the same.
        carried(async move {
            let _turn = turn;
            let outcome = meta.commit(batch).await;
            if let Some(known) = known.get() {
                match (&outcome, document) {
                    (Ok(_), Some(text)) => write(known).insert(account, text.into()),
                    (Ok(_), None) => write(known).remove(&account),
                    (Err(_), _) => write(known).insert(account, "".into()),
                };
            }
            outcome.map(drop).map_err(Error::from)
        })
        .await
    }

    async fn learned(&self) -> Result<&Known, Error> {
        let read = || async {
            let page = self.meta.page(Scan::prefix(schema::ACCOUNTS, usize::MAX)).await?;
            Ok::<_, Error>(RwLock::new(page.into_iter().filter_map(entry).collect()))
        };
        self.known.get_or_try_init(read).await
    }
}

/// An account and its document; an empty one where its record is damaged.
fn entry(entry: Entry) -> Option<(AccountId, Arc<str>)> {
    let account = std::str::from_utf8(&entry.key[schema::ACCOUNTS.len()..]).ok()?.parse().ok()?;
    let record = entry.value.as_ref().map(|value| AccountRecord::decode(value));
    let document = match record {
        Some(Ok(record)) => record.public_access_block?,
        Some(Err(_)) | None => String::new(),
    };
    Some((account, document.into()))
}

fn read(known: &Known) -> RwLockReadGuard<'_, BTreeMap<AccountId, Arc<str>>> {
    known.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(known: &Known) -> RwLockWriteGuard<'_, BTreeMap<AccountId, Arc<str>>> {
    known.write().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for AccountSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountSettings").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use arqueta_model::ManualClock;
    use arqueta_store::{MemoryMeta, Slow};

    use super::*;

    #[tokio::test]
    async fn what_is_stored_is_in_force_though_its_caller_went_away() {
        let clock = Arc::new(ManualClock::default());
        let second = Duration::from_secs(1);
        let settings = AccountSettings::new(Arc::new(Slow::new(MemoryMeta::new(), clock.clone(), second)));
        let account = "111122223333".parse().unwrap();
        let on = async {
            tokio::task::yield_now().await;
            clock.advance(second);
        };
        tokio::join!(settings.learn(), on).0.unwrap();
        assert_eq!(settings.public_access_block(&account), None);
        let mut put = Box::pin(settings.put_public_access_block(&account, Some("{}".into())));
        assert!(futures::poll!(&mut put).is_pending(), "its commit is under way");
        drop(put);
        clock.advance(second);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(settings.public_access_block(&account).as_deref(), Some("{}"));
    }

    #[tokio::test]
    async fn what_was_not_read_is_never_taken_for_nothing() {
        let meta: Arc<dyn MetaStore> = Arc::new(MemoryMeta::new());
        let (one, two) = ("111122223333".parse().unwrap(), "444455556666".parse().unwrap());
        let first = AccountSettings::new(Arc::clone(&meta));
        assert_eq!(first.public_access_block(&one).as_deref(), Some(""), "unread");
        first.put_public_access_block(&one, Some("{}".into())).await.unwrap();
        assert_eq!(first.public_access_block(&one).as_deref(), Some("{}"));
        assert_eq!(first.public_access_block(&two), None);

        meta.commit(Batch::default().put(schema::account(&two), "damaged")).await.unwrap();
        let again = AccountSettings::new(Arc::clone(&meta));
        again.learn().await.unwrap();
        assert_eq!(again.public_access_block(&one).as_deref(), Some("{}"), "it was kept");
        assert_eq!(again.public_access_block(&two).as_deref(), Some(""), "damaged");
        again.put_public_access_block(&one, None).await.unwrap();
        assert_eq!(again.public_access_block(&one), None);
    }
}
