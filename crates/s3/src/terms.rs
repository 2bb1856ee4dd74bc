//! What a request says of the bucket that it is about, and what the bucket wants to hear.

use arqueta_engine::record::BucketRecord;
use arqueta_model::AccountId;
use http::{HeaderMap, StatusCode, Uri};
use s3s::{S3Result, s3_error};

use crate::error::Answer;
use crate::exchange::Exchange;
use crate::requester_pays;

/// Holds a request that may act in its bucket to both. Not before that is decided, be it by the
/// operation itself: to whom nothing is allowed it would tell whether the bucket exists, and whose it is.
///
/// # Errors
/// `AccessDenied`, and those of [`require_owner`].
pub fn require(exchange: &Exchange, headers: &HeaderMap, uri: &Uri) -> S3Result<()> {
    let bucket = exchange.bucket().map(|bucket| &**bucket);
    require_owner("x-amz-expected-bucket-owner", headers, bucket)?;
    match exchange.operation().zip(bucket) {
        Some((operation, bucket)) => requester_pays::require(exchange, operation, bucket, headers, uri),
        None => Ok(()),
    }
}

/// Compares an expected bucket owner with the bucket's.
///
/// # Errors
/// `AccessDenied`; `InvalidBucketOwnerAWSAccountID` for what is no account.
pub fn require_owner(name: &'static str, headers: &HeaderMap, bucket: Option<&BucketRecord>) -> S3Result<()> {
    let (Some(expected), Some(bucket)) = (headers.get(name), bucket) else { return Ok(()) };
    let expected = expected.to_str().unwrap_or_default();
    if expected.parse::<AccountId>().is_err() {
        let message =
            format!("The value of the expected bucket owner parameter must be an AWS Account ID... [{expected}]");
        return Err(Answer::new("InvalidBucketOwnerAWSAccountID", StatusCode::BAD_REQUEST, message).into_error());
    }
    if expected == bucket.owner.as_str() { Ok(()) } else { Err(s3_error!(AccessDenied, "Access Denied")) }
}
