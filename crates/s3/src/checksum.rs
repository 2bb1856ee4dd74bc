//! Checksums in headers and trailers (S3 User Guide, "Checking object integrity for data
//! uploads"). Messages are AWS's.

use std::str::FromStr as _;
use std::sync::Arc;

use arqueta_engine::BodyError;
use arqueta_engine::api::{ChecksumAlgorithm, ChecksumRequest, ChecksumType, ChecksumValue, TrailerValue};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::exchange::Exchange;
use crate::incoming::BodyFault;
use crate::refusal::Detail as _;

/// `x-amz-checksum-<algorithm>`.
fn header_name(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc32 => "x-amz-checksum-crc32",
        ChecksumAlgorithm::Crc32c => "x-amz-checksum-crc32c",
        ChecksumAlgorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
        ChecksumAlgorithm::Sha1 => "x-amz-checksum-sha1",
        ChecksumAlgorithm::Sha256 => "x-amz-checksum-sha256",
        ChecksumAlgorithm::Sha512 => "x-amz-checksum-sha512",
        ChecksumAlgorithm::Md5 => "x-amz-checksum-md5",
        ChecksumAlgorithm::XxHash64 => "x-amz-checksum-xxhash64",
        ChecksumAlgorithm::XxHash3 => "x-amz-checksum-xxhash3",
        ChecksumAlgorithm::XxHash128 => "x-amz-checksum-xxhash128",
    }
}

fn invalid(message: impl Into<String>) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidRequest, message.into())
}

/// An algorithm named in a request.
///
/// # Errors
/// `InvalidRequest`.
pub fn algorithm(name: &str) -> S3Result<ChecksumAlgorithm> {
    ChecksumAlgorithm::from_name(&name.to_ascii_uppercase()).ok_or_else(|| {
        invalid("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5, XXHASH64, XXHASH3, XXHASH128]")
    })
}

/// A checksum type named in a request.
///
/// # Errors
/// `InvalidRequest`.
pub fn checksum_type(name: &str) -> S3Result<ChecksumType> {
    ChecksumType::from_name(&name.to_ascii_uppercase())
        .ok_or_else(|| invalid("Value for x-amz-checksum-type header is invalid."))
}

