//! The documents of ListObjects, ListObjectsV2 and ListObjectVersions, written as they are sent.
//!
//! A page has a thousand entries of eight elements. Through s3s's structures each would be a dozen
//! small allocations and two dozen events of an XML writer, and the finished document would be read
//! once more to put hidden characters back; and versions and delete markers would not stand in one
//! order, as S3 lists them.

use std::fmt::Write as _;

use arqueta_engine::api::{ListedObject, ListedVersion};
use arqueta_model::{AccountId, Timestamp};
use bytes::Bytes;

use crate::answer::DECLARATION;
use crate::text;

/// Room for an entry; most need no more.
const ENTRY: usize = 480;

/// A listing that is being written.
pub struct Document {
    out: String,
    root: &'static str,
    /// Whether keys and the like are URL-encoded.
    encoded: bool,
    /// The owner of the last entry and how he is written: most entries have one and the same.
    owner: Option<(AccountId, String)>,
    /// The day of the last entry since 1970 and how it is written: neighbours often have one and the same.
    day: Option<(i64, String)>,
}

impl Document {
    /// Begins a document of about so many entries.
    pub fn new(root: &'static str, encoded: bool, entries: usize) -> Self {
        let mut out = String::with_capacity(1024 + entries * ENTRY);
        out.push_str(DECLARATION);
        let _ = write!(out, "<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        Self { out, root, encoded, owner: None, day: None }
    }

    /// The whole document.
    pub fn finish(mut self) -> Bytes {
        let _ = write!(self.out, "</{}>", self.root);
        self.out.into()
    }

    /// An element that is never encoded.
    pub fn element(&mut self, name: &str, text: &str) {
        text::element(&mut self.out, name, text);
    }

    /// An element of what is written without escapes.
    pub fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        self.enclosed(name, |out| {
            let _ = write!(out, "{value}");
        });
    }

    /// As [`Document::plain`], of a word.
    fn word(&mut self, name: &str, word: &str) {
        self.enclosed(name, |out| out.push_str(word));
    }

    fn enclosed(&mut self, name: &str, write: impl FnOnce(&mut String)) {
        for part in ["<", name, ">"] {
            self.out.push_str(part);
        }
        write(&mut self.out);
        for part in ["</", name, ">"] {
            self.out.push_str(part);
        }
    }

    /// A key, prefix, delimiter or marker.
    pub fn named(&mut self, name: &str, text: &str) {
        match self.encoded {
            true => text::element(&mut self.out, name, &text::url_encoded(text)),
            false => text::element(&mut self.out, name, text),
        }
    }

    /// As [`Document::named`], where there is one.
    pub fn maybe(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.named(name, text);
        }
    }

    /// Common prefixes.
    pub fn prefixes(&mut self, prefixes: &[String]) {
        for prefix in prefixes {
            self.out.push_str("<CommonPrefixes>");
            self.named("Prefix", prefix);
            self.out.push_str("</CommonPrefixes>");
        }
    }

    /// An object, with its owner if that was asked for.
    pub fn object(&mut self, object: &ListedObject, owner: bool) {
        self.out.push_str("<Contents>");
        self.named("Key", object.key.as_str());
        self.time(object.last_modified);
        self.content(object);
        if owner {
            self.owner(&object.owner);
        }
        self.class(object);
        self.out.push_str("</Contents>");
    }

    /// A version or a delete marker.
    pub fn version(&mut self, listed: &ListedVersion) {
        let element = if listed.object.is_some() { "Version" } else { "DeleteMarker" };
        let _ = write!(self.out, "<{element}>");
        self.named("Key", listed.key.as_str());
        self.plain("VersionId", listed.version);
        self.plain("IsLatest", listed.latest);
        self.time(listed.last_modified);
        if let Some(object) = &listed.object {
            self.content(object);
        }
        self.owner(&listed.owner);
        if let Some(object) = &listed.object {
            self.class(object);
        }
        let _ = write!(self.out, "</{element}>");
    }

    fn content(&mut self, object: &ListedObject) {
        self.out.push_str("<ETag>&quot;");
        text::escape(&mut self.out, &object.etag);
        self.out.push_str("&quot;</ETag>");
        if let Some((algorithm, kind)) = object.checksum {
            self.word("ChecksumAlgorithm", algorithm.name());
            self.word("ChecksumType", kind.name());
        }
        self.plain("Size", object.size);
    }

    fn class(&mut self, object: &ListedObject) {
        self.word("StorageClass", object.storage_class.name());
    }

    fn owner(&mut self, account: &AccountId) {
        if self.owner.as_ref().is_none_or(|(known, _)| known != account) {
            let written = format!("<Owner><ID>{}</ID></Owner>", account.canonical_user_id());
            self.owner = Some((account.clone(), written));
        }
        if let Some((_, written)) = &self.owner {
            self.out.push_str(written);
        }
    }

    /// To the second, as S3 tells times of changes in documents as in `Last-Modified`.
    fn time(&mut self, time: Timestamp) {
        let seconds = time.millis().div_euclid(1000);
        let day = seconds.div_euclid(DAY);
        if self.day.as_ref().is_none_or(|(known, _)| *known != day) {
            let (year, month, date) = time.date_time().to_calendar_date();
            let month = u8::from(month);
            self.day = Some((day, format!("<LastModified>{year:04}-{month:02}-{date:02}T")));
        }
        if let Some((_, written)) = &self.day {
            self.out.push_str(written);
        }
        let of_day = seconds.rem_euclid(DAY);
        for (number, after) in [(of_day / 3600, ':'), (of_day / 60 % 60, ':'), (of_day % 60, '.')] {
            let digit = |number: i64| char::from_digit(u32::try_from(number).unwrap_or(0), 10).unwrap_or('0');
            self.out.extend([digit(number / 10), digit(number % 10), after]);
        }
        self.out.push_str("000Z</LastModified>");
    }
}

