//! The few fields of an object record that a listing shows. The rest (keys, places, headers, user
//! metadata) is stepped over ([`Walk`]) in records by place, and visited, not built, in those by name.

use arqueta_model::{AccountId, ObjectKey, Timestamp, VersionId};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::walk::Walk;
use crate::Error;
use crate::api::{Checksum, ChecksumAlgorithm, ChecksumType, ListedObject, StorageClass};
use crate::record::{FORMAT, Manifest, ObjectRecord, Record, fields, total};

/// What a listing tells of a version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Brief {
    pub(crate) version: VersionId,
    pub(crate) sequence: u64,
    pub(crate) last_modified: Timestamp,
    pub(crate) owner: AccountId,
    /// `None` for a delete marker.
    pub(crate) content: Option<BriefContent>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BriefContent {
    pub(crate) size: u64,
    pub(crate) etag: String,
    /// Of its first checksum.
    pub(crate) checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    pub(crate) storage_class: StorageClass,
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
    pub(crate) fn decode(record: &[u8]) -> Result<Self, Error> {
        match record.split_first() {
            Some((&FORMAT, body)) => Self::placed(body),
            _ => Self::named(record),
        }
    }

    /// Of a record by place, without its format byte. Every field is walked over, so that one that is
    /// cut off is damage as it is to who reads it whole.
    fn placed(body: &[u8]) -> Result<Self, Error> {
        let damaged = || Error::Damaged { what: ObjectRecord::NAME };
        let mut at = Walk(body);
        let fields = at.array(5).ok_or_else(damaged)?;
        let version = at.value().ok_or_else(damaged)?;
        let sequence = at.number().ok_or_else(damaged)?;
        let last_modified = at.value().ok_or_else(damaged)?;
        let owner = at.text().and_then(|text| text.parse().ok()).ok_or_else(damaged)?;
        let content = match at.nothing() {
            true => None,
            false => Some(BriefContent::placed(&mut at)?),
        };
        at.skip(fields - 5).ok_or_else(damaged)?;
        Ok(Self { version, sequence, last_modified, owner, content })
    }

    fn named(record: &[u8]) -> Result<Self, Error> {
        let stored: Stored<'_> = fields(record, ObjectRecord::NAME)?;
        let damaged = || Error::Damaged { what: ObjectRecord::NAME };
        let content = stored.content.map(|content| {
            let manifest = fields_of(content.manifest)?;
            Ok::<_, Error>(BriefContent {
                size: total(manifest.parts.iter().map(|part| part.size)).ok_or_else(damaged)?,
                etag: manifest.etag.to_owned(),
                checksum: first_of(&manifest),
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

impl BriefContent {
    fn placed(at: &mut Walk<'_>) -> Result<Self, Error> {
        let damaged = || Error::Damaged { what: ObjectRecord::NAME };
        // Its id, manifest, tag, keys, places, tags, retention, legal hold and storage class.
        let fields = at.array(5).ok_or_else(damaged)?;
        at.skip(1).ok_or_else(damaged)?;
        let manifest = at.bytes().ok_or_else(damaged)?;
        at.skip(fields.min(8) - 2).ok_or_else(damaged)?;
        let storage_class = match fields > 8 {
            true => at.value().ok_or_else(damaged)?,
            false => StorageClass::default(),
        };
        at.skip(fields.saturating_sub(9)).ok_or_else(damaged)?;
        let (size, etag, checksum) = match manifest.split_first() {
            Some((&FORMAT, body)) => shown(Walk(body)).ok_or(Error::Damaged { what: Manifest::NAME })?,
            _ => {
                let manifest: StoredManifest<'_> = fields_of(manifest)?;
                let size = total(manifest.parts.iter().map(|part| part.size)).ok_or_else(damaged)?;
                (size, manifest.etag, first_of(&manifest))
            }
        };
        Ok(Self { size, etag: etag.to_owned(), checksum, storage_class })
    }
}

fn fields_of<'a>(manifest: &'a [u8]) -> Result<StoredManifest<'a>, Error> {
    fields(manifest, Manifest::NAME)
}

fn first_of(manifest: &StoredManifest<'_>) -> Option<(ChecksumAlgorithm, ChecksumType)> {
    manifest.checksums.first().map(|checksum| (checksum.value.algorithm(), checksum.kind))
}

/// Size, entity tag, and algorithm and type of the first checksum.
type Shown<'a> = (u64, &'a str, Option<(ChecksumAlgorithm, ChecksumType)>);

/// Of a manifest by place: its parts, whether it is of several, entity tag and checksums.
fn shown(mut at: Walk<'_>) -> Option<Shown<'_>> {
    let fields = at.array(4)?;
    let mut size = 0u64;
    for _ in 0..at.array(0)? {
        let fields = at.array(3)?;
        at.skip(2)?;
        size = size.checked_add(at.number()?)?;
        at.skip(fields - 3)?;
    }
    at.skip(1)?;
    let etag = at.text()?;
    let checksums = at.array(0)?;
    let mut checksum = None;
    if checksums > 0 {
        let fields = at.array(2)?;
        let of_value = at.array(1)?;
        let algorithm = at.value()?;
        at.skip(of_value - 1)?;
        checksum = Some((algorithm, at.value()?));
        at.skip(fields - 2)?;
        at.skip(checksums - 1)?;
    }
    at.skip(fields - 4)?;
    Some((size, etag, checksum))
}

impl Brief {
    /// As an entry of a listing; `None` for a delete marker.
    pub(crate) fn object(self, key: ObjectKey) -> Option<ListedObject> {
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
