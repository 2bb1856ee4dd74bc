//! Fields that several operations share, decoded and encoded.

use arqueta_engine::BodyError;
use arqueta_engine::api::{
    Body, ByteRange, Conditions, ContentHeaders, EtagCondition, IfRange, LegalHold, Retention, RetentionMode,
    StorageClass, Tags, UserMetadata,
};
use arqueta_engine::record::ReplicationState;
use arqueta_model::{AccountId, UploadId, VersionId};
use futures::StreamExt as _;
use http::{HeaderMap, StatusCode, Uri};
use s3s::dto;
use s3s::stream::aws_chunked_stream::AwsChunkedStreamError;
use s3s::stream::upload_stream::UploadStreamError;
use s3s::{BodySizeLimitExceeded, S3Result, StdError, s3_error};

use crate::body::Refused;
use crate::condition::parse_tagging;
use crate::error::{Answer, invalid_argument, of_engine};
use crate::incoming::BodyFault;
use crate::query;
use crate::refusal::Detail as _;
use crate::time_text::from_dto;
use crate::wide::Wide;

/// A version id. One that is none of ours names no version.
pub fn version(text: Option<&str>) -> S3Result<Option<VersionId>> {
    let Some(text) = text else { return Ok(None) };
    match text.parse() {
        Ok(version) => Ok(Some(version)),
        Err(_) => Err(invalid_argument("Invalid version id specified", "versionId", text)),
    }
}

/// An upload id. One that is none of ours names no upload.
pub fn upload(text: &str) -> S3Result<UploadId> {
    text.parse().map_err(|_| of_engine(&arqueta_engine::Error::NoSuchUpload).detail("UploadId", text))
}

/// A part number.
pub fn part_number(number: i32) -> S3Result<u16> {
    u16::try_from(number).ok().filter(|number| (1..=10_000).contains(number)).ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        invalid_argument(message, "partNumber", &number.to_string())
    })
}

/// A list of entity tags or `*`.
pub fn etags(condition: &dto::ETagCondition) -> EtagCondition {
    match condition {
        dto::ETagCondition::Any => EtagCondition::Any,
        // s3s takes a list for one tag; no tag of ours contains a comma.
        dto::ETagCondition::ETag(tag) => EtagCondition::OneOf(
            tag.value()
                .split(',')
                .map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned())
                .collect(),
        ),
    }
}

/// A condition that a presigned URL has as a parameter counts like its header.
pub fn presigned(condition: &mut Option<dto::ETagCondition>, name: &str, uri: &Uri) {
    if condition.is_none() && query::has(uri, "X-Amz-Signature") {
        let stated = query::pairs(uri).find(|(parameter, _)| parameter.eq_ignore_ascii_case(name));
        *condition = stated.map(|(_, value)| {
            let parsed = dto::ETagCondition::parse_http_header(value.as_bytes());
            parsed.unwrap_or_else(|_| dto::ETagCondition::ETag(dto::ETag::Strong(value.trim_matches('"').to_owned())))
        });
    }
}

/// Both conditions of any s3s input, with those of a presigned URL.
macro_rules! presigned_conditions {
    ($request:ident) => {
        $crate::ops::fields::presigned(&mut $request.input.if_match, "if-match", &$request.uri);
        $crate::ops::fields::presigned(&mut $request.input.if_none_match, "if-none-match", &$request.uri);
    };
}
pub(crate) use presigned_conditions;

/// `If-Range`: a part is sent only of the object that it names.
pub fn if_range(headers: &HeaderMap) -> Option<IfRange> {
    let value = headers.get(http::header::IF_RANGE)?;
    let text = value.to_str().unwrap_or_default().trim();
    let date = || dto::Timestamp::parse(dto::TimestampFormat::HttpDate, text).ok();
    Some(match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(etag) => IfRange::Etag(etag.to_owned()),
        None => date().map_or(IfRange::Never, |date| IfRange::LastModified(from_dto(&date))),
    })
}

