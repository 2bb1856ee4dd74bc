//! Buckets of other S3 endpoints, for what trails deliver: AWS itself, MinIO, another Arqueta.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arqueta_model::Clock;
use arqueta_trail::{Deliver, DeliveryError, Destination, Object};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ObjectCannedAcl, ServerSideEncryption};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::aws::{address, unanswered};
use crate::credentials::{Kept, Secret, trusting};
use crate::error::{Seen, SetupError};

/// Pair of the encryption context of files under a KMS key (CloudTrail User Guide, "Configure AWS
/// KMS key policies for CloudTrail").
const CONTEXT_KEY: &str = "aws:cloudtrail:arn";

/// Where a bucket is, and who puts.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    /// `https://s3.example.com`; AWS's own endpoint of the region if absent.
    pub endpoint: Option<String>,
    /// The region to sign for.
    pub region: String,
    /// Access key id of the identity that may put.
    pub access_key_id: String,
    /// Its secret access key.
    pub secret: Secret,
    /// File with a session token, for temporary credentials. Files are read again every few minutes.
    pub session_token_file: Option<PathBuf>,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// Whether the bucket stands in the path instead of the host name.
    pub path_style: bool,
    /// How long connecting may take.
    pub connect: Duration,
}

/// How a client of one S3 endpoint is made, for whoever writes there: as one identity, without retries.
///
/// # Errors
/// [`SetupError`] for secrets and files that cannot be read and addresses that are none.
pub fn s3_config(settings: &BucketSettings, clock: Arc<dyn Clock>) -> Result<aws_sdk_s3::config::Builder, SetupError> {
    let kept = Kept {
        access_key_id: settings.access_key_id.clone(),
        secret: settings.secret.clone(),
        session_token_file: settings.session_token_file.clone(),
        clock,
    };
    kept.load()?;
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .credentials_provider(kept)
        .force_path_style(settings.path_style)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(settings.connect).build());
    if let Some(endpoint) = &settings.endpoint {
        config = config.endpoint_url(address(endpoint)?);
    }
    if let Some(ca) = &settings.ca {
        config = config.http_client(trusting(ca)?);
    }
    Ok(config)
}

/// Buckets of one S3 endpoint, as one identity may write them.
pub struct RemoteBuckets {
    client: Client,
}

impl fmt::Debug for RemoteBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteBuckets")
    }
}

impl RemoteBuckets {
    /// Nothing is connected yet. Retries and the time of a call are [`crate::Guarded`]'s.
    ///
    /// # Errors
    /// [`SetupError`] for secrets and files that cannot be read and addresses that are none.
    pub fn new(settings: &BucketSettings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        Ok(Self { client: Client::from_conf(s3_config(settings, clock)?.build()) })
    }

    /// A put as CloudTrail makes it, so that bucket policies written for CloudTrail fit.
    fn as_cloudtrail(&self, to: &Destination, key: &str, kms_key: Option<&str>) -> PutObjectFluentBuilder {
        let put = self.client.put_object().bucket(to.bucket.as_str()).key(key);
        let put = put.acl(ObjectCannedAcl::BucketOwnerFullControl);
        match kms_key {
            None => put,
            Some(kms_key) => {
                let context = serde_json::json!({ CONTEXT_KEY: to.trail });
                put.server_side_encryption(ServerSideEncryption::AwsKms)
                    .ssekms_key_id(kms_key)
                    .ssekms_encryption_context(STANDARD.encode(context.to_string()))
            }
        }
    }
}

#[async_trait]
impl Deliver for RemoteBuckets {
    /// Puts an empty object that is named as the folder: who may write there need not be able to ask
    /// the bucket anything else, and only a put tells.
    async fn check(
        &self,
        to: &Destination,
        folder: &str,
        kms_key: Option<&str>,
    ) -> Result<Option<String>, DeliveryError> {
        let put = self.as_cloudtrail(to, folder, kms_key).body(ByteStream::from_static(b""));
        let done = put.send().await.map_err(|error| refusal(to, error))?;
        match (kms_key, done.ssekms_key_id) {
            (None, _) => Ok(None),
            (Some(_), Some(arn)) => Ok(Some(arn)),
            // It did not encrypt under the key that it was told.
            (Some(_), None) => Err(DeliveryError::KeyUnsuitable),
        }
    }

