//! Who signed a request: Signature Version 4 in the header and in the query (S3 API Reference,
//! "Authenticating requests (AWS Signature Version 4)"), and Version 2 in the query (S3 User Guide,
//! "Signing and authenticating REST requests"), which SDKs presign with by default to this day.
//!
//! The edge verifies before s3s sees the request. s3s says of a failure a sentence of its own and
//! nothing of what it computed, measures time by another clock than everything else, knows one
//! Region, and verifies before the edge can forgive a malformed header. What it is handed is a
//! request without a signature, whose sender is known.
//!
//! Stricter than AWS: `x-amz-date` is the only date, and what decides anything occurs once.

mod header;
mod presented;
mod query_v2;
mod query_v4;
mod refusals;
mod verifier;

use http::request::Parts;
use s3s::S3Result;

use crate::error;
use crate::exchange::Exchange;
use crate::payload::Payload;
use crate::query;
use crate::signing::Signing;
use presented::{Pairs, text};
pub use verifier::{Rules, Verified, Verifier};

/// Verifies the signature of a request, and tells `exchange` whose it is. `bucket` is the one that
/// a virtual host names.
///
/// # Errors
/// AWS's, with AWS's elements.
pub async fn verify(
    verifier: &Verifier,
    parts: &Parts,
    bucket: Option<&str>,
    exchange: &Exchange,
) -> S3Result<Verified> {
    let header = text(parts, "authorization").filter(|value| value.starts_with("AWS"));
    let pairs = Pairs::of(&parts.uri);
    let in_query = query_v4::is_presigned(&pairs) || query_v2::is_presigned(&pairs);
    match header {
        Some(value) if in_query => Err(error::invalid_argument(
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
            "Authorization",
            // The scheme; what follows it is a signature.
            value.split(' ').next().unwrap_or_default(),
        )),
        Some(value) => header::verify(verifier, parts, &pairs, value, exchange).await,
        None if query_v4::is_presigned(&pairs) => query_v4::verify(verifier, parts, &pairs, exchange).await,
        None if in_query => query_v2::verify(verifier, parts, &pairs, bucket, exchange).await,
        None => unsigned(parts),
    }
}

/// A request of nobody in particular. One that names a scheme we do not know wanted to be somebody.
fn unsigned(parts: &Parts) -> S3Result<Verified> {
    match text(parts, "authorization") {
        None => Ok(Verified { signing: Signing::None, payload: Payload::of_unsigned(&parts.headers)? }),
        Some(value) => Err(refusals::unsupported(value)),
    }
}

/// Removes the signature, so that nobody downstream takes the request for one to verify. The rest of
/// a presigned query stays: policies ask for it and the record tells it.
pub fn strip(parts: &mut Parts) {
    parts.headers.remove(http::header::AUTHORIZATION);
    let is_signature = |pair: &&str| matches!(&*query::name(pair), "X-Amz-Signature" | "Signature");
    let Some(query) = parts.uri.query().filter(|query| query.split('&').any(|pair| is_signature(&pair))) else {
        return;
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_signature(pair)).collect();
    let target = match kept.join("&") {
        query if query.is_empty() => parts.uri.path().to_owned(),
        query => format!("{}?{query}", parts.uri.path()),
    };
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.path_and_query = target.parse().ok();
    parts.uri = http::Uri::from_parts(uri).unwrap_or_default();
}
