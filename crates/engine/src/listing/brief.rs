//! The few fields of an object record that a listing shows. The rest (keys, places, headers, user
//! metadata) is skipped over, not built.

use arqueta_model::{AccountId, ObjectKey, Timestamp, VersionId};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Error;
use crate::api::{Checksum, ChecksumAlgorithm, ChecksumType, ListedObject, StorageClass};
use crate::record::{Manifest, ObjectRecord, Record, fields, total};

/// What a listing tells of a version.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Brief {
    pub(super) version: VersionId,
    pub(super) sequence: u64,
    pub(super) last_modified: Timestamp,
    pub(super) owner: AccountId,
    /// `None` for a delete marker.
    pub(super) content: Option<BriefContent>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct BriefContent {
    pub(super) size: u64,
    pub(super) etag: String,
    /// Of its first checksum.
    pub(super) checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    pub(super) storage_class: StorageClass,
}

/// [`ObjectRecord`], field by field in its order.
#[derive(Deserialize)]
struct Stored<'a> {
    version: VersionId,
    sequence: u64,
    last_modified: Timestamp,
    #[serde(borrow)]
    owner: &'a str,
    #[serde(borrow)]
    content: Option<StoredContent<'a>>,
    #[serde(default, rename = "null_sequence")]
    _null_sequence: IgnoredAny,
    #[serde(default, rename = "replication")]
    _replication: IgnoredAny,
}

/// [`Content`](crate::record::Content), field by field in its order.
#[derive(Deserialize)]
struct StoredContent<'a> {
    #[serde(rename = "id")]
    _id: IgnoredAny,
    #[serde(borrow)]
    manifest: &'a serde_bytes::Bytes,
    #[serde(rename = "tag")]
    _tag: IgnoredAny,
    #[serde(rename = "keys")]
    _keys: IgnoredAny,
    #[serde(rename = "places")]
    _places: IgnoredAny,
    #[serde(default, rename = "tags")]
    _tags: IgnoredAny,
    #[serde(default, rename = "retention")]
    _retention: IgnoredAny,
    #[serde(default, rename = "legal_hold")]
    _legal_hold: IgnoredAny,
    #[serde(default)]
    storage_class: StorageClass,
}

/// [`Manifest`], field by field in its order.
#[derive(Deserialize)]
struct StoredManifest<'a> {
    parts: Vec<StoredPart>,
    #[serde(rename = "multipart")]
    _multipart: IgnoredAny,
    #[serde(borrow)]
    etag: &'a str,
    checksums: Vec<Checksum>,
    #[serde(rename = "headers")]
    _headers: IgnoredAny,
    #[serde(rename = "metadata")]
    _metadata: IgnoredAny,
}

/// [`ManifestPart`](crate::record::ManifestPart), field by field in its order.
#[derive(Deserialize)]
struct StoredPart {
    #[serde(rename = "number")]
    _number: IgnoredAny,
    #[serde(rename = "id")]
    _id: IgnoredAny,
    size: u64,
    #[serde(rename = "checksums")]
    _checksums: IgnoredAny,
}

impl Brief {
    /// From a stored [`ObjectRecord`].
    ///
    /// # Errors
    /// [`Error::UnknownFormat`], [`Error::Damaged`].
    pub(super) fn decode(record: &[u8]) -> Result<Self, Error> {
        let stored: Stored<'_> = fields(record, ObjectRecord::NAME)?;
        let damaged = || Error::Damaged { what: ObjectRecord::NAME };
        let content = stored.content.map(|content| {
            let manifest: StoredManifest<'_> = fields(content.manifest, Manifest::NAME)?;
            Ok::<_, Error>(BriefContent {
                size: total(manifest.parts.iter().map(|part| part.size)).ok_or_else(damaged)?,
                etag: manifest.etag.to_owned(),
                checksum: manifest.checksums.first().map(|checksum| (checksum.value.algorithm(), checksum.kind)),
                storage_class: content.storage_class,
            })
        });
        Ok(Self {
            version: stored.version,
            sequence: stored.sequence,
            last_modified: stored.last_modified,
            owner: stored.owner.parse().map_err(|_| damaged())?,
            content: content.transpose()?,
        })
    }
}

impl Brief {
    /// As an entry of a listing; `None` for a delete marker.
    pub(super) fn object(self, key: ObjectKey) -> Option<ListedObject> {
        let content = self.content?;
        Some(ListedObject {
            key,
            etag: content.etag,
            size: content.size,
            last_modified: self.last_modified,
            owner: self.owner,
            storage_class: content.storage_class,
            checksum: content.checksum,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::record::testing::{named, whole_object};

    /// The fields here and those of the record must not drift apart.
    #[test]
    fn a_brief_tells_what_the_record_says_in_both_formats() {
        let record = whole_object();
        let (content, manifest) =
            (record.content.as_ref().unwrap(), record.content.as_ref().unwrap().manifest().unwrap());
        for stored in [record.encode().to_vec(), named(&record)] {
            let brief = Brief::decode(&stored).unwrap();
            let checksum = manifest.checksums.first().map(|checksum| (checksum.value.algorithm(), checksum.kind));
            let told = BriefContent {
                size: manifest.size(),
                etag: manifest.etag.clone(),
                checksum,
                storage_class: content.storage_class,
            };
            assert_eq!(
                brief,
                Brief {
                    version: record.version,
                    sequence: record.sequence,
                    last_modified: record.last_modified,
                    owner: record.owner.clone(),
                    content: Some(told),
                }
            );
            for end in 0..stored.len() {
                assert!(Brief::decode(&stored[..end]).is_err(), "cut at {end}");
            }
        }
    }
}
