//! CompleteMultipartUpload: parts become an object in one commit.

use std::sync::Arc;

use arqueta_envelope::{Caller, ObjectCipher, SseMode};
use arqueta_model::Timestamp;
use arqueta_store::{Batch, Entry, Scan};
use bytes::Bytes;

use super::finished::{Completed, fingerprint};
use super::selection::{md5_of_md5s, object_checksum, select};
use super::{FinishedUpload, PARTS, Upload, Uploads};
use crate::api::{Checksum, CompleteMultipartUpload, CompletedUpload, Conditions, EncryptionInfo};
use crate::notifications::Happening;
use crate::objects::Draft;
use crate::record::{Manifest, ManifestPart, PartRecord, Record as _, UploadRecord, total};
use crate::slots::Slot;
use crate::state::ATTEMPTS;
use crate::versions::{NewVersion, Versions, check_write, release_body};
use crate::{Condition, Error, name_of, schema};

/// Every part of an upload: the pair as read, and decoded.
struct Parts {
    pairs: Vec<(Bytes, Bytes)>,
    records: Vec<PartRecord>,
    /// Keys of parts whose records are damaged.
    damaged: Vec<Bytes>,
}

impl Uploads<'_> {
    /// Makes an object of the listed parts; the others are freed. Repeated, the same request gets
    /// the same answer for a day.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`]; [`Error::InvalidPart`], [`Error::InvalidPartOrder`],
    /// [`Error::EntityTooSmall`]; [`Error::ChecksumMismatch`]; [`Error::InvalidRequest`] for a
    /// size, checksum or checksum type that is not the upload's; [`Error::PreconditionFailed`];
    /// [`Error::CustomerKey`] if an SSE-C upload's key is neither sent nor remembered, or must be
    /// sent because the upload has a checksum;
    /// [`Error::Encryption`]. The upload stays as it was.
    pub async fn complete(self, caller: &Caller, input: CompleteMultipartUpload) -> Result<CompletedUpload, Error> {
        for _ in 0..ATTEMPTS {
            let Some(upload) = self.find(&input.bucket, &input.key, input.upload).await? else {
                return self.repeated(&input).await;
            };
            match self.try_complete(caller, &input, &upload).await {
                // A part was replaced, or somebody else ended the upload.
                Err(Error::Store(arqueta_store::Error::Conflict)) => {}
                // The same: the parts of an upload that has ended meanwhile are gone.
                Err(Error::InvalidPart { .. }) if self.has_ended(&input, &upload).await? => {}
                result => return result,
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    /// Whether the upload is no more what it was.
    async fn has_ended(self, input: &CompleteMultipartUpload, upload: &Upload) -> Result<bool, Error> {
        let now = self.find(&input.bucket, &input.key, input.upload).await?;
        Ok(now.is_none_or(|now| now.bytes != upload.bytes))
    }

    async fn try_complete(
        self,
        caller: &Caller,
        input: &CompleteMultipartUpload,
        upload: &Upload,
    ) -> Result<CompletedUpload, Error> {
        let parts = self.parts(input).await?;
        let selected = select(&input.parts, &upload.record, &parts.records, self.state.config.part_minimum)?;
        let checksum = object_checksum(input, &upload.record, &selected)?;
        check_size(input, &selected)?;
        let draft = self.finishing_draft(caller, input, &upload.record).await?;
        require_own_tags(&draft, &selected)?;
        let manifest = Manifest {
            parts: selected.iter().map(|part| manifest_part(part, &upload.record)).collect(),
            multipart: true,
            etag: etag(&draft, &selected)?,
            checksums: checksum.into_iter().collect(),
            headers: upload.record.headers.clone(),
            metadata: upload.record.metadata.clone(),
        };
        let now = self.state.clock.now();
        let encryption = draft.keys.as_ref().map(EncryptionInfo::of);
        let completed = Completed {
            parts: fingerprint(&input.parts),
            object: draft.id,
            etag: manifest.etag.clone(),
            size: manifest.size(),
            checksum,
            encryption: encryption.clone().map(Into::into),
        };
        let along = end(upload, completed, now);
        let new = NewVersion {
            content: Some(draft.finish(&manifest, selected.iter().map(|part| part.place).collect())),
            happening: Happening::Complete,
            along: parts.consume(along, &selected, now),
        };
        let permit = |current: &Slot| {
            check_write(&input.conditions, current)?;
            check_unwritten(&input.conditions, &upload.record, current)
        };
        // Uploads end with their bucket: another one of its name has none of this one's.
        let bucket = self.state.bucket(&input.bucket).await?;
        let added = Versions::over(self.state).add(&bucket, &input.key, &permit, &new).await?;
        self.state.upload_ciphers.forget(input.upload);
        if let Err(error) = self.remove_parts(input.upload).await {
            tracing::warn!(upload = %input.upload, %error, "parts that came late stay until they are swept");
        }
        Ok(CompletedUpload {
            etag: manifest.etag.clone(),
            version: added.version,
            size: manifest.size(),
            last_modified: added.last_modified,
            checksum,
            encryption,
        })
    }

    async fn parts(self, input: &CompleteMultipartUpload) -> Result<Parts, Error> {
        let mut parts = Parts { pairs: Vec::new(), records: Vec::new(), damaged: Vec::new() };
        for Entry { key, value } in
            self.state.meta.page(Scan::prefix(&schema::parts(input.upload), usize::from(PARTS))).await?
        {
            match value {
                Some(bytes) => {
                    parts.records.push(PartRecord::decode(&bytes)?);
                    parts.pairs.push((key, bytes));
                }
                None => parts.damaged.push(key),
            }
        }
        let listed = |key: &&Bytes| input.parts.iter().any(|part| schema::part(input.upload, part.number) == *key);
        match parts.damaged.iter().find(listed) {
            Some(key) => Err(Error::DamagedRecord { record: name_of(key) }),
            None => Ok(parts),
        }
    }

    async fn finishing_draft(
        self,
        caller: &Caller,
        input: &CompleteMultipartUpload,
        upload: &UploadRecord,
    ) -> Result<Draft, Error> {
        Ok(Draft {
            id: upload.object,
            cipher: self.finishing_cipher(caller, input, upload).await?,
            keys: upload.keys.clone(),
            tags: upload.tags.clone(),
            retention: upload.retention,
            legal_hold: upload.legal_hold,
            storage_class: upload.storage_class,
        })
    }

    /// The cipher that authenticates the manifest. An SSE-C client need not send its key again
    /// unless the upload has a checksum (S3 API Reference, CompleteMultipartUpload).
    async fn finishing_cipher(
        self,
        caller: &Caller,
        input: &CompleteMultipartUpload,
        upload: &UploadRecord,
    ) -> Result<Option<Arc<ObjectCipher>>, Error> {
        let customers = upload.keys.as_ref().is_some_and(|keys| keys.mode() == SseMode::Customer);
        if customers
            && input.customer_key.is_none()
            && upload.checksum.is_none()
            && let Some(remembered) = self.state.upload_ciphers.find(upload.id, self.state.clock.now())
        {
            return Ok(Some(remembered));
        }
        self.cipher(caller, upload, input.customer_key.as_deref()).await
    }
}

impl Parts {
    /// Plans that all parts go: the selected ones into the object, the others to the garbage. All
    /// must still be as they were read.
    fn consume(&self, along: Batch, selected: &[&PartRecord], now: Timestamp) -> Batch {
        let along = self.damaged.iter().fold(along, |batch, key| batch.delete(key.clone()));
        let mut selected = selected.iter().peekable();
        self.pairs.iter().zip(&self.records).fold(along, |batch, ((key, bytes), part)| {
            let batch = batch.unchanged(key.clone(), Some(bytes.clone())).delete(key.clone());
            match selected.next_if(|next| next.number == part.number) {
                Some(_) => batch,
                None => release_body(batch, &part.place, now),
            }
        })
    }
}

/// Plans the end of the upload, and what is remembered of it.
fn end(upload: &Upload, completed: Completed, at: Timestamp) -> Batch {
    let UploadRecord { id, bucket, key, .. } = &upload.record;
    let finished = FinishedUpload { bucket: bucket.clone(), key: key.clone(), at, completed: Some(completed) };
    Batch::default()
        .unchanged(upload.key.clone(), Some(upload.bytes.clone()))
        .delete(upload.key.clone())
        .put(schema::finished(*id), finished.encode())
}

/// Parts show the checksum that their upload was started with, and none if it was started without.
fn manifest_part(part: &PartRecord, upload: &UploadRecord) -> ManifestPart {
    let shown = |checksum: &&Checksum| upload.checksum.is_some_and(|(wanted, _)| wanted == checksum.value.algorithm());
    let checksums = part.checksums.iter().filter(shown).copied().collect();
    ManifestPart { number: part.number, id: part.id, size: part.size, checksums }
}

/// A condition that holds may hold for another object than the client knew: the key was written
/// since the upload was started (S3 User Guide, "Conditional writes", 409 of a multipart upload).
fn check_unwritten(conditions: &Conditions, upload: &UploadRecord, current: &Slot) -> Result<(), Error> {
    let condition = match (&conditions.if_match, &conditions.if_none_match) {
        (Some(_), _) => Condition::IfMatch,
        (None, Some(_)) => Condition::IfNoneMatch,
        (None, None) => return Ok(()),
    };
    let (written, present) = match current {
        Slot::Whole(current) => (current.record.last_modified > upload.started, current.record.content.is_some()),
        Slot::Empty => (false, false),
        Slot::Damaged(damage) => return Err(damage.error()),
    };
    if written || (upload.replaces && !present) {
        return Err(Error::ConditionalConflict { condition });
    }
    Ok(())
}

/// Until now nothing authenticated the records of the parts. The client lists entity tags, and
/// where those are derived from the body key they tell one part's content from another's.
fn require_own_tags(draft: &Draft, selected: &[&PartRecord]) -> Result<(), Error> {
    let Some(cipher) = draft.cipher.as_ref().filter(|_| !draft.etag_is_md5()) else { return Ok(()) };
    let own = |part: &&PartRecord| part.etag == hex::encode(cipher.etag(Some(part.id)));
    if selected.iter().all(own) { Ok(()) } else { Err(Error::Integrity) }
}

/// An MD5 of MD5s, or derived from the body key where entity tags are not to be MD5s.
fn etag(draft: &Draft, selected: &[&PartRecord]) -> Result<String, Error> {
    match &draft.cipher {
        Some(cipher) if !draft.etag_is_md5() => Ok(format!("{}-{}", hex::encode(cipher.etag(None)), selected.len())),
        _ => md5_of_md5s(selected).ok_or(Error::Damaged { what: PartRecord::NAME }),
    }
}

fn check_size(input: &CompleteMultipartUpload, selected: &[&PartRecord]) -> Result<(), Error> {
    let size = total(selected.iter().map(|part| part.size)).ok_or(Error::Damaged { what: PartRecord::NAME })?;
    match input.size {
        Some(declared) if declared != size => Err(Error::request(format!(
            "The provided 'x-amz-mp-object-size' header value {declared} does not match what was computed: {size}",
        ))),
        _ => Ok(()),
    }
}
