use std::sync::Arc;

use arqueta_model::BucketName;
use arqueta_store::{Batch, Precondition, Scan};
use bytes::Bytes;

use super::Buckets;
use crate::api::{CreateBucket, ListBuckets, ListedBucket, ListedBuckets, ObjectLockConfiguration, Versioning};
use crate::multipart::Uploads;
use crate::record::{BucketRecord, Record};
use crate::space::commit_end;
use crate::state::ATTEMPTS;
use crate::{Error, schema};

/// The region whose endpoint answers a repeated CreateBucket with success (S3 API Reference,
/// CreateBucket, "BucketAlreadyOwnedByYou").
const LENIENT_REGION: &str = "us-east-1";

/// Records read at once while listing buckets.
const PAGE: usize = 1000;

impl Buckets<'_> {
    /// Makes a bucket. In `us-east-1` making one's own bucket again succeeds and changes nothing.
    ///
    /// # Errors
    /// [`Error::BucketAlreadyExists`], [`Error::BucketAlreadyOwnedByYou`]; [`Error::Damaged`] where a bucket of
    /// that name has lost its record and not its objects.
    pub async fn create(self, input: CreateBucket) -> Result<(), Error> {
        let record = BucketRecord {
            name: input.bucket.clone(),
            owner: input.owner.clone(),
            created: self.state.clock.now(),
            region: self.state.config.region.clone(),
            versioning: if input.object_lock { Versioning::Enabled } else { Versioning::Off },
            encryption: None,
            blocked: self.state.blocked_at_first(),
            object_lock: input.object_lock.then(ObjectLockConfiguration::default),
            tags: input.tags,
            documents: input.documents,
        };
        let (key, encoded) = (schema::bucket(&input.bucket), record.encode());
        for attempt in 0..ATTEMPTS {
            // Before its place is taken: the commits into a bucket that is there do not wait for who wants its name.
            match self.state.bucket(&input.bucket).await {
                Err(Error::NoSuchBucket) if attempt == 0 => {}
                // Whoever makes it would be given what is left of another's. Or it has just gone.
                Err(Error::NoSuchBucket) => self.require_nothing_left(&input.bucket).await?,
                Err(other) => return Err(other),
                Ok(existing) if existing.owner != input.owner => return Err(Error::BucketAlreadyExists),
                Ok(_) if self.state.config.region.as_str() == LENIENT_REGION => return Ok(()),
                Ok(_) => return Err(Error::BucketAlreadyOwnedByYou),
            }
            let batch = Batch::default().unchanged(key.clone(), None).put(key.clone(), encoded.clone());
            match self.state.usage.make(&record, requiring_nothing_in(&input.bucket, batch)).await {
                Err(arqueta_store::Error::Conflict) => {}
                result => return Ok(result?),
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    /// The record of a bucket, as of now.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn get(self, name: &BucketName) -> Result<Arc<BucketRecord>, Error> {
        self.state.bucket(name).await
    }

    /// That a record is missing is not authenticated as a record is: objects without their bucket
    /// are another's, whose record somebody removed.
    async fn require_nothing_left(self, name: &BucketName) -> Result<(), Error> {
        for prefix in contents(name) {
            if !self.state.meta.page(Scan::prefix(&prefix, 1)).await?.is_empty() {
                tracing::error!(
                    bucket = %name,
                    "objects of this bucket are there and its record is not: it was removed by no gateway, and the \
                     bucket is not made again before it is restored"
                );
                return Err(Error::Damaged { what: "bucket record" });
            }
        }
        Ok(())
    }

    /// Removes a bucket that holds no version and no delete marker. Uploads under way do not keep
    /// a bucket, as in AWS: each is given up, but only while nothing else is in the bucket. An object that
    /// arrives after that keeps the bucket, and those uploads are gone.
    ///
    /// Its wrapped bucket keys are left to the collector: an open window could still name one of them
    /// if a bucket of the same name is made again, and losing it would lose those objects.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::BucketNotEmpty`].
    pub async fn delete(self, name: &BucketName) -> Result<(), Error> {
        let (currents, noncurrents) = (schema::currents(name), schema::noncurrents(name));
        // Of a name that is no bucket's nothing is to be remembered.
        self.state.require_bucket(name).await?;
        let mut leaving = self.state.usage.leave(name).await?;
        for _ in 0..ATTEMPTS {
            let bucket = self.state.stored_bucket(name).await?;
            for versions in [&currents, &noncurrents] {
                if !self.state.meta.page(Scan::prefix(versions, 1)).await?.is_empty() {
                    return Err(Error::BucketNotEmpty);
                }
            }
            let empty = [&currents, &noncurrents].into_iter().cloned().map(Precondition::NoneUnder);
            Uploads::over(self.state).abort_all(name, &empty.fold(Batch::default(), Batch::require)).await?;
            let key = schema::bucket(name);
            let batch = Batch::default().unchanged(key.clone(), Some(bucket.bytes)).delete(key);
            let batch = requiring_nothing_in(name, leaving.with_rows(batch));
            let outcome;
            (outcome, leaving) = commit_end(self.state, batch, leaving).await;
            match outcome {
                // The bucket was changed or something came into it: look again.
                Err(arqueta_store::Error::Conflict) => {}
                result => {
                    result?;
                    self.state.decoded_buckets.invalidate(name);
                    self.state.envelope.counters().forget(name);
                    return Ok(());
                }
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    /// Lists the buckets of an account by name.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn list(self, input: ListBuckets) -> Result<ListedBuckets, Error> {
        let mut page = ListedBuckets { buckets: Vec::new(), next: None };
        let prefix = Scan::prefix(&[schema::BUCKETS, input.prefix.as_bytes()].concat(), PAGE);
        let after = input.after.map(|name| Bytes::from([schema::BUCKETS, name.as_bytes(), b"\0"].concat()));
        let mut start = after.map_or(prefix.start.clone(), |after| after.max(prefix.start.clone()));
        loop {
            let entries = self.state.meta.page(Scan { start, ..prefix.clone() }).await?;
            let Some(last) = entries.last() else { return Ok(page) };
            let complete = entries.len() < PAGE;
            start = [&last.key[..], b"\0"].concat().into();
            // Whose a damaged one is nobody knows.
            for value in entries.iter().filter_map(|entry| entry.value.as_ref()) {
                let record = BucketRecord::decode(value)?;
                if record.owner != input.owner {
                    continue;
                }
                if page.buckets.len() == input.limit {
                    page.next = page.buckets.last().map(|bucket| bucket.name.to_string());
                    return Ok(page);
                }
                page.buckets.push(ListedBucket { name: record.name, created: record.created, region: record.region });
            }
            if complete {
                return Ok(page);
            }
        }
    }
}

/// Prefixes of all that lies in a bucket.
fn contents(name: &BucketName) -> [Bytes; 3] {
    [schema::currents(name), schema::noncurrents(name), schema::uploads(name)]
}

fn requiring_nothing_in(name: &BucketName, batch: Batch) -> Batch {
    contents(name).into_iter().fold(batch, |batch, prefix| batch.require(Precondition::NoneUnder(prefix)))
}
