//! Records of the metadata store and the manifest inside an object's record.
//!
//! A stored record is one format byte and then MessagePack: in format 2 the fields in their order, in
//! format 1 each with its name, which is read still. Names were half of a record, and every byte of
//! one is authenticated and skipped over by each listing. A field that is added goes to the end, with
//! a default, and with a new format byte, so that an earlier version says what it cannot read.

use std::collections::BTreeMap;
use std::fmt;

use arqueta_envelope::SealedKeys;
use arqueta_model::{
    AccountId, BlobId, BucketName, ObjectId, ObjectKey, PartId, Principal, Region, Timestamp, UploadId, VersionId,
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::Error;
use crate::api::{BlockedEncryption, LegalHold, ObjectLockConfiguration, Retention, StorageClass, Versioning};
pub use crate::api::{BucketDocument, ReplicationState};
use crate::api::{Checksum, ChecksumAlgorithm, ChecksumType, ContentHeaders, DefaultEncryption, Tags, UserMetadata};

/// The format byte of every record that this version writes: fields in their order.
pub const FORMAT: u8 = 2;
/// The format byte of records by field name.
pub const NAMED: u8 = 1;

/// A record of the store: its format byte, then MessagePack.
pub trait Record: Serialize + DeserializeOwned {
    /// What errors call it.
    const NAME: &'static str;

    /// Its stored form.
    #[must_use]
    fn encode(&self) -> Bytes {
        let mut out = vec![FORMAT];
        rmp_serde::encode::write(&mut out, self).expect("writing to memory cannot fail and all fields serialise");
        out.into()
    }

    /// From its stored form.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`], [`Error::Damaged`].
    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        fields(bytes, Self::NAME)
    }
}

/// What `T` asks of a stored record called `what`. Fields have their names in one format and their
/// places in the other, and `T` is read from either.
///
/// # Errors
/// As [`Record::decode`].
pub(crate) fn fields<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &'static str) -> Result<T, Error> {
    match bytes.split_first() {
        Some((&(FORMAT | NAMED), body)) => rmp_serde::from_slice(body).map_err(|_| Error::Damaged { what }),
        Some((&version, _)) => Err(Error::UnknownFormat { version }),
        None => Err(Error::Damaged { what }),
    }
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BucketRecord {
    /// Its name.
    pub name: BucketName,
    /// The account that owns it.
    pub owner: AccountId,
    /// When it was made.
    pub created: Timestamp,
    /// Where it was made.
    pub region: Region,
    /// Versioning.
    #[serde(default)]
    pub versioning: Versioning,
    /// Default encryption as set; `None` until someone sets it.
    #[serde(default)]
    pub encryption: Option<DefaultEncryption>,
    /// Kinds of encryption that writes may not use.
    #[serde(default)]
    pub blocked: Vec<BlockedEncryption>,
    /// Object lock; `None` where it is not enabled.
    #[serde(default)]
    pub object_lock: Option<ObjectLockConfiguration>,
    /// Tags of the bucket.
    #[serde(default)]
    pub tags: Option<Tags>,
    /// Configurations kept as text.
    #[serde(default)]
    pub documents: BTreeMap<BucketDocument, String>,
}

impl Record for BucketRecord {
    const NAME: &'static str = "bucket";
}

/// One version of an object: content, or a delete marker.
#[derive(Clone, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// Its version id; `null` for versions written while versioning is off or suspended.
    pub version: VersionId,
    /// Commit order among the versions of a key; milliseconds << 20 and a counter. The first eight
    /// bytes of a non-null version id are its sequence, so that an id is found with one read.
    pub sequence: u64,
    /// When it was written.
    pub last_modified: Timestamp,
    /// The account that owns it.
    pub owner: AccountId,
    /// Content; `None` for a delete marker.
    pub content: Option<Content>,
    /// In a current version: sequence of the noncurrent null version, if there may be one. It may
    /// point at a version that is gone; never does one exist that it does not point at.
    #[serde(default)]
    pub null_sequence: Option<u64>,
    /// Replication state.
    #[serde(default)]
    pub replication: Option<ReplicationState>,
}