/// The one checksum that the headers declare, algorithm and text.
///
/// # Errors
/// `InvalidRequest` for several, and for one that nobody can check: an unchecked value is never taken for a
/// right one.
pub fn declared(headers: &HeaderMap) -> S3Result<Option<(ChecksumAlgorithm, String)>> {
    let mut found = None;
    for (name, value) in headers {
        let Some(suffix) = name.as_str().strip_prefix("x-amz-checksum-") else { continue };
        if matches!(suffix, "algorithm" | "mode" | "type") {
            continue;
        }
        let algorithm = algorithm(suffix)?;
        let text = value.to_str().map_err(|_| bad_value(algorithm))?.to_owned();
        if found.replace((algorithm, text)).is_some() {
            return Err(invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."));
        }
    }
    Ok(found)
}

fn bad_value(algorithm: ChecksumAlgorithm) -> S3Error {
    invalid(format!("Value for {} header is invalid.", header_name(algorithm)))
}

/// What checksum the body of a put or part gets.
///
/// # Errors
/// `InvalidRequest` where header, trailer and `x-amz-sdk-checksum-algorithm` do not fit together.
pub fn of_body(headers: &HeaderMap, exchange: &Arc<Exchange>) -> S3Result<ChecksumRequest> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let declared = declared(headers)?;
    let announced = text("x-amz-trailer").map(announced).transpose()?;
    let named = text("x-amz-sdk-checksum-algorithm").map(algorithm).transpose()?;
    let found = declared.as_ref().map(|(algorithm, _)| *algorithm).or(announced);
    match (named, found) {
        (Some(_), None) => {
            return Err(invalid(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
            ));
        }
        (Some(named), Some(found)) if named != found => {
            return Err(invalid("Value for x-amz-sdk-checksum-algorithm header is invalid."));
        }
        _ => {}
    }
    match (declared, announced) {
        (Some(_), Some(_)) => {
            Err(invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."))
        }
        (Some((algorithm, text)), None) => Ok(ChecksumRequest::Declared(value(algorithm, &text)?)),
        (None, Some(algorithm)) => {
            // Without a decoder behind it nothing would ever produce the trailer.
            if !exchange.incoming().expects_trailer() {
                return Err(invalid("x-amz-trailer needs a body with trailing chunks."));
            }
            Ok(ChecksumRequest::Trailer(algorithm, trailer(algorithm, Arc::clone(exchange))))
        }
        (None, None) => Ok(ChecksumRequest::Default),
    }
}

/// The algorithm of the checksum that `x-amz-trailer` announces.
fn announced(header: &str) -> S3Result<ChecksumAlgorithm> {
    let unsupported = || invalid("The value specified in the x-amz-trailer header is not supported");
    let mut names = header.split(',').map(str::trim).filter(|name| !name.is_empty());
    let name = names.next().ok_or_else(unsupported)?.to_ascii_lowercase();
    if names.next().is_some() {
        return Err(unsupported());
    }
    algorithm(name.strip_prefix("x-amz-checksum-").ok_or_else(unsupported)?)
}

/// Reads the trailer once the body is over: exactly the announced checksum, nothing else.
fn trailer(wanted: ChecksumAlgorithm, exchange: Arc<Exchange>) -> TrailerValue {
    Box::new(move || {
        let found = exchange.incoming().trailer().and_then(|headers| read_trailer(wanted, headers));
        match found {
            Some(value) => Ok(Some(value)),
            None => {
                exchange.incoming().blame(BodyFault::Trailer);
                Err(BodyError::Other("the trailer is not the announced one".into()))
            }
        }
    })
}

fn read_trailer(wanted: ChecksumAlgorithm, headers: &HeaderMap) -> Option<ChecksumValue> {
    let mut value = None;
    for (name, text) in headers {
        if name.as_str() != header_name(wanted) || value.is_some() {
            return None;
        }
        value = Some(ChecksumValue::parse(wanted, text.to_str().ok()?.trim()).ok()?);
    }
    value
}

/// The `Content-MD5` header. s3s takes an empty one for none, S3 for a bad one.
///
/// # Errors
/// As [`content_md5`].
pub fn stated_md5(headers: &HeaderMap) -> S3Result<Option<[u8; 16]>> {
    content_md5(headers.get("content-md5").map(|value| value.to_str().unwrap_or_default()))
}

/// `Content-MD5`.
///
/// # Errors
/// `InvalidDigest` unless it is the Base64 text of 16 bytes.
pub fn content_md5(header: Option<&str>) -> S3Result<Option<[u8; 16]>> {
    let Some(text) = header else { return Ok(None) };
    let bytes = BASE64_STANDARD.decode(text).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    bytes.map(Some).ok_or_else(|| {
        S3Error::with_message(S3ErrorCode::InvalidDigest, "The Content-MD5 you specified was invalid.")
            .detail("Content-MD5", text)
    })
}

/// A declared value.
///
/// # Errors
/// `InvalidRequest`.
pub fn value(algorithm: ChecksumAlgorithm, text: &str) -> S3Result<ChecksumValue> {
    ChecksumValue::parse(algorithm, text).map_err(|_| bad_value(algorithm))
}

/// Refuses a document operation that must prove its body and does not.
///
/// # Errors
/// `InvalidRequest` without `Content-MD5` and checksum.
pub fn require_digest(headers: &HeaderMap) -> S3Result<()> {
    if headers.contains_key("content-md5") || headers.contains_key("x-amz-trailer") || declared(headers)?.is_some() {
        return Ok(());
    }
    Err(invalid("Missing required header for this request: Content-MD5 OR x-amz-checksum-*"))
}

/// Sets the checksum fields that all s3s shapes with checksums have.
macro_rules! set_checksum {
    ($output:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            let text = Some(checksum.to_string());
            match checksum.value.algorithm() {
                arqueta_engine::api::ChecksumAlgorithm::Crc32 => $output.checksum_crc32 = text,
                arqueta_engine::api::ChecksumAlgorithm::Crc32c => $output.checksum_crc32c = text,
                arqueta_engine::api::ChecksumAlgorithm::Crc64Nvme => $output.checksum_crc64nvme = text,
                arqueta_engine::api::ChecksumAlgorithm::Sha1 => $output.checksum_sha1 = text,
                arqueta_engine::api::ChecksumAlgorithm::Sha256 => $output.checksum_sha256 = text,
                arqueta_engine::api::ChecksumAlgorithm::Sha512 => $output.checksum_sha512 = text,
                arqueta_engine::api::ChecksumAlgorithm::Md5 => $output.checksum_md5 = text,
                arqueta_engine::api::ChecksumAlgorithm::XxHash64 => $output.checksum_xxhash64 = text,
                arqueta_engine::api::ChecksumAlgorithm::XxHash3 => $output.checksum_xxhash3 = text,
                arqueta_engine::api::ChecksumAlgorithm::XxHash128 => $output.checksum_xxhash128 = text,
            }
        }
    };
}
pub(crate) use set_checksum;

