//! What is said over the socket, and where it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use arqueta_work::rekey::{Counts, Phase};
use serde::{Deserialize, Serialize};

/// Name of the socket in the data folder.
pub(super) const NAME: &str = "control.sock";
/// Longest path that a socket's address takes (`sun_path`, unix(7)), less its end.
const LONGEST: usize = 107;
/// Longest request, in bytes: a page's two keys as hexadecimal digits.
pub(super) const REQUEST: usize = 16 << 10;
/// Longest answer. A page ends once it is full, and one record fits always.
pub(super) const ANSWER: usize = 64 << 20;

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Request {
    /// A page of the metadata. The answer may be shorter than asked for; it is empty only at the end.
    Page {
        /// Hexadecimal.
        start: String,
        /// The same; `None` for no bound.
        end: Option<String>,
        limit: usize,
    },
    /// The accounts, and when each was created.
    Accounts,
    /// A new account.
    CreateAccount { account: String },
    /// What lies in every bucket, and all limits.
    Usage,
    /// Limits of a bucket or an account.
    Limit { of: Of, limits: Limits },
    /// A bucket is counted again.
    Recount { bucket: String },
    /// The scrub.
    Scrub(ScrubAsk),
    /// From here on pages are of one state of the metadata, and no body that it refers to goes away before this
    /// conversation ends.
    Freeze,
    /// Pages are of the latest state again; bodies stay.
    Thaw,
    /// Whether bodies are still kept.
    StillKept,
    /// A job begins that wraps the versions of a bucket anew.
    Rekey(RekeyBucket),
    /// How far it is.
    RekeyJob { bucket: String },
    /// It stops.
    StopRekey { bucket: String },
    /// Replication.
    Replication(ReplicationAsk),
}

/// What is asked of replication.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum ReplicationAsk {
    /// How far that of a bucket is.
    Status { bucket: String },
    /// A page of the versions that wait or failed.
    Backlog { bucket: String, from: Option<String> },
    /// That what failed waits again.
    Retry { bucket: String },
}

/// What is asked of the scrub.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum ScrubAsk {
    /// That it begins; bytes a second at most.
    Start { rate: Option<u64> },
    /// How far it is.
    Status,
    /// That it ends.
    Stop,
}

/// What is limited.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Of {
    Bucket(String),
    Account(String),
}

/// How much there may be; `None` for no limit.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Limits {
    pub bytes: Option<u64>,
    pub objects: Option<u64>,
}

/// A bucket's usage and limits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BucketQuota {
    pub bucket: String,
    pub account: String,
    pub bytes: u64,
    pub objects: u64,
    pub versions: u64,
    pub limits: Limits,
}

/// An account's limits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccountQuota {
    pub account: String,
    pub limits: Limits,
}

/// Every bucket, and every account that is limited.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Usages {
    pub buckets: Vec<BucketQuota>,
    pub accounts: Vec<AccountQuota>,
}

/// What is to be wrapped anew.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RekeyBucket {
    pub bucket: String,
    /// The key of the bucket's default encryption if there is none.
    pub key: Option<String>,
    pub bucket_key: bool,
    /// Versions a second; 0 for no bound.
    pub rate: u32,
}

/// How far that is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RekeyJob {
    pub bucket: String,
    pub key: String,
    pub bucket_key: bool,
    pub rate: u32,
    pub phase: Phase,
    /// Versions in the bucket.
    pub versions: u64,
    pub counts: Counts,
    /// Why the last one that was refused or failed was.
    pub trouble: Option<String>,
}

/// How far the replication of a bucket is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Behind {
    /// Whether it has a replication configuration.
    pub configured: bool,
    /// By destination.
    pub towards: BTreeMap<String, Towards>,
}

/// How far it is on the way to one destination.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Towards {
    /// Versions that wait.
    pub waiting: u64,
    /// Bytes of content in them.
    pub bytes: u64,
    /// Since when the oldest waits, in milliseconds since the epoch.
    pub since: Option<i64>,
    /// Versions that failed, by AWS's failure reason.
    pub failed: BTreeMap<String, u64>,
}

/// Versions that wait or failed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Backlog {
    pub versions: Vec<Waiting>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

/// A version on its way to one destination.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub key: String,
    pub version: String,
    pub size: u64,
    pub to: String,
    pub rule: String,
    /// Since when it waits, or when it failed, in milliseconds since the epoch.
    pub since: Option<i64>,
    /// AWS's failure reason; `None` while it waits.
    pub failed: Option<String>,
}

/// An account.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub account: String,
    pub created: String,
}

/// Root credentials that were made.
#[derive(Serialize, Deserialize)]
pub(crate) struct Created {
    pub access_key_id: String,
    pub secret: String,
}

/// Kinds of answers.
pub(super) mod kind {
    /// Entries of a page.
    pub const PAGE: u8 = b'P';
    /// JSON.
    pub const JSON: u8 = b'J';
    /// Why not, for people.
    pub const REFUSED: u8 = b'R';
}

/// The address of the socket. A folder whose path is too long for one is gone through by an open
/// descriptor, which has to live as long as the address is used.
pub(super) fn address(folder: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let path = folder.join(NAME);
    if path.as_os_str().len() <= LONGEST {
        return Ok((path, None));
    }
    let folder = File::open(folder)?;
    Ok((format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd()).into(), Some(folder)))
}
