//! Rows that wait to be told or sent to somebody by name, in order.
//!
//! ```text
//! <of which outbox><name>\0<sequence, u64 BE><4 bytes> = what waits
//! ```

use std::marker::PhantomData;

use arqueta_model::{BlobId, Timestamp};
use bytes::Bytes;

use crate::{schema, sequence};

/// Of which outbox rows are.
pub trait Outbox {
    /// What every row's key begins with.
    const ROWS: &'static [u8];
}

/// The rows for one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane<O> {
    prefix: Bytes,
    outbox: PhantomData<O>,
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

    /// An id that no other row of its outbox has: what a receiver knows a repetition by.
    #[must_use]
    pub fn id(self) -> String {
        hex::encode([&self.sequence.to_be_bytes()[..], &self.apart].concat())
    }
}

impl<O: Outbox> Lane<O> {
    /// The rows for `name`, which has no zero byte.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self { prefix: [O::ROWS, name.as_bytes(), b"\0"].concat().into(), outbox: PhantomData }
    }

    /// What all its rows' keys begin with.
    #[must_use]
    pub const fn prefix(&self) -> &Bytes {
        &self.prefix
    }

    /// A key for a new row.
    pub(crate) fn next(&self, sequence: u64) -> Bytes {
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

    /// For whom the row at `key` is, of any lane.
    #[must_use]
    pub fn name(key: &[u8]) -> Option<&str> {
        schema::bucket_of(key, O::ROWS)
    }

    /// What every row's key begins with.
    #[must_use]
    pub const fn all() -> &'static [u8] {
        O::ROWS
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct Letters;

    impl Outbox for Letters {
        const ROWS: &'static [u8] = b"l/";
    }

    #[test]
    fn rows_lie_in_the_order_of_their_sequences_and_in_their_lane() {
        let lane = Lane::<Letters>::of("hook");
        let (first, second) = (lane.next(7), lane.next(8));
        assert!(first < second && lane.next(7) != first);
        assert_eq!(lane.place(&first).unwrap().sequence, 7);
        assert_eq!(Lane::<Letters>::name(&first), Some("hook"));
        assert_eq!(Lane::<Letters>::of("hook2").place(&first), None);
        assert_eq!(lane.place(&first[..first.len() - 1]), None);
        assert_eq!(lane.place(&first).unwrap().id().len(), 24);
    }
}
