//! Pages of listings.

use std::collections::HashMap;

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;

use super::seen::{Answer, order};
use super::{S3Bucket, refusal};
use crate::{Cursor, Entry, Error, Page};

impl S3Bucket {
    pub(super) async fn objects(&self, from: Option<&Cursor>) -> Result<Page, Error> {
        let call = self.client.list_objects_v2().bucket(&self.name).max_keys(self.page_size);
        // XML has no control characters, which keys may have.
        let call = call.encoding_type(EncodingType::Url).set_prefix(some(&self.prefix));
        let said = call.set_continuation_token(from.map(|from| from.token.clone())).send().await;
        let said = said.map_err(|error| refusal("ListObjectsV2", error))?;
        let is_encoded = said.encoding_type.is_some();
        let entries = said.contents.unwrap_or_default().into_iter().map(|object| Entry {
            key: decoded(object.key.unwrap_or_default(), is_encoded),
            version: None,
            is_marker: false,
            is_latest: true,
            size: unsigned(object.size),
            etag: bare(object.e_tag),
            modified: seconds(object.last_modified),
        });
        let next = said.next_continuation_token.filter(|_| said.is_truncated == Some(true));
        Ok(Page { entries: entries.collect(), next: next.map(|token| Cursor { token, version: None }) })
    }

    pub(super) async fn versions(&self, prefix: &str, from: Option<&Cursor>, most: i32) -> Result<Page, Error> {
        let answer = Answer::default();
        let call = self.client.list_object_versions().bucket(&self.name).max_keys(most);
        let call = call.encoding_type(EncodingType::Url).set_prefix(some(prefix));
        let call = call.set_key_marker(from.map(|from| from.token.clone()));
        let call = call.set_version_id_marker(from.and_then(|from| from.version.clone()));
        let said = call.customize().interceptor(answer.clone()).send().await;
        let said = said.map_err(|error| refusal("ListObjectVersions", error))?;
        let is_encoded = said.encoding_type.is_some();
        let versions = said.versions.unwrap_or_default().into_iter().map(|version| Entry {
            key: version.key.unwrap_or_default(),
            version: version.version_id,
            is_marker: false,
            is_latest: version.is_latest == Some(true),
            size: unsigned(version.size),
            etag: bare(version.e_tag),
            modified: seconds(version.last_modified),
        });
        let markers = said.delete_markers.unwrap_or_default().into_iter().map(|marker| Entry {
            key: marker.key.unwrap_or_default(),
            version: marker.version_id,
            is_marker: true,
            is_latest: marker.is_latest == Some(true),
            modified: seconds(marker.last_modified),
            ..Entry::default()
        });
        let mut entries: Vec<Entry> = versions.chain(markers).collect();
        put_in_order(&mut entries, &answer.body());
        for entry in &mut entries {
            entry.key = decoded(std::mem::take(&mut entry.key), is_encoded);
        }
        put_markers_among(&mut entries);
        let next = said.next_key_marker.filter(|_| said.is_truncated == Some(true));
        let version = said.next_version_id_marker;
        Ok(Page { entries, next: next.map(|token| Cursor { token: decoded(token, is_encoded), version }) })
    }
}

/// The SDK keeps versions and delete markers apart, and dates have whole seconds: how they follow each other
/// stands in the answer alone.
fn put_in_order(entries: &mut [Entry], answer: &str) {
    let order = order(answer);
    let places: HashMap<(&str, &str), usize> =
        order.iter().enumerate().map(|(at, (key, version))| ((key.as_str(), version.as_str()), at)).collect();
    entries.sort_by_cached_key(|entry| {
        let version = entry.version.as_deref().unwrap_or_default();
        places.get(&(entry.key.as_str(), version)).copied().unwrap_or(usize::MAX)
    });
}

/// Some endpoints list the delete markers of a page behind all its versions, as moto does. How those of one key
/// follow each other then only their dates tell.
fn put_markers_among(entries: &mut [Entry]) {
    if entries.is_sorted_by(|one, next| one.key <= next.key) {
        return;
    }
    entries.sort_by(|one, next| {
        let newest_first = next.is_latest.cmp(&one.is_latest).then(next.modified.cmp(&one.modified));
        one.key.cmp(&next.key).then(newest_first)
    });
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// As `encoding-type=url` writes keys: a space is a plus.
fn decoded(text: String, is_encoded: bool) -> String {
    if !is_encoded || !text.contains(['%', '+']) {
        return text;
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map_or(text, |decoded| decoded.into_owned())
}

pub(super) fn bare(etag: Option<String>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

pub(super) fn seconds(time: Option<DateTime>) -> i64 {
    time.map_or(0, |time| time.secs())
}

pub(super) fn unsigned(number: Option<i64>) -> u64 {
    number.and_then(|number| number.try_into().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_where_the_answer_says_that_they_are_encoded() {
        assert_eq!(decoded("a%20b+c%2B%C3%BC%01".into(), true), "a b c+ü\u{1}");
        assert_eq!(decoded("a%20b+c".into(), false), "a%20b+c");
        // What is no UTF-8 stays as it came rather than become another key.
        assert_eq!(decoded("a%ff".into(), true), "a%ff");
    }

    #[test]
    fn versions_and_markers_of_one_second_stand_as_the_answer_has_them() {
        let entry = |key: &str, version: &str, is_marker| Entry {
            key: key.into(),
            version: Some(version.into()),
            is_marker,
            modified: 7,
            ..Entry::default()
        };
        let answer = "<ListVersionsResult><DeleteMarker><Key>a&amp;b</Key><VersionId>3</VersionId></DeleteMarker>\
            <Version><Key>a&amp;b</Key><VersionId>2</VersionId><Owner><ID>x</ID></Owner></Version>\
            <DeleteMarker><Key>a&amp;b</Key><VersionId>1</VersionId></DeleteMarker>\
            <Version><Key>b</Key><VersionId>null</VersionId></Version></ListVersionsResult>";
        let mut entries =
            vec![entry("a&b", "2", false), entry("b", "null", false), entry("a&b", "3", true), entry("a&b", "1", true)];
        put_in_order(&mut entries, answer);
        let versions: Vec<_> = entries.iter().map(|entry| entry.version.as_deref().unwrap_or_default()).collect();
        assert_eq!(versions, ["3", "2", "1", "null"]);
    }

    #[test]
    fn markers_behind_all_versions_come_to_their_keys() {
        let entry = |key: &str, modified, is_marker, is_latest| Entry {
            key: key.into(),
            is_marker,
            is_latest,
            modified,
            ..Entry::default()
        };
        let (old, new) = (entry("a", 1, false, false), entry("a", 3, false, true));
        let (marker, other) = (entry("a", 2, true, false), entry("b", 1, false, true));
        let mut entries = vec![new.clone(), old.clone(), other.clone(), marker.clone()];
        put_markers_among(&mut entries);
        assert_eq!(entries, [new, marker, old, other]);
        // An answer whose keys are in order is left as it is, whatever its dates say.
        let mut entries = vec![entry("a", 1, true, false), entry("a", 2, false, false)];
        let before = entries.clone();
        put_markers_among(&mut entries);
        assert_eq!(entries, before);
    }
}
