//! What goes into a use case and what comes out: one input and one output struct each, in the
//! words of the S3 API and without HTTP.

mod body;
mod bucket;
mod condition;
mod encryption;
mod kept;
mod listing;
mod lock;
mod multipart;
mod object;
mod replica;
mod sighting;
mod tag;

pub use body::{Body, ByteRange, ChecksumRequest, ObjectStream, TrailerValue};
pub use bucket::{
    CreateBucket, DefaultRetention, ListBuckets, ListedBucket, ListedBuckets, ObjectLockConfiguration, RetentionPeriod,
    Versioning,
};
pub use condition::{Conditions, DeleteConditions, EtagCondition, IfRange};
pub use encryption::{
    BlockedEncryption, DefaultEncryption, DefaultMode, EncryptionInfo, EncryptionRequest, RequestedMode,
};
pub use kept::{BucketDocument, ReplicationState};
pub use listing::{ListObjectVersions, ListObjects, ListedObject, ListedObjects, ListedVersion, ListedVersions};
pub use lock::{LegalHold, Retention, RetentionMode};
pub use multipart::{
    AbortMultipartUpload, CompleteMultipartUpload, CompletedPart, CompletedUpload, CreateMultipartUpload,
    CreatedUpload, ListMultipartUploads, ListParts, ListedPart, ListedParts, ListedUpload, ListedUploads, UploadPart,
    UploadPartCopy, UploadedPart,
};
pub use object::{
    ContentHeaders, CopiedObject, CopyObject, CopySource, DeleteObject, DeletedObject, GetObject, GotObject,
    MetadataDirective, ObjectAttributes, ObjectInfo, ObjectName, PartInfo, PutObject, StorageClass, StoredObject,
    TagDirective, UpdateObjectEncryption, UserMetadata,
};
pub use replica::{AmendReplica, MarkReplica, PlacedReplica, PutReplica, ReplicaPart, ReplicaParts};
pub use sighting::Sighting;
pub use tag::Tags;

pub use crate::checksum::{Algorithm as ChecksumAlgorithm, Checksum, ChecksumType, Value as ChecksumValue};
