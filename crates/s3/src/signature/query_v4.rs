//! Version 4 in the query: presigned requests.

use std::time::Duration;

use arqueta_call::signature::{ALGORITHM, Candidate, SKEW, moment};
use http::StatusCode;
use http::request::Parts;
use s3s::{S3Error, S3Result, s3_error};
use s3s_sigv4::{AmzDate, CredentialV4};

use super::presented::{Pairs, compare, covered, is_bare};
use super::refusals;
use super::verifier::{Verified, Verifier, decoded_path};
use crate::error::Answer;
use crate::exchange::Exchange;
use crate::payload::{Payload, Stated};
use crate::signing::Signing;

/// Longest life of a presigned request, in seconds.
const LONGEST_LIFE: u64 = 7 * 24 * 60 * 60;

/// Whether a request claims to be presigned by Version 4.
pub fn is_presigned(pairs: &Pairs) -> bool {
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"].iter().any(|name| pairs.has(name))
}

/// What a presigned query states.
struct Presigned<'a> {
    credential: CredentialV4<'a>,
    date: AmzDate,
    stated_date: &'a str,
    life: u64,
    headers: Vec<&'a str>,
    signature: &'a str,
}

/// Verifies a request that is signed so.
///
/// # Errors
/// AWS's.
pub async fn verify(verifier: &Verifier, parts: &Parts, pairs: &Pairs, exchange: &Exchange) -> S3Result<Verified> {
    let presigned = Presigned::of(pairs)?;
    require_now(verifier, &presigned)?;
    let credential = &presigned.credential;
    let known = verifier.credential(credential.access_key_id, exchange).await?;
    let headers = covered(parts, &presigned.headers)?;
    let decoded = decoded_path(parts)?;
    let (method, region) = (parts.method.as_str(), credential.aws_region);
    let key = verifier.key(credential, &presigned.date, &known);
    let sign = |canonical| Candidate::version_4(canonical, &presigned.date, region, "s3", &key);
    let mut canonicals = vec![s3s_sigv4::create_presigned_canonical_request(method, &decoded, pairs.all(), &headers)];
    if is_bare(parts.uri.path()) {
        let (path, all) = (parts.uri.path(), pairs.all());
        canonicals.push(s3s_sigv4::create_presigned_canonical_request_with_raw_uri_path(method, path, all, &headers));
    }
    let stating: Vec<_> = canonicals.iter().filter_map(|canonical| with_payload(canonical, &headers)).collect();
    let candidates: Vec<_> = canonicals.into_iter().chain(stating).map(sign).collect();
    let refuse = |first: &Candidate| refusals::mismatch(credential.access_key_id, presigned.signature, first);
    compare(&candidates, presigned.signature, refuse)?;
    exchange.identify(known.identity);
    let payload = match parts.headers.contains_key("x-amz-content-sha256") {
        true => Payload::of_presigned(&Stated::of(parts)?, &parts.headers)?,
        false => Payload::of_unsigned(&parts.headers)?,
    };
    Ok(Verified { signing: Signing::Query, payload })
}

/// A canonical request whose last line is what a signed header states of the payload, as botocore and other SDKs write
/// it, in place of the constant of presigned requests.
fn with_payload(canonical: &str, headers: &[(&str, &str)]) -> Option<String> {
    let (_, stated) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-content-sha256"))?;
    let rest = canonical.strip_suffix("UNSIGNED-PAYLOAD").filter(|_| *stated != "UNSIGNED-PAYLOAD")?;
    Some(format!("{rest}{stated}"))
}

fn require_now(verifier: &Verifier, presigned: &Presigned<'_>) -> S3Result<()> {
    let credential = &presigned.credential;
    if credential.aws_service != "s3" {
        return Err(refusals::wrong_service(refusals::QUERY, credential.aws_service));
    }
    if credential.date != presigned.date.fmt_date().as_str() {
        return Err(refusals::wrong_day(refusals::QUERY, credential.date, presigned.stated_date));
    }
    if !verifier.rules.any_region && credential.aws_region != verifier.rules.region.as_str() {
        return Err(refusals::wrong_region(refusals::QUERY, credential.aws_region, &verifier.rules.region));
    }
    let now = verifier.clock.now();
    let signed = moment(&presigned.date).ok_or_else(bad_date)?;
    if signed.since(now) > SKEW {
        return Err(s3_error!(AccessDenied, "Request is not yet valid"));
    }
    let life = Duration::from_secs(presigned.life);
    match now.since(signed) > life {
        true => Err(refusals::expired(Some(presigned.life), signed.plus(life), now)),
        false => Ok(()),
    }
}
impl<'a> Presigned<'a> {
    fn of(pairs: &'a Pairs) -> S3Result<Self> {
        let value = |name| {
            pairs.only(name).ok_or_else(|| {
            refuse("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
        })
        };
        let (algorithm, credential) = (value("X-Amz-Algorithm")?, value("X-Amz-Credential")?);
        let (signature, stated_date) = (value("X-Amz-Signature")?, value("X-Amz-Date")?);
        let (headers, life) = (value("X-Amz-SignedHeaders")?, value("X-Amz-Expires")?);
        if algorithm != ALGORITHM {
            return Err(refuse("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\""));
        }
        let credential =
            CredentialV4::parse(credential).map_err(|_| refusals::malformed(refusals::QUERY, refusals::CREDENTIAL))?;
        let date = AmzDate::parse(stated_date).map_err(|_| bad_date())?;
        Ok(Self {
            credential,
            date,
            stated_date,
            life: lifetime(life)?,
            headers: headers.split(';').collect(),
            signature,
        })
    }
}

fn lifetime(text: &str) -> S3Result<u64> {
    if text.starts_with('-') {
        return Err(refuse("X-Amz-Expires must be non-negative"));
    }
    let life: u64 = text.parse().map_err(|_| refuse("X-Amz-Expires should be a number"))?;
    match life > LONGEST_LIFE {
        true => Err(refuse(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
        )),
        false => Ok(life),
    }
}

fn bad_date() -> S3Error {
    refuse("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
}

fn refuse(message: &'static str) -> S3Error {
    Answer::new(refusals::QUERY, StatusCode::BAD_REQUEST, message).into_error()
}
