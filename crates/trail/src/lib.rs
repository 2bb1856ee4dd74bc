//! Trails: which events of the record are delivered where, as log files and signed digests.
//!
//! **Purpose.** AWS CloudTrail's delivery: a trail selects events of its account, puts them into a
//! bucket as gzip JSON, and vouches for them with a chain of signed digest files, which
//! `aws cloudtrail validate-logs` checks.
//!
//! **Refuses to do** the recording itself (`audit` does), authorization of administration calls
//! (the edge does), and anything about buckets and keys beyond its seams [`Deliver`] and [`Sign`].
//!
//! **Invariants.** An event that a trail selects while it logs is delivered at least once, and
//! under one name only: a file's name and events are stored before it is put, and the position
//! behind it only after. Only events that are durable in the record are delivered. A digest names
//! every log file since the one before it, whose signature it contains.
//!
//! **Threat notes.** Who can write the data folder can edit the record before it is delivered, at
//! most the delivery interval later; what was delivered and digested can be edited, removed or
//! back-dated only visibly, except the newest digest, whose absence shows as a gap up to now.
//!
//! ```
//! use arqueta_trail::TrailId;
//!
//! let account = "111122223333".parse()?;
//! assert!(TrailId::new(&account, "audit-1").is_ok());
//! assert!(TrailId::new(&account, "-").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod administration;
mod delivery;
mod digest;
mod directory;
mod error;
mod layout;
mod log_file;
mod name;
mod record;
mod schedule;
mod seam;
mod selection;
mod selector;
mod tag;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod trails;

pub use administration::{Changes, NewTrail, TrailStatus};
pub use error::Error;
pub use name::TrailId;
pub use record::{Status, Trail};
pub use seam::{Deliver, DeliveryError, Destination, Object, PublicKey, Sign, SignError};
pub use selection::Selection;
pub use selector::{DataResource, EventSelector, InvalidSelector, ReadWriteType, S3_OBJECT};
pub use tag::Tag;
pub use trails::{Config, Foundations, Trails, list, undelivered};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
