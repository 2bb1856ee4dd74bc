//! `requestParameters` and `responseElements` of S3 events: what names the call's object and what
//! was asked of it, and nothing that is secret.

use http::{HeaderMap, HeaderName, Uri, header::HOST};
use serde_json::{Map, Value};

use crate::query;

/// Headers that say what is asked, in order. A list of what is shown, not of what is hidden: customer keys,
/// tokens and signatures stand in headers too.
const SHOWN: &[&str] = &[
    "if-match",
    "if-none-match",
    "range",
    "x-amz-acl",
    "x-amz-bucket-object-lock-enabled",
    "x-amz-bypass-governance-retention",
    "x-amz-copy-source",
    "x-amz-copy-source-range",
    "x-amz-expected-bucket-owner",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-object-attributes",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-tagging-directive",
    "x-arqueta-replica",
    "x-arqueta-replica-last-modified",
    "x-arqueta-replica-owner",
    "x-arqueta-replica-version-id",
];

/// Headers of an answer that say what was done.
const ANSWERED: &[&str] = &[
    "x-amz-abort-date",
    "x-amz-copy-source-version-id",
    "x-amz-delete-marker",
    "x-amz-expiration",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-version-id",
    "x-arqueta-replica",
];

/// Most parameters of a query that are shown, and the longest name or value of one, in characters:
/// somebody without credentials may send many, and long ones.
const PAIRS: usize = 32;
const LENGTH: usize = 1024;

/// The parameters of a request: bucket, key, host, query parameters and [`SHOWN`] headers.
#[must_use]
pub fn of(bucket: Option<&str>, key: Option<&str>, headers: &HeaderMap, uri: &Uri) -> Map<String, Value> {
    let mut parameters = Map::new();
    // Those of a presigned URL: its signature, credential and token are among them.
    let shown = |name: &str| !name.to_ascii_lowercase().starts_with("x-amz-") && name != "x-id";
    let cut = |text: &str| text.chars().take(LENGTH).collect::<String>();
    for (name, value) in query::pairs(uri).filter(|(name, _)| shown(name)).take(PAIRS) {
        parameters.insert(cut(&name), cut(&value).into());
    }
    // A request has fewer headers than there are on the list.
    for name in headers.keys().map(HeaderName::as_str).filter(|name| SHOWN.binary_search(name).is_ok()) {
        parameters.extend(text(headers, name).map(|value| (name.to_owned(), value.into())));
    }
    let host = text(headers, HOST.as_str()).or_else(|| uri.authority().map(http::uri::Authority::as_str));
    for (name, value) in [("bucketName", bucket), ("key", key), ("Host", host)] {
        parameters.extend(value.map(|value| (name.to_owned(), value.into())));
    }
    parameters
}

/// Only what a request is about: nobody here knows what the rest of it means.
#[must_use]
pub fn named(bucket: Option<&str>, key: Option<&str>) -> Map<String, Value> {
    let named = [("bucketName", bucket), ("key", key)];
    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
}

/// The elements of the answer to a call that changed an object; `null` where there are none.
#[must_use]
pub fn of_answer(headers: &HeaderMap) -> Value {
    let shown = ANSWERED.iter().filter_map(|name| Some(((*name).to_owned(), Value::from(text(headers, name)?))));
    let elements: Map<_, _> = shown.collect();
    if elements.is_empty() { Value::Null } else { Value::Object(elements) }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn secrets_of_a_request_are_not_among_its_parameters() {
        let uri = Uri::from_static(
            "/b/k?versionId=v&policy&X-Amz-Signature=SECRET&X-Amz-Security-Token=SECRET&x-amz-credential=SECRET",
        );
        let headers: HeaderMap = [
            ("authorization", "SECRET"),
            ("x-amz-security-token", "SECRET"),
            ("x-amz-server-side-encryption-customer-key", "SECRET"),
            ("x-amz-server-side-encryption-customer-key-md5", "SECRET"),
            ("x-amz-copy-source-server-side-encryption-customer-key", "SECRET"),
            ("x-amz-meta-note", "SECRET"),
            ("cookie", "SECRET"),
            ("host", "h"),
            ("x-amz-storage-class", "STANDARD"),
        ]
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .into_iter()
        .collect();
        let parameters = Value::Object(of(Some("b"), Some("k"), &headers, &uri));
        assert!(!parameters.to_string().contains("SECRET"), "{parameters}");
        let wanted = serde_json::json!({
            "bucketName": "b", "key": "k", "Host": "h", "versionId": "v", "policy": "", "x-amz-storage-class": "STANDARD"
        });
        assert_eq!(parameters, wanted);
    }

    #[test]
    fn every_header_on_the_list_is_shown_and_its_first_value_alone() {
        assert!(SHOWN.is_sorted());
        let mut headers = HeaderMap::new();
        for name in SHOWN {
            headers.append(*name, HeaderValue::from_static("first"));
            headers.append(*name, HeaderValue::from_static("second"));
        }
        let parameters = of(None, None, &headers, &Uri::from_static("/?range=of-the-query"));
        assert_eq!(parameters.len(), SHOWN.len());
        assert!(parameters.values().all(|value| value == "first"), "{parameters:?}");
    }

    #[test]
    fn an_answer_without_elements_is_null() {
        assert_eq!(of_answer(&HeaderMap::new()), Value::Null);
    }
}
