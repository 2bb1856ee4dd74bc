//! Version 4 in the `Authorization` header.

use std::sync::Arc;

use arqueta_call::signature::{ALGORITHM, Candidate, SKEW, moment};
use http::request::Parts;
use s3s::{S3Result, s3_error};
use s3s_sigv4::{AmzDate, AuthorizationV4, CredentialV4, ParseAuthorizationError};

use super::presented::{Pairs, compare, covered, is_bare, text};
use super::refusals;
use super::verifier::{Verified, Verifier, decoded_path};
use crate::exchange::Exchange;
use crate::payload::{Chain, Payload, Stated};
use crate::signing::Signing;

/// Verifies a request that is signed so.
///
/// # Errors
/// AWS's.
pub async fn verify(
    verifier: &Verifier,
    parts: &Parts,
    pairs: &Pairs,
    value: &str,
    exchange: &Exchange,
) -> S3Result<Verified> {
    let authorization = parse(value)?;
    let credential = &authorization.credential;
    let (signed_at, stated_date) = date(verifier, parts, credential)?;
    let stated = Stated::of(parts)?;
    let known = verifier.credential(credential.access_key_id, exchange).await?;
    let headers = covered(parts, &authorization.signed_headers)?;
    let decoded = decoded_path(parts)?;
    let (method, region) = (parts.method.as_str(), credential.aws_region);
    let key = verifier.key(credential, &signed_at, &known);
    let sign = |canonical| Candidate::version_4(canonical, &signed_at, region, "s3", &key);
    let mut candidates =
        vec![sign(s3s_sigv4::create_canonical_request(method, &decoded, pairs.all(), &headers, stated.payload()))];
    if is_bare(parts.uri.path()) {
        candidates.push(sign(s3s_sigv4::create_canonical_request_with_raw_uri_path(
            method,
            parts.uri.path(),
            pairs.all(),
            &headers,
            stated.payload(),
        )));
    }
    let provided = authorization.signature;
    compare(&candidates, provided, |first| refusals::mismatch(credential.access_key_id, provided, first))?;
    // Not before: an identity counts once its signature was verified.
    exchange.identify(known.identity);
    let chain = || Chain::new(Arc::clone(&key), provided, &signed_at, stated_date, region);
    Ok(Verified { signing: Signing::Header, payload: Payload::of_signed(&stated, parts, chain)? })
}

/// Checks scope and date, before anybody is looked up.
fn date<'a>(verifier: &Verifier, parts: &'a Parts, credential: &CredentialV4<'_>) -> S3Result<(AmzDate, &'a str)> {
    if credential.aws_service != "s3" {
        return Err(refusals::wrong_service(refusals::HEADER, credential.aws_service));
    }
    let stated = text(parts, "x-amz-date").and_then(|stated| Some((AmzDate::parse(stated).ok()?, stated)));
    let (date, stated) = stated
        .ok_or_else(|| s3_error!(AccessDenied, "AWS authentication requires a valid Date or x-amz-date header"))?;
    if credential.date != date.fmt_date().as_str() {
        return Err(refusals::wrong_day(refusals::HEADER, credential.date, stated));
    }
    if !verifier.rules.any_region && credential.aws_region != verifier.rules.region.as_str() {
        return Err(refusals::wrong_region(refusals::HEADER, credential.aws_region, &verifier.rules.region));
    }
    let now = verifier.clock.now();
    let signed = moment(&date).ok_or_else(|| refusals::skewed(stated, now))?;
    match now.since(signed).max(signed.since(now)) > SKEW {
        true => Err(refusals::skewed(stated, now)),
        false => Ok((date, stated)),
    }
}
fn parse(value: &str) -> S3Result<AuthorizationV4<'_>> {
    if value.starts_with("AWS ") {
        return Err(refusals::version_2());
    }
    match value.split(' ').next() {
        Some(ALGORITHM) => {}
        Some("AWS4-ECDSA-P256-SHA256") => {
            return Err(s3_error!(NotImplemented, "Signature Version 4A is not implemented."));
        }
        _ => return Err(refusals::unsupported(value)),
    }
    AuthorizationV4::parse(value).map_err(|failure| match failure {
        ParseAuthorizationError::InvalidSignature => refusals::unreadable(),
        ParseAuthorizationError::Malformed => refusals::malformed(refusals::HEADER, refusals::CREDENTIAL),
    })
}
