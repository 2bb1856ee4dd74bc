//! Condition keys of S3 requests (Service Authorization Reference, "Condition keys for Amazon
//! S3"). The global `aws:` keys come with the request's [`RequestInfo`].

use arqueta_call::S3;
use arqueta_iam::ConditionKeys;
use arqueta_model::{Region, Timestamp, VersionId};
use http::{HeaderMap, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use s3s::{S3Result, s3_error};

use crate::copy_source;
use crate::error;
use crate::exchange::Exchange;
use crate::query;
use crate::refusal::Detail as _;
use crate::signing::Signing;

/// Headers whose values are condition keys of their own.
const HEADERS: [(&str, &str); 19] = [
    ("x-amz-acl", "s3:x-amz-acl"),
    ("x-amz-bucket-namespace", "s3:x-amz-bucket-namespace"),
    ("x-amz-content-sha256", "s3:x-amz-content-sha256"),
    ("x-amz-grant-full-control", "s3:x-amz-grant-full-control"),
    ("x-amz-grant-read", "s3:x-amz-grant-read"),
    ("x-amz-grant-read-acp", "s3:x-amz-grant-read-acp"),
    ("x-amz-grant-write", "s3:x-amz-grant-write"),
    ("x-amz-grant-write-acp", "s3:x-amz-grant-write-acp"),
    ("x-amz-metadata-directive", "s3:x-amz-metadata-directive"),
    ("x-amz-object-ownership", "s3:x-amz-object-ownership"),
    ("x-amz-server-side-encryption", "s3:x-amz-server-side-encryption"),
    ("x-amz-server-side-encryption-aws-kms-key-id", "s3:x-amz-server-side-encryption-aws-kms-key-id"),
    ("x-amz-server-side-encryption-customer-algorithm", "s3:x-amz-server-side-encryption-customer-algorithm"),
    ("x-amz-storage-class", "s3:x-amz-storage-class"),
    ("x-amz-website-redirect-location", "s3:x-amz-website-redirect-location"),
    ("x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold"),
    ("if-match", "s3:if-match"),
    ("if-none-match", "s3:if-none-match"),
    ("referer", "aws:referer"),
];

/// The header whose value is one that is compared as it is understood.
const COPY_SOURCE: &str = "x-amz-copy-source";

/// Query parameters whose values are condition keys.
const PARAMETERS: [(&str, &str); 4] = [
    ("prefix", "s3:prefix"),
    ("delimiter", "s3:delimiter"),
    ("max-keys", "s3:max-keys"),
    ("versionId", "s3:versionid"),
];

/// Longest value of a header that policies compare: what S3 takes for all headers together.
const HEADER: usize = 8 * 1024;
/// Longest value of a parameter that policies compare: that of an object's key.
const PARAMETER: usize = 1024;
/// Most tags of an object.
const TAGS: usize = 10;
/// Most tags of a bucket.
const BUCKET_TAGS: usize = 50;

/// Refuses what no request needs and policies would have to be held against: anyone can send it
/// before anyone knows who he is.
///
/// # Errors
/// `KeyTooLongError`, `InvalidArgument`, `RequestHeaderSectionTooLarge`, and `BadRequest` for more
/// tags than an object can have.
pub fn bounded(headers: &HeaderMap, uri: &Uri) -> S3Result<()> {
    for (name, value) in query::pairs(uri) {
        let compared = PARAMETERS.iter().any(|(parameter, _)| *parameter == name);
        if compared && value.len() > PARAMETER {
            return Err(match &*name {
                "prefix" => s3_error!(KeyTooLongError, "Your key is too long")
                    .detail("Size", value.len().to_string())
                    .detail("MaxSizeAllowed", PARAMETER.to_string()),
                name => {
                    error::invalid_argument("The argument is too long.", name, &value[..value.floor_char_boundary(64)])
                }
            });
        }
    }
    let names = HEADERS.iter().map(|(name, _)| *name).chain([COPY_SOURCE]);
    let lengths = names.filter_map(|name| headers.get(name)).map(|value| value.len());
    let tagging = headers.get("x-amz-tagging");
    if lengths.chain(tagging.map(|value| value.len())).any(|length| length > HEADER) {
        return Err(error::too_large_headers(HEADER));
    }
    let pairs = |value: &HeaderValue| value.as_bytes().split(|b| *b == b'&').filter(|pair| !pair.is_empty()).count();
    few_tags(tagging.map_or(0, pairs))
}

/// Whether an object can have so many tags.
///
/// # Errors
/// `BadRequest`.
pub fn few_tags(count: usize) -> S3Result<()> {
    if count <= TAGS {
        return Ok(());
    }
    Err(error::of_engine(&arqueta_engine::Error::TooManyTags { message: "Object tags cannot be greater than 10" }))
}

/// Whether a bucket can have so many tags.
///
/// # Errors
/// `BadRequest`.
pub fn few_bucket_tags(count: usize) -> S3Result<()> {
    if count <= BUCKET_TAGS {
        return Ok(());
    }
    Err(error::of_engine(&arqueta_engine::Error::TooManyTags { message: "Bucket tag count cannot be greater than 50" }))
}

/// The keys of one request.
#[must_use]
pub fn keys<'a>(
    exchange: &'a Exchange,
    region: &'a Region,
    headers: &'a HeaderMap,
    uri: &'a Uri,
    signing: Signing,
) -> ConditionKeys<'a> {
    let mut keys = ConditionKeys::of_request(exchange.info(), region);
    for (name, key) in HEADERS {
        // An empty header is none to s3s, so it must not pass for one that a policy demands.
        if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty()) {
            keys.set(key, value);
        }
    }
    if let Some(source) = headers.get(COPY_SOURCE).and_then(|value| value.to_str().ok()).filter(|it| !it.is_empty()) {
        keys.set("s3:x-amz-copy-source", copy_source::compared(source));
    }
    for (name, value) in query::pairs(uri) {
        if let Some((_, key)) = PARAMETERS.iter().find(|(parameter, _)| *parameter == name) {
            keys.set(key, value);
        }
    }
    if let Some(version) = exchange.tls() {
        keys.set("s3:tlsversion", version);
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(tags) = text("x-amz-tagging") {
        add_pairs(&mut keys, request_tags(&parse_tagging(tags)));
    }
    let until = text("x-amz-object-lock-retain-until-date").and_then(iso_date);
    add_pairs(&mut keys, retention(text("x-amz-object-lock-mode"), until, exchange.info().received));
    add_signing(&mut keys, exchange.info().received, headers, uri, signing);
    keys
}