impl Record for ObjectRecord {
    const NAME: &'static str = "object";
}

impl ObjectRecord {
    /// Whether this is a delete marker.
    #[must_use]
    pub fn is_delete_marker(&self) -> bool {
        self.content.is_none()
    }

    /// Whether a destination of replication is to have it and does not yet: lifecycle leaves it alone until then
    /// (S3 User Guide, "S3 Lifecycle and replication").
    pub(crate) fn is_owed(&self) -> bool {
        matches!(self.replication, Some(ReplicationState::Pending | ReplicationState::Failed))
    }
}

/// What an object version holds.
#[derive(Clone, Serialize, Deserialize)]
pub struct Content {
    /// Names the content in every sealed byte; never reused.
    pub id: ObjectId,
    /// [`Manifest`], exactly the bytes that `tag` authenticates.
    pub manifest: ByteBuf,
    /// HMAC over the manifest under the body key; absent where nothing is encrypted.
    pub tag: Option<ByteBuf>,
    /// The keys; `None` for an unencrypted object.
    pub keys: Option<SealedKeys>,
    /// Where each part of the manifest lies, in the same order.
    pub places: Vec<Place>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Retention.
    #[serde(default)]
    pub retention: Option<Retention>,
    /// Legal hold; `None` if never set.
    #[serde(default)]
    pub legal_hold: Option<LegalHold>,
    /// Storage class.
    #[serde(default)]
    pub storage_class: StorageClass,
}

impl Content {
    /// The manifest, decoded. Its authentication is the cipher's work.
    ///
    /// # Errors
    /// [`Error::Damaged`], also for sizes that no object can have together;
    /// [`Error::UnknownFormat`].
    pub fn manifest(&self) -> Result<Manifest, Error> {
        let manifest = Manifest::decode(&self.manifest)?;
        // An unencrypted object's record may have been edited; whoever walks its parts adds these.
        total(manifest.parts.iter().map(|part| part.size)).ok_or(Error::Damaged { what: Manifest::NAME })?;
        Ok(manifest)
    }
}

/// Sizes added up; `None` for more bytes than can be counted.
pub(crate) fn total(sizes: impl IntoIterator<Item = u64>) -> Option<u64> {
    sizes.into_iter().try_fold(0, u64::checked_add)
}

/// Where a sealed part lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Which blob.
    pub blob: Blob,
    /// Size as stored, in bytes.
    pub sealed_size: u64,
}

/// A body: inside the metadata or in the blob store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blob {
    /// Under `i/` in the metadata.
    Inline(BlobId),
    /// In the blob store.
    File(BlobId),
}

/// What never changes about an object's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Parts in order; a plain PUT has one.
    pub parts: Vec<ManifestPart>,
    /// Whether it was made by a multipart upload.
    pub multipart: bool,
    /// Entity tag, unquoted.
    pub etag: String,
    /// Checksums of the object.
    pub checksums: Vec<Checksum>,
    /// Content headers.
    pub headers: ContentHeaders,
    /// User metadata.
    pub metadata: UserMetadata,
}

impl Record for Manifest {
    const NAME: &'static str = "manifest";
}

impl Manifest {
    /// Size of the object in bytes of plaintext. Exact for what [`Content::manifest`] returns.
    #[must_use]
    pub fn size(&self) -> u64 {
        total(self.parts.iter().map(|part| part.size)).unwrap_or(u64::MAX)
    }
}

/// One part of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestPart {
    /// Its number, 1 to 10,000.
    pub number: u16,
    /// Names its sealed stream.
    pub id: PartId,
    /// Size in bytes of plaintext.
    pub size: u64,
    /// Checksums of the part, where it has its own.
    pub checksums: Vec<Checksum>,
}