    async fn put(&self, to: &Destination, object: Object) -> Result<(), DeliveryError> {
        let Object { key, body, metadata, kms_key } = object;
        let mut put = self.as_cloudtrail(to, &key, kms_key.as_deref());
        for (name, value) in metadata {
            put = put.metadata(name, value);
        }
        let put = put.content_type("application/json").content_encoding("gzip").body(ByteStream::from(body));
        let done = put.send().await.map_err(|error| refusal(to, error))?;
        match (kms_key, done.ssekms_key_id) {
            (Some(_), None) => Err(DeliveryError::KeyUnsuitable),
            _ => Ok(()),
        }
    }
}

/// What an error means: by its code, and by its status where an endpoint has codes of its own.
fn refusal<E>(to: &Destination, error: SdkError<E, HttpResponse>) -> DeliveryError
where
    E: ProvideErrorMetadata,
{
    let SdkError::ServiceError(answer) = &error else {
        return DeliveryError::Unavailable(Box::new(unanswered(&error)));
    };
    let (status, code) = (answer.raw().status().as_u16(), answer.err().code().unwrap_or_default());
    let message = answer.err().message().unwrap_or_default();
    let meaning = meaning(status, code);
    // The trail's owner is told less than the operator, whose identity was refused.
    tracing::warn!(bucket = %to.bucket, status, code, message, "a remote bucket does not take a file");
    meaning.unwrap_or_else(|| DeliveryError::Unavailable(Box::new(Seen(format!("{status} {code}: {message}")))))
}

/// `None` for what may pass.
fn meaning(status: u16, code: &str) -> Option<DeliveryError> {
    match code {
        "NoSuchBucket" => Some(DeliveryError::NoSuchBucket),
        "KMS.NotFoundException" => Some(DeliveryError::KeyNotFound),
        "KMS.DisabledException" | "KMS.InvalidStateException" | "KMS.KMSInvalidStateException" => {
            Some(DeliveryError::KeyDisabled)
        }
        "KMS.InvalidKeyUsageException" => Some(DeliveryError::KeyUnsuitable),
        "KMS.AccessDeniedException" => Some(DeliveryError::KeyDenied),
        // The clocks differ: that passes.
        "RequestTimeTooSkewed" => None,
        _ if status == 401 || status == 403 => Some(DeliveryError::AccessDenied),
        _ if status == 404 => Some(DeliveryError::NoSuchBucket),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn answers_mean_what_cloudtrail_would_say_of_them() {
        for (status, code, told) in [
            (404, "NoSuchBucket", "NoSuchBucket"),
            (404, "", "NoSuchBucket"),
            (403, "AccessDenied", "AccessDenied"),
            (403, "SignatureDoesNotMatch", "AccessDenied"),
            (403, "InvalidAccessKeyId", "AccessDenied"),
            (400, "KMS.NotFoundException", "KMS.NotFoundException"),
            (400, "KMS.DisabledException", "KMS.DisabledException"),
            (400, "KMS.KMSInvalidStateException", "KMS.DisabledException"),
            (400, "KMS.InvalidKeyUsageException", "KMS.InvalidKeyUsageException"),
        ] {
            let meaning = meaning(status, code).unwrap();
            assert_eq!(meaning.code(), told, "{status} {code}");
            assert!(!meaning.is_retryable());
        }
    }

    #[test]
    fn what_may_pass_is_no_refusal() {
        for (status, code) in [
            (503, "SlowDown"),
            (500, "InternalError"),
            (301, "PermanentRedirect"),
            (403, "RequestTimeTooSkewed"),
            (502, ""),
        ] {
            assert!(meaning(status, code).is_none(), "{status} {code}");
        }
    }
}
