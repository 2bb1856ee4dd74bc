use arqueta_model::BucketName;

use super::BucketSettings;
use crate::Error;
use crate::api::{BlockedEncryption, DefaultEncryption};
use crate::record::BucketRecord;
use crate::state::State;

impl BucketSettings<'_> {
    /// Default encryption in force in a bucket, and the kinds it does not accept. `None` only where
    /// nobody set one and the gateway does not encrypt by default.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn encryption(
        self,
        name: &BucketName,
    ) -> Result<(Option<DefaultEncryption>, Vec<BlockedEncryption>), Error> {
        let bucket = self.state.bucket(name).await?;
        Ok((self.state.default_encryption(&bucket), bucket.blocked.clone()))
    }

    /// Sets default encryption. Existing objects keep what they have. `blocked: None` leaves the
    /// blocked kinds as they are.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn put_encryption(
        self,
        name: &BucketName,
        encryption: DefaultEncryption,
        blocked: Option<Vec<BlockedEncryption>>,
    ) -> Result<(), Error> {
        self.update(name, |bucket| {
            bucket.encryption = Some(encryption.clone());
            if let Some(blocked) = &blocked {
                bucket.blocked.clone_from(blocked);
            }
            Ok(())
        })
        .await
    }

    /// Returns a bucket to what it had before anyone set default encryption.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn delete_encryption(self, name: &BucketName) -> Result<(), Error> {
        self.update(name, |bucket| {
            bucket.encryption = None;
            bucket.blocked = self.state.blocked_at_first();
            Ok(())
        })
        .await
    }
}

impl State {
    /// What a bucket does not take until somebody sets otherwise.
    pub(crate) fn blocked_at_first(&self) -> Vec<BlockedEncryption> {
        if self.config.block_customer_keys { vec![BlockedEncryption::Customer] } else { Vec::new() }
    }

    /// What applies in a bucket to a write that asks for nothing.
    pub(crate) fn default_encryption(&self, bucket: &BucketRecord) -> Option<DefaultEncryption> {
        let fallback = || self.config.encrypt_by_default.then(DefaultEncryption::default);
        bucket.encryption.clone().or_else(fallback)
    }
}
