//! Headers as S3 reads them, where s3s reads them more narrowly. Done once the signature was
//! verified: a signed header cannot be changed before.

use arqueta_model::Timestamp;
use http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, RANGE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};
use s3s::dto;

use crate::query;
use crate::time_text::from_dto;
use crate::wide;

/// Values that are names, which S3 compares without case.
const NAMES: [&str; 4] =
    ["x-amz-checksum-mode", "x-amz-checksum-type", "x-amz-checksum-algorithm", "x-amz-sdk-checksum-algorithm"];

/// Conditions that a presigned query may carry instead of headers.
const CONDITIONS: [HeaderName; 4] = [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];

/// Gives a request the headers that S3 takes it to have. `presigned` if its query was signed.
pub fn tidy(parts: &mut Parts, presigned: bool, now: Timestamp) {
    if presigned {
        lower(parts);
    }
    drop_empty(parts);
    join_metadata(&mut parts.headers);
    wide::set_aside(&mut parts.headers, &mut parts.extensions);
    for name in NAMES {
        if let Some(value) = parts.headers.get(name).and_then(|value| value.to_str().ok()) {
            let upper = value.to_ascii_uppercase();
            replace(&mut parts.headers, HeaderName::from_static(name), &upper);
        }
    }
    let copy = parts.headers.contains_key("x-amz-copy-source");
    let read = matches!(parts.method, Method::GET | Method::HEAD);
    if read {
        drop_useless(&mut parts.headers, now);
    }
    if copy {
        // Shown for copies by a record of AWS itself: re:Post, "Aws copy-object api copies data even if
        // x-amz-copy-source-if-modified-since is false", where the day after and ten days later copy, too.
        for name in ["x-amz-copy-source-if-modified-since", "x-amz-copy-source-if-unmodified-since"] {
            if is_useless_date(&parts.headers, name, now) {
                parts.headers.remove(name);
            }
        }
    }
    quote_tags(&mut parts.headers);
}

/// Headers that stand in a presigned query, where SDKs put them so that the holder of the URL need
/// not know of them. The signature covers them there. Checksums stay out: they are of the body that
/// was there when the URL was made, which is none.
fn lower(parts: &mut Parts) {
    const OF_THE_SIGNATURE: [&str; 7] = [
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-signedheaders",
        "x-amz-security-token",
        "x-amz-content-sha256",
    ];
    let moved = |name: &str| {
        let amz = name.starts_with("x-amz-") && !name.starts_with("x-amz-checksum-") && !name.starts_with("x-amz-sdk-");
        (amz && !OF_THE_SIGNATURE.contains(&name))
            || CONDITIONS.iter().any(|condition| condition == name)
            || name == "content-type"
            || name == "content-md5"
    };
    let uri = parts.uri.clone();
    for (name, value) in query::pairs(&uri) {
        let name = name.to_ascii_lowercase();
        let Ok(header) = HeaderName::try_from(&name) else { continue };
        if moved(&name) && !parts.headers.contains_key(&header) {
            replace(&mut parts.headers, header, &value);
        }
    }
}

/// Takes out numbers without a digit: S3 takes them to be missing.
fn drop_empty(parts: &mut Parts) {
    const NUMBERS: [&str; 5] = ["max-buckets", "max-keys", "max-parts", "max-uploads", "part-number-marker"];
    let is_useless = |pair: &&str| {
        let (name, value) = pair.split_once('=').unwrap_or((*pair, ""));
        value.is_empty() && NUMBERS.contains(&name)
    };
    let Some(query) = parts.uri.query() else { return };
    if !query.split('&').any(|pair| is_useless(&pair)) {
        return;
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_useless(pair)).collect();
    let mut uri = parts.uri.clone().into_parts();
    let (path, query) = (parts.uri.path(), kept.join("&"));
    let text = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    uri.path_and_query = text.parse().ok();
    if let Ok(without) = Uri::from_parts(uri) {
        parts.uri = without;
    }
}