/// Adds `s3:ObjectCreationOperation`, which tells the calls that make an object from those that
/// prepare one (S3 User Guide, "Enforce conditional writes on Amazon S3 buckets"): the condition on
/// what is there comes with the former alone. Only PutObject, the permission, has the key.
pub fn of_operation(keys: &mut ConditionKeys<'_>, operation: S3) {
    let creates = match operation {
        S3::PutObject | S3::CopyObject | S3::PostObject | S3::CompleteMultipartUpload => "true",
        S3::CreateMultipartUpload | S3::UploadPart | S3::UploadPartCopy => "false",
        _ => return,
    };
    keys.set_for("s3:PutObject", "s3:objectcreationoperation", creates);
}

/// The keys of a decision about what a copy reads: the version is that of the source, and never the
/// one that the request's own URL may name.
#[must_use]
pub fn of_source<'a>(keys: &ConditionKeys<'a>, version: Option<VersionId>) -> ConditionKeys<'a> {
    let mut keys = keys.clone();
    keys.remove("s3:versionid");
    if let Some(version) = version {
        keys.set("s3:versionid", version.to_string());
    }
    keys
}

fn add_signing(keys: &mut ConditionKeys<'_>, now: Timestamp, headers: &HeaderMap, uri: &Uri, signing: Signing) {
    let date = match signing {
        Signing::None => return,
        Signing::Header => {
            keys.set("s3:authtype", "REST-HEADER");
            headers.get("x-amz-date").and_then(|value| value.to_str().ok()).map(str::to_owned)
        }
        Signing::Query => {
            keys.set("s3:authtype", "REST-QUERY-STRING");
            query::value(uri, "X-Amz-Date")
        }
        Signing::QueryV2 => {
            keys.set("s3:authtype", "REST-QUERY-STRING");
            None
        }
        Signing::Form | Signing::FormV2 => {
            keys.set("s3:authtype", "POST");
            None
        }
    };
    // A form and Version 2 tell nobody when they were signed: as old as can be, for whoever denies what is.
    if matches!(signing, Signing::QueryV2 | Signing::Form | Signing::FormV2) {
        keys.set("s3:signatureage", i64::MAX.to_string());
    }
    let version = if signing.is_version_2() { "AWS" } else { "AWS4-HMAC-SHA256" };
    keys.set("s3:signatureversion", version);
    if let Some(signed) = date.as_deref().and_then(amz_date) {
        keys.set("s3:signatureage", now.since(signed).as_millis().to_string());
    }
}

/// `20261121T200000Z`.
fn amz_date(text: &str) -> Option<Timestamp> {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let date = time::PrimitiveDateTime::parse(text, &format).ok()?.assume_utc();
    Some(Timestamp::from_millis(date.unix_timestamp() * 1000))
}

