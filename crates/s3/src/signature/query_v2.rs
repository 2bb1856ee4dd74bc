//! Version 2 in the query. Its signature covers neither the host nor all of the query, so what it
//! leaves open is refused here: a parameter that would make another operation of the request must
//! be one that is signed.

use std::time::Duration;

use arqueta_call::signature::Candidate;
use arqueta_model::Timestamp;
use http::request::Parts;
use s3s::{S3Result, s3_error};

use super::presented::{Pairs, compare};
use super::refusals;
use super::verifier::{Verified, Verifier};
use crate::exchange::Exchange;
use crate::payload::{Payload, Stated};
use crate::resources;
use crate::signing::Signing;

/// Sub-resources that the signature covers (S3 User Guide, "Constructing the CanonicalizedResource
/// element", and what SDKs sign beside).
const SIGNED: [&str; 25] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "restore",
    "select",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versioning",
    "versions",
    "website",
];

/// Whether a request claims to be presigned by Version 2.
pub fn is_presigned(pairs: &Pairs) -> bool {
    pairs.has("Signature") || pairs.has("AWSAccessKeyId")
}

/// Verifies a request that is signed so.
///
/// # Errors
/// AWS's.
pub async fn verify(
    verifier: &Verifier,
    parts: &Parts,
    pairs: &Pairs,
    bucket: Option<&str>,
    exchange: &Exchange,
) -> S3Result<Verified> {
    if !verifier.rules.version_2 {
        return Err(refusals::version_2());
    }
    let value = |name| {
        pairs.only(name).ok_or_else(|| {
            s3_error!(
                AccessDenied,
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
            )
        })
    };
    let (access_key, signature, expires) = (value("AWSAccessKeyId")?, value("Signature")?, value("Expires")?);
    let end: u64 = expires
        .parse()
        .map_err(|_| s3_error!(AccessDenied, "Invalid date (should be seconds since epoch): {expires}"))?;
    let (end, now) = (Timestamp::from_millis(0).plus(Duration::from_secs(end)), verifier.clock.now());
    if now > end {
        return Err(refusals::expired(None, end, now));
    }
    refuse_uncovered(parts, pairs)?;
    let known = verifier.credential(access_key, exchange).await?;
    let headers = covered(parts, pairs)?;
    let method = parts.method.as_str();
    let mode = s3s_sigv2::Mode::PresignedUrl;
    let path = parts.uri.path();
    let string_to_sign = s3s_sigv2::create_string_to_sign(mode, method, path, Some(pairs.all()), &headers, bucket);
    let candidate = Candidate::version_2(string_to_sign, known.secret.expose());
    compare(&[candidate], signature, |first| refusals::mismatch(access_key, signature, first))?;
    exchange.identify(known.identity);
    let payload = match parts.headers.contains_key("x-amz-content-sha256") {
        true => Payload::of_presigned(&Stated::of(parts)?, &parts.headers)?,
        false => Payload::of_unsigned(&parts.headers)?,
    };
    Ok(Verified { signing: Signing::QueryV2, payload })
}

/// Refuses what the signature leaves open and an operation would hear: a parameter that stands for
/// a header and is signed only in lower case, a name that stands twice (the string to sign has
/// neither), a line break, which would end one header there and begin another.
fn refuse_uncovered(parts: &Parts, pairs: &Pairs) -> S3Result<()> {
    let uncovered = |(name, value): &&(String, String)| {
        let lower = name.to_ascii_lowercase();
        is_open(name)
            || pairs.only(name).is_none()
            || (stands_for_a_header(&lower) && *name != lower)
            || lower.starts_with("if-")
            || name.bytes().chain(value.bytes()).any(|byte| byte.is_ascii_control())
    };
    if let Some((name, _)) = pairs.all().iter().find(uncovered) {
        return Err(s3_error!(
            AccessDenied,
            "Signature Version 2 does not cover the parameter {}.",
            name.escape_debug()
        ));
    }
    match ["content-type", "content-md5"].iter().find(|name| parts.headers.get_all(**name).iter().nth(1).is_some()) {
        Some(name) => Err(s3_error!(AccessDenied, "Signature Version 2 does not cover a second {name}.")),
        None => Ok(()),
    }
}

/// Whether a parameter, in lower case, is taken for the header of its name.
fn stands_for_a_header(lower: &str) -> bool {
    lower.starts_with("x-amz-") || matches!(lower, "content-type" | "content-md5")
}

/// Whether a parameter selects an operation and is not signed.
fn is_open(name: &str) -> bool {
    resources::is_known(name) && !SIGNED.contains(&name)
}

/// The headers that the signature covers: those of the request, and those that the client put into
/// the query instead.
fn covered<'a>(parts: &'a Parts, pairs: &'a Pairs) -> S3Result<Vec<(&'a str, &'a str)>> {
    let mut headers = Vec::new();
    for (name, value) in &parts.headers {
        let covered = name.as_str().starts_with("x-amz-") || matches!(name.as_str(), "content-type" | "content-md5");
        match std::str::from_utf8(value.as_bytes()) {
            Ok(value) if covered => headers.push((name.as_str(), value)),
            Err(_) if covered => return Err(refusals::unreadable()),
            _ => {}
        }
    }
    for (name, value) in pairs.all() {
        if stands_for_a_header(name) && !parts.headers.contains_key(name.as_str()) {
            headers.push((name, value));
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_another_operation_of_a_request_is_signed_or_refused() {
        for open in ["retention", "legal-hold", "encryption", "attributes", "publicAccessBlock", "ownershipControls"] {
            assert!(is_open(open), "{open}");
        }
        for closed in ["acl", "uploadId", "versionId", "prefix", "response-content-type", "x-id"] {
            assert!(!is_open(closed), "{closed}");
        }
    }
}