/// A header that S3 has, with a value that this operation does not take.
fn not_taken(header: &str, why: &str) -> s3s::S3Error {
    s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented")
        .detail("Header", header)
        .detail("additionalMessage", why)
}

/// Conditions of a write.
pub fn write_conditions(
    if_match: Option<&dto::ETagCondition>,
    if_none_match: Option<&dto::ETagCondition>,
) -> S3Result<Conditions> {
    if if_match.is_some() && if_none_match.is_some() {
        return Err(not_taken("If-Match,If-None-Match", "Multiple conditional request headers present in the request"));
    }
    if if_none_match.is_some_and(|condition| !condition.is_any()) {
        return Err(not_taken(
            "If-None-Match",
            "We don't accept the provided value of If-None-Match header for this API",
        ));
    }
    if if_match.is_some_and(dto::ETagCondition::is_any) {
        return Err(not_taken("If-Match", "We don't accept the provided value of If-Match header for this API"));
    }
    Ok(Conditions { if_match: if_match.map(etags), if_none_match: if_none_match.map(etags), ..Conditions::default() })
}

/// Conditions of a read; of any s3s input by its four fields.
pub fn read_conditions(
    if_match: Option<&dto::ETagCondition>,
    if_none_match: Option<&dto::ETagCondition>,
    if_modified_since: Option<&dto::Timestamp>,
    if_unmodified_since: Option<&dto::Timestamp>,
) -> Conditions {
    Conditions {
        if_match: if_match.map(etags),
        if_none_match: if_none_match.map(etags),
        if_modified_since: if_modified_since.map(from_dto),
        if_unmodified_since: if_unmodified_since.map(from_dto),
        seen: None,
    }
}

/// The range of a read. `bytes=-` asks for nothing, and s3s takes it for the last no bytes.
pub fn stated_range(range: Option<dto::Range>, headers: &HeaderMap) -> Option<dto::Range> {
    range.filter(|_| headers.get(http::header::RANGE).is_none_or(|text| text.as_bytes() != b"bytes=-"))
}

/// Which bytes are asked for.
pub fn byte_range(range: Option<dto::Range>, part: Option<i32>) -> S3Result<Option<ByteRange>> {
    match (range, part) {
        (Some(_), Some(_)) => {
            Err(s3_error!(InvalidRequest, "Cannot specify both Range header and partNumber query parameter"))
        }
        (None, Some(number)) => Ok(Some(ByteRange::Part(part_number(number)?))),
        (Some(dto::Range::Int { first, last: Some(last) }), None) => Ok(Some(ByteRange::FromTo(first, last))),
        (Some(dto::Range::Int { first, last: None }), None) => Ok(Some(ByteRange::From(first))),
        (Some(dto::Range::Suffix { length }), None) => Ok(Some(ByteRange::Suffix(length))),
        (None, None) => Ok(None),
    }
}

/// A storage class.
pub fn storage_class(name: Option<&str>) -> S3Result<Option<StorageClass>> {
    let Some(name) = name else { return Ok(None) };
    let class = StorageClass::from_name(name);
    class.map(Some).ok_or_else(|| {
        s3_error!(InvalidStorageClass, "The storage class you specified is not valid")
            .detail("StorageClassRequested", name)
    })
}

/// How answers name a storage class: not at all for the ordinary one.
pub fn told_class(class: StorageClass) -> Option<dto::StorageClass> {
    (class != StorageClass::Standard).then(|| dto::StorageClass::from_static(class.name()))
}

