//! A replica comes in: sealed and durable like any body, then put in its place.

use arqueta_envelope::SealedKeys;
use arqueta_store::Batch;
use futures::TryStreamExt;

use super::parts::{check, md5_of_md5s};
use super::place::{Arrival, Placed, is_it, taken};
use super::{Replicas, admissible};
use crate::api::{
    Body, Checksum, ChecksumRequest, ChecksumType, EncryptionInfo, LegalHold, MarkReplica, PlacedReplica, PutReplica,
    Retention, UserMetadata,
};
use crate::ingest::{Intake, Stowed};
use crate::notifications::Happening;
use crate::objects::{Draft, Locks, Objects, surely_not_committed};
use crate::record::{BucketRecord, Manifest, ManifestPart, ObjectRecord};
use crate::space::expect;
use crate::{Caller, Error};

impl Replicas<'_> {
    /// Writes a replica. The version is there already, or it is written whole; repeated, the call changes
    /// nothing and says so.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::InvalidBucketState`] without versioning;
    /// [`Error::NoObjectLockConfiguration`] for a lock where there is none; [`Error::ReplicaRemoved`] for a
    /// version that was removed for good; [`Error::InvalidArgument`] for an id that no version has, or one of a
    /// time to come; [`Error::ChecksumMismatch`]; those of [`crate::Objects::put`].
    pub async fn put(self, caller: &Caller, input: PutReplica) -> Result<PlacedReplica, Error> {
        if input.metadata.size() > UserMetadata::MAX_BYTES {
            return Err(Error::MetadataTooLarge);
        }
        let bucket = self.state.bucket(&input.bucket).await?;
        admissible(&bucket, input.version, input.last_modified, self.state.clock.now())?;
        if let Some(parts) = &input.parts {
            check(&parts.parts, input.size, self.state.config.part_minimum)?;
        }
        let retention = self.retention(&bucket, input.retention, input.legal_hold)?;
        if let Some(there) = self.there(&bucket, &input.key, input.version).await? {
            // Heard to its end: who sends it may not listen before.
            drain(input.body).await?;
            return if is_it(&there, input.last_modified, false) { told(&there, true) } else { Err(taken()) };
        }
        expect(self.state, &bucket, &input.key, input.size).await?;
        let protection = self.state.protection(&bucket, &input.encryption)?;
        let objects = Objects::over(self.state);
        let mut draft = objects.draft(caller, &input.bucket, &input.key, protection.as_ref()).await?;
        draft.tags = input.tags.clone();
        draft.retention = retention;
        draft.legal_hold = input.legal_hold;
        draft.storage_class = input.storage_class;
        self.publish(caller, &bucket, draft, input).await
    }

    /// Writes a delete marker. Repeated, the call changes nothing.
    ///
    /// # Errors
    /// As [`Replicas::put`], less those of bodies.
    pub async fn delete_marker(self, input: MarkReplica) -> Result<PlacedReplica, Error> {
        let bucket = self.state.bucket(&input.bucket).await?;
        let arrival = Arrival {
            version: input.version,
            last_modified: input.last_modified,
            content: None,
            happening: Happening::Marker,
            along: Batch::default(),
        };
        match self.place(&bucket, &input.key, &arrival).await? {
            Placed::Now(record) => told(&record, false),
            Placed::Before(record) => told(&record, true),
        }
    }

    /// Takes the body in, and puts the version in its place.
    async fn publish(
        self,
        caller: &Caller,
        bucket: &BucketRecord,
        draft: Draft,
        input: PutReplica,
    ) -> Result<PlacedReplica, Error> {
        let (body, checksum) = (input.body, input.checksum);
        let (stowed, parts, checksum) = match &input.parts {
            Some(parts) => {
                let taken = self.take_parts(caller, &draft, body, parts, checksum).await?;
                (taken.stowed, taken.parts, taken.checksum)
            }
            None => {
                let stowed = self.take_one(caller, &draft, body, (input.size, checksum)).await?;
                let part = ManifestPart { number: 1, id: stowed.part, size: stowed.size, checksums: Vec::new() };
                let checksum = Checksum::full_object(stowed.checksum);
                (vec![stowed], vec![part], checksum)
            }
        };
        let manifest = Manifest {
            etag: etag(&draft, &stowed, input.parts.is_some())?,
            parts,
            multipart: input.parts.is_some(),
            checksums: vec![checksum],
            headers: input.headers,
            metadata: input.metadata,
        };
        let content = draft.finish(&manifest, stowed.iter().map(|stowed| stowed.place).collect());
        let arrival = Arrival {
            version: input.version,
            last_modified: input.last_modified,
            content: Some(content),
            happening: if manifest.multipart { Happening::Complete } else { Happening::Put },
            along: stowed.iter().fold(Batch::default(), |batch, stowed| stowed.keep(batch)),
        };
        match self.place(bucket, &input.key, &arrival).await {
            Ok(Placed::Now(record)) => {
                stowed.iter().for_each(Stowed::settle);
                self.report(draft.keys.as_ref(), manifest.size());
                told(&record, false)
            }
            Ok(Placed::Before(record)) => {
                self.abandon(&stowed).await;
                told(&record, true)
            }
            Err(error) => {
                if surely_not_committed(&error) {
                    self.abandon(&stowed).await;
                }
                Err(error)
            }
        }
    }

    async fn take_one(
        self,
        caller: &Caller,
        draft: &Draft,
        body: Body,
        (size, checksum): (u64, Option<Checksum>),
    ) -> Result<Stowed, Error> {
        let checksum = match checksum {
            None => ChecksumRequest::Default,
            Some(Checksum { value, kind: ChecksumType::FullObject, .. }) => ChecksumRequest::Declared(value),
            Some(_) => return Err(Error::argument("A composite checksum is that of an object with parts.")),
        };
        let intake = Intake {
            cipher: draft.cipher.clone(),
            size: Some(size),
            md5: None,
            md5_wanted: draft.etag_is_md5(),
            checksum,
            beside: None,
            booking: self.state.admit(caller, Some(size))?,
        };
        self.state.take_in(body.map_err(Error::from), intake).await
    }

    /// The source's retention as it is, else the bucket's default. Where nothing is locked, neither is a replica.
    fn retention(
        self,
        bucket: &BucketRecord,
        asked: Option<Retention>,
        legal_hold: Option<LegalHold>,
    ) -> Result<Option<Retention>, Error> {
        match bucket.object_lock {
            None if asked.is_some() || legal_hold.is_some() => Err(Error::NoObjectLockConfiguration),
            Some(_) if asked.is_some() => Ok(asked),
            _ => Locks::over(self.state).retention_for(bucket, None, legal_hold),
        }
    }

    async fn abandon(self, stowed: &[Stowed]) {
        for stowed in stowed {
            self.state.abandon(stowed).await;
        }
    }

    fn report(self, keys: Option<&SealedKeys>, size: u64) {
        if let Some(keys) = keys {
            self.state.envelope.report_sealed(keys, size);
        }
    }
}

