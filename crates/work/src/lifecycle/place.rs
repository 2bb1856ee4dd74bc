//! How far the walk over a bucket is, kept with the metadata.

use arqueta_engine::lifecycle::Ruled;
use arqueta_model::{BucketName, Timestamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

/// Prefix of all places.
pub const PLACES: &str = "w/lifecycle/";

/// What is walked. In this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Noncurrent versions: first, because what then lies under a delete marker may be gone.
    Noncurrents,
    /// Current versions.
    Currents,
    /// Uploads.
    Uploads,
    /// Nothing any more, today.
    Done,
}

impl Phase {
    pub fn next(self) -> Self {
        match self {
            Self::Noncurrents => Self::Currents,
            Self::Currents => Self::Uploads,
            Self::Uploads | Self::Done => Self::Done,
        }
    }
}

/// A place in a walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The midnight of the day it is about.
    pub day: Timestamp,
    /// Digest over the bucket's birth and its rules: other rules begin anew.
    pub(super) mark: ByteBuf,
    /// What is walked.
    pub phase: Phase,
    /// From where; `None` for the first.
    pub from: Option<ByteBuf>,
}

impl Place {
    /// The beginning of a walk.
    pub fn first(ruled: &Ruled, day: Timestamp) -> Self {
        let mut digest = Sha256::new();
        digest.update(ruled.created.millis().to_be_bytes());
        digest.update(&ruled.document);
        Self { day, mark: ByteBuf::from(digest.finalize().to_vec()), phase: Phase::Noncurrents, from: None }
    }

    /// Goes on from a stored place, if it is of the same walk.
    pub fn resumed(self, stored: Option<Bytes>) -> Self {
        let stored = stored.and_then(|bytes| rmp_serde::from_slice::<Self>(&bytes).ok());
        stored.filter(|stored| (stored.day, &stored.mark) == (self.day, &self.mark)).unwrap_or(self)
    }

    /// As stored.
    pub fn encode(&self) -> Bytes {
        rmp_serde::to_vec_named(self).expect("bytes and numbers serialise").into()
    }
}

/// Where a bucket's place is kept.
pub fn key(bucket: &BucketName) -> Bytes {
    [PLACES, bucket.as_str()].concat().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ruled(created: i64, document: &str) -> Ruled {
        let created = Timestamp::from_millis(created);
        let owner = "111122223333".parse().unwrap();
        Ruled { bucket: "bucket".parse().unwrap(), created, owner, document: document.to_owned() }
    }

    #[test]
    fn a_place_is_kept_for_the_same_day_bucket_and_rules() {
        let day = Timestamp::from_millis(86_400_000);
        let first = Place::first(&ruled(1, "rules"), day);
        let far = Place { phase: Phase::Currents, from: Some(ByteBuf::from(b"k".to_vec())), ..first.clone() };
        let stored = Some(far.encode());
        assert_eq!(first.clone().resumed(stored.clone()), far);
        for other in [
            Place::first(&ruled(2, "rules"), day),
            Place::first(&ruled(1, "others"), day),
            Place::first(&ruled(1, "rules"), Timestamp::from_millis(0)),
        ] {
            assert_eq!(other.clone().resumed(stored.clone()), other);
        }
        assert_eq!(first.clone().resumed(Some(Bytes::from_static(b"\xff"))), first, "a broken one begins anew");
        assert_eq!(first.clone().resumed(None), first);
    }
}
