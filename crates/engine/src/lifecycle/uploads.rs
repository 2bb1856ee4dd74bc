//! Uploads that nobody ended.

use arqueta_model::UploadId;
use arqueta_store::Entry;
use bytes::Bytes;

use super::Lifecycle;
use super::pass::{Pass, Removed, Step, What};
use crate::api::AbortMultipartUpload;
use crate::multipart::Uploads;
use crate::record::{Record as _, UploadRecord};
use crate::{Error, schema};

impl Lifecycle<'_> {
    /// One step over the uploads of a bucket, from `from` or the first.
    ///
    /// # Errors
    /// As [`Lifecycle::expire_currents`].
    pub async fn expire_uploads(self, pass: &Pass, from: Option<Bytes>) -> Result<Step, Error> {
        let Some(ground) = self.ground(&pass.bucket).await?.filter(|ground| ground.rules.concern_uploads()) else {
            return Ok(Step::default());
        };
        let base = schema::uploads(&pass.bucket);
        let (page, mut step) = Step::read(&self.state.meta, &base, from).await?;
        for Entry { value, .. } in page {
            let Some(upload) = value.and_then(|bytes| UploadRecord::decode(&bytes).ok()) else { continue };
            let expiry = ground.rules.abort_expiry(upload.key.as_str(), upload.started, pass.calendar);
            let Some(expiry) = expiry.filter(|expiry| expiry.at <= ground.now) else { continue };
            if self.give_up(pass, &upload, pass.guarded(&ground)).await? {
                step.removed.push(Removed { key: upload.key, what: What::Upload(upload.id), rule: expiry.rule });
            }
        }
        Ok(step)
    }

    async fn give_up(self, pass: &Pass, upload: &UploadRecord, guarded: arqueta_store::Batch) -> Result<bool, Error> {
        let id: UploadId = upload.id;
        let (bucket, key) = (pass.bucket.clone(), upload.key.clone());
        let abort = AbortMultipartUpload { bucket, key, upload: id, if_started: None };
        match Uploads::over(self.state).abort_with(abort, guarded).await {
            // Somebody else ended it, or it is not ours to end any more.
            Err(Error::NoSuchUpload) => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }
}
