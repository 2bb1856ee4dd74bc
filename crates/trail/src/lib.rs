//! Trails: which events of the record are delivered where, as log files and signed digests.
//!
//! **Purpose.** AWS CloudTrail's delivery: a trail selects events of its account, puts them into a
//! bucket as gzip JSON, and vouches for them with a chain of signed digest files.
//!
//! **Refuses to do** the recording itself (`audit` does) and authorization of administration calls
//! (the edge does).
//!
//! **Invariants.** An event that a trail selects is never left out by one that logs.
//!
//! **Threat notes.** Who can write the data folder can edit the record before it is delivered;
//! what was delivered and digested can only be edited visibly.

mod selection;
mod selector;

pub use selection::Selection;
pub use selector::{DataResource, EventSelector, InvalidSelector, ReadWriteType, S3_OBJECT};
