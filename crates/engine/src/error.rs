//! What a use case answers instead of its result.

use std::fmt;

use arqueta_model::{Timestamp, VersionId};

use crate::api::{BucketDocument, ChecksumAlgorithm};

/// Which condition of a request did not hold, by the name of the header that carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// `If-Match`.
    IfMatch,
    /// `If-None-Match`.
    IfNoneMatch,
    /// `If-Unmodified-Since`.
    IfUnmodifiedSince,
    /// `If-Modified-Since`.
    IfModifiedSince,
    /// `x-amz-if-match-size`.
    IfMatchSize,
    /// `x-amz-if-match-last-modified-time`.
    IfMatchLastModified,
    /// `x-amz-copy-source-if-match`.
    SourceIfMatch,
    /// `x-amz-copy-source-if-none-match`.
    SourceIfNoneMatch,
    /// `x-amz-copy-source-if-unmodified-since`.
    SourceIfUnmodifiedSince,
    /// `x-amz-copy-source-if-modified-since`.
    SourceIfModifiedSince,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IfMatch => "If-Match",
            Self::IfNoneMatch => "If-None-Match",
            Self::IfUnmodifiedSince => "If-Unmodified-Since",
            Self::IfModifiedSince => "If-Modified-Since",
            Self::IfMatchSize => "x-amz-if-match-size",
            Self::IfMatchLastModified => "x-amz-if-match-last-modified-time",
            Self::SourceIfMatch => "x-amz-copy-source-If-Match",
            Self::SourceIfNoneMatch => "x-amz-copy-source-If-None-Match",
            Self::SourceIfUnmodifiedSince => "x-amz-copy-source-If-Unmodified-Since",
            Self::SourceIfModifiedSince => "x-amz-copy-source-If-Modified-Since",
        })
    }
}

/// Why a body coming in cannot be used. The edge's streams end with one of these.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body ended before its declared length, or the connection broke.
    #[error("the body ended before its declared length")]
    Incomplete,
    /// The body is longer than declared or than allowed.
    #[error("the body is longer than allowed")]
    TooLarge,
    /// A chunk's or the trailer's signature does not match.
    #[error("the signature of the body does not match")]
    Signature,
    /// The digest that the request's signature covers does not match.
    #[error("the digest of the body does not match")]
    Digest,
    /// No byte arrived for too long.
    #[error("the body stalled")]
    Idle,
    /// Anything else that the transport says.
    #[error("the body cannot be read")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What can go wrong in a use case. A variant exists where the edge answers differently.
