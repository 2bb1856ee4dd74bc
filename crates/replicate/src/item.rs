//! What goes to a destination.

use std::fmt;

use arqueta_engine::api::{
    Checksum, ContentHeaders, EncryptionRequest, LegalHold, ObjectStream, Retention, StorageClass, Tags, UserMetadata,
};
use arqueta_model::{AccountId, BucketName, ObjectKey, Region, Timestamp, VersionId};

/// One thing that a destination is to have.
#[derive(Debug)]
pub struct Item {
    /// The version that it is of.
    pub from: Origin,
    /// Where it goes.
    pub to: Address,
    /// What.
    pub what: What,
}

/// The version at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its bucket.
    pub bucket: BucketName,
    /// The account that owns the bucket.
    pub owner: AccountId,
    /// The bucket's Region.
    pub region: Region,
    /// Its key, at the destination too.
    pub key: ObjectKey,
    /// Its id, at the destination too.
    pub version: VersionId,
    /// When it was written; the replica says the same.
    pub last_modified: Timestamp,
}

/// Where it goes, as the rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The bucket.
    pub bucket: BucketName,
    /// Account that the rule says owns the bucket, where it says so.
    pub account: Option<AccountId>,
    /// Whether that account is to own the replica (`AccessControlTranslation`).
    pub owner_override: bool,
    /// Storage class of replicas; `None` for the source's.
    pub storage_class: Option<StorageClass>,
}

/// What it is.
pub enum What {
    /// A version with content.
    Put(Box<Version>),
    /// A delete marker.
    Marker,
    /// The version is there, and what may change of it is to be this now.
    Amend(Amendable),
}

/// What may change of a version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Amendable {
    /// Tags.
    pub tags: Tags,
    /// Retention.
    pub retention: Option<Retention>,
    /// Legal hold; `None` if never set.
    pub legal_hold: Option<LegalHold>,
}

/// A version with content.
pub struct Version {
    /// Size in bytes.
    pub size: u64,
    /// Entity tag at the source, unquoted: the replica's too, where both are MD5s.
    pub etag: String,
    /// Whether it was made of parts.
    pub multipart: bool,
    /// Its parts, in order; one if it was not made of parts.
    pub parts: Vec<Part>,
    /// Checksums of the object.
    pub checksums: Vec<Checksum>,
    /// Content headers.
    pub headers: ContentHeaders,
    /// User metadata.
    pub metadata: UserMetadata,
    /// Storage class at the source.
    pub storage_class: StorageClass,
    /// Tags and locks.
    pub amendable: Amendable,
    /// How the replica is to be encrypted; the destination's default where it asks for nothing.
    pub encryption: EncryptionRequest,
    /// The content, `size` bytes. It ends in an error unless every byte was authentic.
    pub body: ObjectStream,
}

/// One part of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number, 1 to 10,000.
    pub number: u16,
    /// Size in bytes.
    pub size: u64,
    /// Checksums of the part, where it has its own.
    pub checksums: Vec<Checksum>,
}

impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(version) => f.debug_struct("Put").field("size", &version.size).finish_non_exhaustive(),
            Self::Marker => f.write_str("Marker"),
            Self::Amend(amendable) => f.debug_tuple("Amend").field(amendable).finish(),
        }
    }
}
