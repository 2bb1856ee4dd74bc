use arqueta_model::Timestamp;

use super::Sighting;

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EtagCondition {
    /// `*`: any object at all.
    Any,
    /// One of these entity tags, unquoted, `W/` removed.
    OneOf(Vec<String>),
}

impl EtagCondition {
    /// Whether an object with this entity tag is meant.
    #[must_use]
    pub fn covers(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| tag == etag),
        }
    }
}

/// Conditions of a read, of a copy's source, or (the first two) of a write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// The object must have this entity tag.
    pub if_match: Option<EtagCondition>,
    /// The object must not have it.
    pub if_none_match: Option<EtagCondition>,
    /// Changed after this second. The edge drops a value that does not parse, as S3 does.
    pub if_modified_since: Option<Timestamp>,
    /// Not changed after this second.
    pub if_unmodified_since: Option<Timestamp>,
    /// It must be what the caller's leave was decided on.
    pub seen: Option<Sighting>,
}

impl Conditions {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The value of `If-Range`: a part of the object is wanted only if this is still the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfRange {
    /// The entity tag, unquoted.
    Etag(String),
    /// The second in which it was last modified.
    LastModified(Timestamp),
    /// Something that no object is: a weak entity tag, or nothing that can be read.
    Never,
}

/// Conditions of a delete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeleteConditions {
    /// The object must have this entity tag.
    pub if_match: Option<EtagCondition>,
    /// It must have this size in bytes.
    pub size: Option<u64>,
    /// It must have been last modified in this second.
    pub last_modified: Option<Timestamp>,
    /// It must be what the caller's leave was decided on.
    pub seen: Option<Sighting>,
}

impl DeleteConditions {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
