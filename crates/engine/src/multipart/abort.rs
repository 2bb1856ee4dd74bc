//! AbortMultipartUpload.

use arqueta_model::{BucketName, UploadId};
use arqueta_store::{Batch, Precondition, Scan};

use super::{FinishedUpload, Uploads};
use crate::api::AbortMultipartUpload;
use crate::record::Record as _;
use crate::{Condition, Error, name_of, schema};

/// Uploads read at a time.
const CHUNK: usize = 100;

impl Uploads<'_> {
    /// Gives up an upload and frees its parts. A part that is being stored meanwhile fails or is
    /// freed, too.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`]; [`Error::PreconditionFailed`] if it was not started in the second
    /// asked for.
    pub async fn abort(self, input: AbortMultipartUpload) -> Result<(), Error> {
        self.abort_with(input, Batch::default()).await
    }

    /// As [`Uploads::abort`], with what must hold besides in `along`.
    pub(crate) async fn abort_with(self, input: AbortMultipartUpload, along: Batch) -> Result<(), Error> {
        let upload = match self.under_way(&input.bucket, &input.key, input.upload).await {
            Err(Error::Store(arqueta_store::Error::Damaged { .. })) if input.if_started.is_none() => {
                return self.drop_upload(input).await;
            }
            upload => upload?,
        };
        if input.if_started.is_some_and(|at| at.seconds() != upload.record.started.seconds()) {
            return Err(Error::PreconditionFailed { condition: Condition::IfMatch });
        }
        let finished =
            FinishedUpload { bucket: input.bucket, key: input.key, at: self.state.clock.now(), completed: None };
        let batch = along
            .unchanged(upload.key.clone(), Some(upload.bytes))
            .delete(upload.key)
            .put(schema::finished(input.upload), finished.encode());
        match self.state.commit_freeing(batch).await {
            // An upload's record never changes, so it has ended.
            Err(arqueta_store::Error::Conflict) => return Err(Error::NoSuchUpload),
            result => result?,
        }
        self.state.upload_ciphers.forget(input.upload);
        self.remove_parts(input.upload).await
    }

    /// Gives up an upload whose record is damaged: its key tells whose it is.
    async fn drop_upload(self, input: AbortMultipartUpload) -> Result<(), Error> {
        let at = schema::upload(&input.bucket, &input.key, input.upload);
        let finished =
            FinishedUpload { bucket: input.bucket, key: input.key, at: self.state.clock.now(), completed: None };
        let batch = Batch::default().require(Precondition::Damaged(at.clone())).delete(at);
        match self.state.commit_freeing(batch.put(schema::finished(input.upload), finished.encode())).await {
            Err(arqueta_store::Error::Conflict) => return Err(Error::NoSuchUpload),
            result => result?,
        }
        self.remove_parts(input.upload).await
    }

    /// Gives up every upload of a bucket that is going away, each on the conditions of `along`. Ends early
    /// once they do not hold any more.
    ///
    /// # Errors
    /// Failures of the store; the uploads given up so far stay so.
    pub(crate) async fn abort_all(self, bucket: &BucketName, along: &Batch) -> Result<(), Error> {
        let uploads = schema::uploads(bucket);
        let mut before = None;
        loop {
            // From the start each time: those seen are gone.
            let page = self.state.meta.page(Scan::prefix(&uploads, CHUNK)).await?;
            let first = page.first().map(|entry| entry.key.clone());
            if first.is_none() || first == before {
                return Ok(());
            }
            before = first;
            for entry in page {
                let damaged = || Error::DamagedRecord { record: name_of(&entry.key) };
                let (key, id) = schema::unescaped(&entry.key[uploads.len()..]).ok_or_else(damaged)?;
                let upload = UploadId::from_bytes(id.try_into().map_err(|_| damaged())?);
                let abort = AbortMultipartUpload { bucket: bucket.clone(), key, upload, if_started: None };
                match self.abort_with(abort, along.clone()).await {
                    // Somebody else ended it, or something came into the bucket.
                    Err(Error::NoSuchUpload) => {}
                    result => result?,
                }
            }
        }
    }
}