/// An MD5, an MD5 of MD5s, or derived from the body key: as of what is put here, and so the source's own
/// where both are MD5s.
fn etag(draft: &Draft, stowed: &[Stowed], multipart: bool) -> Result<String, Error> {
    let suffix = || if multipart { format!("-{}", stowed.len()) } else { String::new() };
    match &draft.cipher {
        Some(cipher) if !draft.etag_is_md5() => Ok(hex::encode(cipher.etag(None)) + &suffix()),
        _ if multipart => md5_of_md5s(stowed).ok_or(Error::Integrity),
        _ => stowed.first().and_then(|one| one.md5).map(hex::encode).ok_or(Error::Integrity),
    }
}

/// What is told of a version that is there.
fn told(record: &ObjectRecord, repeated: bool) -> Result<PlacedReplica, Error> {
    let version = record.version;
    let Some(content) = &record.content else {
        let (etag, checksum, encryption) = (String::new(), None, None);
        return Ok(PlacedReplica { etag, version, size: 0, checksum, encryption, repeated });
    };
    let manifest = content.manifest()?;
    Ok(PlacedReplica {
        version,
        size: manifest.size(),
        checksum: manifest.checksums.first().copied(),
        encryption: content.keys.as_ref().map(EncryptionInfo::of),
        repeated,
        etag: manifest.etag,
    })
}

async fn drain(mut body: Body) -> Result<(), Error> {
    while body.try_next().await?.is_some() {}
    Ok(())
}
