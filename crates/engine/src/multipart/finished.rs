//! What is remembered of an upload that ended: enough to answer a repeated Complete, and to find
//! parts that arrived while it ended.

use std::time::Duration;

use arqueta_envelope::SseMode;
use arqueta_model::{BucketName, EncryptionContext, KeyArn, ObjectId, ObjectKey, Timestamp, UploadId};
use arqueta_store::{Batch, Entry, Scan};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Uploads;
use crate::api::{Checksum, CompleteMultipartUpload, CompletedPart, CompletedUpload, EncryptionInfo, Versioning};
use crate::record::{ObjectRecord, PartRecord, Record};
use crate::versions::{Versions, release_body};
use crate::{Error, schema};

/// How long a repeated Complete is answered.
pub(crate) const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Parts removed in one commit; versions looked through for the one an upload made.
const CHUNK: usize = 1000;

/// An upload that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FinishedUpload {
    pub(crate) bucket: BucketName,
    pub(crate) key: ObjectKey,
    pub(crate) at: Timestamp,
    /// What it became; `None` if it was aborted.
    pub(crate) completed: Option<Completed>,
}

/// What a completed upload became.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Completed {
    /// SHA-256 over the list of parts that the client sent.
    pub(crate) parts: [u8; 32],
    pub(crate) object: ObjectId,
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) encryption: Option<Encryption>,
}

/// [`EncryptionInfo`], stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Encryption {
    mode: SseMode,
    key: Option<KeyArn>,
    bucket_key: bool,
    context: EncryptionContext,
    customer_key_md5: Option<[u8; 16]>,
}

impl Record for FinishedUpload {
    const NAME: &'static str = "finished upload";
}

impl From<EncryptionInfo> for Encryption {
    fn from(info: EncryptionInfo) -> Self {
        let EncryptionInfo { mode, key, bucket_key, context, customer_key_md5 } = info;
        Self { mode, key, bucket_key, context, customer_key_md5 }
    }
}

impl From<Encryption> for EncryptionInfo {
    fn from(stored: Encryption) -> Self {
        let Encryption { mode, key, bucket_key, context, customer_key_md5 } = stored;
        Self { mode, key, bucket_key, context, customer_key_md5 }
    }
}

/// Tells one list of parts from another.
pub(super) fn fingerprint(parts: &[CompletedPart]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.number.to_be_bytes());
        hash.update((part.etag.len() as u64).to_be_bytes());
        hash.update(part.etag.as_bytes());
    }
    hash.finalize().into()
}

impl Uploads<'_> {
    /// The answer to a Complete of an upload that is not under way: the same as before if it is
    /// the same request.
    pub(super) async fn repeated(self, input: &CompleteMultipartUpload) -> Result<CompletedUpload, Error> {
        let bucket = self.state.bucket(&input.bucket).await?;
        let stored = self.state.meta.get(&schema::finished(input.upload)).await?.ok_or(Error::NoSuchUpload)?;
        let finished = FinishedUpload::decode(&stored)?;
        let same = finished.bucket == input.bucket && finished.key == input.key;
        let completed = finished.completed.filter(|done| same && done.parts == fingerprint(&input.parts));
        let completed = completed.ok_or(Error::NoSuchUpload)?;
        let made = self.version_of(&finished.bucket, &finished.key, completed.object).await?;
        Ok(CompletedUpload {
            etag: completed.etag,
            version: made.as_ref().filter(|_| bucket.versioning != Versioning::Off).map(|made| made.version),
            size: completed.size,
            last_modified: made.map_or(finished.at, |made| made.last_modified),
            checksum: completed.checksum,
            encryption: completed.encryption.map(Into::into),
        })
    }

    /// Whether an upload of this key ended as an object, not long ago.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn was_completed(self, bucket: &BucketName, key: &ObjectKey, upload: UploadId) -> Result<bool, Error> {
        let Some(stored) = self.state.meta.get(&schema::finished(upload)).await? else { return Ok(false) };
        let finished = FinishedUpload::decode(&stored)?;
        Ok(finished.bucket == *bucket && finished.key == *key && finished.completed.is_some())
    }

    /// Whether an upload is one of this key: under way, or ended not long ago.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn is_upload_of(self, bucket: &BucketName, key: &ObjectKey, upload: UploadId) -> Result<bool, Error> {
        if self.find(bucket, key, upload).await?.is_some() {
            return Ok(true);
        }
        let Some(stored) = self.state.meta.get(&schema::finished(upload)).await? else { return Ok(false) };
        let finished = FinishedUpload::decode(&stored)?;
        Ok(finished.bucket == *bucket && finished.key == *key)
    }

    /// The version with this content, if it is the current one or among the newest others.
    async fn version_of(
        self,
        bucket: &BucketName,
        key: &ObjectKey,
        object: ObjectId,
    ) -> Result<Option<ObjectRecord>, Error> {
        let is_it = |record: &ObjectRecord| record.content.as_ref().is_some_and(|content| content.id == object);
        if let Some(current) =
            Versions::over(self.state).current(bucket, key).await?.filter(|current| is_it(&current.record))
        {
            return Ok(Some(current.record));
        }
        let older = self.state.meta.page(Scan::prefix(&schema::noncurrents_of(bucket, key), CHUNK)).await?;
        for bytes in older.into_iter().filter_map(|entry| entry.value) {
            let record = ObjectRecord::decode(&bytes)?;
            if is_it(&record) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Removes the parts of an upload that ended. No new one can come, because a part is stored
    /// only while its upload is there.
    pub(crate) async fn remove_parts(self, upload: UploadId) -> Result<(), Error> {
        loop {
            let parts = self.state.meta.page(Scan::prefix(&schema::parts(upload), CHUNK)).await?;
            if parts.is_empty() {
                return Ok(());
            }
            let now = self.state.clock.now();
            let mut batch = Batch::default();
            for Entry { key, value } in parts {
                // Of a damaged one nobody knows the body.
                let part = value.map(|bytes| PartRecord::decode(&bytes)).transpose()?;
                batch = batch.delete(key);
                if let Some(part) = part {
                    batch = release_body(batch, &part.place, now);
                }
            }
            self.state.commit_freeing(batch).await?;
        }
    }
}