fn replace(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Metadata of one name that stands twice is one value (S3 User Guide, "Working with object
/// metadata").
fn join_metadata(headers: &mut HeaderMap) {
    let doubled: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-amz-meta-") && headers.get_all(*name).iter().nth(1).is_some())
        .cloned()
        .collect();
    for name in doubled {
        let values: Vec<&[u8]> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(joined) = HeaderValue::from_bytes(&values.join(&b","[..])) {
            headers.insert(name, joined);
        }
    }
}

/// Headers of a read that S3 ignores: those that are malformed, and dates in the future.
fn drop_useless(headers: &mut HeaderMap, now: Timestamp) {
    let mut ranges = headers.get_all(RANGE).iter();
    let is_range = |text: &str| text != "bytes=-" && dto::Range::parse(text).is_ok();
    let range = ranges.next().map(|value| is_range(value.to_str().unwrap_or_default()));
    if range.is_some_and(|good| !good || ranges.next().is_some()) {
        headers.remove(RANGE);
    }
    for name in [IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
        if is_useless_date(headers, name.as_str(), now) {
            headers.remove(name);
        }
    }
}

fn is_useless_date(headers: &HeaderMap, name: &str, now: Timestamp) -> bool {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return false };
    let date = dto::Timestamp::parse(dto::TimestampFormat::HttpDate, value.to_str().unwrap_or_default());
    values.next().is_some() || date.map_or(true, |date| from_dto(&date) > now)
}

/// Entity tags that lack a quote, or have none and other characters than letters and digits.
fn quote_tags(headers: &mut HeaderMap) {
    let names = [
        IF_MATCH,
        IF_NONE_MATCH,
        HeaderName::from_static("x-amz-copy-source-if-match"),
        HeaderName::from_static("x-amz-copy-source-if-none-match"),
    ];
    for name in names {
        let mut values = headers.get_all(&name).iter();
        let Some(text) = values.next().and_then(|value| value.to_str().ok()) else { continue };
        let alone = values.next().is_none() && !text.is_empty();
        if alone && dto::ETagCondition::parse_http_header(text.as_bytes()).is_err() {
            let quoted = format!("\"{}\"", text.trim_matches('"'));
            replace(headers, name, &quoted);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tidied(method: &str, uri: &str, presigned: bool, pairs: &[(&str, &str)]) -> HeaderMap {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        // 2026-11-21T20:00:00Z
        tidy(&mut parts, presigned, Timestamp::from_millis(1_795_291_200_000));
        parts.headers
    }

    #[test]
    fn a_read_loses_what_s3_ignores() {
        for (name, value, kept) in [
            ("range", "bytes=5-2", false),
            ("range", "bytes=0-1,3-4", false),
            ("range", "items=0-1", false),
            ("range", "bytes=", false),
            ("range", "bytes=-", false),
            ("range", "bytes=0-1", true),
            ("range", "bytes=-5", true),
            ("if-modified-since", "yesterday", false),
            ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("if-modified-since", "Sun, 06 Nov 2044 08:49:37 GMT", false),
            ("if-unmodified-since", "Sun, 06 Nov 2044 08:49:37 GMT", false),
        ] {
            assert_eq!(tidied("GET", "/b/k", false, &[(name, value)]).contains_key(name), kept, "{name}: {value}");
            assert!(tidied("PUT", "/b/k", false, &[(name, value)]).contains_key(name), "PUT {name}: {value}");
        }
        let copy =
            [("x-amz-copy-source", "/b/k"), ("x-amz-copy-source-if-modified-since", "Sun, 06 Nov 2044 08:49:37 GMT")];
        assert_eq!(tidied("PUT", "/b/c", false, &copy).len(), 1);
    }

    #[test]
    fn names_are_compared_without_case_and_metadata_is_joined() {
        let headers = tidied(
            "PUT",
            "/b/k",
            false,
            &[("x-amz-checksum-mode", "enabled"), ("x-amz-meta-a", "one"), ("x-amz-meta-a", "two")],
        );
        assert_eq!(headers["x-amz-checksum-mode"], "ENABLED");
        assert_eq!(headers["x-amz-meta-a"], "one,two");
        assert_eq!(headers.get_all("x-amz-meta-a").iter().count(), 1);
    }

    #[test]
    fn a_presigned_query_carries_headers() {
        let uri = "/b/k?x-amz-acl=private&If-None-Match=%2A&X-Amz-Server-Side-Encryption=aws:kms\
                   &X-Amz-Date=20261121T200000Z&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-meta-a=query";
        let headers = tidied("PUT", uri, true, &[("x-amz-meta-a", "header")]);
        assert_eq!(headers["x-amz-acl"], "private");
        assert_eq!(headers["x-amz-server-side-encryption"], "aws:kms");
        assert_eq!(headers["if-none-match"], "*");
        assert_eq!(headers["x-amz-meta-a"], "header");
        assert_eq!(headers.len(), 4);
        assert!(tidied("PUT", uri, false, &[]).is_empty(), "nobody signed it");
    }

    #[test]
    fn numbers_without_a_digit_are_missing() {
        for (uri, want) in [
            ("/b?max-keys=&list-type=2", "/b?list-type=2"),
            ("/b?uploads&max-uploads=", "/b?uploads"),
            ("/b?max-keys", "/b"),
            ("http://h:9000/b?versions&max-keys=", "http://h:9000/b?versions"),
            ("/b?max-keys=0&prefix=", "/b?max-keys=0&prefix="),
            ("/b/k?partNumber=", "/b/k?partNumber="),
        ] {
            let mut parts = http::Request::get(uri).body(()).unwrap().into_parts().0;
            tidy(&mut parts, false, Timestamp::from_millis(0));
            assert_eq!(parts.uri.to_string(), want, "{uri}");
        }
    }

    #[test]
    fn entity_tags_get_their_quotes() {
        for (sent, want) in [("\"a b", "\"a b\""), ("a\"", "\"a\""), ("a b", "\"a b\""), ("\"a\"", "\"a\""), ("*", "*")]
        {
            for method in ["GET", "PUT", "DELETE"] {
                assert_eq!(tidied(method, "/b/k", false, &[("if-match", sent)])["if-match"], want, "{method} {sent}");
            }
        }
    }
}
