//! Replicas: versions that were written elsewhere first and keep the ids that they have there.
//!
//! An id tells its sequence, and with it the place of the version among those of its key: one that
//! comes late goes below what is newer, one that comes twice is there already. What was removed for
//! good here is not written again for as long as its removal is remembered.

mod amend;
mod parts;
mod place;
mod put;

use std::time::Duration;

use arqueta_model::{Timestamp, VersionId};

use crate::Error;
use crate::api::Versioning;
use crate::record::BucketRecord;
use crate::sequence::{first_of, millis, sequence_in};
use crate::state::State;

/// How far a source's clock may be ahead of this one, as signatures allow. A version of a later time would
/// stand above what is written here from now on.
const AHEAD: Duration = Duration::from_secs(15 * 60);

const UNVERSIONED: Error =
    Error::InvalidBucketState { message: "Versioning is not enabled for the destination bucket." };

/// Versions that were written elsewhere first.
#[derive(Debug, Clone, Copy)]
pub struct Replicas<'a> {
    state: &'a State,
}

impl<'a> Replicas<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

/// The sequence of a version of that id and time, if `bucket` may have it.
fn admissible(
    bucket: &BucketRecord,
    version: VersionId,
    last_modified: Timestamp,
    now: Timestamp,
) -> Result<u64, Error> {
    if bucket.versioning != Versioning::Enabled {
        return Err(UNVERSIONED);
    }
    // A null version, from before its bucket had versioning, has its time alone.
    let sequence = sequence_in(version).unwrap_or_else(|| first_of(last_modified));
    let latest = now.plus(AHEAD);
    let written = i64::try_from(millis(sequence)).unwrap_or(i64::MAX);
    if written > latest.millis() || last_modified > latest {
        return Err(Error::argument("The version is of a time that has not come yet."));
    }
    Ok(sequence)
}
