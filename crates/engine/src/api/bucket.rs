use std::collections::BTreeMap;

use arqueta_model::{AccountId, BucketName, Region, Timestamp};
use serde::{Deserialize, Serialize};

use super::{BucketDocument, RetentionMode, Tags};

/// Versioning of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Versioning {
    /// Never enabled.
    #[default]
    Off,
    /// Every write makes a version.
    Enabled,
    /// Writes replace the null version.
    Suspended,
}

/// Makes a bucket.
#[derive(Debug, Clone)]
pub struct CreateBucket {
    /// Its name.
    pub bucket: BucketName,
    /// The account that will own it.
    pub owner: AccountId,
    /// Whether object lock is enabled; versioning then is, too.
    pub object_lock: bool,
    /// Tags.
    pub tags: Option<Tags>,
    /// Configurations that it is made with.
    pub documents: BTreeMap<BucketDocument, String>,
}

/// Lists the buckets of an account.
#[derive(Debug, Clone)]
pub struct ListBuckets {
    /// The account.
    pub owner: AccountId,
    /// Names must begin with this.
    pub prefix: String,
    /// Continues after this name.
    pub after: Option<String>,
    /// Most buckets wanted, 1 to 10,000.
    pub limit: usize,
}

/// One bucket of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBucket {
    /// Its name.
    pub name: BucketName,
    /// When it was made.
    pub created: Timestamp,
    /// Where it was made.
    pub region: Region,
}

/// A page of buckets, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBuckets {
    /// The page.
    pub buckets: Vec<ListedBucket>,
    /// Continue after this name; `None` at the end.
    pub next: Option<String>,
}

/// Object lock of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObjectLockConfiguration {
    /// Retention of new versions that name none.
    pub default: Option<DefaultRetention>,
}

/// Default retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRetention {
    /// How strictly.
    pub mode: RetentionMode,
    /// For how long.
    pub period: RetentionPeriod,
}

/// Length of default retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetentionPeriod {
    /// 1 to 36,500 days.
    Days(u32),
    /// 1 to 100 years, of 365 days.
    Years(u32),
}

impl RetentionPeriod {
    /// In days.
    #[must_use]
    pub const fn days(self) -> u32 {
        match self {
            Self::Days(days) => days,
            Self::Years(years) => years.saturating_mul(365),
        }
    }
}
