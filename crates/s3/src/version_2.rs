//! Objects under KMS keys are read and written by requests of Signature Version 4 alone (S3 User
//! Guide, "Using server-side encryption with AWS KMS keys").

use arqueta_call::S3;
use arqueta_engine::api::DefaultMode;
use arqueta_engine::record::BucketRecord;
use http::HeaderMap;
use s3s::{S3Error, S3Result};

use crate::error::invalid_argument;

/// Refuses a write by Version 2 that would be sealed under a KMS key.
///
/// # Errors
/// `InvalidArgument`.
pub fn refuse_write(headers: &HeaderMap, bucket: Option<&BucketRecord>) -> S3Result<()> {
    let asked = headers.get("x-amz-server-side-encryption").map(|value| value.as_bytes().starts_with(b"aws:kms"));
    let customer = headers.contains_key("x-amz-server-side-encryption-customer-algorithm");
    let default =
        bucket.and_then(|bucket| bucket.encryption.as_ref()).is_some_and(|default| default.mode != DefaultMode::S3);
    if asked.unwrap_or(default && !customer) { Err(refusal()) } else { Ok(()) }
}

/// What such a request is told.
#[must_use]
pub fn refusal() -> S3Error {
    let message =
        "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.";
    invalid_argument(message, "Authorization", "null")
}

/// Whether an operation says how an object is to be encrypted.
#[must_use]
pub const fn writes(operation: S3) -> bool {
    matches!(operation, S3::PutObject | S3::CopyObject | S3::CreateMultipartUpload)
}

/// Whether an operation writes what its upload says how to encrypt.
#[must_use]
pub const fn writes_parts(operation: S3) -> bool {
    matches!(operation, S3::UploadPart | S3::UploadPartCopy | S3::CompleteMultipartUpload)
}

/// Whether an operation reads an object.
#[must_use]
pub const fn reads(operation: S3) -> bool {
    matches!(operation, S3::GetObject | S3::HeadObject | S3::GetObjectAttributes)
}
