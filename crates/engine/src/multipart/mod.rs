//! Multipart uploads.
//!
//! The object's id and keys are fixed when the upload starts; every part is sealed as a stream of
//! its own under them, so completing an upload moves no byte. An upload is one record and its
//! parts are one record each: parts do not conflict with each other, only with the end of the
//! upload, because each is stored on the condition that the upload is still there.

mod abort;
mod ciphers;
mod complete;
mod create;
mod finished;
mod list;
mod part;
mod selection;

use std::sync::Arc;

use arqueta_envelope::{Caller, CustomerKey, ObjectCipher, SealedKeys, SseMode};
use arqueta_model::{BucketName, ObjectKey, UploadId};
use bytes::Bytes;

pub(crate) use ciphers::UploadCiphers;
pub use create::upload_started;
pub(crate) use finished::{FinishedUpload, KEPT as FINISHED_KEPT};

use crate::record::{Record as _, UploadRecord};
use crate::state::State;
use crate::{Error, schema};

/// Highest part number (S3 User Guide, "Amazon S3 multipart upload limits").
pub(crate) const PARTS: u16 = 10_000;

/// An upload under way and the pair it was read from.
struct Upload {
    key: Bytes,
    bytes: Bytes,
    record: UploadRecord,
}

/// Multipart uploads.
#[derive(Debug, Clone, Copy)]
pub struct Uploads<'a> {
    state: &'a State,
}

impl<'a> Uploads<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Uploads<'_> {
    /// The upload, if it is under way.
    async fn find(self, bucket: &BucketName, key: &ObjectKey, id: UploadId) -> Result<Option<Upload>, Error> {
        let stored = schema::upload(bucket, key, id);
        let Some(bytes) = self.state.meta.get(&stored).await? else { return Ok(None) };
        Ok(Some(Upload { record: UploadRecord::decode(&bytes)?, key: stored, bytes }))
    }

    /// Whether an upload under way seals its parts under a KMS key; not so where there is none.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn is_under_kms(self, bucket: &BucketName, key: &ObjectKey, upload: UploadId) -> Result<bool, Error> {
        let found = self.find(bucket, key, upload).await?;
        let mode = found.and_then(|upload| upload.record.keys.as_ref().map(SealedKeys::mode));
        Ok(matches!(mode, Some(SseMode::Kms | SseMode::DualKms)))
    }

    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::NoSuchUpload`].
    async fn under_way(self, bucket: &BucketName, key: &ObjectKey, id: UploadId) -> Result<Upload, Error> {
        match self.find(bucket, key, id).await? {
            Some(upload) => Ok(upload),
            None => {
                self.state.require_bucket(bucket).await?;
                Err(Error::NoSuchUpload)
            }
        }
    }

    /// The cipher of an upload, opened as the caller.
    async fn cipher(
        self,
        caller: &Caller,
        upload: &UploadRecord,
        customer: Option<&CustomerKey>,
    ) -> Result<Option<Arc<ObjectCipher>>, Error> {
        check_customer_key(upload.keys.as_ref(), customer)?;
        let Some(keys) = &upload.keys else { return Ok(None) };
        let cipher =
            self.state.envelope.open(caller, &upload.bucket, &upload.key, upload.object, keys, customer).await?;
        if keys.mode() == SseMode::Customer {
            self.state.upload_ciphers.keep(upload.id, cipher.clone(), self.state.clock.now());
        }
        Ok(Some(cipher))
    }
}

/// The customer's key that an SSE-C upload was started with must come with every part of it, and
/// none with parts of other uploads.
fn check_customer_key(keys: Option<&SealedKeys>, customer: Option<&CustomerKey>) -> Result<(), Error> {
    let wanted = keys.is_some_and(|keys| keys.mode() == SseMode::Customer);
    match (wanted, customer) {
        (true, None) => Err(Error::CustomerKey {
            message: "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
        }),
        (false, Some(_)) => Err(Error::CustomerKey {
            message: "The multipart upload initiate did not request encryption. Please resend the request without sending encryption parameters.",
        }),
        (true, Some(sent)) if keys.and_then(SealedKeys::customer_key_md5) != Some(sent.md5()) => {
            Err(Error::CustomerKey {
                message: "The provided encryption parameters did not match the ones used originally.",
            })
        }
        _ => Ok(()),
    }
}

/// Whether entity tags under these keys are MD5s.
fn etag_is_md5(keys: Option<&SealedKeys>) -> bool {
    keys.is_none_or(|keys| keys.mode() == SseMode::S3)
}
