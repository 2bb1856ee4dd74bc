//! What waits in the outbox.
//!
//! ```text
//! r/<destination bucket>\0<sequence, u64 BE><4 bytes> = Intent
//! ```

use arqueta_model::{BucketName, ObjectKey, Timestamp, VersionId};
use serde::{Deserialize, Serialize};

use crate::outbox::{self, Outbox};
use crate::record::Record;
use crate::schema;

/// What is to be done at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The version is to be there.
    Put,
    /// The delete marker is to be there.
    Marker,
    /// The version's tags and locks are to be what they are here.
    Amend,
}

impl Kind {
    /// What S3 calls it in events.
    pub(super) const fn operation(self) -> &'static str {
        match self {
            Self::Put => "OBJECT_PUT",
            Self::Marker => "OBJECT_DELETE",
            Self::Amend => "OBJECT_TAGGING",
        }
    }
}

/// A version on its way to a destination. What it holds is read when it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The rule that matched at the commit.
    pub rule: String,
    /// What is to be done.
    pub kind: Kind,
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
    /// The version.
    pub version: VersionId,
    /// The version's own sequence.
    pub of: u64,
    /// Size in bytes of what goes; zero for what is no content.
    pub size: u64,
    /// When the change was made.
    pub at: Timestamp,
    /// Where the row stands: grows with each change of a key.
    pub sequence: u64,
}

impl Record for Intent {
    const NAME: &'static str = "replication intent";
}

/// The outbox of replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intents;

impl Outbox for Intents {
    const ROWS: &'static [u8] = schema::INTENTS;
}

/// The rows of one destination bucket.
pub type Lane = outbox::Lane<Intents>;
