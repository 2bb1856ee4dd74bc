//! What waits in the outbox.
//!
//! ```text
//! n/<target>\0<sequence, u64 BE><4 bytes> = Notice
//! ```

use arqueta_model::{AccountId, BlobId, BucketName, ObjectKey, Region, Timestamp, VersionId};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::act::Act;
use super::happening::Happening;
use crate::record::Record;
use crate::schema;
use crate::sequence;

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

/// The rows of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    prefix: Bytes,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its sequence.
    pub sequence: u64,
    /// Tells two of one sequence apart.
    pub apart: [u8; 4],
}

impl Place {
    /// When the row was written, or a little later.
    #[must_use]
    pub fn written(self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(sequence::millis(self.sequence)).unwrap_or(i64::MAX))
    }

    /// An id that no other event has: what a receiver knows a repetition by.
    #[must_use]
    pub fn id(self) -> String {
        hex::encode([&self.sequence.to_be_bytes()[..], &self.apart].concat())
    }
}

impl Lane {
    /// The rows of the target `name`, which has no zero byte.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self { prefix: [schema::NOTICES, name.as_bytes(), b"\0"].concat().into() }
    }

    /// What all its rows' keys begin with.
    #[must_use]
    pub fn prefix(&self) -> &Bytes {
        &self.prefix
    }

    /// A key for a new row.
    pub(super) fn next(&self, sequence: u64) -> Bytes {
        let random = BlobId::random();
        [&self.prefix[..], &sequence.to_be_bytes(), &random.as_bytes()[..4]].concat().into()
    }

    /// Where a row of this lane stands.
    #[must_use]
    pub fn place(&self, key: &[u8]) -> Option<Place> {
        let rest: [u8; 12] = key.strip_prefix(&self.prefix[..])?.try_into().ok()?;
        let (sequence, apart) = rest.split_first_chunk()?;
        Some(Place { sequence: u64::from_be_bytes(*sequence), apart: apart.try_into().ok()? })
    }

    /// The target whose row stands at `key`, of any lane.
    #[must_use]
    pub fn target(key: &[u8]) -> Option<&str> {
        schema::bucket_of(key, schema::NOTICES)
    }

    /// What every row's key begins with.
    #[must_use]
    pub const fn all() -> &'static [u8] {
        schema::NOTICES
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_in_the_order_of_their_sequences_and_in_their_lane() {
        let lane = Lane::of("hook");
        let (first, second) = (lane.next(7), lane.next(8));
        assert!(first < second && lane.next(7) != first);
        assert_eq!(lane.place(&first).unwrap().sequence, 7);
        assert_eq!(Lane::target(&first), Some("hook"));
        assert_eq!(Lane::of("hook2").place(&first), None);
        assert_eq!(lane.place(&first[..first.len() - 1]), None);
        assert_eq!(lane.place(&first).unwrap().id().len(), 24);
    }
}