/// Tags of a header.
pub fn tags(header: Option<&str>) -> S3Result<Tags> {
    let header = header.unwrap_or_default();
    let pairs = parse_tagging(header);
    let mut keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    let readable = query::is_encoded(header) && percent_encoding::percent_decode_str(header).decode_utf8().is_ok();
    if !readable || keys.windows(2).any(|pair| pair[0] == pair[1]) {
        let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.";
        return Err(invalid_argument(message, "x-amz-tagging", header));
    }
    // Other words than those for a document of tags.
    if let Some((key, _)) = pairs.iter().find(|(key, _)| key.to_ascii_lowercase().starts_with("aws:")) {
        let message = "Your TagKey cannot be prefixed with aws:";
        return Err(of_engine(&arqueta_engine::Error::InvalidTag { message, key: Some(key.clone()), value: None }));
    }
    Tags::of_object(pairs).map_err(|e| of_engine(&e))
}

/// The version that the answer to a write names: none while versioning is suspended.
pub fn written_version(version: Option<VersionId>) -> Option<String> {
    version.filter(|version| !version.is_null()).map(|version| version.to_string())
}

/// User metadata, what s3s did not see with it.
pub fn metadata(metadata: Option<dto::Metadata>, extensions: &http::Extensions) -> UserMetadata {
    UserMetadata(metadata.into_iter().flatten().chain(Wide::metadata(extensions)).collect())
}

/// `Content-Encoding` as stored: aws-chunked was the transport's.
pub fn content_encoding(header: Option<String>) -> Option<String> {
    let header = header?;
    let kept: Vec<&str> =
        header.split(',').map(str::trim).filter(|c| !c.is_empty() && !c.eq_ignore_ascii_case("aws-chunked")).collect();
    (!kept.is_empty()).then(|| kept.join(", "))
}

/// Content headers of any s3s input that has them, and of those that its request's extensions hold.
macro_rules! content_headers {
    ($input:expr, $extensions:expr) => {{
        use http::header::*;
        let wide = |name: &HeaderName| $crate::wide::Wide::text($extensions, name);
        let encoding = $input.content_encoding.take().or_else(|| wide(&CONTENT_ENCODING));
        arqueta_engine::api::ContentHeaders {
            content_type: $input.content_type.take().map(Into::into).or_else(|| wide(&CONTENT_TYPE)),
            content_encoding: $crate::ops::fields::content_encoding(encoding),
            content_disposition: $input.content_disposition.take().or_else(|| wide(&CONTENT_DISPOSITION)),
            content_language: $input.content_language.take().or_else(|| wide(&CONTENT_LANGUAGE)),
            cache_control: $input.cache_control.take().or_else(|| wide(&CACHE_CONTROL)),
            expires: $input.expires.take().or_else(|| wide(&EXPIRES)),
            website_redirect: $input.website_redirect_location.take(),
        }
    }};
}
pub(crate) use content_headers;

/// Checks what a redirect may be.
pub fn redirect(headers: &ContentHeaders) -> S3Result<()> {
    match headers.website_redirect.as_deref() {
        Some(to) if !(to.starts_with('/') || to.starts_with("http://") || to.starts_with("https://")) => {
            let message = "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.";
            Err(Answer::new("InvalidRedirectLocation", StatusCode::BAD_REQUEST, message).into_error())
        }
        _ => Ok(()),
    }
}

/// Retention asked for by the two headers of a write.
pub fn retention(mode: Option<&str>, until: Option<&dto::Timestamp>) -> S3Result<Option<Retention>> {
    match (mode, until) {
        (None, None) => Ok(None),
        (Some(mode), Some(until)) => Ok(Some(Retention { mode: retention_mode(mode)?, until: from_dto(until) })),
        _ => Err(s3_error!(
            InvalidArgument,
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
        )),
    }
}

/// A retention mode.
pub fn retention_mode(mode: &str) -> S3Result<RetentionMode> {
    match mode {
        dto::ObjectLockMode::GOVERNANCE => Ok(RetentionMode::Governance),
        dto::ObjectLockMode::COMPLIANCE => Ok(RetentionMode::Compliance),
        _ => Err(invalid_argument("Unknown wormMode directive.", "x-amz-object-lock-mode", mode)),
    }
}

