//! Which events a report is about.

use std::fmt;

use arqueta_audit::Event;

use crate::key::{KEY, buckets_of};

/// What a report is about. Texts are parts of names, as in `arqueta audit search`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The whole record.
    Everything,
    /// One key: part of its ARN or id.
    Key(String),
    /// One bucket: its whole name.
    Bucket(String),
    /// One person: part of an ARN, user name, principal id or access key id.
    Principal(String),
}

impl Scope {
    /// Whether `event` belongs to it.
    #[must_use]
    pub fn holds(&self, event: &Event) -> bool {
        match self {
            Self::Everything => true,
            Self::Key(part) => event.resources.iter().any(|r| r.kind == KEY && r.arn.contains(part.as_str())),
            Self::Bucket(name) => buckets_of(event).any(|bucket| bucket == *name),
            Self::Principal(part) => {
                let who = &event.user_identity;
                let names = [&who.arn, &who.user_name, &who.principal_id, &who.access_key_id];
                names.into_iter().flatten().any(|name| name.contains(part.as_str()))
            }
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("the whole record"),
            Self::Key(part) => write!(f, "key {part}"),
            Self::Bucket(name) => write!(f, "bucket {name}"),
            Self::Principal(part) => write!(f, "principal {part}"),
        }
    }
}
