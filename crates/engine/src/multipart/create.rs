//! CreateMultipartUpload.

use arqueta_envelope::{Caller, SseMode};
use arqueta_model::{Timestamp, UploadId};
use arqueta_store::{Batch, Precondition};

use super::Uploads;
use crate::api::{ChecksumAlgorithm, ChecksumType, CreateMultipartUpload, CreatedUpload, EncryptionInfo, UserMetadata};
use crate::bucket_keys::require_named;
use crate::objects::{Locks, Objects};
use crate::record::{Record as _, UploadRecord};
use crate::slots::Slot;
use crate::{Error, schema};

impl Uploads<'_> {
    /// Starts an upload: its object id and keys are drawn here, once for all parts.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::MetadataTooLarge`]; [`Error::InvalidRequest`] for a
    /// checksum type that its algorithm does not permit, or a lock on a bucket without object
    /// lock; [`Error::Encryption`].
    pub async fn create(self, caller: &Caller, input: CreateMultipartUpload) -> Result<CreatedUpload, Error> {
        if input.metadata.size() > UserMetadata::MAX_BYTES {
            return Err(Error::MetadataTooLarge);
        }
        let checksum = checksum(input.checksum, input.checksum_type)?;
        let bucket = self.state.bucket(&input.bucket).await?;
        let retention = Locks::over(self.state).retention_for(&bucket, input.retention, input.legal_hold)?;
        self.state.admit(caller, None)?;
        let protection = self.state.protection(&bucket, &input.encryption)?;
        let draft = Objects::over(self.state).draft(caller, &input.bucket, &input.key, protection.as_ref()).await?;
        let replaces = match self.state.slot(schema::current(&input.bucket, &input.key)).await? {
            Slot::Whole(current) => current.record.content.is_some(),
            Slot::Empty | Slot::Damaged(_) => false,
        };
        let started = self.state.clock.now();
        let upload = UploadRecord {
            id: upload_id(started),
            bucket: input.bucket,
            key: input.key,
            object: draft.id,
            initiator: caller.identity.principal.clone(),
            owner: bucket.owner.clone(),
            started,
            keys: draft.keys,
            headers: input.headers,
            metadata: input.metadata,
            tags: input.tags,
            retention,
            legal_hold: input.legal_hold,
            storage_class: input.storage_class,
            checksum,
            replaces,
        };
        let batch = Batch::default()
            .require(Precondition::Present(schema::bucket(&upload.bucket)))
            .put(schema::upload(&upload.bucket, &upload.key, upload.id), upload.encode());
        let batch = require_named(batch, &upload.bucket, upload.keys.as_ref());
        match self.state.meta.commit(batch).await {
            Err(arqueta_store::Error::Conflict) => return Err(Error::NoSuchBucket),
            result => result?,
        }
        let customers = upload.keys.as_ref().is_some_and(|keys| keys.mode() == SseMode::Customer);
        if let Some(cipher) = draft.cipher.filter(|_| customers) {
            self.state.upload_ciphers.keep(upload.id, cipher, started);
        }
        let encryption = upload.keys.as_ref().map(EncryptionInfo::of);
        Ok(CreatedUpload { id: upload.id, encryption, checksum })
    }
}

/// A fresh upload id that begins with its time, so that uploads of a key lie in the order in which
/// they were started. The 80 bits after it are random.
fn upload_id(started: Timestamp) -> UploadId {
    let mut bytes = *UploadId::random().as_bytes();
    bytes[..6].copy_from_slice(&started.millis().to_be_bytes()[2..]);
    UploadId::from_bytes(bytes)
}

/// When an upload was started, as its id tells. Of an id that was made up it means nothing.
#[must_use]
pub fn upload_started(id: UploadId) -> Timestamp {
    let mut millis = [0; 8];
    millis[2..].copy_from_slice(&id.as_bytes()[..6]);
    Timestamp::from_millis(i64::from_be_bytes(millis))
}

fn checksum(
    algorithm: Option<ChecksumAlgorithm>,
    kind: Option<ChecksumType>,
) -> Result<Option<(ChecksumAlgorithm, ChecksumType)>, Error> {
    let Some(algorithm) = algorithm else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(Error::request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let kind = kind.unwrap_or(algorithm.default_type());
    if !algorithm.permits(kind) {
        return Err(Error::request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.name(),
            algorithm.name().to_lowercase(),
        )));
    }
    Ok(Some((algorithm, kind)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn upload_ids_lie_in_the_order_of_their_start() {
        let ids: Vec<_> = (0..200).map(|n| upload_id(Timestamp::from_millis(1_700_000_000_000 + n * 77))).collect();
        assert!(ids.is_sorted());
        let told: Vec<_> = ids.iter().map(|id| upload_started(*id).millis()).collect();
        assert_eq!((told[0], told[199]), (1_700_000_000_000, 1_700_000_000_000 + 199 * 77));
        assert_ne!(upload_id(Timestamp::from_millis(5)), upload_id(Timestamp::from_millis(5)));
    }

    #[test]
    fn checksum_types_that_do_not_fit() {
        use ChecksumAlgorithm::{Crc32, Crc64Nvme, Sha256};
        use ChecksumType::{Composite, FullObject};
        assert_eq!(checksum(Some(Crc32), None).unwrap(), Some((Crc32, Composite)));
        assert_eq!(checksum(Some(Crc64Nvme), None).unwrap(), Some((Crc64Nvme, FullObject)));
        for (algorithm, kind) in [(Some(Crc64Nvme), Composite), (Some(Sha256), FullObject), (None, FullObject)] {
            assert!(matches!(checksum(algorithm, Some(kind)), Err(Error::InvalidRequest { .. })), "{algorithm:?}");
        }
    }
}
