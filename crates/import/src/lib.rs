//! Buckets of a running S3 endpoint, brought over while it goes on serving.
//!
//! **Purpose.** [`Import`] makes a bucket at the destination what it is at the source: its settings, then pass by
//! pass its objects with all versions and delete markers in their order, until a pass finds nothing new.
//!
//! **Refuses to do** anything to the source: it reads. Nothing at the destination is deleted or replaced but what a
//! pass finds changed at the source.
//!
//! **Invariants.** What is there already is found out from the destination itself, by the same proof as
//! `arqueta diff`'s: an import that was killed goes on where it was, and one that is done does nothing. A key's
//! versions arrive from the oldest to the newest, or not at all. What the source has a checksum of, the
//! destination verifies before it keeps it. What cannot be brought over is told, with its reason. Memory is
//! bounded by how many objects are copied at the same time.
//!
//! **Threat notes.** Objects come through the source's own server, which opens what it has sealed; on the way
//! they are as safe as the two connections.
//!
//! ```
//! use arqueta_client::Entry;
//! use arqueta_import::aligned;
//!
//! // Two versions at the source, the older of them at the destination: one is left to be copied.
//! let version = |etag: &str| Entry { etag: etag.to_owned(), size: 1, ..Entry::default() };
//! let (source, destination) = ([version("1"), version("2")], [version("1")]);
//! let found = aligned(&source, &destination, async |a, b| a.etag == b.etag);
//! let found = futures::executor::block_on(found);
//! assert_eq!(found.missing(), 1..2);
//! ```

mod align;
mod copy;
mod import;
mod pace;
mod pass;
mod settings;
mod told;
mod upload;
mod version;

pub use align::{Aligned, aligned};
pub use import::{Import, Options, buckets};
pub use pace::Pace;
pub use told::{Told, Totals};
