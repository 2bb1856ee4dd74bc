//! What lies in each bucket, known without a scan, and how much may.
//!
//! The commit that changes what a bucket holds changes its count as well: the writes of a batch tell by how
//! much, and one more row carries the sum. So that concurrent commits do not wait for one another, a bucket's
//! count is the sum of several rows, `y/<bucket>\0<slot>`: each commit under way has one of its own, and the
//! row says what it must have been. As many rows come to be as commits were ever under way at once.
//!
//! A commit is carried through when its caller goes away, and its row is given back when it meets a conflict.
//! After one whose outcome nobody knows the rows are read again. A bucket without rows, which an earlier
//! version wrote or [`crate::check`] mended, is counted once, while its commits wait.

mod account;
mod book;
mod change;
mod ledger;
mod quota;
mod reading;

pub(crate) use book::Leaving;
pub use book::{BucketUsage, UsageBook};
pub(crate) use change::weight;
pub(crate) use ledger::Counted;
pub use quota::Quota;

use serde::{Deserialize, Serialize};

/// What lies in a bucket, uploads under way left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes of all versions, as clients sent them.
    pub bytes: u64,
    /// Keys whose current version is an object.
    pub objects: u64,
    /// Versions, delete markers included.
    pub versions: u64,
}

/// A usage, or what changes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Amount {
    pub bytes: i64,
    pub objects: i64,
    pub versions: i64,
}

impl Amount {
    pub const ZERO: Self = Self { bytes: 0, objects: 0, versions: 0 };

    pub const fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            objects: self.objects.saturating_add(other.objects),
            versions: self.versions.saturating_add(other.versions),
        }
    }

    pub const fn minus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            objects: self.objects.saturating_sub(other.objects),
            versions: self.versions.saturating_sub(other.versions),
        }
    }

    /// As it is told. Records that were damaged when they went can leave less than nothing.
    pub fn told(self) -> Usage {
        let whole = |number| u64::try_from(number).unwrap_or(0);
        Usage { bytes: whole(self.bytes), objects: whole(self.objects), versions: whole(self.versions) }
    }
}

impl crate::record::Record for Amount {
    const NAME: &'static str = "usage";
}
