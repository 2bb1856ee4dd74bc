//! What the walks over currents, noncurrents and uploads share.

use std::sync::Arc;

use arqueta_model::{AccountId, BucketName, ObjectKey, Timestamp, UploadId, VersionId};
use arqueta_store::{Batch, Entry, MetaStore, Precondition, Scan};
use bytes::Bytes;
use futures::StreamExt as _;

use super::Lifecycle;
use super::rules::{Calendar, Expiry, Rules};
use crate::Error;
use crate::buckets::stored::StoredBucket;
use crate::record::{BucketDocument, BucketRecord};
use crate::versions::Versions;

/// Removals under way at once: enough to share a sync, few enough to leave requests their turn.
const CONCURRENT: usize = 16;

/// Records read in one step.
const PAGE: usize = 1000;

/// What a bucket's walk stands on. Each step reads the rules anew.
#[derive(Debug, Clone)]
pub struct Pass {
    /// The bucket.
    pub bucket: BucketName,
    /// What a day is.
    pub calendar: Calendar,
    /// What must hold besides, for anything to be removed: that the one who walks may still.
    pub fence: Option<Precondition>,
}

/// What a step came to.
#[derive(Debug, Default)]
pub struct Step {
    /// Records looked at.
    pub seen: u64,
    /// What went.
    pub removed: Vec<Removed>,
    /// Where the next step begins; `None` at the end.
    pub next: Option<Bytes>,
    /// What went wrong beside what went.
    pub failed: Option<Error>,
}

/// A bucket that has rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    /// Its name.
    pub bucket: BucketName,
    /// When it was made: a bucket made again is another one.
    pub created: Timestamp,
    /// The account that owns it.
    pub owner: AccountId,
    /// The rules, as the bucket keeps them.
    pub document: String,
}

impl Step {
    /// One page under `base`, from `from` or the first key, and the step that it is.
    pub(super) async fn read(
        meta: &dyn MetaStore,
        base: &[u8],
        from: Option<Bytes>,
    ) -> Result<(Vec<Entry>, Self), Error> {
        let mut scan = Scan::prefix(base, PAGE);
        if let Some(from) = from.filter(|from| from.starts_with(base)) {
            scan.start = from;
        }
        let page = meta.page(scan).await?;
        let last = page.last().filter(|_| page.len() == PAGE);
        let next = last.map(|last| [&last.key[..], &[0]].concat().into());
        let step = Self { seen: page.len() as u64, removed: Vec::new(), next, failed: None };
        Ok((page, step))
    }

    /// Carries out what is due, and adds what went: all of it, whatever fails, so that it can be told.
    pub(super) async fn carry_out(mut self, due: Vec<impl Future<Output = Result<Option<Removed>, Error>>>) -> Self {
        let mut removals = futures::stream::iter(due).buffered(CONCURRENT);
        while let Some(removed) = removals.next().await {
            match removed {
                Ok(removed) => self.removed.extend(removed),
                // Somebody would have to be told and cannot be: it stays, and the next walk looks again.
                Err(Error::TooManyWaiting) => {}
                Err(failed) => self.failed = self.failed.or(Some(failed)),
            }
        }
        self
    }
}

/// Something that lifecycle removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its key.
    pub key: ObjectKey,
    /// What it was.
    pub what: What,
    /// The rule that said so.
    pub rule: String,
}

/// What went, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An object, for good.
    Object,
    /// An object has a delete marker above it now, with this version id.
    Hidden(VersionId),
    /// A noncurrent version, for good.
    Version(VersionId),
    /// A delete marker that had nothing below it.
    Marker(VersionId),
    /// An upload with its parts.
    Upload(UploadId),
}

/// The bucket and its rules as of a step.
pub(super) struct Ground {
    pub stored: StoredBucket,
    pub rules: Rules,
    pub now: Timestamp,
}

impl Ground {
    /// The bucket's record.
    pub fn bucket(&self) -> &Arc<BucketRecord> {
        &self.stored.record
    }
}

impl Pass {
    /// Begins a removal: it happens under the rules that were read, by who may walk, or not at all.
    pub(super) fn guarded(&self, ground: &Ground) -> Batch {
        let key = crate::schema::bucket(&self.bucket);
        let batch = Batch::default().unchanged(key, Some(ground.stored.bytes.clone()));
        self.fence.iter().cloned().fold(batch, Batch::require)
    }
}

impl Lifecycle<'_> {
    /// The rules of a bucket, if it has any and still is.
    pub(super) async fn ground(self, bucket: &BucketName) -> Result<Option<Ground>, Error> {
        let stored = match self.state.stored_bucket(bucket).await {
            Err(Error::NoSuchBucket) => return Ok(None),
            stored => stored?,
        };
        let Some(text) = stored.record.documents.get(&BucketDocument::Lifecycle) else { return Ok(None) };
        let rules = Rules::from_document(text)?;
        Ok(Some(Ground { rules, stored, now: self.state.clock.now() }))
    }

    /// The rules of a bucket by its record, for what is told of an object.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn rules(self, bucket: &BucketRecord) -> Result<Option<Arc<Rules>>, Error> {
        let Some(text) = bucket.documents.get(&BucketDocument::Lifecycle) else { return Ok(None) };
        if let Some((known, rules)) = self.state.lifecycle.known.get(&bucket.name)
            && *known == **text
        {
            return Ok(Some(rules));
        }
        let rules = Arc::new(Rules::from_document(text)?);
        self.state.lifecycle.known.insert(bucket.name.clone(), (text.as_str().into(), rules.clone()));
        Ok(Some(rules))
    }

    /// When the current version of a key goes, under the rules of its bucket.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`].
    pub async fn expiry(
        self,
        bucket: &BucketRecord,
        key: &ObjectKey,
        calendar: Calendar,
    ) -> Result<Option<Expiry>, Error> {
        let Some(rules) = self.rules(bucket)? else { return Ok(None) };
        let Some(current) = Versions::over(self.state).current(&bucket.name, key).await? else { return Ok(None) };
        let record = current.record;
        let Some(content) = &record.content else { return Ok(None) };
        let size = content.manifest()?.size();
        Ok(rules.expiry(key.as_str(), &content.tags, size, record.last_modified, calendar))
    }

    /// Buckets that have rules.
    ///
    /// # Errors
    /// [`Error::Store`]. A damaged bucket is left out: it cannot say what is to go.
    pub async fn buckets(self) -> Result<Vec<Ruled>, Error> {
        let (mut found, mut scan) = (Vec::new(), Scan::prefix(crate::schema::BUCKETS, PAGE));
        loop {
            let page = self.state.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(found) };
            scan.start = [&last.key[..], &[0]].concat().into();
            for bytes in page.into_iter().filter_map(|entry| entry.value) {
                let Ok(mut bucket) = <BucketRecord as crate::record::Record>::decode(&bytes) else { continue };
                if let Some(document) = bucket.documents.remove(&BucketDocument::Lifecycle) {
                    let BucketRecord { name: bucket, created, owner, .. } = bucket;
                    found.push(Ruled { bucket, created, owner, document });
                }
            }
        }
    }

    /// Resolves when the rules of a bucket were changed since it was last asked.
    pub async fn changed(self) {
        self.state.lifecycle.changed.notified().await;
    }
}
