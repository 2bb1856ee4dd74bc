//! What AWS says of signatures that it does not accept (recorded from AWS).

use std::fmt::Write as _;

use arqueta_call::signature::{Candidate, SKEW};
use arqueta_model::{Region, Timestamp};
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::{S3Error, s3_error};

use crate::error::{Answer, invalid_argument};
use crate::refusal::Detail as _;

/// Longest text that is also told byte by byte: it is three times as long then, and whoever asks
/// has not said who he is.
const LONGEST: usize = 4096;

const MISMATCH: &str =
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.";

/// A header that the signature lists and that is not there, or is no text.
pub fn unreadable() -> S3Error {
    s3_error!(SignatureDoesNotMatch, "{MISMATCH}")
}

/// The signature is not the one that was computed.
pub fn mismatch(access_key: &str, stated: &str, computed: &Candidate) -> S3Error {
    let error = unreadable()
        .detail("AWSAccessKeyId", access_key)
        .detail("StringToSign", &*computed.string_to_sign)
        .detail("SignatureProvided", stated);
    let error = bytes(error, "StringToSignBytes", &computed.string_to_sign);
    // Customer keys and tokens are repeated nowhere, not even to who sent them.
    let canonical = &computed.canonical;
    let lower = canonical.to_ascii_lowercase();
    if canonical.is_empty() || lower.contains("customer-key:") || lower.contains("security-token") {
        return error;
    }
    bytes(error.detail("CanonicalRequest", &**canonical), "CanonicalRequestBytes", canonical)
}

fn bytes(error: S3Error, name: &'static str, text: &str) -> S3Error {
    if text.len() > LONGEST {
        return error;
    }
    let mut told = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        // Writing into a String cannot fail.
        let _ = write!(told, "{}{byte:02x}", if told.is_empty() { "" } else { " " });
    }
    error.detail(name, told)
}

/// Headers that a signature must cover and does not.
pub fn not_signed(names: &str) -> S3Error {
    s3_error!(AccessDenied, "There were headers present in the request which were not signed")
        .detail("HeadersNotSigned", names)
}

/// A part of a signature that cannot be read or is of no use here.
pub fn malformed(code: &'static str, what: &str) -> S3Error {
    let message = match code {
        HEADER => format!("The authorization header is malformed; {what}"),
        _ => format!("Error parsing the X-Amz-Credential parameter; {what}"),
    };
    Answer::new(code, StatusCode::BAD_REQUEST, message).into_error()
}

/// The code of malformed `Authorization` headers.
pub const HEADER: &str = "AuthorizationHeaderMalformed";
/// The code of malformed presigned queries.
pub const QUERY: &str = "AuthorizationQueryParametersError";

/// The shape of a credential.
pub const CREDENTIAL: &str =
    "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";

/// A signature for another Region. Clients sign again for the one that they are told.
pub fn wrong_region(code: &'static str, asked: &str, region: &Region) -> S3Error {
    let mut error = malformed(code, &format!("the region '{asked}' is wrong; expecting '{region}'"))
        .detail("Region", region.as_str());
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(region.as_str()) {
        headers.insert("x-amz-bucket-region", value);
    }
    error.set_headers(headers);
    error
}

/// A signature for another service.
pub fn wrong_service(code: &'static str, asked: &str) -> S3Error {
    malformed(code, &format!("incorrect service \"{asked}\". This endpoint belongs to \"s3\"."))
}

/// A signature whose scope is of another day than its date.
pub fn wrong_day(code: &'static str, day: &str, date: &str) -> S3Error {
    malformed(
        code,
        &format!("Invalid credential date \"{day}\". This date is not the same as X-Amz-Date: \"{}\".", &date[..8]),
    )
}

/// A request whose date is too far from ours.
pub fn skewed(stated: &str, now: Timestamp) -> S3Error {
    s3_error!(RequestTimeTooSkewed, "The difference between the request time and the current time is too large.")
        .detail("RequestTime", stated)
        .detail("ServerTime", now.rfc3339())
        .detail("MaxAllowedSkewMilliseconds", SKEW.as_millis().to_string())
}

/// A presigned request that came too late.
pub fn expired(lifetime: Option<u64>, end: Timestamp, now: Timestamp) -> S3Error {
    let error = s3_error!(AccessDenied, "Request has expired");
    let error = match lifetime {
        Some(seconds) => error.detail("X-Amz-Expires", seconds.to_string()),
        None => error,
    };
    error.detail("Expires", end.rfc3339()).detail("ServerTime", now.rfc3339())
}

/// A scheme of authorization that nobody knows.
pub fn unsupported(value: &str) -> S3Error {
    // What follows the scheme may be a secret.
    let scheme = value.split(' ').next().unwrap_or_default();
    invalid_argument("Unsupported Authorization Type", "Authorization", scheme)
}

/// Signature Version 2 where it is not served.
pub fn version_2() -> S3Error {
    s3_error!(
        InvalidRequest,
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
    )
}