/// The checksum that a part of CompleteMultipartUpload states.
///
/// # Errors
/// `InvalidRequest` for several.
pub fn of_completed_part(part: &s3s::dto::CompletedPart) -> S3Result<Option<(ChecksumAlgorithm, String)>> {
    let mut stated = [
        (ChecksumAlgorithm::Crc32, &part.checksum_crc32),
        (ChecksumAlgorithm::Crc32c, &part.checksum_crc32c),
        (ChecksumAlgorithm::Crc64Nvme, &part.checksum_crc64nvme),
        (ChecksumAlgorithm::Sha1, &part.checksum_sha1),
        (ChecksumAlgorithm::Sha256, &part.checksum_sha256),
        (ChecksumAlgorithm::Sha512, &part.checksum_sha512),
        (ChecksumAlgorithm::Md5, &part.checksum_md5),
        (ChecksumAlgorithm::XxHash64, &part.checksum_xxhash64),
        (ChecksumAlgorithm::XxHash3, &part.checksum_xxhash3),
        (ChecksumAlgorithm::XxHash128, &part.checksum_xxhash128),
    ]
    .into_iter()
    .filter_map(|(algorithm, text)| Some((algorithm, text.clone()?)));
    let first = stated.next();
    if stated.next().is_some() {
        return Err(invalid("Expecting a single checksum per part."));
    }
    Ok(first)
}

/// s3s's name of a checksum type.
#[must_use]
pub fn type_name(kind: ChecksumType) -> s3s::dto::ChecksumType {
    s3s::dto::ChecksumType::from_static(kind.name())
}

/// s3s's name of an algorithm.
#[must_use]
pub fn algorithm_name(algorithm: ChecksumAlgorithm) -> s3s::dto::ChecksumAlgorithm {
    s3s::dto::ChecksumAlgorithm::from_str(algorithm.name()).unwrap_or_else(|never| match never {})
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    fn exchange() -> Arc<Exchange> {
        crate::tests::exchange()
    }

    fn message(pairs: &[(&'static str, &'static str)]) -> String {
        of_body(&headers(pairs), &exchange()).unwrap_err().message().unwrap().to_owned()
    }

    #[test]
    fn a_declared_value_is_parsed() {
        let request = of_body(&headers(&[("x-amz-checksum-crc32", "y/Q5Jg==")]), &exchange()).unwrap();
        assert!(matches!(request, ChecksumRequest::Declared(value) if value.to_string() == "y/Q5Jg=="));
        assert!(matches!(of_body(&HeaderMap::new(), &exchange()).unwrap(), ChecksumRequest::Default));
    }

    #[test]
    fn values_that_cannot_be_checked_are_refused() {
        for pairs in [
            &[("x-amz-checksum-crc32", "y/Q5")][..],
            &[("x-amz-checksum-sha256", "y/Q5Jg==")],
            &[("x-amz-checksum-crc32", "y/Q5Jg=="), ("x-amz-checksum-crc32c", "4waSgw==")],
            &[("x-amz-checksum-nonsense", "y/Q5Jg==")],
            &[("x-amz-checksum-crc32", "y/Q5Jg=="), ("x-amz-trailer", "x-amz-checksum-crc32")],
            &[("x-amz-trailer", "x-amz-meta-a")],
            &[("x-amz-trailer", "x-amz-checksum-crc32, x-amz-checksum-sha1")],
            &[("x-amz-trailer", "x-amz-checksum-crc32")],
        ] {
            let error = of_body(&headers(pairs), &exchange()).unwrap_err();
            assert_eq!(error.code(), &S3ErrorCode::InvalidRequest, "{pairs:?}");
        }
        for name in ["x-amz-checksum-md5", "x-amz-checksum-xxhash3", "x-amz-checksum-sha512", "x-amz-checksum-xxhash32"]
        {
            let error = of_body(&headers(&[(name, "AAAA")]), &exchange()).unwrap_err();
            assert_eq!(error.code(), &S3ErrorCode::InvalidRequest, "{name}");
        }
    }

    #[test]
    fn the_sdk_header_must_fit() {
        assert!(message(&[("x-amz-sdk-checksum-algorithm", "CRC32")]).contains("no corresponding"));
        let other = [("x-amz-sdk-checksum-algorithm", "SHA1"), ("x-amz-checksum-crc32", "y/Q5Jg==")];
        assert!(message(&other).contains("header is invalid"));
    }

    #[test]
    fn only_the_announced_trailer_counts() {
        let read = |pairs: &[(&'static str, &'static str)]| read_trailer(ChecksumAlgorithm::Crc32, &headers(pairs));
        assert!(read(&[("x-amz-checksum-crc32", "y/Q5Jg==")]).is_some());
        for pairs in [
            &[][..],
            &[("x-amz-checksum-crc32", "y/Q5")],
            &[("x-amz-checksum-crc32c", "y/Q5Jg==")],
            &[("x-amz-checksum-crc32", "y/Q5Jg=="), ("x-amz-meta-a", "b")],
        ] {
            assert!(read(pairs).is_none(), "{pairs:?}");
        }
    }

    #[test]
    fn content_md5_is_sixteen_bytes() {
        assert_eq!(content_md5(None).unwrap(), None);
        assert!(content_md5(Some("1B2M2Y8AsgTpgAmY7PhCfg==")).unwrap().is_some());
        for bad in ["", "1B2M", "not base64", "1B2M2Y8AsgTpgAmY7PhCfg"] {
            assert_eq!(content_md5(Some(bad)).unwrap_err().code(), &S3ErrorCode::InvalidDigest, "{bad:?}");
        }
    }
}
