//! Replication: from the outbox of versions that rules matched to the buckets that are to have them.
//!
//! **Purpose.** The engine writes which versions go where into an outbox, in the commit of the change. This
//! crate empties it: it reads each version as the role of the bucket's configuration and hands it to a
//! [`Destination`].
//!
//! **Refuses to do** anything that the role may not: what it reads, the keys that it uses and what it writes are
//! authorized as a session of the role, and recorded as one.
//!
//! **Invariants.** A version counts as replicated only once its destination has it durably. An outage is tried
//! again for ever; a denial is a failure with AWS's reason. Versions of one key reach a destination in the order
//! of their commits.
//!
//! **Threat notes.** Plaintext passes from the source's opener to the destination's sealer in memory, piece by
//! piece, and is never kept.
//!
//! # Example
//! A destination refuses for one of AWS's reasons, or cannot be reached for now:
//!
//! ```
//! use arqueta_replicate::{Failure, Reason};
//!
//! let denied = Failure::denied(Reason::DstKmsKeyInvalidState, "the key is disabled");
//! assert!(matches!(denied, Failure::Denied { reason, .. } if reason.name() == "DstKmsKeyInvalidState"));
//! assert_eq!(Reason::from_name("DstBucketUnversioned"), Some(Reason::DstBucketUnversioned));
//! ```

mod access;
mod destination;
mod existing;
mod item;
mod lane;
mod own;
mod progress;
mod reason;
mod record;
mod role;
mod source;
mod standing;
mod worker;

pub use access::Access;
pub use destination::{Destination, Failure};
pub use existing::Existing;
pub use item::{Address, Amendable, Item, Origin, Part, Version, What};
pub use own::OwnBuckets;
pub use progress::{Counts, Progress};
pub use reason::Reason;
pub use record::{Told, Wants};
pub use role::Roles;
pub use source::Source;
pub use standing::{Standing, THRESHOLD};
pub use worker::Replicator;
