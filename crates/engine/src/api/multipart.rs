use std::fmt;
use std::sync::Arc;

use arqueta_envelope::CustomerKey;
use arqueta_model::{AccountId, BucketName, ObjectKey, Principal, Timestamp, UploadId, VersionId};

use super::{
    Body, ByteRange, Checksum, ChecksumAlgorithm, ChecksumRequest, ChecksumType, Conditions, ContentHeaders,
    CopySource, EncryptionInfo, EncryptionRequest, LegalHold, Retention, StorageClass, StoredObject, Tags,
    UserMetadata,
};

/// Starts a multipart upload.
#[derive(Debug, Clone)]
pub struct CreateMultipartUpload {
    /// Bucket.
    pub bucket: BucketName,
    /// Key.
    pub key: ObjectKey,
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
    /// Checksum algorithm; `None` if the client named none.
    pub checksum: Option<ChecksumAlgorithm>,
    /// How the object's checksum is made; `None` for the algorithm's default.
    pub checksum_type: Option<ChecksumType>,
    /// Retention; `None` for the bucket's default.
    pub retention: Option<Retention>,
    /// Legal hold.
    pub legal_hold: Option<LegalHold>,
}

/// A multipart upload that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedUpload {
    /// Its id.
    pub id: UploadId,
    /// How the object will be encrypted.
    pub encryption: Option<EncryptionInfo>,
    /// Checksum algorithm and type, where the client named one.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
}

/// Uploads a part.
pub struct UploadPart {
    /// Bucket.
    pub bucket: BucketName,
    /// Key.
    pub key: ObjectKey,
    /// Upload.
    pub upload: UploadId,
    /// Part number, 1 to 10,000.
    pub number: u16,
    /// Content.
    pub body: Body,
    /// Length of the decoded content, where declared.
    pub size: Option<u64>,
    /// `Content-MD5`.
    pub md5: Option<[u8; 16]>,
    /// Checksum.
    pub checksum: ChecksumRequest,
    /// The customer's key; required with every part of an SSE-C upload.
    pub customer_key: Option<Arc<CustomerKey>>,
}

impl fmt::Debug for UploadPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadPart").field("upload", &self.upload).field("number", &self.number).finish_non_exhaustive()
    }
}

/// Uploads a part from an object.
#[derive(Debug, Clone)]
pub struct UploadPartCopy {
    /// Bucket.
    pub bucket: BucketName,
    /// Key.
    pub key: ObjectKey,
    /// Upload.
    pub upload: UploadId,
    /// Part number, 1 to 10,000.
    pub number: u16,
    /// What is copied.
    pub source: CopySource,
    /// Which bytes of it; only `FromTo`.
    pub range: Option<ByteRange>,
    /// The customer's key of the upload.
    pub customer_key: Option<Arc<CustomerKey>>,
}

/// A part that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedPart {
    /// Entity tag of the part, unquoted.
    pub etag: String,
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// When it was written.
    pub last_modified: Timestamp,
    /// How it is encrypted.
    pub encryption: Option<EncryptionInfo>,
    /// For a copied part, the version that was read.
    pub source_version: Option<VersionId>,
}

/// Finishes a multipart upload.
#[derive(Debug, Clone)]
pub struct CompleteMultipartUpload {
    /// Bucket.
    pub bucket: BucketName,
    /// Key.
    pub key: ObjectKey,
    /// Upload.
    pub upload: UploadId,
    /// The parts, in ascending order.
    pub parts: Vec<CompletedPart>,
    /// The object's checksum as declared: algorithm and text (composite ones may end in `-<parts>`).
    pub checksum: Option<(ChecksumAlgorithm, String)>,
    /// `x-amz-checksum-type`; must be the upload's.
    pub checksum_type: Option<ChecksumType>,
    /// `x-amz-mp-object-size`; must be the sum of the parts' sizes.
    pub size: Option<u64>,
    /// `If-Match` and `If-None-Match` against the current version.
    pub conditions: Conditions,
    /// The customer's key of an SSE-C upload.
    pub customer_key: Option<Arc<CustomerKey>>,
}

/// One part as the client names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedPart {
    /// Its number.
    pub number: u16,
    /// Its entity tag, unquoted.
    pub etag: String,
    /// Its checksum as declared: algorithm and text.
    pub checksum: Option<(ChecksumAlgorithm, String)>,
}

/// A finished multipart upload.
pub type CompletedUpload = StoredObject;

/// Gives up a multipart upload.
#[derive(Debug, Clone)]
pub struct AbortMultipartUpload {
    /// Bucket.
    pub bucket: BucketName,
    /// Key.
    pub key: ObjectKey,
    /// Upload.
    pub upload: UploadId,
    /// Only if it was started in this second.
    pub if_started: Option<Timestamp>,
}

/// Lists the parts of an upload.
#[derive(Debug, Clone)]
pub struct ListParts {
    /// Bucket.
    pub bucket: BucketName,
    /// Key.
    pub key: ObjectKey,
    /// Upload.
    pub upload: UploadId,
    /// Continues after this number; 0 for the start.
    pub after: u16,
    /// Most parts, 0 to 1,000.
    pub limit: usize,
}

/// One part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPart {
    /// Its number.
    pub number: u16,
    /// Entity tag, unquoted.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
    /// When it was written.
    pub last_modified: Timestamp,
    /// Its checksum.
    pub checksum: Option<Checksum>,
}

/// A page of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedParts {
    /// Parts, by number.
    pub parts: Vec<ListedPart>,
    /// Continue after this number; `None` at the end.
    pub next: Option<u16>,
    /// Who started the upload.
    pub initiator: Principal,
    /// The account that will own the object.
    pub owner: AccountId,
    /// Storage class.
    pub storage_class: StorageClass,
    /// Checksum algorithm and type, where the client named one.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
}

/// Lists uploads under way.
#[derive(Debug, Clone)]
pub struct ListMultipartUploads {
    /// Bucket.
    pub bucket: BucketName,
    /// Keys must begin with this; may be empty.
    pub prefix: String,
    /// Groups keys as in object listings.
    pub delimiter: Option<String>,
    /// Continues after this key, or within it if an upload is given, too.
    pub key_marker: Option<String>,
    /// Continues after this upload of the key marker.
    pub upload_marker: Option<UploadId>,
    /// Most uploads and common prefixes together, 0 to 1,000.
    pub limit: usize,
}

/// One upload of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUpload {
    /// Key of the object to be.
    pub key: ObjectKey,
    /// Its id.
    pub id: UploadId,
    /// When it was started.
    pub started: Timestamp,
    /// Who started it.
    pub initiator: Principal,
    /// The account that will own the object.
    pub owner: AccountId,
    /// Storage class.
    pub storage_class: StorageClass,
    /// Checksum algorithm and type, where the client named one.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
}

/// A page of uploads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListedUploads {
    /// Uploads, by key and id.
    pub uploads: Vec<ListedUpload>,
    /// Common prefixes, in order.
    pub prefixes: Vec<String>,
    /// Continue after this key (or common prefix) and upload; `None` at the end.
    pub next: Option<(String, Option<UploadId>)>,
}
