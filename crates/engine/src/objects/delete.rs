//! Removing objects: delete markers where there are versions, and versions for good.

use arqueta_model::VersionId;
use arqueta_store::Batch;

use super::{Objects, lock};
use crate::api::{DeleteConditions, DeleteObject, DeletedObject, ObjectName, Versioning};
use crate::buckets::stored::StoredBucket;
use crate::notifications::{About, Happening};
use crate::record::BucketRecord;
use crate::slots::{Damage, Slot, Stored};
use crate::state::ATTEMPTS;
use crate::versions::{NewVersion, Versions, subject};
use crate::{Condition, Error, conditions, schema};

impl Objects<'_> {
    /// Deletes an object: without a version it writes a delete marker where versioning is enabled
    /// or suspended, and removes the object where it never was. With a version it removes that one
    /// for good. What is not there is deleted already, unless an entity tag was asked for.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::ObjectLocked`], [`Error::PreconditionFailed`],
    /// [`Error::NoSuchKey`] for an entity tag of no object.
    pub async fn delete(self, input: &DeleteObject) -> Result<DeletedObject, Error> {
        let mut bucket = self.state.stored_bucket(&input.name.bucket).await?;
        for _ in 0..ATTEMPTS {
            let outcome = match (input.name.version, bucket.record.versioning) {
                (Some(version), _) => self.remove_version(input, version, &bucket).await,
                (None, Versioning::Off) => {
                    self.remove_version(input, VersionId::Null, &bucket).await.map(|_| DeletedObject::default())
                }
                (None, _) => return self.mark_deleted(&input.name, &input.conditions, &bucket.record).await,
            };
            match outcome {
                Err(Error::Store(arqueta_store::Error::Conflict)) => {
                    bucket = self.state.same_bucket(&bucket.record).await?;
                }
                outcome => return outcome,
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    /// Deletes many objects of one bucket; each has its own outcome, in the order given.
    pub async fn delete_all(self, inputs: &[DeleteObject]) -> Vec<Result<DeletedObject, Error>> {
        use futures::StreamExt;
        // Enough to share one sync, few enough to leave the others some.
        const CONCURRENT: usize = 32;
        let deletes: Vec<_> = inputs.iter().map(|input| self.delete(input)).collect();
        futures::stream::iter(deletes).buffered(CONCURRENT).collect().await
    }

    async fn mark_deleted(
        self,
        name: &ObjectName,
        held: &DeleteConditions,
        bucket: &BucketRecord,
    ) -> Result<DeletedObject, Error> {
        let marker = NewVersion { content: None, happening: Happening::Marker, along: Batch::default() };
        let permit = |current: &Slot| match current {
            _ if held.is_empty() => Ok(()),
            _ if !is_as_seen(held, current) => Err(Error::Changed),
            Slot::Damaged(damage) => Err(damage.error()),
            Slot::Whole(current) if !current.record.is_delete_marker() => check(held, current),
            Slot::Whole(_) if held.if_match.is_some() => {
                Err(Error::PreconditionFailed { condition: Condition::IfMatch })
            }
            _ => Err(NOTHING_THERE),
        };
        let added = match Versions::over(self.state).add(bucket, &name.key, &permit, &marker).await {
            Err(Error::NoSuchKey { .. }) if held.if_match.is_none() => return Ok(DeletedObject::default()),
            result => result?,
        };
        Ok(DeletedObject { version: added.version, delete_marker: true })
    }

    /// Removes a version for good, if the bucket is still as it was read.
    ///
    /// # Errors
    /// [`arqueta_store::Error::Conflict`] if it or the version was changed meanwhile.
    async fn remove_version(
        self,
        input: &DeleteObject,
        version: VersionId,
        stored_bucket: &StoredBucket,
    ) -> Result<DeletedObject, Error> {
        let (name, bucket) = (&input.name, &stored_bucket.record);
        let _held = self.state.locks.lock(&name.bucket, &name.key).await;
        let found = Versions::over(self.state).version_slot(&name.bucket, &name.key, version).await?;
        if !is_as_seen(&input.conditions, &found) {
            return Err(Error::Changed);
        }
        let (batch, delete_marker, last) = match found {
            // Of a version that is named, its id says all.
            Slot::Empty if name.version.is_none() && input.conditions.if_match.is_some() => {
                return Err(NOTHING_THERE);
            }
            Slot::Empty => return Ok(DeletedObject { version: Some(version), delete_marker: false }),
            Slot::Damaged(damage) => {
                permit_damage(&damage, input, bucket)?;
                (damage.require(Batch::default()).delete(damage.key), false, 0)
            }
            Slot::Whole(stored) => {
                let delete_marker = stored.record.is_delete_marker();
                if !delete_marker {
                    check(&input.conditions, &stored)?;
                }
                lock::permit_removal(&stored.record, input.bypass_governance, self.state.clock.now())?;
                let last = stored.record.sequence;
                let versions = Versions::over(self.state);
                (versions.plan_removal(&name.bucket, &name.key, stored).await?, delete_marker, last)
            }
        };
        let told = || Ok(About::removed(bucket, version, (&self.state.sequence, last), self.state.clock.now()));
        let batch = self.state.config.notices.tell(batch, bucket, &name.key, Happening::Delete, told)?;
        self.state.commit_freeing(stored_bucket.unchanged(batch)).await?;
        Ok(DeletedObject { version: Some(version), delete_marker })
    }
}

/// A delete on condition of a size or date of what is not there does nothing; that of an entity
/// tag fails, as in S3.
const NOTHING_THERE: Error = Error::NoSuchKey { delete_marker: None };

/// Whether a damaged record may be removed for good: it meets no condition, it may be protected where
/// anything is, and a current one that has versions may be another one than is named.
fn permit_damage(damage: &Damage, input: &DeleteObject, bucket: &BucketRecord) -> Result<(), Error> {
    let is_current = damage.key == schema::current(&input.name.bucket, &input.name.key);
    if bucket.object_lock.is_some() {
        Err(Error::ObjectLocked)
    } else if !input.conditions.is_empty() || (is_current && bucket.versioning != Versioning::Off) {
        Err(damage.error())
    } else {
        Ok(())
    }
}

/// Whether what is found is what the caller's leave was decided on.
fn is_as_seen(held: &DeleteConditions, found: &Slot) -> bool {
    let Some(seen) = &held.seen else { return true };
    match found {
        Slot::Empty => seen.is(None),
        Slot::Whole(stored) => seen.is(Some(&stored.bytes)),
        Slot::Damaged(_) => false,
    }
}

/// Holds the conditions against an object.
fn check(held: &DeleteConditions, stored: &Stored) -> Result<(), Error> {
    let Some(content) = stored.record.content.as_ref().filter(|_| !held.is_empty()) else { return Ok(()) };
    conditions::of_delete(held, subject(&stored.record, &content.manifest()?))
}