fn iso_date(text: &str) -> Option<Timestamp> {
    let date = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    Some(Timestamp::from_millis(i64::try_from(date.unix_timestamp_nanos() / 1_000_000).ok()?))
}

fn add_pairs(keys: &mut ConditionKeys<'_>, pairs: impl IntoIterator<Item = (String, String)>) {
    for (key, value) in pairs {
        keys.insert(&key, value);
    }
}

/// The keys of the tags that a request sets.
#[must_use]
pub fn request_tags(pairs: &[(String, String)]) -> Vec<(String, String)> {
    let tags = pairs.iter().map(|(key, value)| (format!("s3:RequestObjectTag/{key}"), value.clone()));
    tags.chain(pairs.iter().map(|(key, _)| ("s3:RequestObjectTagKeys".to_owned(), key.clone()))).collect()
}

/// The keys of the retention that a request sets. A day that has begun is a day that remains, so
/// that who asks for ten days is not told that he asked for nine.
#[must_use]
pub fn retention(mode: Option<&str>, until: Option<Timestamp>, now: Timestamp) -> Vec<(String, String)> {
    const DAY: u128 = 24 * 60 * 60 * 1000;
    let mode = mode.filter(|mode| !mode.is_empty()).map(|mode| ("s3:object-lock-mode", mode.to_owned()));
    let date = until.map(|until| ("s3:object-lock-retain-until-date", until.rfc3339()));
    let days = until.map(|until| until.since(now).as_millis().div_ceil(DAY).to_string());
    let days = days.map(|days| ("s3:object-lock-remaining-retention-days", days));
    [mode, date, days].into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The pairs of an `x-amz-tagging` header: a URL query.
#[must_use]
pub fn parse_tagging(header: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    header
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_signatures() {
        assert_eq!(amz_date("19700101T000001Z"), Some(Timestamp::from_millis(1000)));
        for bad in ["", "1970-01-01T00:00:01Z", "19700101T000001", "19701301T000001Z"] {
            assert_eq!(amz_date(bad), None, "{bad}");
        }
    }

    fn code(name: &'static str, value: &str, uri: &str) -> Option<String> {
        let headers =
            HeaderMap::from_iter([(http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())]);
        bounded(&headers, &uri.parse().unwrap()).err().map(|error| error.code().as_str().to_owned())
    }

    #[test]
    fn what_no_request_needs_is_refused_before_policies_see_it() {
        let tags = |n: usize| (0..n).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join("&");
        assert_eq!(code("x-amz-tagging", &tags(10), "/b/k"), None);
        assert_eq!(code("x-amz-tagging", &tags(11), "/b/k").as_deref(), Some("BadRequest"));
        assert_eq!(code("x-amz-tagging", &tags(28_000), "/b/k").as_deref(), Some("RequestHeaderSectionTooLarge"));
        assert_eq!(code("referer", &"a".repeat(8192), "/b"), None);
        for name in ["referer", "x-amz-acl", "if-match", "x-amz-copy-source"] {
            assert_eq!(code(name, &"a".repeat(8193), "/b").as_deref(), Some("RequestHeaderSectionTooLarge"), "{name}");
        }
        let uri = |name: &str, length: usize| format!("/b?{name}={}", "a".repeat(length));
        for (name, said) in
            [("prefix", "KeyTooLongError"), ("delimiter", "InvalidArgument"), ("versionId", "InvalidArgument")]
        {
            assert_eq!(code("x-amz-acl", "private", &uri(name, 1024)), None, "{name}");
            assert_eq!(code("x-amz-acl", "private", &uri(name, 1025)).as_deref(), Some(said), "{name}");
        }
        assert_eq!(code("x-amz-acl", "private", &uri("other", 5000)), None);
    }

    #[test]
    fn tags_of_a_header_are_decoded() {
        let pairs = parse_tagging("a=b+c&%2Fd=%C3%A9&e&&f=");
        let want = [("a", "b c"), ("/d", "é"), ("e", ""), ("f", "")];
        assert_eq!(pairs, want.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn retention_is_told_in_days_that_have_begun() {
        let (now, day) = (Timestamp::from_millis(86_400_000), 86_400_000);
        for (until, days) in [(2 * day, "1"), (2 * day + 1, "2"), (3 * day - 1, "2"), (day, "0"), (0, "0")] {
            let told = retention(Some("GOVERNANCE"), Some(Timestamp::from_millis(until)), now);
            assert_eq!(told[2], ("s3:object-lock-remaining-retention-days".to_owned(), days.to_owned()), "{until}");
        }
        assert_eq!(retention(None, None, now), []);
        assert_eq!(iso_date("1970-01-02T00:00:00.000Z"), Some(now));
        assert_eq!(iso_date("tomorrow"), None);
    }
}