/// Exhaustive on purpose: the edge's error map matches without a `_` arm.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No bucket of that name.
    #[error("The specified bucket does not exist")]
    NoSuchBucket,
    /// No object of that key, or its current version is the delete marker given here.
    #[error("The specified key does not exist.")]
    NoSuchKey {
        /// The current version, when it is a delete marker.
        delete_marker: Option<VersionId>,
    },
    /// No such version of the key.
    #[error("The specified version does not exist.")]
    NoSuchVersion,
    /// The version is a delete marker and the operation needs an object.
    #[error("The specified method is not allowed against this resource.")]
    MethodNotAllowed {
        /// The marker.
        delete_marker: VersionId,
        /// When it was written.
        last_modified: Timestamp,
    },
    /// The caller's account has the bucket already (and the region answers that with an error).
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketAlreadyOwnedByYou,
    /// Another account has the bucket.
    #[error(
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."
    )]
    BucketAlreadyExists,
    /// The bucket still has versions or delete markers.
    #[error("The bucket you tried to delete is not empty")]
    BucketNotEmpty,
    /// The bucket's state forbids the operation.
    #[error("{message}")]
    InvalidBucketState {
        /// AWS's message.
        message: &'static str,
    },
    /// No tag set on the bucket.
    #[error("The TagSet does not exist")]
    NoSuchTagSet,
    /// The bucket has no document of this kind.
    #[error("The bucket has no such configuration")]
    NoSuchDocument(BucketDocument),
    /// Object lock is not enabled on the bucket.
    #[error("Object Lock configuration does not exist for this bucket")]
    NoObjectLockConfiguration,
    /// The version has no retention or legal hold.
    #[error("The specified object does not have a ObjectLock configuration")]
    NoObjectLock,
    /// More would be in the bucket, or in the buckets of its account, than may.
    #[error("The quota of the bucket or of its account does not permit the upload.")]
    QuotaExceeded,
    /// As many events wait for a target as may, and the change would add one. Nobody would hear of it otherwise.
    #[error("Please reduce your request rate.")]
    TooManyWaiting,
    /// A condition of the request does not hold.
    #[error("At least one of the pre-conditions you specified did not hold")]
    PreconditionFailed {
        /// Which.
        condition: Condition,
    },
    /// A conditional write met a concurrent one on the same key.
    #[error("The conditional request cannot succeed due to a conflicting operation against this resource.")]
    ConditionalConflict {
        /// The condition that could not be held against a settled state.
        condition: Condition,
    },
    /// What the name means is no longer what the caller's leave was decided on ([`crate::api::Sighting`]).
    #[error("The object was changed while the request was being decided.")]
    Changed,
    /// A conditional read: the caller's copy is still good.
    #[error("Not Modified")]
    NotModified {
        /// ETag of the object, unquoted.
        etag: String,
        /// When it was last written.
        last_modified: Timestamp,
    },
    /// The range does not lie within the object.
    #[error("The requested range is not satisfiable")]
    InvalidRange {
        /// Size of the object in bytes.
        size: u64,
    },
    /// The object has no part of that number.
    #[error("The requested partnumber is not satisfiable")]
    InvalidPartNumber {
        /// How many parts it has.
        parts: usize,
    },
    /// A listed part was never uploaded, or its ETag differs.
    #[error(
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
    )]
    InvalidPart {
        /// The part's number.
        number: u16,
        /// The entity tag that was stated, unquoted.
        etag: String,
    },
    /// The list of parts is not in ascending order.
    #[error("The list of parts was not in ascending order. Parts must be ordered by part number.")]
    InvalidPartOrder,
    /// A part other than the last is smaller than 5 MiB.
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    EntityTooSmall {
        /// The part's number.
        number: u16,
        /// Its size in bytes.
        size: u64,
        /// Its entity tag, unquoted.
        etag: String,
    },
    /// The body exceeds what one request may carry.
    #[error("Your proposed upload exceeds the maximum allowed size")]
    EntityTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// No multipart upload of that id for that key.
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )]
    NoSuchUpload,
    /// The body's MD5 is not the declared one.
    #[error("The Content-MD5 you specified did not match what we received.")]
    BadDigest {
        /// What was stated, in base64.
        stated: String,
        /// What was computed, in base64.
        computed: String,
    },
    /// A declared digest has the wrong length or encoding.
    #[error("The Content-MD5 you specified was invalid.")]
    InvalidDigest,
    /// The body cannot be used.
    #[error("the request body failed")]
    Body(#[from] BodyError),
    /// The body is shorter than declared.
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header")]
    IncompleteBody,
    /// The body's checksum is not the declared one.
    #[error("The {} you specified did not match the calculated checksum.", algorithm.name())]
    ChecksumMismatch {
        /// Which checksum.
        algorithm: ChecksumAlgorithm,
        /// What was stated, as headers have it.
        stated: String,
        /// What was computed.
        computed: String,
    },
    /// A parameter has a value that is not allowed.
    #[error("{message}")]
    InvalidArgument {
        /// AWS's message.
        message: String,
    },
    /// Parameters that do not go together, or a request that the object's state forbids.
    #[error("{message}")]
    InvalidRequest {
        /// AWS's message.
        message: String,
    },
    /// A tag is malformed.
    #[error("{message}")]
    InvalidTag {
        /// AWS's message.
        message: &'static str,
        /// The key, where that is what is wrong.
        key: Option<String>,
        /// The value, where that is.
        value: Option<String>,
    },
    /// More tags than an object or a bucket may have (AWS: `BadRequest` for objects,
    /// `InvalidTag` for buckets).
    #[error("{message}")]
    TooManyTags {
        /// AWS's message.
        message: &'static str,
    },
    /// Keys and values of user metadata exceed 2 KB.
    #[error("Your metadata headers exceed the maximum allowed metadata size")]
    MetadataTooLarge,
    /// The owner of the bucket does not allow this.
    #[error("{message}")]
    AccessDenied {
        /// AWS's message.
        message: &'static str,
    },
    /// Retention or a legal hold protects the version.
    #[error("Access Denied because object protected by object lock.")]
    ObjectLocked,
    /// A replica that was removed for good is not written again.
    #[error("The version was permanently deleted from the destination bucket.")]
    ReplicaRemoved,
    /// An SSE-C object was addressed without its key, or another object with one.
    #[error("{message}")]
    CustomerKey {
        /// AWS's message.
        message: &'static str,
    },
    /// Keys: denied, missing, unavailable, or content that does not authenticate.
    #[error("object encryption failed")]
    Encryption(#[from] arqueta_envelope::Error),
    /// A store failed.
    #[error("storage failed")]
    Store(#[from] arqueta_store::Error),
    /// A stored body does not authenticate, or is not the one its record names. Opaque on purpose.
    #[error("the stored object failed its integrity check")]
    Integrity,
    /// A stored record cannot be read.
    #[error("a stored record is damaged: {what}")]
    Damaged {
        /// Which kind of record, without its content.
        what: &'static str,
    },
    /// The one record that the call is about is damaged; all others are as they were.
    #[error("the stored record is damaged: {record}")]
    DamagedRecord {
        /// Which record: its kind, bucket and key.
        record: String,
    },
    /// A record was written by a newer version of this program.
    #[error("a stored record has the unknown format version {version}")]
    UnknownFormat {
        /// The version found.
        version: u8,
    },
}

impl Error {
    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Encryption(error) => error.is_retryable(),
            Self::ConditionalConflict { .. } | Self::Changed | Self::TooManyWaiting => true,
            _ => false,
        }
    }

    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self::InvalidArgument { message: message.into() }
    }

    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::InvalidRequest { message: message.into() }
    }
}
