//! Which protection a write gets: request, then bucket default, then SSE-S3.

use arqueta_envelope::{KeyRef, Protection};
use arqueta_model::EncryptionContext;

use crate::Error;
use crate::api::{BlockedEncryption, DefaultMode, EncryptionRequest, RequestedMode};
use crate::record::BucketRecord;
use crate::state::State;

impl State {
    /// Resolves the protection of a write. `None` means unencrypted, which happens only where
    /// nothing asks for encryption and the gateway does not encrypt by default.
    ///
    /// # Errors
    /// [`Error::AccessDenied`] for a kind that the bucket blocks.
    pub(crate) fn protection(
        &self,
        bucket: &BucketRecord,
        request: &EncryptionRequest,
    ) -> Result<Option<Protection>, Error> {
        let default = self.default_encryption(bucket);
        let bucket_key =
            request.bucket_key.unwrap_or_else(|| default.as_ref().is_some_and(|default| default.bucket_key));
        let kms = |key: Option<String>, context| Protection::Kms { key: key_ref(key), context, bucket_key };
        let dual = |key: Option<String>, context| Protection::DualKms { key: key_ref(key), context };
        Ok(match &request.mode {
            RequestedMode::S3 => Some(Protection::ServiceKey),
            RequestedMode::Kms { key, context } => Some(kms(key.clone(), context.clone())),
            RequestedMode::DualKms { key, context } => Some(dual(key.clone(), context.clone())),
            RequestedMode::Customer(_) if bucket.blocked.contains(&BlockedEncryption::Customer) => {
                return Err(Error::AccessDenied { message: "Access Denied" });
            }
            RequestedMode::Customer(key) => Some(Protection::Customer(key.clone())),
            RequestedMode::Default => default.map(|default| match default.mode {
                DefaultMode::S3 => Protection::ServiceKey,
                DefaultMode::Kms(key) => kms(key, EncryptionContext::default()),
                DefaultMode::DualKms(key) => dual(key, EncryptionContext::default()),
            }),
        })
    }
}

/// A key as given; none given means the account's AWS-managed key, whatever the bucket's default.
fn key_ref(key: Option<String>) -> KeyRef {
    key.map_or(KeyRef::AwsManagedS3, KeyRef::Named)
}