/// A multipart upload under way.
#[derive(Clone, Serialize, Deserialize)]
pub struct UploadRecord {
    /// Its id.
    pub id: UploadId,
    /// Bucket of the object to be.
    pub bucket: BucketName,
    /// Key of the object to be.
    pub key: ObjectKey,
    /// Id of the content to be; all parts are sealed under it.
    pub object: ObjectId,
    /// Who started it.
    pub initiator: Principal,
    /// The account that will own the object.
    pub owner: AccountId,
    /// When.
    pub started: Timestamp,
    /// The keys; `None` for an unencrypted object.
    pub keys: Option<SealedKeys>,
    /// Content headers.
    pub headers: ContentHeaders,
    /// User metadata.
    pub metadata: UserMetadata,
    /// Tags.
    pub tags: Tags,
    /// Retention asked for.
    pub retention: Option<Retention>,
    /// Legal hold asked for.
    pub legal_hold: Option<LegalHold>,
    /// Storage class.
    pub storage_class: StorageClass,
    /// Checksum asked for, and how the whole object's value is made.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// Whether the key had an object when the upload was started.
    #[serde(default)]
    pub replaces: bool,
}

impl Record for UploadRecord {
    const NAME: &'static str = "multipart upload";
}

/// An uploaded part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Its number, 1 to 10,000.
    pub number: u16,
    /// Names its sealed stream.
    pub id: PartId,
    /// Size in bytes of plaintext.
    pub size: u64,
    /// Where it lies.
    pub place: Place,
    /// Entity tag of the part, unquoted.
    pub etag: String,
    /// Checksums of the part.
    pub checksums: Vec<Checksum>,
    /// When it was written.
    pub last_modified: Timestamp,
}

impl Record for PartRecord {
    const NAME: &'static str = "part";
}

impl fmt::Debug for ObjectRecord {
    /// Key material is wrapped, yet a log has no use for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectRecord")
            .field("version", &self.version)
            .field("sequence", &self.sequence)
            .field("content", &self.content.as_ref().map(|content| content.id))
            .finish_non_exhaustive()
    }
}

