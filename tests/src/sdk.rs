//! Clients of the AWS SDK for Rust for a gateway under test.

use aws_credential_types::Credentials;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};

use crate::{ACCESS_KEY, Gateway, SECRET_KEY};

/// An S3 client as root, without retries: a test wants to see the first answer.
#[must_use]
pub fn s3(gateway: &Gateway) -> aws_sdk_s3::Client {
    s3_at(&gateway.url, ACCESS_KEY, SECRET_KEY)
}

/// A KMS client as root, without retries.
#[must_use]
pub fn kms(gateway: &Gateway) -> aws_sdk_kms::Client {
    kms_at(&gateway.url, ACCESS_KEY, SECRET_KEY)
}

/// An S3 client for any endpoint. It does not give up on transfers that stand still for a while:
/// tests make them, and a busy machine does.
#[must_use]
pub fn s3_at(url: &str, access_key: &str, secret_key: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(credentials(access_key, secret_key))
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// A KMS client for any endpoint.
#[must_use]
pub fn kms_at(url: &str, access_key: &str, secret_key: &str) -> aws_sdk_kms::Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(credentials(access_key, secret_key))
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_kms::Client::from_conf(config)
}

fn credentials(access_key: &str, secret_key: &str) -> Credentials {
    Credentials::new(access_key, secret_key, None, None, "arqueta-tests")
}
