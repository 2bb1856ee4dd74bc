use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arqueta_envelope::CustomerKey;
use arqueta_model::{AccountId, BucketName, ObjectKey, Timestamp, VersionId};
use serde::{Deserialize, Serialize};

use super::{
    Body, ByteRange, Checksum, ChecksumAlgorithm, ChecksumRequest, Conditions, DeleteConditions, EncryptionInfo,
    EncryptionRequest, IfRange, LegalHold, ObjectStream, ReplicationState, Retention, Tags,
};

/// Headers that are stored with an object and returned with it, as given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContentHeaders {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`.
    pub content_encoding: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Expires`.
    pub expires: Option<String>,
    /// `x-amz-website-redirect-location`.
    #[serde(default)]
    pub website_redirect: Option<String>,
}

/// `x-amz-meta-*` by lower-case name without the prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserMetadata(pub BTreeMap<String, String>);

impl UserMetadata {
    /// Most bytes of names and values together (S3 User Guide, "User-defined object metadata").
    pub const MAX_BYTES: usize = 2048;

    /// Bytes of names and values together.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// Storage class. There is one kind of storage here; the class is a label that AWS tools filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StorageClass {
    /// `STANDARD`.
    #[default]
    Standard,
    /// `REDUCED_REDUNDANCY`.
    ReducedRedundancy,
    /// `STANDARD_IA`.
    StandardIa,
    /// `ONEZONE_IA`.
    OnezoneIa,
    /// `INTELLIGENT_TIERING`.
    IntelligentTiering,
    /// `GLACIER_IR`.
    GlacierIr,
}

impl StorageClass {
    /// Every class accepted.
    pub const ALL: [Self; 6] = [
        Self::Standard,
        Self::ReducedRedundancy,
        Self::StandardIa,
        Self::OnezoneIa,
        Self::IntelligentTiering,
        Self::GlacierIr,
    ];

    /// The name in the S3 API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::ReducedRedundancy => "REDUCED_REDUNDANCY",
            Self::StandardIa => "STANDARD_IA",
            Self::OnezoneIa => "ONEZONE_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::GlacierIr => "GLACIER_IR",
        }
    }

    /// The class of an API name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// Names an object or one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// The version; `None` for the current one.
    pub version: Option<VersionId>,
}

/// Puts an object.
pub struct PutObject {
    /// Bucket.
    pub bucket: BucketName,
    /// Key.
    pub key: ObjectKey,
    /// Content.
    pub body: Body,
    /// Length of the decoded content, where declared; a body of another length is refused.
    pub size: Option<u64>,
    /// `Content-MD5`.
    pub md5: Option<[u8; 16]>,
    /// Checksum.
    pub checksum: ChecksumRequest,
    /// Content headers.
    pub headers: ContentHeaders,
    /// User metadata.
    pub metadata: UserMetadata,
    /// Tags.
    pub tags: Tags,
    /// Storage class.
    pub storage_class: StorageClass,
    /// Encryption.
    pub encryption: EncryptionRequest,
    /// `If-Match` and `If-None-Match` against the current version.
    pub conditions: Conditions,
    /// Retention; `None` for the bucket's default.
    pub retention: Option<Retention>,
    /// Legal hold.
    pub legal_hold: Option<LegalHold>,
}

impl PutObject {
    /// A put of `body` with nothing else said.
    #[must_use]
    pub fn new(bucket: BucketName, key: ObjectKey, body: Body) -> Self {
        Self {
            bucket,
            key,
            body,
            size: None,
            md5: None,
            checksum: ChecksumRequest::Default,
            headers: ContentHeaders::default(),
            metadata: UserMetadata::default(),
            tags: Tags::default(),
            storage_class: StorageClass::default(),
            encryption: EncryptionRequest::default(),
            conditions: Conditions::default(),
            retention: None,
            legal_hold: None,
        }
    }
}

impl fmt::Debug for PutObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutObject").field("bucket", &self.bucket).field("key", &self.key).finish_non_exhaustive()
    }
}

/// An object that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Entity tag, unquoted.
    pub etag: String,
    /// Its version, if the bucket's versioning is enabled or suspended.
    pub version: Option<VersionId>,
    /// Size in bytes.
    pub size: u64,
    /// When it was written.
    pub last_modified: Timestamp,
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// How it is encrypted; `None` for not at all.
    pub encryption: Option<EncryptionInfo>,
}

/// Reads an object or its head.
#[derive(Debug, Clone)]
pub struct GetObject {
    /// Which.
    pub name: ObjectName,
    /// Which bytes; `None` for all.
    pub range: Option<ByteRange>,
    /// Of which object a range is wanted; of any other all is sent.
    pub if_range: Option<IfRange>,
    /// Conditions.
    pub conditions: Conditions,
    /// The customer's key for an SSE-C object.
    pub customer_key: Option<Arc<CustomerKey>>,
}

impl GetObject {
    /// All of the object.
    #[must_use]
    pub fn new(name: ObjectName) -> Self {
        Self { name, range: None, if_range: None, conditions: Conditions::default(), customer_key: None }
    }
}

/// What is known of a stored object.
#[derive(Debug, Clone)]
pub struct ObjectInfo {
    /// Its version; `null` also where versioning was never enabled.
    pub version: VersionId,
    /// Entity tag, unquoted.
    pub etag: String,
    /// Size of the whole object in bytes.
    pub size: u64,
    /// The bytes selected by the request's range, if it had one.
    pub range: Option<Range<u64>>,
    /// When it was written.
    pub last_modified: Timestamp,
    /// The account that owns it.
    pub owner: AccountId,
    /// Content headers.
    pub headers: ContentHeaders,
    /// User metadata.
    pub metadata: UserMetadata,
    /// Its checksum; for a request by part number that of the part.
    pub checksum: Option<Checksum>,
    /// How it is encrypted; `None` for not at all.
    pub encryption: Option<EncryptionInfo>,
    /// Number of parts, if it was made by a multipart upload.
    pub parts: Option<u16>,
    /// Number of tags.
    pub tags: usize,
    /// Retention.
    pub retention: Option<Retention>,
    /// Legal hold.
    pub legal_hold: Option<LegalHold>,
    /// Storage class.
    pub storage_class: StorageClass,
    /// Replication state.
    pub replication: Option<ReplicationState>,
}

/// An object being read.
pub struct GotObject {
    /// What is known of it.
    pub info: ObjectInfo,
    /// The bytes asked for.
    pub body: ObjectStream,
}

impl fmt::Debug for GotObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GotObject").field("info", &self.info).finish_non_exhaustive()
    }
}

/// What GetObjectAttributes tells.
#[derive(Debug, Clone)]
pub struct ObjectAttributes {
    /// What is known of the object.
    pub info: ObjectInfo,
    /// Its parts, if it was made by a multipart upload.
    pub parts: Vec<PartInfo>,
}

/// One part of a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartInfo {
    /// Its number.
    pub number: u16,
    /// Size in bytes.
    pub size: u64,
    /// Its checksum, where it has its own.
    pub checksum: Option<Checksum>,
}

/// Deletes an object, or one version for good.
#[derive(Debug, Clone)]
pub struct DeleteObject {
    /// Which.
    pub name: ObjectName,
    /// Conditions.
    pub conditions: DeleteConditions,
    /// The caller may and does bypass governance retention (the edge checked the permission).
    pub bypass_governance: bool,
}

/// What a delete did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeletedObject {
    /// The version that was removed, or the delete marker that was written.
    pub version: Option<VersionId>,
    /// A delete marker was written or removed.
    pub delete_marker: bool,
}

/// Where a copy reads.
#[derive(Debug, Clone)]
pub struct CopySource {
    /// Which object.
    pub name: ObjectName,
    /// Conditions on it.
    pub conditions: Conditions,
    /// The customer's key, if it is an SSE-C object.
    pub customer_key: Option<Arc<CustomerKey>>,
}

/// Where content headers and user metadata of a copy come from.
#[derive(Debug, Clone, Default)]
pub enum MetadataDirective {
    /// From the source.
    #[default]
    Copy,
    /// From the request.
    Replace(ContentHeaders, UserMetadata),
}

/// Where tags of a copy come from.
#[derive(Debug, Clone, Default)]
pub enum TagDirective {
    /// From the source.
    #[default]
    Copy,
    /// From the request.
    Replace(Tags),
}

/// Copies an object.
#[derive(Debug, Clone)]
pub struct CopyObject {
    /// Bucket written to.
    pub bucket: BucketName,
    /// Key written to.
    pub key: ObjectKey,
    /// What is copied.
    pub source: CopySource,
    /// Content headers and user metadata.
    pub metadata: MetadataDirective,
    /// Tags.
    pub tags: TagDirective,
    /// Storage class; `None` for `STANDARD`.
    pub storage_class: Option<StorageClass>,
    /// Encryption. Nothing is inherited from the source, the context least of all.
    pub encryption: EncryptionRequest,
    /// Checksum algorithm; `None` for the source's.
    pub checksum: Option<ChecksumAlgorithm>,
    /// `x-amz-website-redirect-location`; never copied from the source.
    pub website_redirect: Option<String>,
    /// `If-Match` and `If-None-Match` against the destination.
    pub conditions: Conditions,
    /// Retention; `None` for the bucket's default.
    pub retention: Option<Retention>,
    /// Legal hold.
    pub legal_hold: Option<LegalHold>,
}

/// A finished copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedObject {
    /// The new object.
    pub object: StoredObject,
    /// Version that was copied.
    pub source_version: VersionId,
}

/// Re-wraps an object's keys in place.
#[derive(Debug, Clone)]
pub struct UpdateObjectEncryption {
    /// Which.
    pub name: ObjectName,
    /// KMS key, as given; an ARN (the API knows nothing else).
    pub key: String,
    /// Whether to use a bucket key.
    pub bucket_key: bool,
}
