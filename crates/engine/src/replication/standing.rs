//! How far the replication of a version is: a row beside the version, as long as anything of it waits or failed.
//!
//! ```text
//! h/<bucket>\0<escaped key><inverted sequence> = Standing
//! ```

use arqueta_model::{BucketName, Timestamp, VersionId};
use serde::{Deserialize, Serialize};

use super::intent::Kind;
use crate::api::ReplicationState;
use crate::record::Record;

/// How far a version is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The version.
    pub version: VersionId,
    /// Size in bytes of its content.
    pub size: u64,
    /// Whether it is a replica, whose changes go on.
    pub is_replica: bool,
    /// How far it is on the way to each destination.
    pub legs: Vec<Leg>,
}

/// How far it is on the way to one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// The destination.
    pub to: BucketName,
    /// The rule that matched last.
    pub rule: String,
    /// Sequences of the rows that wait.
    pub waiting: Vec<u64>,
    /// What the destination did not take.
    pub failed: Option<Failed>,
    /// Whether it was told that the destination does not have it in time.
    #[serde(default)]
    pub missed: bool,
}

/// What a destination did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// What.
    pub kind: Kind,
    /// AWS's failure reason.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Record for Standing {
    const NAME: &'static str = "replication standing";
}

impl Standing {
    /// Of a version of which nothing waits.
    pub(super) fn new(version: VersionId, size: u64, is_replica: bool) -> Self {
        Self { version, size, is_replica, legs: Vec::new() }
    }

    /// A row waits for a destination. Returns what it has to do: what failed before is done first.
    pub(super) fn wait(&mut self, to: &BucketName, rule: &str, sequence: u64, kind: Kind) -> Kind {
        let leg = match self.legs.iter_mut().position(|leg| leg.to == *to) {
            Some(at) => &mut self.legs[at],
            None => {
                self.legs.push(Leg {
                    to: to.clone(),
                    rule: String::new(),
                    waiting: Vec::new(),
                    failed: None,
                    missed: false,
                });
                self.legs.last_mut().expect("it was pushed just now")
            }
        };
        rule.clone_into(&mut leg.rule);
        leg.waiting.push(sequence);
        leg.failed.take().map_or(kind, |failed| failed.kind)
    }

    /// It was not in time at a destination. Whether that is news.
    pub(super) fn miss(&mut self, to: &BucketName) -> bool {
        let leg = self.legs.iter_mut().find(|leg| leg.to == *to);
        leg.is_some_and(|leg| !std::mem::replace(&mut leg.missed, true))
    }

    /// A row of a destination is done: taken, or failed so. Whether it was taken late.
    pub(super) fn settle(&mut self, to: &BucketName, sequence: u64, failed: Option<Failed>) -> bool {
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.to == *to) else { return false };
        let late = failed.is_none() && std::mem::take(&mut leg.missed);
        leg.waiting.retain(|waiting| *waiting != sequence);
        match (failed, &leg.failed) {
            // What was not taken at all stays so, whatever else was not taken.
            (Some(_), Some(Failed { kind: Kind::Put | Kind::Marker, .. })) | (None, _) => {}
            (failed, _) => leg.failed = failed,
        }
        self.legs.retain(|leg| !leg.waiting.is_empty() || leg.failed.is_some());
        late
    }

    /// What the version says of itself (S3 User Guide, "Getting replication status information"): FAILED as soon
    /// as one destination did not take it, COMPLETED once all have.
    #[must_use]
    pub fn state(&self) -> ReplicationState {
        if self.legs.iter().any(|leg| leg.failed.is_some()) {
            ReplicationState::Failed
        } else if self.legs.iter().any(|leg| !leg.waiting.is_empty()) {
            ReplicationState::Pending
        } else if self.is_replica {
            ReplicationState::Replica
        } else {
            ReplicationState::Completed
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn name(text: &str) -> BucketName {
        text.parse().unwrap()
    }

    fn failure(kind: Kind) -> Option<Failed> {
        Some(Failed { kind, reason: "DstBucketNotFound".to_owned(), at: Timestamp::from_millis(0) })
    }

    #[test]
    fn it_is_completed_once_all_have_it() {
        let mut standing = Standing::new(VersionId::Null, 3, false);
        for (to, sequence) in [("one", 1), ("two", 2)] {
            assert_eq!(standing.wait(&name(to), "r", sequence, Kind::Put), Kind::Put);
        }
        assert_eq!(standing.state(), ReplicationState::Pending);
        standing.settle(&name("one"), 1, None);
        assert_eq!(standing.state(), ReplicationState::Pending);
        standing.settle(&name("two"), 2, None);
        assert_eq!((standing.state(), standing.legs.len()), (ReplicationState::Completed, 0));
    }

    #[test]
    fn a_change_that_waits_keeps_it_pending() {
        let mut standing = Standing::new(VersionId::Null, 3, false);
        standing.wait(&name("one"), "r", 1, Kind::Put);
        standing.wait(&name("one"), "r", 5, Kind::Amend);
        standing.settle(&name("one"), 1, None);
        assert_eq!(standing.state(), ReplicationState::Pending);
        standing.settle(&name("one"), 5, None);
        assert_eq!(standing.state(), ReplicationState::Completed);
    }

    #[test]
    fn one_failure_is_its_failure_until_it_is_tried_again() {
        let mut standing = Standing::new(VersionId::Null, 3, false);
        standing.wait(&name("one"), "r", 1, Kind::Put);
        standing.wait(&name("two"), "r", 2, Kind::Put);
        standing.settle(&name("one"), 1, failure(Kind::Put));
        assert_eq!(standing.state(), ReplicationState::Failed);
        standing.settle(&name("two"), 2, None);
        assert_eq!(standing.state(), ReplicationState::Failed);
        // A change of a version that is not there has to bring the version.
        assert_eq!(standing.wait(&name("one"), "r", 7, Kind::Amend), Kind::Put);
        assert_eq!(standing.state(), ReplicationState::Pending);
        standing.settle(&name("one"), 7, None);
        assert_eq!(standing.state(), ReplicationState::Completed);
    }

    #[test]
    fn what_was_not_taken_at_all_stays_so() {
        let mut standing = Standing::new(VersionId::Null, 3, false);
        standing.wait(&name("one"), "r", 1, Kind::Put);
        standing.wait(&name("one"), "r", 2, Kind::Amend);
        standing.settle(&name("one"), 1, failure(Kind::Put));
        standing.settle(&name("one"), 2, failure(Kind::Amend));
        assert_eq!(standing.legs[0].failed.as_ref().unwrap().kind, Kind::Put);
    }

    #[test]
    fn what_is_late_is_told_once_and_once_more_when_it_is_there() {
        let mut standing = Standing::new(VersionId::Null, 3, false);
        standing.wait(&name("one"), "r", 1, Kind::Put);
        assert_eq!(
            [standing.miss(&name("one")), standing.miss(&name("one")), standing.miss(&name("two"))],
            [true, false, false]
        );
        assert!(standing.settle(&name("one"), 1, None));
        standing.wait(&name("one"), "r", 2, Kind::Amend);
        assert!(!standing.settle(&name("one"), 2, None));
    }

    #[test]
    fn a_replica_is_a_replica_again() {
        let mut standing = Standing::new(VersionId::Null, 3, true);
        standing.wait(&name("one"), "r", 1, Kind::Amend);
        assert_eq!(standing.state(), ReplicationState::Pending);
        standing.settle(&name("one"), 1, None);
        assert_eq!(standing.state(), ReplicationState::Replica);
    }
}
