//! Removing objects: delete markers where there are versions, and versions for good.

use arqueta_model::VersionId;

use super::lock;
use crate::api::{DeleteConditions, DeleteObject, DeletedObject, ObjectName, Versioning};
use crate::engine::ATTEMPTS;
use crate::versions::{NewVersion, Stored, subject};
use crate::{Condition, Engine, Error, conditions};

impl Engine {
    /// Deletes an object: without a version it writes a delete marker where versioning is enabled
    /// or suspended, and removes the object where it never was. With a version it removes that one
    /// for good. What is not there is deleted already, unless an entity tag was asked for.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::ObjectLocked`], [`Error::PreconditionFailed`],
    /// [`Error::NoSuchKey`] for an entity tag of no object.
    pub async fn delete_object(&self, input: &DeleteObject) -> Result<DeletedObject, Error> {
        let bucket = self.bucket(&input.name.bucket).await?;
        match (input.name.version, bucket.versioning) {
            (Some(version), _) => self.remove_version(input, version).await,
            (None, Versioning::Off) => {
                self.remove_version(input, VersionId::Null).await?;
                Ok(DeletedObject::default())
            }
            (None, _) => self.mark_deleted(&input.name, &input.conditions).await,
        }
    }

    /// Deletes many objects of one bucket; each has its own outcome, in the order given.
    pub async fn delete_objects(&self, inputs: &[DeleteObject]) -> Vec<Result<DeletedObject, Error>> {
        use futures::StreamExt;
        // Enough to share one sync, few enough to leave the others some.
        const CONCURRENT: usize = 32;
        let deletes: Vec<_> = inputs.iter().map(|input| self.delete_object(input)).collect();
        futures::stream::iter(deletes).buffered(CONCURRENT).collect().await
    }

    async fn mark_deleted(&self, name: &ObjectName, held: &DeleteConditions) -> Result<DeletedObject, Error> {
        let marker = NewVersion { content: None, along: arqueta_store::Batch::default() };
        let permit = |current: Option<&Stored>| match current {
            _ if held.is_empty() => Ok(()),
            Some(current) if !current.record.is_delete_marker() => check(held, current),
            Some(_) if held.if_match.is_some() => Err(Error::PreconditionFailed { condition: Condition::IfMatch }),
            _ => Err(NOTHING_THERE),
        };
        let added = match self.add_version(&name.bucket, &name.key, &permit, &marker).await {
            Err(Error::NoSuchKey { .. }) if held.if_match.is_none() => return Ok(DeletedObject::default()),
            result => result?,
        };
        Ok(DeletedObject { version: added.version, delete_marker: true })
    }

    async fn remove_version(&self, input: &DeleteObject, version: VersionId) -> Result<DeletedObject, Error> {
        let name = &input.name;
        let _held = self.locks.lock(&name.bucket, &name.key).await;
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.version(&name.bucket, &name.key, version).await? else {
                // Of a version that is named, its id says all.
                if name.version.is_none() && input.conditions.if_match.is_some() {
                    return Err(NOTHING_THERE);
                }
                return Ok(DeletedObject { version: Some(version), delete_marker: false });
            };
            let delete_marker = stored.record.is_delete_marker();
            if !delete_marker {
                check(&input.conditions, &stored)?;
            }
            lock::permit_removal(&stored.record, input.bypass_governance, self.clock.now())?;
            let batch = self.plan_removal(&name.bucket, &name.key, stored).await?;
            match self.meta.commit(batch).await {
                Err(arqueta_store::Error::Conflict) => {}
                result => {
                    return result
                        .map(|()| DeletedObject { version: Some(version), delete_marker })
                        .map_err(Error::from);
                }
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }
}

/// A delete on condition of a size or date of what is not there does nothing; that of an entity
/// tag fails, as in S3.
const NOTHING_THERE: Error = Error::NoSuchKey { delete_marker: None };

/// Holds the conditions against an object.
fn check(held: &DeleteConditions, stored: &Stored) -> Result<(), Error> {
    let Some(content) = stored.record.content.as_ref().filter(|_| !held.is_empty()) else { return Ok(()) };
    conditions::of_delete(held, subject(&stored.record, &content.manifest()?))
}
