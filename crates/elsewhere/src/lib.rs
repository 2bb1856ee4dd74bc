//! Replicas in buckets of other endpoints: another Arqueta, or any S3.
//!
//! **Purpose.** [`Elsewhere`] is the [`Destination`](arqueta_replicate::Destination) of a gateway whose configuration names other endpoints:
//! what goes to one of their buckets is sent there, everything else to the destination behind it. A bucket of
//! another Arqueta gets replicas as its own engine writes them, under the ids of their sources; a bucket of any
//! other S3 gets ordinary writes.
//!
//! **Refuses to do** the other endpoint's deciding: it decides about the credentials that the operator gave for it.
//! Here the role's own policies have to allow what is done there, and which accounts' buckets may use those
//! credentials is the configuration's to say.
//!
//! **Invariants.** On return an item is durable at its destination. What cannot be told for certain is an outage
//! and is tried again: at another Arqueta that changes nothing, at another S3 it may make one version more.
//!
//! **Threat notes.** Contents leave in the clear inside of TLS. Credentials come from files and variables and are
//! in no `Debug`. An endpoint that is said to be an Arqueta and does not answer as one has got an ordinary write;
//! the item then counts as not delivered.
//!
//! ```
//! use arqueta_elsewhere::Directory;
//!
//! // Without endpoints every bucket is one of this gateway.
//! let here = Directory::new(&[]);
//! assert_eq!(here.admits(&"photos".parse()?, &"111122223333".parse()?), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arqueta;
mod body;
mod client;
mod directory;
mod foreign;
mod headers;
mod meaning;
mod permission;
mod sender;
mod settings;
mod sse;

pub use directory::Directory;
pub use sender::{Elsewhere, Unusable};
pub use settings::{EndpointSettings, Kind};
