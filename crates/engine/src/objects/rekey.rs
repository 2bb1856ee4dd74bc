//! UpdateObjectEncryption: new keys around the same sealed body.

use arqueta_envelope::{KeyRef, Protection, SseMode};
use arqueta_model::EncryptionContext;
use arqueta_store::Batch;

use super::{Objects, lock};
use crate::api::{EncryptionInfo, UpdateObjectEncryption};
use crate::bucket_keys::require_named;
use crate::state::ATTEMPTS;
use crate::{Caller, Error};

impl Objects<'_> {
    /// Re-wraps the keys of an SSE-S3 or SSE-KMS version. Content, entity tag and last-modified
    /// time stay; metadata is all that is written.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for unencrypted, SSE-C and DSSE-KMS objects;
    /// [`Error::ObjectLocked`] for protected ones; [`Error::Encryption`].
    pub async fn update_encryption(
        self,
        caller: &Caller,
        input: &UpdateObjectEncryption,
    ) -> Result<EncryptionInfo, Error> {
        let name = &input.name;
        let to = Protection::Kms {
            key: KeyRef::Named(input.key.clone()),
            context: EncryptionContext::default(),
            bucket_key: input.bucket_key,
        };
        let mut bucket = self.state.stored_bucket(&name.bucket).await?;
        let _held = self.state.locks.lock(&name.bucket, &name.key).await;
        for _ in 0..ATTEMPTS {
            let reading = self.peek(name).await?;
            let mut content = reading.content().clone();
            let stored = reading.stored;
            lock::permit_removal(&stored.record, false, self.state.clock.now())?;
            let keys = content.keys.as_ref().filter(|keys| matches!(keys.mode(), SseMode::S3 | SseMode::Kms));
            let keys = keys.ok_or_else(|| {
                Error::request("The encryption type of the source object does not support changing its encryption.")
            })?;
            let rewrapped = self.state.envelope.rewrap(caller, &name.bucket, &name.key, content.id, keys, &to).await?;
            let info = EncryptionInfo::of(&rewrapped);
            content.keys = Some(rewrapped);
            let along = require_named(bucket.unchanged(Batch::default()), &name.bucket, content.keys.as_ref());
            if self.replace_content(stored, content, along).await? {
                return Ok(info);
            }
            bucket = self.state.same_bucket(&bucket.record).await?;
        }
        Err(arqueta_store::Error::Conflict.into())
    }
}
