//! Encryption as the headers of a request ask for it.

use arqueta_engine::api::{EncryptionRequest, RequestedMode};
use arqueta_model::EncryptionContext;
use arqueta_replicate::{Failure, Reason};
use aws_sdk_s3::types::ServerSideEncryption;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The mode; the destination's default if absent.
    pub mode: Option<ServerSideEncryption>,
    /// The KMS key.
    pub key: Option<String>,
    /// The context, as its header has it.
    pub context: Option<String>,
    /// The bucket key.
    pub bucket_key: Option<bool>,
}

impl Asked {
    /// # Errors
    /// `SrcObjectNotEligible` for an object under a customer's key, which nobody but the customer can open.
    pub fn of(request: &EncryptionRequest) -> Result<Self, Failure> {
        let kms = |mode, key: &Option<String>, context: &EncryptionContext| Self {
            mode: Some(mode),
            key: key.clone(),
            context: encoded(context),
            bucket_key: request.bucket_key,
        };
        Ok(match &request.mode {
            RequestedMode::Default => Self::default(),
            RequestedMode::S3 => Self { mode: Some(ServerSideEncryption::Aes256), ..Self::default() },
            RequestedMode::Kms { key, context } => kms(ServerSideEncryption::AwsKms, key, context),
            RequestedMode::DualKms { key, context } => {
                Self { bucket_key: None, ..kms(ServerSideEncryption::AwsKmsDsse, key, context) }
            }
            RequestedMode::Customer(_) => {
                return Err(Failure::denied(Reason::SrcObjectNotEligible, "encrypted under a customer's key"));
            }
        })
    }
}

fn encoded(context: &EncryptionContext) -> Option<String> {
    let json = serde_json::to_vec(context).ok()?;
    (!context.is_empty()).then(|| STANDARD.encode(json))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_the_source_chose_is_asked_for() {
        let asked = |mode, bucket_key| Asked::of(&EncryptionRequest { mode, bucket_key }).unwrap();
        assert_eq!(asked(RequestedMode::Default, None), Asked::default());
        assert_eq!(asked(RequestedMode::S3, None).mode, Some(ServerSideEncryption::Aes256));
        let (key, context) = (Some("k".to_owned()), EncryptionContext::default());
        let kms = asked(RequestedMode::Kms { key: key.clone(), context: context.clone() }, Some(true));
        assert_eq!((kms.mode, kms.key.as_deref(), kms.context), (Some(ServerSideEncryption::AwsKms), Some("k"), None));
        assert_eq!(kms.bucket_key, Some(true));
        let dual = asked(RequestedMode::DualKms { key, context }, Some(true));
        assert_eq!((dual.mode, dual.bucket_key), (Some(ServerSideEncryption::AwsKmsDsse), None));
    }
}