/// The name of a retention mode.
pub fn mode_name(mode: RetentionMode) -> &'static str {
    match mode {
        RetentionMode::Governance => dto::ObjectLockMode::GOVERNANCE,
        RetentionMode::Compliance => dto::ObjectLockMode::COMPLIANCE,
    }
}

/// A legal hold.
pub fn legal_hold(status: Option<&str>) -> S3Result<Option<LegalHold>> {
    match status {
        None => Ok(None),
        Some("ON") => Ok(Some(LegalHold::On)),
        Some("OFF") => Ok(Some(LegalHold::Off)),
        Some(other) => {
            Err(invalid_argument("Legal Hold must be either of 'ON' or 'OFF'", "x-amz-object-lock-legal-hold", other))
        }
    }
}

/// The name of a legal hold.
pub fn hold_name(hold: LegalHold) -> &'static str {
    match hold {
        LegalHold::On => "ON",
        LegalHold::Off => "OFF",
    }
}

/// The name of a replication state.
pub fn replication(state: ReplicationState) -> dto::ReplicationStatus {
    dto::ReplicationStatus::from_static(match state {
        ReplicationState::Pending => "PENDING",
        ReplicationState::Completed => "COMPLETED",
        ReplicationState::Failed => "FAILED",
        ReplicationState::Replica => "REPLICA",
    })
}

/// An entity tag as s3s carries it.
pub fn etag(value: &str) -> dto::ETag {
    dto::ETag::Strong(value.to_owned())
}

/// The owner of something. Its id is a canonical user id: 64 hexadecimal digits that stand for
/// the account in access control lists and nowhere else.
pub fn owner(account: &AccountId) -> dto::Owner {
    dto::Owner { display_name: None, id: Some(canonical_id(account)) }
}

/// See [`owner`].
pub fn canonical_id(account: &AccountId) -> String {
    account.canonical_user_id()
}

/// A body for the engine.
pub fn body(blob: Option<dto::StreamingBlob>) -> Body {
    match blob {
        Some(blob) => blob.map(|chunk| chunk.map_err(body_error)).boxed(),
        None => futures::stream::empty().boxed(),
    }
}