/// Records that tests read.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod testing {
    use super::*;

    pub(crate) fn marker() -> ObjectRecord {
        ObjectRecord {
            version: VersionId::random(),
            sequence: 7,
            last_modified: Timestamp::from_millis(1),
            owner: "111122223333".parse().unwrap(),
            content: None,
            null_sequence: Some(3),
            replication: None,
        }
    }

    pub(crate) fn named<T: Record>(record: &T) -> Vec<u8> {
        let mut bytes = vec![NAMED];
        rmp_serde::encode::write_named(&mut bytes, record).unwrap();
        bytes
    }

    pub(crate) fn whole_object() -> ObjectRecord {
        let manifest = Manifest {
            parts: vec![ManifestPart { number: 1, id: PartId::random(), size: 9, checksums: vec![] }],
            multipart: false,
            etag: "abc".to_owned(),
            checksums: vec![Checksum::full_object(
                crate::api::ChecksumValue::new(ChecksumAlgorithm::Crc32, &[1, 2, 3, 4]).unwrap(),
            )],
            headers: ContentHeaders { content_type: Some("text/plain".to_owned()), ..ContentHeaders::default() },
            metadata: UserMetadata([("a".to_owned(), "b".to_owned())].into()),
        };
        let content = Content {
            id: ObjectId::random(),
            manifest: ByteBuf::from(manifest.encode()),
            tag: Some(ByteBuf::from([5; 32])),
            keys: None,
            places: vec![Place { blob: Blob::Inline(BlobId::random()), sealed_size: 80 }],
            tags: Tags::default(),
            retention: Some(Retention {
                mode: crate::api::RetentionMode::Compliance,
                until: Timestamp::from_millis(7),
            }),
            legal_hold: Some(LegalHold::On),
            storage_class: StorageClass::StandardIa,
        };
        ObjectRecord { content: Some(content), ..marker() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::testing::{marker, named, whole_object};
    use super::*;

    #[test]
    fn records_round_trip() {
        let record = marker();
        let read = ObjectRecord::decode(&record.encode()).unwrap();
        assert_eq!((read.version, read.sequence, read.null_sequence), (record.version, 7, Some(3)));
        assert!(read.is_delete_marker());
    }

    #[test]
    fn records_by_name_are_read_as_those_by_place() {
        let record = whole_object();
        let places = record.encode();
        for stored in [places.to_vec(), named(&record)] {
            let read = ObjectRecord::decode(&stored).unwrap();
            assert_eq!(read.encode(), places, "every field came back");
        }
        let mut manifest = record.content.unwrap().manifest().unwrap();
        manifest.multipart = true;
        assert_eq!(Manifest::decode(&named(&manifest)).unwrap(), manifest);
        let upload = UploadRecord {
            id: UploadId::random(),
            bucket: "bucket".parse().unwrap(),
            key: "key".parse().unwrap(),
            object: ObjectId::random(),
            initiator: Principal {
                arn: arqueta_model::Arn::new("iam", "", "111122223333", "root"),
                account: "111122223333".parse().unwrap(),
                id: "111122223333".to_owned(),
                kind: arqueta_model::PrincipalKind::Root,
                access_key_id: "AKIA".to_owned(),
                session: None,
            },
            owner: "111122223333".parse().unwrap(),
            started: Timestamp::from_millis(3),
            keys: None,
            headers: ContentHeaders::default(),
            metadata: UserMetadata::default(),
            tags: Tags::default(),
            retention: None,
            legal_hold: None,
            storage_class: StorageClass::default(),
            checksum: Some((ChecksumAlgorithm::Crc32, ChecksumType::Composite)),
            replaces: true,
        };
        assert_eq!(UploadRecord::decode(&named(&upload)).unwrap().encode(), upload.encode());
    }

    #[test]
    fn names_are_not_stored() {
        let record = whole_object();
        let has = |stored: &[u8], name: &str| stored.windows(name.len()).any(|at| at == name.as_bytes());
        for name in ["sequence", "storage_class", "sealed_size", "etag"] {
            assert!(!has(&record.encode(), name), "{name}");
            assert!(has(&named(&record), name) || name == "etag", "{name}");
        }
    }

    #[test]
    fn sizes_that_no_object_has_together_are_damage() {
        let manifest = |sizes: &[u64]| {
            let part = |size: &u64| ManifestPart { number: 1, id: PartId::random(), size: *size, checksums: vec![] };
            Manifest {
                parts: sizes.iter().map(part).collect(),
                multipart: true,
                etag: String::new(),
                checksums: vec![],
                headers: ContentHeaders::default(),
                metadata: UserMetadata::default(),
            }
        };
        let content = |sizes: &[u64]| Content {
            id: ObjectId::random(),
            manifest: ByteBuf::from(manifest(sizes).encode()),
            tag: None,
            keys: None,
            places: vec![],
            tags: Tags::default(),
            retention: None,
            legal_hold: None,
            storage_class: StorageClass::default(),
        };
        assert_eq!(content(&[u64::MAX - 1, 1]).manifest().unwrap().size(), u64::MAX);
        for edited in [&[u64::MAX, 1][..], &[1, u64::MAX], &[1 << 63, 1 << 63, 5]] {
            let read = content(edited).manifest();
            assert!(matches!(read, Err(Error::Damaged { what: "manifest" })), "{edited:?}");
            assert_eq!(manifest(edited).size(), u64::MAX);
        }
    }

    #[test]
    fn an_unknown_format_is_named_and_not_guessed_at() {
        let mut bytes = marker().encode().to_vec();
        bytes[0] = 9;
        assert!(matches!(ObjectRecord::decode(&bytes), Err(Error::UnknownFormat { version: 9 })));
    }

    #[test]
    fn cut_records_are_damaged() {
        let bytes = marker().encode();
        for end in [0, 1, 2, bytes.len() / 2, bytes.len() - 1] {
            assert!(matches!(ObjectRecord::decode(&bytes[..end]), Err(Error::Damaged { what: "object" })), "{end}");
        }
    }
}
