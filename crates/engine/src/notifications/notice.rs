//! What waits in the outbox.
//!
//! ```text
//! n/<target>\0<sequence, u64 BE><4 bytes> = Notice
//! ```

use arqueta_model::{AccountId, BucketName, ObjectKey, Region, Timestamp, VersionId};
use serde::{Deserialize, Serialize};

use super::act::Act;
use super::happening::Happening;
use crate::outbox::{self, Outbox};
use crate::record::Record;
use crate::schema;

/// An event on its way to a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// Something happened to an object.
    Occurred(Box<Occurrence>),
    /// A target was named in a bucket's configuration.
    Test {
        /// The bucket.
        bucket: BucketName,
        /// When.
        at: Timestamp,
        /// Who named it.
        act: Act,
    },
}

/// What happened to an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The rule's name.
    pub rule: String,
    /// What.
    pub happening: Happening,
    /// In which bucket.
    pub bucket: BucketName,
    /// The account that owns the bucket.
    pub owner: AccountId,
    /// Where the bucket is.
    pub region: Region,
    /// To which object.
    pub key: ObjectKey,
    /// Which version, where the bucket has or had versioning.
    pub version: Option<VersionId>,
    /// Its size in bytes; absent of what was removed.
    pub size: Option<u64>,
    /// Its entity tag, unquoted; absent of what was removed.
    pub etag: Option<String>,
    /// Grows with each event of a key.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who, and from where.
    pub act: Act,
    /// Of which replication, where one failed or is late.
    #[serde(default)]
    pub replication: Option<ReplicationData>,
}

/// A replication that failed or is late (`replicationEventData`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationData {
    /// The rule's name.
    pub rule: String,
    /// The destination.
    pub destination: BucketName,
    /// What was to be done there, as S3 names it: `OBJECT_PUT`.
    pub operation: String,
    /// When the version was written, or changed.
    pub requested: Timestamp,
    /// AWS's failure reason; none of what is late.
    pub reason: Option<String>,
}

impl Record for Notice {
    const NAME: &'static str = "notice";
}

/// The outbox of notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notices;

impl Outbox for Notices {
    const ROWS: &'static [u8] = schema::NOTICES;
}

/// The rows of one target.
pub type Lane = outbox::Lane<Notices>;
