//! The versions of one key: how a commit adds one, removes one, and keeps the rest in order.
//!
//! Every function here plans writes from records as read; the commit repeats all of it as
//! preconditions, so a plan made on old records changes nothing.

use arqueta_model::{BucketName, ObjectKey, Timestamp, VersionId};
use arqueta_store::{Batch, Entry, Scan};
use bytes::Bytes;

use crate::api::{Conditions, ReplicationState, Versioning};
use crate::bucket_keys::{named, require_named};
use crate::buckets::stored::StoredBucket;
use crate::conditions::{self, Subject};
use crate::notifications::{About, Happening};
use crate::record::{Blob, BucketRecord, Content, Manifest, ObjectRecord, Place, Record};
use crate::sequence::{sequence_in, version_id};
use crate::slots::{Slot, Stored};
use crate::space::commit_within;
use crate::state::{ATTEMPTS, State};
use crate::{Condition, Error, schema};

/// A version to be added.
pub(crate) struct NewVersion {
    /// Content; `None` for a delete marker.
    pub content: Option<Content>,
    /// What is told of it.
    pub happening: Happening,
    /// What goes into the same commit: the bodies, the end of an upload.
    pub along: Batch,
}

/// Decides about a write by the version it would replace.
pub(crate) type Permit<'a> = &'a (dyn Fn(&Slot) -> Result<(), Error> + Sync);

/// A version that was added.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Added {
    /// Its id, where the bucket has versioning.
    pub version: Option<VersionId>,
    pub last_modified: Timestamp,
}

/// The versions of keys: found, added, removed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Versions<'a> {
    state: &'a State,
}

