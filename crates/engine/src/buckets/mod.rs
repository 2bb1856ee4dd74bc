//! Buckets: made, found, listed, configured, removed.

mod configuration;
mod encryption;
mod lifetime;
pub(crate) mod stored;

use std::sync::Arc;

use arqueta_model::{AccountId, BucketName};
use arqueta_store::{MetaStore, Scan};

use crate::record::{BucketRecord, Record};
use crate::state::State;
use crate::{Error, schema};
use stored::StoredBucket;

/// Records read at once while an owner is looked for.
const OWNERS: usize = 1000;

/// Whether an account owns a bucket, or may: a damaged record tells nobody whose it is.
///
/// # Errors
/// Failures of the store.
pub async fn owns_buckets(meta: &dyn MetaStore, account: &AccountId) -> Result<bool, Error> {
    let mut scan = Scan::prefix(schema::BUCKETS, OWNERS);
    loop {
        let page = meta.page(scan.clone()).await?;
        let Some(last) = page.last() else { return Ok(false) };
        scan.start = [&last.key[..], b"\0"].concat().into();
        for entry in &page {
            let record = entry.value.as_ref().map(|value| BucketRecord::decode(value));
            if !matches!(record, Some(Ok(record)) if record.owner != *account) {
                return Ok(true);
            }
        }
    }
}

/// Buckets: made, found, listed, removed.
#[derive(Debug, Clone, Copy)]
pub struct Buckets<'a> {
    state: &'a State,
}

impl<'a> Buckets<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

/// What a bucket is set to.
#[derive(Debug, Clone, Copy)]
pub struct BucketSettings<'a> {
    state: &'a State,
}

impl<'a> BucketSettings<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl State {
    /// The record of a bucket, as of now.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub(crate) async fn bucket(&self, name: &BucketName) -> Result<Arc<BucketRecord>, Error> {
        Ok(self.stored_bucket(name).await?.record)
    }

    /// Reads a bucket. The stored bytes are read every time, so the answer is never stale; only
    /// their decoded form is remembered.
    pub(crate) async fn stored_bucket(&self, name: &BucketName) -> Result<StoredBucket, Error> {
        let bytes = self.meta.get(&schema::bucket(name)).await?.ok_or(Error::NoSuchBucket)?;
        if let Some(known) = self.decoded_buckets.get(name)
            && known.bytes == bytes
        {
            return Ok(known);
        }
        let stored = StoredBucket { record: Arc::new(BucketRecord::decode(&bytes)?), bytes };
        self.decoded_buckets.insert(name.clone(), stored.clone());
        Ok(stored)
    }

    /// A bucket as of now, if it is still the one that `before` was: another one made under its name meanwhile is
    /// none of the caller's.
    pub(crate) async fn same_bucket(&self, before: &BucketRecord) -> Result<StoredBucket, Error> {
        let now = self.stored_bucket(&before.name).await?;
        let is_same = now.record.created == before.created && now.record.owner == before.owner;
        if is_same { Ok(now) } else { Err(Error::NoSuchBucket) }
    }

    /// Tells a missing key in a bucket from a missing bucket.
    pub(crate) async fn require_bucket(&self, name: &BucketName) -> Result<(), Error> {
        self.stored_bucket(name).await.map(drop)
    }
}