/// What s3s, the edge or hyper say of a body, in the engine's words.
pub fn body_error(failure: StdError) -> BodyError {
    if let Some(upload) = failure.downcast_ref::<UploadStreamError>() {
        match upload {
            UploadStreamError::Sha256Mismatch => return BodyError::Digest,
            UploadStreamError::LengthMismatch => return BodyError::TooLarge,
            UploadStreamError::Incomplete => return BodyError::Incomplete,
            UploadStreamError::Underlying(_) => {}
        }
    }
    if let Some(chunked) = failure.downcast_ref::<AwsChunkedStreamError>() {
        match chunked {
            AwsChunkedStreamError::SignatureMismatch => return BodyError::Signature,
            AwsChunkedStreamError::Incomplete
            | AwsChunkedStreamError::FormatError
            | AwsChunkedStreamError::LengthMismatch => return BodyError::Incomplete,
            AwsChunkedStreamError::ChunkDataTooLarge(..) => return BodyError::TooLarge,
            _ => {}
        }
    }
    if failure.is::<BodySizeLimitExceeded>() {
        return BodyError::TooLarge;
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*failure);
    while let Some(error) = cause {
        if let Some(Refused(fault)) = error.downcast_ref::<Refused>() {
            return if *fault == BodyFault::Idle { BodyError::Idle } else { BodyError::Digest };
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return BodyError::Incomplete;
        }
        cause = error.source();
    }
    BodyError::Other(failure)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_transport_coding_is_not_stored() {
        let kept = |text: &str| content_encoding(Some(text.to_owned()));
        assert_eq!(kept("aws-chunked"), None);
        assert_eq!(kept("gzip,aws-chunked").as_deref(), Some("gzip"));
        assert_eq!(kept("AWS-Chunked, gzip , br").as_deref(), Some("gzip, br"));
        assert_eq!(content_encoding(None), None);
    }

    #[test]
    fn lists_of_entity_tags() {
        let one = |text: &str| etags(&dto::ETagCondition::parse_http_header(text.as_bytes()).unwrap());
        assert!(matches!(one("*"), EtagCondition::Any));
        for text in ["\"a\"", "a", "W/\"a\""] {
            assert_eq!(one(text), EtagCondition::OneOf(vec!["a".into()]), "{text}");
        }
        assert_eq!(one("\"a\", \"b\",W/\"c\""), EtagCondition::OneOf(vec!["a".into(), "b".into(), "c".into()]));
    }

    #[test]
    fn a_presigned_url_states_conditions_as_parameters() {
        let stated = |uri: &'static str| {
            let mut condition = None;
            presigned(&mut condition, "if-match", &Uri::from_static(uri));
            condition.map(|condition| etags(&condition))
        };
        let a = Some(EtagCondition::OneOf(vec!["a".into()]));
        assert_eq!(stated("/b/k?If-Match=%22a%22&X-Amz-Signature=0"), a);
        assert_eq!(stated("/b/k?if-match=a&X-Amz-Signature=0"), a);
        assert_eq!(stated("/b/k?if-match=*&X-Amz-Signature=0"), Some(EtagCondition::Any));
        assert_eq!(stated("/b/k?if-match=%22a%22"), None, "only where the parameter is signed");
        assert_eq!(stated("/b/k?X-Amz-Signature=0"), None);
    }

    #[test]
    fn what_a_part_is_wanted_of() {
        let of = |text: &'static str| {
            let value = http::HeaderValue::from_static(text);
            if_range(&[(http::header::IF_RANGE, value)].into_iter().collect())
        };
        assert_eq!(if_range(&HeaderMap::new()), None);
        assert_eq!(of("\"a\""), Some(IfRange::Etag("a".into())));
        let date = arqueta_model::Timestamp::from_millis(784_111_777_000);
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(IfRange::LastModified(date)));
        for other in ["W/\"a\"", "a", "", "yesterday"] {
            assert_eq!(of(other), Some(IfRange::Never), "{other}");
        }
    }

    #[test]
    fn tags_of_a_header_are_told_once() {
        assert_eq!(tags(Some("a=1&b=")).unwrap().pairs().len(), 2);
        for bad in ["a=1&a=2", "a=%FF", "a%20b=1&a+b=2"] {
            assert_eq!(tags(Some(bad)).unwrap_err().code().as_str(), "InvalidArgument", "{bad}");
        }
    }

    #[test]
    fn numbers_of_parts() {
        assert!((part_number(1).is_ok(), part_number(10_000).is_ok()) == (true, true));
        for bad in [0, -1, 10_001, i32::MAX] {
            assert!(part_number(bad).is_err(), "{bad}");
        }
        assert!(byte_range(Some(dto::Range::Suffix { length: 1 }), Some(1)).is_err());
    }

    #[test]
    fn retention_needs_both_headers() {
        let until = dto::Timestamp::default();
        assert!(retention(Some("GOVERNANCE"), Some(&until)).unwrap().is_some());
        for (mode, until) in [(Some("GOVERNANCE"), None), (None, Some(&until)), (Some("governance"), Some(&until))] {
            assert!(retention(mode, until).is_err());
        }
        assert!(legal_hold(Some("on")).is_err());
    }

    #[test]
    fn a_write_takes_only_the_conditions_that_s3_has() {
        let tag = dto::ETagCondition::ETag(dto::ETag::Strong("a".into()));
        let any = dto::ETagCondition::Any;
        assert!(write_conditions(Some(&tag), None).is_ok());
        assert!(write_conditions(None, Some(&any)).is_ok());
        assert!(write_conditions(None, Some(&tag)).is_err());
        assert!(write_conditions(Some(&any), None).is_err());
        assert!(write_conditions(Some(&tag), Some(&any)).is_err());
    }
}
