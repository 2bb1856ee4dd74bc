//! What can happen to an object.

use serde::{Deserialize, Serialize};

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Happening {
    /// Put.
    Put,
    /// Put by a browser form.
    Post,
    /// Copied.
    Copy,
    /// Made of parts.
    Complete,
    /// A version removed for good, or the object where there are no versions.
    Delete,
    /// Hidden under a delete marker.
    Marker,
    /// Tags set.
    TagsPut,
    /// Tags removed.
    TagsDeleted,
    /// A version removed for good by lifecycle.
    Expired,
    /// Hidden under a delete marker by lifecycle.
    ExpiredMarker,
    /// A destination of replication did not take a version.
    NotReplicated,
    /// A destination of replication does not have a version after a quarter of an hour.
    ReplicationMissed,
    /// It has it now.
    ReplicatedLate,
}

/// Every event, by its name.
const NAMES: [(&str, Happening); 13] = [
    ("s3:ObjectCreated:Put", Happening::Put),
    ("s3:ObjectCreated:Post", Happening::Post),
    ("s3:ObjectCreated:Copy", Happening::Copy),
    ("s3:ObjectCreated:CompleteMultipartUpload", Happening::Complete),
    ("s3:ObjectRemoved:Delete", Happening::Delete),
    ("s3:ObjectRemoved:DeleteMarkerCreated", Happening::Marker),
    ("s3:ObjectTagging:Put", Happening::TagsPut),
    ("s3:ObjectTagging:Delete", Happening::TagsDeleted),
    ("s3:LifecycleExpiration:Delete", Happening::Expired),
    ("s3:LifecycleExpiration:DeleteMarkerCreated", Happening::ExpiredMarker),
    ("s3:Replication:OperationFailedReplication", Happening::NotReplicated),
    ("s3:Replication:OperationMissedThreshold", Happening::ReplicationMissed),
    ("s3:Replication:OperationReplicatedAfterThreshold", Happening::ReplicatedLate),
];

impl Happening {
    /// Whether S3 does it by itself.
    pub(super) fn is_of_service(self) -> bool {
        use Happening::{Expired, ExpiredMarker, NotReplicated, ReplicatedLate, ReplicationMissed};
        matches!(self, Expired | ExpiredMarker | NotReplicated | ReplicationMissed | ReplicatedLate)
    }

    /// The event's name, as configurations have it (S3 User Guide, "Event notification types").
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, of)| *of == self).map_or("", |(name, _)| name)
    }
}

/// The events that a name in a configuration stands for, `s3:ObjectCreated:*` for four; none for a name
/// that is none, or of what does not happen here.
pub fn expand(name: &str) -> impl Iterator<Item = Happening> + '_ {
    // `s3:*` is none: the star stands for the last word alone.
    let group = name.strip_suffix('*').filter(|group| group.ends_with(':') && group.len() > "s3:".len());
    NAMES
        .into_iter()
        .filter(move |(full, _)| match group {
            Some(group) => full.starts_with(group),
            None => *full == name,
        })
        .map(|(_, happening)| happening)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_their_events() {
        assert_eq!(expand("s3:ObjectCreated:*").count(), 4);
        assert_eq!(expand("s3:ObjectRemoved:*").count(), 2);
        assert_eq!(
            expand("s3:LifecycleExpiration:*").collect::<Vec<_>>(),
            [Happening::Expired, Happening::ExpiredMarker]
        );
        for (name, happening) in NAMES {
            assert_eq!(expand(name).collect::<Vec<_>>(), [happening]);
            assert_eq!(happening.name(), name);
        }
        for none in [
            "",
            "*",
            "s3:*",
            "s3:Object*",
            "s3:ObjectCreated",
            "s3:ObjectCreated:",
            "ObjectCreated:Put",
            "s3:Replication:OperationNotTracked",
            "s3:ObjectAcl:Put",
        ] {
            assert_eq!(expand(none).count(), 0, "{none}");
        }
    }
}
