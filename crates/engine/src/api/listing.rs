use arqueta_model::{AccountId, BucketName, ObjectKey, Timestamp, VersionId};

use super::{ChecksumAlgorithm, ChecksumType, StorageClass};

/// Lists current objects in key order (both versions of the S3 API).
#[derive(Debug, Clone)]
pub struct ListObjects {
    /// Bucket.
    pub bucket: BucketName,
    /// Keys must begin with this; may be empty.
    pub prefix: String,
    /// Groups keys that share what lies between the prefix and its first occurrence.
    pub delimiter: Option<String>,
    /// Continues after this key or common prefix (marker, start-after, continuation).
    pub after: Option<String>,
    /// Most keys and common prefixes together, 0 to 1,000.
    pub limit: usize,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key.
    pub key: ObjectKey,
    /// Entity tag, unquoted.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
    /// When it was written.
    pub last_modified: Timestamp,
    /// The account that owns it.
    pub owner: AccountId,
    /// Storage class.
    pub storage_class: StorageClass,
    /// Algorithm and type of its checksum.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
}

/// A page of objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListedObjects {
    /// Objects, in key order.
    pub objects: Vec<ListedObject>,
    /// Common prefixes, in order.
    pub prefixes: Vec<String>,
    /// Continue after this key or common prefix; `None` at the end.
    pub next: Option<String>,
}

/// Lists all versions and delete markers, newest first within a key.
#[derive(Debug, Clone)]
pub struct ListObjectVersions {
    /// Bucket.
    pub bucket: BucketName,
    /// As in [`ListObjects`].
    pub prefix: String,
    /// As in [`ListObjects`].
    pub delimiter: Option<String>,
    /// Continues after this key, or within it if a version is given, too.
    pub key_marker: Option<String>,
    /// Continues after this version of the key marker.
    pub version_marker: Option<VersionId>,
    /// Most versions and common prefixes together, 0 to 1,000.
    pub limit: usize,
}

/// One version of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// Its key.
    pub key: ObjectKey,
    /// Its version.
    pub version: VersionId,
    /// Whether it is the current one.
    pub latest: bool,
    /// When it was written.
    pub last_modified: Timestamp,
    /// The account that owns it.
    pub owner: AccountId,
    /// The object; `None` for a delete marker.
    pub object: Option<ListedObject>,
}

/// A page of versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListedVersions {
    /// Versions, in order.
    pub versions: Vec<ListedVersion>,
    /// Common prefixes, in order.
    pub prefixes: Vec<String>,
    /// Continue after this key (or common prefix) and version; `None` at the end.
    pub next: Option<(String, Option<VersionId>)>,
}
