//! Background work: what the gateway does to buckets by itself, in rounds.
//!
//! **Purpose.** [`Lifecycle`] removes what the rules of buckets say is to go; [`scrub::Scrub`] reads everything stored
//! when it is asked to, and says what is damaged.
//!
//! **Refuses to do** what a request waits for, and anything without holding the lease
//! ([`arqueta_store::Leases`]): of several gateways over one store one works, and one that was paused
//! cannot finish what it began.
//!
//! **Invariants.** A round resumes where it was: its place is kept with the metadata, and everything
//! done twice is done once. A step reads a bounded page, and rests as long as it took, so that work
//! takes at most half of what it could. What is done is recorded as the service's own act where a
//! trail selects it, and counted in [`Progress`].
//!
//! **Threat notes.** What goes is decided by the engine on the rules and records as the commit finds
//! them. Rules are only as trustworthy as who may set them; nobody else's permissions are asked, as in
//! S3, where a bucket policy cannot stop lifecycle.
//!
//! ```
//! use std::sync::Arc;
//!
//! use arqueta_work::Progress;
//!
//! // The worker counts what it does; whoever has the other handle shows it.
//! let shown = Arc::new(Progress::default());
//! let kinds: Vec<_> = shown.removed().map(|(kind, _)| kind).collect();
//! assert_eq!(kinds, ["object", "hidden", "version", "delete_marker", "upload"]);
//! assert_eq!((shown.rounds(), shown.last_finished()), (0, 0), "no round is finished");
//! ```

pub mod lifecycle;
pub mod pace;
pub mod rekey;
pub mod scrub;
mod tenure;

pub use lifecycle::{Lifecycle, Progress, Settings, Standing, Wants};