impl<'a> Versions<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Versions<'_> {
    /// The current version of a key.
    pub(crate) async fn current(self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Stored>, Error> {
        self.state.slot(schema::current(bucket, key)).await?.whole()
    }

    /// One version of a key, current or not.
    pub(crate) async fn version(
        self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: VersionId,
    ) -> Result<Option<Stored>, Error> {
        self.version_slot(bucket, key, version).await?.whole()
    }

    /// One version of a key, or a damaged record that may be it.
    pub(crate) async fn version_slot(
        self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: VersionId,
    ) -> Result<Slot, Error> {
        let current = match self.state.slot(schema::current(bucket, key)).await? {
            Slot::Whole(stored) if stored.record.version == version => return Ok(Slot::Whole(stored)),
            other => other,
        };
        let sequence = match (sequence_in(version), &current) {
            (Some(sequence), _) => Some(sequence),
            (None, Slot::Whole(current)) => current.record.null_sequence,
            (None, Slot::Empty) => None,
            (None, Slot::Damaged(_)) => self.state.null_below(bucket, key).await?,
        };
        let found = match sequence {
            Some(sequence) => self.state.slot(schema::noncurrent(bucket, key, sequence)).await?,
            None => Slot::Empty,
        };
        if let (Slot::Empty | Slot::Whole(_), Some(sequence)) = (&found, sequence_in(version))
            && !matches!(&found, Slot::Whole(found) if found.record.version == version)
            && let Some(beside) = self.beside(bucket, key, version, sequence).await?
        {
            return Ok(Slot::Whole(beside));
        }
        Ok(match (found, current) {
            (Slot::Whole(found), _) if found.record.version == version => Slot::Whole(found),
            (Slot::Damaged(damage), _) | (_, Slot::Damaged(damage)) => Slot::Damaged(damage),
            _ => Slot::Empty,
        })
    }

    /// A noncurrent version that is not kept under its own sequence.
    async fn beside(
        self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: VersionId,
        sequence: u64,
    ) -> Result<Option<Stored>, Error> {
        for Entry { key, value } in self.state.meta.page(near(bucket, key, sequence)).await? {
            let Some(bytes) = value else { continue };
            match ObjectRecord::decode(&bytes) {
                Ok(record) if record.version == version => return Ok(Some(Stored { key, bytes, record })),
                Ok(_) | Err(Error::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Adds a version, which becomes the current one, if `permit` agrees to what it replaces; what
    /// `permit` saw is what the commit finds. `bucket` is the one that the caller asked about: what is late
    /// comes into no other one that was made under its name.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`], [`Error::QuotaExceeded`], [`Error::NoSuchBucket`]. After a failure of the store the
    /// outcome may be unknown; the bodies then stay for the sweeper to decide about.
    pub(crate) async fn add(
        self,
        bucket: &BucketRecord,
        key: &ObjectKey,
        permit: Permit<'_>,
        new: &NewVersion,
    ) -> Result<Added, Error> {
        let name = &bucket.name;
        let _held = self.state.locks.lock(name, key).await;
        for _ in 0..ATTEMPTS {
            let stored_bucket = self.state.same_bucket(bucket).await?;
            let current = self.state.slot(schema::current(name, key)).await?;
            if matches!(current, Slot::Damaged(_)) && stored_bucket.record.object_lock.is_some() {
                // It cannot tell that it is not protected.
                return Err(Error::ObjectLocked);
            }
            permit(&current)?;
            let (batch, added) = self.plan_addition(&stored_bucket, key, current, new).await?;
            // A delete marker frees nothing by itself, and is what a client on a full disk begins with.
            let committed = match new.content {
                Some(_) => commit_within(self.state, batch).await,
                None => self.state.commit_freeing(batch).await.map_err(Error::from),
            };
            match committed {
                Err(Error::Store(arqueta_store::Error::Conflict)) => {}
                result => return result.map(|()| added),
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    /// Plans the addition of a version above `current`.
    pub(crate) async fn plan_addition(
        self,
        bucket: &StoredBucket,
        key: &ObjectKey,
        current: Slot,
        new: &NewVersion,
    ) -> Result<(Batch, Added), Error> {
        let name = &bucket.record.name;
        let versioning = bucket.record.versioning;
        let now = self.state.clock.now();
        let floor = match &current {
            Slot::Empty => 0,
            Slot::Whole(current) => current.record.sequence,
            Slot::Damaged(_) => self.state.newest_below(name, key).await?,
        };
        let sequence = self.state.sequence.next(now, floor);
        let version = if versioning == Versioning::Enabled { version_id(sequence) } else { VersionId::Null };
        let mut record = ObjectRecord {
            version,
            sequence,
            last_modified: now,
            owner: bucket.record.owner.clone(),
            content: new.content.clone(),
            null_sequence: None,
            replication: None,
        };
        let at = schema::current(name, key);
        let mut batch = new.along.clone();
        batch = batch.unchanged(schema::bucket(name), Some(bucket.bytes.clone()));
        batch = require_named(batch, name, new.content.as_ref().and_then(|content| content.keys.as_ref()));
        let null_below = match &current {
            Slot::Empty => None,
            Slot::Whole(current) => current.record.null_sequence,
            Slot::Damaged(_) => self.state.null_below(name, key).await?,
        };
        match current {
            Slot::Empty => batch = batch.unchanged(at.clone(), None),
            // What it was is lost; what lies below it is not.
            Slot::Damaged(damage) => {
                batch = damage.require(batch);
                record.null_sequence = null_below;
            }
            Slot::Whole(Stored { record: old, bytes, .. }) if version.is_null() && old.version.is_null() => {
                batch = release(batch.unchanged(at.clone(), Some(bytes)), &old, now);
            }
            Slot::Whole(Stored { record: old, bytes, .. }) => {
                record.null_sequence = if old.version.is_null() { Some(old.sequence) } else { null_below };
                batch = retire(batch.unchanged(at.clone(), Some(bytes)), name, key, old);
            }
        }
        if let (VersionId::Null, Some(sequence)) = (version, null_below) {
            batch = self.remove_noncurrent(batch, name, key, sequence, now).await?;
            record.null_sequence = None;
        }
        if new.happening != Happening::ExpiredMarker {
            batch = self.state.outgoing.intend(batch, &bucket.record, key, &mut record)?;
        }
        let told = || About::written(&bucket.record, &record);
        batch = self.state.config.notices.tell(batch, &bucket.record, key, new.happening, told)?;
        let added = Added { version: (versioning != Versioning::Off).then_some(version), last_modified: now };
        Ok((batch.put(at, record.encode()), added))
    }

    /// Removes the noncurrent null version, if it is still there.
    async fn remove_noncurrent(
        self,
        batch: Batch,
        bucket: &BucketName,
        key: &ObjectKey,
        sequence: u64,
        now: Timestamp,
    ) -> Result<Batch, Error> {
        Ok(match self.state.slot(schema::noncurrent(bucket, key, sequence)).await? {
            Slot::Whole(old) => {
                release(batch.unchanged(old.key.clone(), Some(old.bytes)).delete(old.key), &old.record, now)
            }
            Slot::Damaged(damage) => damage.require(batch).delete(damage.key),
            Slot::Empty => batch,
        })
    }

    /// Plans the removal of one version for good. The newest noncurrent one takes the place of a
    /// removed current one.
    pub(crate) async fn plan_removal(self, bucket: &BucketName, key: &ObjectKey, old: Stored) -> Result<Batch, Error> {
        let now = self.state.clock.now();
        let at = schema::current(bucket, key);
        let mut batch = Batch::default().unchanged(old.key.clone(), Some(old.bytes));
        batch = release(batch, &old.record, now);
        if old.record.replication == Some(ReplicationState::Replica) && !old.record.version.is_null() {
            // Its source may send it again, and somebody wanted it gone.
            batch = batch
                .put(schema::removed(bucket, old.record.version), Bytes::copy_from_slice(&now.millis().to_be_bytes()));
        }
        if old.record.replication.is_some() {
            // How far it is matters to nobody any more.
            batch = batch.delete(schema::standing(bucket, key, old.record.sequence));
        }
        if old.key != at {
            return Ok(batch.delete(old.key));
        }
        let Some((key, bytes, mut heir)) = self.heir(bucket, key).await? else { return Ok(batch.delete(at)) };
        if let Some(id) = heir.content.as_ref().and_then(named) {
            // The collector may have read the current versions already, and the noncurrent ones not yet.
            self.state.envelope.in_use().touch(id);
        }
        heir.null_sequence = if heir.version.is_null() { None } else { old.record.null_sequence };
        Ok(batch.unchanged(key.clone(), Some(bytes)).delete(key).put(at, heir.encode()))
    }

    /// The newest noncurrent version of a key that is whole.
    async fn heir(self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<(Bytes, Bytes, ObjectRecord)>, Error> {
        let mut scan = Scan::prefix(&schema::noncurrents_of(bucket, key), 1);
        loop {
            let Some(Entry { key, value }) = self.state.meta.page(scan.clone()).await?.into_iter().next() else {
                return Ok(None);
            };
            scan.start = [&key[..], &[0]].concat().into();
            match value.as_ref().map(|bytes| ObjectRecord::decode(bytes)) {
                None | Some(Err(Error::Damaged { .. })) => {}
                Some(heir) => return Ok(Some((key, value.unwrap_or_default(), heir?))),
            }
        }
    }
}

/// The noncurrent versions that are kept near `sequence`.
pub(crate) fn near(bucket: &BucketName, key: &ObjectKey, sequence: u64) -> Scan {
    let keys = schema::near(bucket, key, sequence);
    Scan { start: keys.start, end: Some(keys.end), limit: 2 * schema::NEAR as usize + 1 }
}

/// Moves a current version to the noncurrent ones.
pub(crate) fn retire(batch: Batch, bucket: &BucketName, key: &ObjectKey, mut old: ObjectRecord) -> Batch {
    old.null_sequence = None;
    batch.put(schema::noncurrent(bucket, key, old.sequence), old.encode())
}

/// Hands the bodies of a version that goes away to the garbage.
fn release(batch: Batch, old: &ObjectRecord, now: Timestamp) -> Batch {
    let places = old.content.iter().flat_map(|content| &content.places);
    places.fold(batch, |batch, place| release_body(batch, place, now))
}

/// Hands one body to the garbage: small ones go at once, files when nobody reads them. The mark tells
/// when, and how large it is.
pub(crate) fn release_body(batch: Batch, place: &Place, now: Timestamp) -> Batch {
    match place.blob {
        Blob::Inline(id) => batch.delete(schema::inline(id)),
        Blob::File(id) => {
            let mark = [now.millis().to_be_bytes(), place.sealed_size.to_be_bytes()].concat();
            batch.delete(schema::referenced(id)).put(schema::garbage(id), mark)
        }
    }
}

/// Holds the conditions of a write against the current version. One that is damaged meets none.
pub(crate) fn check_write(conditions: &Conditions, current: &Slot) -> Result<(), Error> {
    if conditions.is_empty() {
        return Ok(());
    }
    let content = match current {
        Slot::Empty => None,
        Slot::Whole(current) => current.record.content.as_ref().map(|content| (current, content)),
        Slot::Damaged(damage) => return Err(damage.error()),
    };
    let bytes = match current {
        Slot::Whole(current) => Some(&current.bytes),
        _ => None,
    };
    if conditions.seen.as_ref().is_some_and(|seen| !seen.is(bytes)) {
        // Its body has been read, so that it cannot be decided anew.
        return Err(Error::ConditionalConflict { condition: Condition::IfMatch });
    }
    match content {
        None => conditions::of_write(conditions, None),
        Some((current, content)) => {
            let manifest = content.manifest()?;
            conditions::of_write(conditions, Some(subject(&current.record, &manifest)))
        }
    }
}

/// What conditions are held against.
pub(crate) fn subject<'a>(record: &ObjectRecord, manifest: &'a Manifest) -> Subject<'a> {
    Subject { etag: &manifest.etag, size: manifest.size(), last_modified: record.last_modified }
}
