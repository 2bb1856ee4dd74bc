//! What waits in the outbox.
//!
//! ```text
//! r/<destination bucket>\0<sequence, u64 BE><4 bytes> = Intent
//! ```

use arqueta_model::{BlobId, BucketName, ObjectKey, Timestamp, VersionId};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::schema;
use crate::sequence;

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

/// The rows of one destination.
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
}

impl Lane {
    /// The rows of the destination `bucket`.
    #[must_use]
    pub fn of(bucket: &str) -> Self {
        Self { prefix: [schema::INTENTS, bucket.as_bytes(), b"\0"].concat().into() }
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

    /// The destination whose row stands at `key`, of any lane.
    #[must_use]
    pub fn destination(key: &[u8]) -> Option<&str> {
        schema::bucket_of(key, schema::INTENTS)
    }

    /// What every row's key begins with.
    #[must_use]
    pub const fn all() -> &'static [u8] {
        schema::INTENTS
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_in_the_order_of_their_sequences_and_in_their_lane() {
        let lane = Lane::of("there");
        let (first, second) = (lane.next(7), lane.next(8));
        assert!(first < second && lane.next(7) != first);
        assert_eq!(lane.place(&first).unwrap().sequence, 7);
        assert_eq!(Lane::destination(&first), Some("there"));
        assert_eq!(Lane::of("there2").place(&first), None);
    }
}
