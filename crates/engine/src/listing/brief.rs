//! The few fields of an object record that a listing shows. The rest (keys, places, headers, user
//! metadata) is skipped over, not built.

use arqueta_model::{AccountId, ObjectKey, Timestamp, VersionId};
use serde::Deserialize;

use crate::Error;
use crate::api::{Checksum, ListedObject, StorageClass};
use crate::record::{FORMAT, ObjectRecord, Record, total};

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
    pub(super) checksums: Vec<Checksum>,
    pub(super) storage_class: StorageClass,
}

#[derive(Deserialize)]
struct Stored<'a> {
    version: VersionId,
    sequence: u64,
    last_modified: Timestamp,
    owner: AccountId,
    #[serde(borrow)]
    content: Option<StoredContent<'a>>,
}

#[derive(Deserialize)]
struct StoredContent<'a> {
    #[serde(borrow)]
    manifest: &'a serde_bytes::Bytes,
    #[serde(default)]
    storage_class: StorageClass,
}

#[derive(Deserialize)]
struct StoredManifest {
    parts: Vec<StoredPart>,
    etag: String,
    checksums: Vec<Checksum>,
}

#[derive(Deserialize)]
struct StoredPart {
    size: u64,
}

impl Brief {
    /// From a stored [`ObjectRecord`].
    ///
    /// # Errors
    /// [`Error::UnknownFormat`], [`Error::Damaged`].
    pub(super) fn decode(record: &[u8]) -> Result<Self, Error> {
        let stored: Stored<'_> = fields(record)?;
        let content = stored.content.map(|content| {
            let manifest: StoredManifest = fields(content.manifest)?;
            Ok::<_, Error>(BriefContent {
                size: total(manifest.parts.iter().map(|part| part.size))
                    .ok_or(Error::Damaged { what: ObjectRecord::NAME })?,
                etag: manifest.etag,
                checksums: manifest.checksums,
                storage_class: content.storage_class,
            })
        });
        Ok(Self {
            version: stored.version,
            sequence: stored.sequence,
            last_modified: stored.last_modified,
            owner: stored.owner,
            content: content.transpose()?,
        })
    }
}

fn fields<'a, T: Deserialize<'a>>(record: &'a [u8]) -> Result<T, Error> {
    let damaged = Error::Damaged { what: ObjectRecord::NAME };
    match record.split_first() {
        Some((&FORMAT, body)) => rmp_serde::from_slice(body).map_err(|_| damaged),
        Some((&version, _)) => Err(Error::UnknownFormat { version }),
        None => Err(damaged),
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
            checksum: content.checksums.first().map(|checksum| (checksum.value.algorithm(), checksum.kind)),
        })
    }
}
