//! Buckets whose requesters pay: who is of another account says that it knows, or gets nothing.
//!
//! Nobody is charged here. What is enforced is what clients of such buckets must do, so that what
//! works here works there.

use std::sync::atomic::Ordering;

use arqueta_call::Operation;
use arqueta_engine::record::{BucketDocument, BucketRecord};
use arqueta_model::PrincipalKind;
use http::{HeaderMap, Uri};
use s3s::{S3Result, s3_error};

use crate::exchange::Exchange;
use crate::query;

/// Where a request says that its sender pays: a header, or a parameter of a presigned one.
const SAYS: &str = "x-amz-request-payer";

/// Whether requesters pay in a bucket.
#[must_use]
pub fn asks(bucket: &BucketRecord) -> bool {
    bucket.documents.contains_key(&BucketDocument::RequestPayment)
}

/// Demands it of a request about objects of `bucket`, and notes that it was said.
///
/// # Errors
/// `AccessDenied`, also for anybody unsigned.
pub fn require(
    exchange: &Exchange,
    operation: &Operation,
    bucket: &BucketRecord,
    headers: &HeaderMap,
    uri: &Uri,
) -> S3Result<()> {
    if operation.is_management() || !asks(bucket) {
        return Ok(());
    }
    let says = || {
        let header = headers.get(SAYS).and_then(|value| value.to_str().ok()).map(str::to_owned);
        header.or_else(|| query::value(uri, SAYS)).is_some_and(|payer| payer == "requester")
    };
    let somebody = exchange.identity().filter(|identity| identity.principal.kind != PrincipalKind::Anonymous);
    match somebody {
        Some(identity) if identity.principal.account == bucket.owner => Ok(()),
        Some(_) if says() => {
            exchange.charged.store(true, Ordering::Release);
            Ok(())
        }
        _ => Err(s3_error!(AccessDenied, "Access Denied")),
    }
}
