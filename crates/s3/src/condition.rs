//! Condition keys of S3 requests (Service Authorization Reference, "Condition keys for Amazon
//! S3"). The global `aws:` keys come with the request's [`RequestInfo`].

use arqueta_iam::ConditionKeys;
use arqueta_model::{Region, Timestamp};
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;

use crate::exchange::Exchange;
use crate::query;
use crate::signing::Signing;

/// Headers whose values are condition keys of their own.
const HEADERS: [(&str, &str); 18] = [
    ("x-amz-acl", "s3:x-amz-acl"),
    ("x-amz-content-sha256", "s3:x-amz-content-sha256"),
    ("x-amz-copy-source", "s3:x-amz-copy-source"),
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
];

/// Query parameters whose values are condition keys.
const PARAMETERS: [(&str, &str); 4] = [
    ("prefix", "s3:prefix"),
    ("delimiter", "s3:delimiter"),
    ("max-keys", "s3:max-keys"),
    ("versionId", "s3:VersionId"),
];

/// The keys of one request.
#[must_use]
pub fn keys<'a>(
    exchange: &'a Exchange,
    region: &'a Region,
    headers: &HeaderMap,
    uri: &Uri,
    signing: Signing,
) -> ConditionKeys<'a> {
    let mut keys = ConditionKeys::of_request(exchange.info(), region);
    for (name, key) in HEADERS {
        // An empty header is none to s3s, so it must not pass for one that a policy demands.
        if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty()) {
            keys.insert(key, value);
        }
    }
    for (name, value) in query::pairs(uri) {
        if let Some((_, key)) = PARAMETERS.iter().find(|(parameter, _)| *parameter == name) {
            keys.insert(key, value);
        }
    }
    if let Some(version) = exchange.tls() {
        keys.insert("s3:TlsVersion", version);
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

fn add_signing(keys: &mut ConditionKeys<'_>, now: Timestamp, headers: &HeaderMap, uri: &Uri, signing: Signing) {
    let date = match signing {
        Signing::None => return,
        Signing::Header => {
            keys.insert("s3:authType", "REST-HEADER");
            headers.get("x-amz-date").and_then(|value| value.to_str().ok()).map(str::to_owned)
        }
        Signing::Query => {
            keys.insert("s3:authType", "REST-QUERY-STRING");
            query::value(uri, "X-Amz-Date")
        }
        Signing::Form | Signing::FormV2 => {
            keys.insert("s3:authType", "POST");
            None
        }
    };
    let version = if signing == Signing::FormV2 { "AWS" } else { "AWS4-HMAC-SHA256" };
    keys.insert("s3:signatureversion", version);
    if let Some(signed) = date.as_deref().and_then(amz_date) {
        keys.insert("s3:signatureAge", now.since(signed).as_millis().to_string());
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
