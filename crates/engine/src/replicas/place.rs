//! The place of a version among those of its key.

use arqueta_model::{BucketName, ObjectKey, Timestamp, VersionId};
use arqueta_store::{Batch, Entry};

use super::{Replicas, admissible};
use crate::api::ReplicationState;
use crate::bucket_keys::require_named;
use crate::buckets::stored::StoredBucket;
use crate::notifications::{About, Happening};
use crate::record::{BucketRecord, Content, ObjectRecord, Record as _};
use crate::slots::Stored;
use crate::space::commit_within;
use crate::state::ATTEMPTS;
use crate::versions::{Versions, near, retire};
use crate::{Error, schema};

/// A version that comes with its id.
pub(super) struct Arrival {
    pub version: VersionId,
    pub last_modified: Timestamp,
    /// Content; `None` for a delete marker.
    pub content: Option<Content>,
    /// What is told of it.
    pub happening: Happening,
    /// What goes into the same commit.
    pub along: Batch,
}

/// What became of it.
pub(super) enum Placed {
    /// It was written.
    Now(ObjectRecord),
    /// It was there.
    Before(ObjectRecord),
}

impl Replicas<'_> {
    /// The version, if it is there.
    ///
    /// # Errors
    /// [`Error::ReplicaRemoved`] for one that was removed for good.
    pub(super) async fn there(
        self,
        bucket: &BucketRecord,
        key: &ObjectKey,
        version: VersionId,
    ) -> Result<Option<ObjectRecord>, Error> {
        let found = Versions::over(self.state).version(&bucket.name, key, version).await?;
        if found.is_none() && self.state.meta.get(&schema::removed(&bucket.name, version)).await?.is_some() {
            return Err(Error::ReplicaRemoved);
        }
        Ok(found.map(|stored| stored.record))
    }

    /// Puts a version in its place, unless it is there already.
    ///
    /// # Errors
    /// As [`Replicas::put`]. A damaged current version is one whose place nobody knows.
    pub(super) async fn place(
        self,
        bucket: &BucketRecord,
        key: &ObjectKey,
        arrival: &Arrival,
    ) -> Result<Placed, Error> {
        let name = &bucket.name;
        let _held = self.state.locks.lock(name, key).await;
        for _ in 0..ATTEMPTS {
            let stored_bucket = self.state.same_bucket(bucket).await?;
            let now = self.state.clock.now();
            let sequence = admissible(&stored_bucket.record, arrival.version, arrival.last_modified, now)?;
            if let Some(there) = self.there(bucket, key, arrival.version).await? {
                let same = is_it(&there, arrival.last_modified, arrival.content.is_none());
                return if same { Ok(Placed::Before(there)) } else { Err(taken()) };
            }
            let current = self.state.slot(schema::current(name, key)).await?.whole()?;
            let sequence = self.free(name, key, (arrival.version, sequence), current.as_ref()).await?;
            let (batch, record) = self.plan(&stored_bucket, key, (arrival, sequence), current)?;
            let committed = match arrival.content {
                Some(_) => commit_within(self.state, batch).await,
                None => self.state.commit_freeing(batch).await.map_err(Error::from),
            };
            match committed {
                Err(Error::Store(arqueta_store::Error::Conflict)) => {}
                result => return result.map(|()| Placed::Now(record)),
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    /// The sequence under which a version is kept: its own, or one beside it if two gateways gave theirs in
    /// the same instant. The greater id stands above, so that both gateways come to the same order.
    async fn free(
        self,
        bucket: &BucketName,
        key: &ObjectKey,
        (version, sequence): (VersionId, u64),
        current: Option<&Stored>,
    ) -> Result<u64, Error> {
        let mut taken: Vec<(u64, Option<VersionId>)> =
            current.iter().map(|stored| (stored.record.sequence, Some(stored.record.version))).collect();
        for Entry { key, value } in self.state.meta.page(near(bucket, key, sequence)).await? {
            let version = value.as_ref().and_then(|value| ObjectRecord::decode(value).ok()).map(|old| old.version);
            taken.extend(schema::sequence_of(&key).map(|sequence| (sequence, version)));
        }
        let at = |sequence: u64| taken.iter().find(|(other, _)| *other == sequence);
        let Some((_, other)) = at(sequence) else { return Ok(sequence) };
        let up = other.is_none_or(|other| version > other);
        let beside = |by: u64| if up { sequence.checked_add(by) } else { sequence.checked_sub(by) };
        let free = (1..=schema::NEAR).filter_map(beside).find(|sequence| at(*sequence).is_none());
        free.ok_or_else(|| Error::argument("Too many versions of one instant."))
    }

    fn plan(
        self,
        bucket: &StoredBucket,
        key: &ObjectKey,
        (arrival, sequence): (&Arrival, u64),
        current: Option<Stored>,
    ) -> Result<(Batch, ObjectRecord), Error> {
        let name = &bucket.record.name;
        let mut record = ObjectRecord {
            version: arrival.version,
            sequence,
            last_modified: arrival.last_modified,
            owner: bucket.record.owner.clone(),
            content: arrival.content.clone(),
            null_sequence: None,
            replication: Some(ReplicationState::Replica),
        };
        let at = schema::current(name, key);
        let mut batch = bucket.unchanged(arrival.along.clone());
        batch = batch.unchanged(schema::removed(name, arrival.version), None);
        batch = require_named(batch, name, arrival.content.as_ref().and_then(|content| content.keys.as_ref()));
        let told = || About::written(&bucket.record, &record);
        batch = self.state.config.notices.tell(batch, &bucket.record, key, arrival.happening, told)?;
        let below = schema::noncurrent(name, key, sequence);
        let batch = match current {
            None => batch.unchanged(at.clone(), None).put(at, record.encode()),
            Some(Stored { record: mut newer, bytes, .. }) if newer.sequence > sequence => {
                let mut batch = batch.unchanged(at.clone(), Some(bytes)).unchanged(below.clone(), None);
                if record.version.is_null() {
                    newer.null_sequence = Some(sequence);
                    batch = batch.put(at, newer.encode());
                }
                batch.put(below, record.encode())
            }
            Some(Stored { record: old, bytes, .. }) => {
                record.null_sequence = if old.version.is_null() { Some(old.sequence) } else { old.null_sequence };
                let batch = retire(batch.unchanged(at.clone(), Some(bytes)), name, key, old);
                batch.put(at, record.encode())
            }
        };
        Ok((batch, record))
    }
}

/// Whether the version that is there is the one that comes. Every bucket has a null version of its own: it is the
/// source's only if it was written then, too.
pub(super) fn is_it(there: &ObjectRecord, last_modified: Timestamp, is_delete_marker: bool) -> bool {
    let own = there.version.is_null() && there.last_modified != last_modified;
    there.is_delete_marker() == is_delete_marker && !own
}

/// One id for two things.
pub(super) fn taken() -> Error {
    Error::request(format!("Another {} of that version id is there.", ObjectRecord::NAME))
}