/// In seconds.
const DAY: i64 = 24 * 3600;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_engine::api::{ChecksumAlgorithm, ChecksumType, StorageClass};
    use arqueta_model::VersionId;

    use super::*;

    fn object(key: &str) -> ListedObject {
        ListedObject {
            key: key.parse().unwrap(),
            etag: "a\"b".to_owned(),
            size: 7,
            last_modified: Timestamp::from_millis(784_111_777_999),
            owner: "111122223333".parse().unwrap(),
            storage_class: StorageClass::Standard,
            checksum: Some((ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject)),
        }
    }

    fn written(encoded: bool, write: impl FnOnce(&mut Document)) -> String {
        let mut document = Document::new("Root", encoded, 1);
        write(&mut document);
        String::from_utf8(document.finish().to_vec()).unwrap()
    }

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                        <Root xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";

    #[test]
    fn an_object_is_written_as_s3_writes_it() {
        let rest = "<LastModified>1994-11-06T08:49:37.000Z</LastModified><ETag>&quot;a&quot;b&quot;</ETag>\
                    <ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>\
                    <Size>7</Size>";
        let class = "<StorageClass>STANDARD</StorageClass></Contents></Root>";
        let key = "<Contents><Key>a &amp;&lt;&#x1;b</Key>";
        assert_eq!(written(false, |it| it.object(&object("a &<\u{1}b"), false)), format!("{HEAD}{key}{rest}{class}"));
        let id = "111122223333".parse::<AccountId>().unwrap().canonical_user_id();
        let key = "<Contents><Key>a+%26%3C%01b/</Key>";
        let owner = format!("<Owner><ID>{id}</ID></Owner>");
        assert_eq!(
            written(true, |it| it.object(&object("a &<\u{1}b/"), true)),
            format!("{HEAD}{key}{rest}{owner}{class}")
        );
    }

    #[test]
    fn versions_and_delete_markers_stand_in_one_order() {
        let version = |object: Option<ListedObject>| ListedVersion {
            key: "k".parse().unwrap(),
            version: VersionId::Null,
            latest: object.is_none(),
            last_modified: Timestamp::from_millis(0),
            owner: "111122223333".parse().unwrap(),
            object,
        };
        let text = written(false, |it| {
            it.version(&version(None));
            it.version(&version(Some(object("k"))));
        });
        let parts: Vec<_> = text[HEAD.len()..].split("<Owner>").collect();
        let time = "<LastModified>1970-01-01T00:00:00.000Z</LastModified>";
        assert_eq!(
            parts[0],
            format!("<DeleteMarker><Key>k</Key><VersionId>null</VersionId><IsLatest>true</IsLatest>{time}")
        );
        assert!(parts[1].contains("</Owner></DeleteMarker><Version><Key>k</Key><VersionId>null</VersionId>"));
        assert!(parts[2].ends_with("</Owner><StorageClass>STANDARD</StorageClass></Version></Root>"));
    }

    #[test]
    fn owners_are_not_mixed_up() {
        let text = written(false, |it| {
            for account in ["111122223333", "444455556666", "111122223333"] {
                it.object(&ListedObject { owner: account.parse().unwrap(), ..object("k") }, true);
            }
        });
        let ids: Vec<_> = text.split("<ID>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
        let id = |account: &str| account.parse::<AccountId>().unwrap().canonical_user_id();
        assert_eq!(ids, [id("111122223333"), id("444455556666"), id("111122223333")]);
    }
}
