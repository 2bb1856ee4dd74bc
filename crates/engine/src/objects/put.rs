//! Putting an object: the body is sealed and durable before the one commit that names it.

use std::sync::Arc;

use arqueta_envelope::{ObjectCipher, Protection, SealedKeys};
use arqueta_model::{BucketName, ObjectId, ObjectKey};
use futures::TryStreamExt;
use serde_bytes::ByteBuf;

use super::{Locks, Objects};
use crate::api::{
    Checksum, Conditions, ContentHeaders, EncryptionInfo, LegalHold, PutObject, Retention, StorageClass, StoredObject,
    Tags, UserMetadata,
};
use crate::ingest::{Intake, Stowed};
use crate::notifications::Happening;
use crate::record::{BucketRecord, Content, Manifest, ManifestPart, Record};
use crate::slots::Slot;
use crate::space::expect;
use crate::versions::{NewVersion, Versions, check_write};
use crate::{Caller, Error, schema};

/// Everything about a version to be, other than its bodies.
pub(crate) struct Draft {
    pub id: ObjectId,
    pub cipher: Option<Arc<ObjectCipher>>,
    pub keys: Option<SealedKeys>,
    pub tags: Tags,
    pub retention: Option<Retention>,
    pub legal_hold: Option<LegalHold>,
    pub storage_class: StorageClass,
}

impl Draft {
    /// The content of the finished version; `places` lie in the order of the manifest's parts.
    pub fn finish(&self, manifest: &Manifest, places: Vec<crate::record::Place>) -> Content {
        let manifest = manifest.encode();
        let tag = self.cipher.as_ref().map(|cipher| ByteBuf::from(cipher.manifest_tag(&manifest)));
        Content {
            id: self.id,
            manifest: ByteBuf::from(manifest),
            tag,
            keys: self.keys.clone(),
            places,
            tags: self.tags.clone(),
            retention: self.retention,
            legal_hold: self.legal_hold,
            storage_class: self.storage_class,
        }
    }

    /// Whether entity tags are MD5s: of unencrypted and of SSE-S3 objects.
    pub fn etag_is_md5(&self) -> bool {
        self.keys.as_ref().is_none_or(|keys| keys.mode() == arqueta_envelope::SseMode::S3)
    }
}

/// The description of a single body.
pub(crate) struct Description {
    pub headers: ContentHeaders,
    pub metadata: UserMetadata,
    /// An MD5 known without computing it again.
    pub etag: Option<String>,
    /// What is told of it.
    pub happening: Happening,
}

impl Objects<'_> {
    /// Puts an object.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::PreconditionFailed`], [`Error::QuotaExceeded`], [`Error::MetadataTooLarge`],
    /// [`Error::Encryption`], everything that [`crate::BodyError`] and the digests can say, failures
    /// of the store. Nothing is visible unless it succeeds.
    pub async fn put(self, caller: &Caller, input: PutObject) -> Result<StoredObject, Error> {
        if input.metadata.size() > UserMetadata::MAX_BYTES {
            return Err(Error::MetadataTooLarge);
        }
        let bucket = self.state.bucket(&input.bucket).await?;
        let retention = Locks::over(self.state).retention_for(&bucket, input.retention, input.legal_hold)?;
        if !input.conditions.is_empty() {
            // The commit decides; this spares a hopeless upload.
            check_write(&input.conditions, &self.state.slot(schema::current(&input.bucket, &input.key)).await?)?;
        }
        if let Some(size) = input.size {
            expect(self.state, &bucket, &input.key, size).await?;
        }
        let booking = self.state.admit(caller, input.size)?;
        let protection = self.state.protection(&bucket, &input.encryption)?;
        let mut draft = self.draft(caller, &input.bucket, &input.key, protection.as_ref()).await?;
        draft.tags = input.tags;
        draft.retention = retention;
        draft.legal_hold = input.legal_hold;
        draft.storage_class = input.storage_class;
        let intake = Intake {
            cipher: draft.cipher.clone(),
            size: input.size,
            md5: input.md5,
            md5_wanted: draft.etag_is_md5(),
            checksum: input.checksum,
            beside: None,
            booking,
        };
        let stowed = self.state.take_in(input.body.map_err(Error::from), intake).await?;
        let described =
            Description { headers: input.headers, metadata: input.metadata, etag: None, happening: Happening::Put };
        self.publish(&bucket, &input.key, &input.conditions, draft, described, stowed).await
    }

    /// A draft with fresh keys under `protection`.
    pub(crate) async fn draft(
        self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
        protection: Option<&Protection>,
    ) -> Result<Draft, Error> {
        let id = ObjectId::random();
        let (cipher, keys) = match protection {
            None => (None, None),
            Some(protection) => {
                let sealing = self.state.envelope.seal(caller, bucket, key, id, protection).await?;
                (Some(sealing.cipher), Some(sealing.keys))
            }
        };
        Ok(Draft {
            id,
            cipher,
            keys,
            tags: Tags::default(),
            retention: None,
            legal_hold: None,
            storage_class: StorageClass::default(),
        })
    }

    /// Makes a single stowed body the current version.
    pub(crate) async fn publish(
        self,
        bucket: &BucketRecord,
        key: &ObjectKey,
        conditions: &Conditions,
        draft: Draft,
        described: Description,
        stowed: Stowed,
    ) -> Result<StoredObject, Error> {
        let etag = match (described.etag, &draft.cipher) {
            (Some(known), _) => known,
            (None, Some(cipher)) if !draft.etag_is_md5() => hex::encode(cipher.etag(None)),
            (None, _) => hex::encode(stowed.md5.ok_or(Error::Integrity)?),
        };
        let checksum = Checksum::full_object(stowed.checksum);
        let manifest = Manifest {
            parts: vec![ManifestPart { number: 1, id: stowed.part, size: stowed.size, checksums: Vec::new() }],
            multipart: false,
            etag,
            checksums: vec![checksum],
            headers: described.headers,
            metadata: described.metadata,
        };
        let new = NewVersion {
            content: Some(draft.finish(&manifest, vec![stowed.place])),
            happening: described.happening,
            along: stowed.keep(arqueta_store::Batch::default()),
        };
        let permit = |current: &Slot| check_write(conditions, current);
        match Versions::over(self.state).add(bucket, key, &permit, &new).await {
            Ok(added) => {
                stowed.settle();
                if let Some(keys) = &draft.keys {
                    self.state.envelope.report_sealed(keys, stowed.size);
                }
                Ok(StoredObject {
                    etag: manifest.etag,
                    version: added.version,
                    size: stowed.size,
                    last_modified: added.last_modified,
                    checksum: Some(checksum),
                    encryption: draft.keys.as_ref().map(EncryptionInfo::of),
                })
            }
            Err(error) => {
                if surely_not_committed(&error) {
                    self.state.abandon(&stowed).await;
                }
                Err(error)
            }
        }
    }
}

/// Whether a failed commit certainly changed nothing, so that its bodies may be removed.
pub(crate) fn surely_not_committed(error: &Error) -> bool {
    match error {
        Error::Store(error) => matches!(error, arqueta_store::Error::Conflict),
        _ => true,
    }
}
