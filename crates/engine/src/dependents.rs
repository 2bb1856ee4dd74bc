//! What still depends on a KMS key: what can no longer be read once its material is destroyed.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use arqueta_envelope::WrappedBucketKey;
use arqueta_model::{BucketName, KeyArn};
use arqueta_store::{Entry, MetaStore, Scan};
use serde::Serialize;

use crate::Error;
use crate::record::{ObjectRecord, Record, UploadRecord};
use crate::schema;

/// Records read at a time; between two pages other tasks have their turn.
const PAGE: usize = 256;

/// How many things in a bucket depend on a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Dependents {
    /// Current versions.
    pub current: u64,
    /// Noncurrent versions.
    pub noncurrent: u64,
    /// Multipart uploads in progress.
    pub uploads: u64,
    /// Wrapped bucket keys, also those that nothing names any more and that were not collected yet.
    pub bucket_keys: u64,
}

impl AddAssign for Dependents {
    fn add_assign(&mut self, other: Self) {
        self.current += other.current;
        self.noncurrent += other.noncurrent;
        self.uploads += other.uploads;
        self.bucket_keys += other.bucket_keys;
    }
}

/// What depends on every key, found by reading all object metadata. Changes made meanwhile may be in
/// it or not.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    keys: BTreeMap<String, (KeyArn, BTreeMap<String, Dependents>)>,
    records: u64,
    unreadable: u64,
}

/// Adds one to what a record counts as.
type Count = fn(&mut Dependents) -> &mut u64;

impl Survey {
    /// Reads everything. `seen` is told from time to time how many records were read.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`], [`Error::UnknownFormat`].
    pub async fn take(meta: &dyn MetaStore, mut seen: impl FnMut(u64) + Send) -> Result<Self, Error> {
        let object = |bytes: &[u8]| {
            let content = ObjectRecord::decode(bytes)?.content;
            Ok(content.and_then(|content| content.keys?.key_arn().cloned()))
        };
        let upload = |bytes: &[u8]| Ok(UploadRecord::decode(bytes)?.keys.and_then(|keys| keys.key_arn().cloned()));
        let wrapped = |bytes: &[u8]| Ok(Some(WrappedBucketKey::decode(bytes)?.key));
        let mut survey = Self::default();
        survey.add(meta, schema::CURRENTS, |all| &mut all.current, object, &mut seen).await?;
        survey.add(meta, schema::NONCURRENTS, |all| &mut all.noncurrent, object, &mut seen).await?;
        survey.add(meta, schema::UPLOADS, |all| &mut all.uploads, upload, &mut seen).await?;
        survey.add(meta, schema::BUCKET_KEYS, |all| &mut all.bucket_keys, wrapped, &mut seen).await?;
        Ok(survey)
    }

    /// What depends on the key of this id or ARN, by bucket. A multi-Region key is the same key in
    /// each of its Regions.
    #[must_use]
    pub fn of(&self, key: &str) -> BTreeMap<BucketName, Dependents> {
        let arn = key.parse::<KeyArn>().ok();
        let is_meant = |known: &KeyArn| match &arn {
            Some(arn) => arn.key_id() == known.key_id() && arn.account() == known.account(),
            None => known.key_id() == key,
        };
        let mut buckets = BTreeMap::new();
        for (_, found) in self.keys.values().filter(|(known, _)| is_meant(known)) {
            for (bucket, counted) in found {
                let Ok(bucket) = bucket.parse() else { continue };
                *buckets.entry(bucket).or_insert_with(Dependents::default) += *counted;
            }
        }
        buckets
    }

    /// How many records were read.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// How many of them are damaged: what they depend on is not known.
    #[must_use]
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    async fn add(
        &mut self,
        meta: &dyn MetaStore,
        prefix: &'static [u8],
        counter: Count,
        key_of: impl Fn(&[u8]) -> Result<Option<KeyArn>, Error> + Send + Sync,
        seen: &mut (impl FnMut(u64) + Send),
    ) -> Result<(), Error> {
        let mut scan = Scan::prefix(prefix, PAGE);
        loop {
            let page = meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            scan.start = [&last.key[..], &[0]].concat().into();
            for Entry { key: at, value } in &page {
                let Some(bytes) = value else {
                    self.unreadable += 1;
                    continue;
                };
                let Some(key) = key_of(bytes)? else { continue };
                let bucket = schema::bucket_of(at, prefix).ok_or(Error::Damaged { what: "object" })?;
                let (_, buckets) = self.keys.entry(key.as_str().to_owned()).or_insert_with(|| (key, BTreeMap::new()));
                *counter(buckets.entry(bucket.to_owned()).or_default()) += 1;
            }
            self.records += page.len() as u64;
            seen(self.records);
            // Reads do not wait for anything, so nothing else would run until the end.
            tokio::task::yield_now().await;
        }
    }
}
