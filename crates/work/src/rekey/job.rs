//! A job: what is wanted, how far it is, what became of it. Kept with the metadata, so that a gateway that
//! was killed goes on where it was.

use arqueta_model::{AccountId, BucketName, Timestamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Prefix of all jobs.
pub(super) const JOBS: &str = "w/rekey/";

/// What is wanted for a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The bucket.
    pub bucket: BucketName,
    /// The KMS key: id, ARN or alias, as the owner's account names it.
    pub key: String,
    /// Whether versions come under a bucket key.
    pub bucket_key: bool,
    /// Versions a second at most; 0 for no bound.
    pub rate: u32,
}

/// What is walked, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Current versions: first, because one that is overwritten meanwhile is noncurrent then.
    Currents,
    /// Noncurrent versions.
    Noncurrents,
    /// Nothing any more.
    Done,
    /// Its operator stopped it.
    Stopped,
}

impl Phase {
    /// Whether nothing is to be done any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Stopped)
    }
}

/// What became of versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Records that were read, delete markers included.
    pub seen: u64,
    /// Wrapped anew.
    pub rewrapped: u64,
    /// Under SSE-C: only their customer can.
    pub customer: u64,
    /// Under DSSE-KMS: not touched.
    pub dual: u64,
    /// Not encrypted.
    pub plain: u64,
    /// Locked by retention or a legal hold.
    pub locked: u64,
    /// The key service refused: whoever wrote the key policy said so.
    pub refused: u64,
    /// Gone meanwhile.
    pub gone: u64,
    /// Damaged, or failed in another way.
    pub failed: u64,
    /// Calls that users' keys got while it ran, others' among them.
    pub calls: u64,
    /// Milliseconds that it worked.
    pub millis: u64,
}

/// A job and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What is wanted.
    pub wanted: Wanted,
    /// Who owns the bucket.
    pub owner: AccountId,
    /// When the bucket was made: another one of its name has no job.
    pub(super) born: Timestamp,
    /// When it began.
    pub began: Timestamp,
    /// What is walked.
    pub phase: Phase,
    /// From where; `None` for the first.
    pub(super) from: Option<ByteBuf>,
    /// What became of versions.
    pub counts: Counts,
    /// Why the last one that was refused or failed was.
    pub trouble: Option<String>,
}

impl Job {
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        rmp_serde::from_slice(bytes).ok()
    }

    pub(super) fn encode(&self) -> Bytes {
        rmp_serde::to_vec_named(self).expect("names and numbers serialise").into()
    }

    pub(super) fn place(&self) -> Option<Bytes> {
        self.from.clone().map(|from| Bytes::from(from.into_vec()))
    }
}

/// Where a bucket's job is kept.
pub(super) fn key(bucket: &BucketName) -> Bytes {
    [JOBS, bucket.as_str()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_comes_back_as_it_was_kept() {
        let job = Job {
            wanted: Wanted {
                bucket: "bucket".parse().expect("a name"),
                key: "alias/k".to_owned(),
                bucket_key: true,
                rate: 7,
            },
            owner: "111122223333".parse().expect("an account"),
            born: Timestamp::from_millis(1),
            began: Timestamp::from_millis(2),
            phase: Phase::Currents,
            from: Some(ByteBuf::from(b"c/bucket\0k".to_vec())),
            counts: Counts { rewrapped: 3, ..Counts::default() },
            trouble: None,
        };
        assert_eq!(Job::decode(&job.encode()), Some(job.clone()));
        assert_eq!(Job::decode(b"\xff"), None);
        assert!(Phase::Done.is_over() && Phase::Stopped.is_over() && !job.phase.is_over());
    }
}
