//! Buckets of any S3 endpoint, as a client sees them: AWS, MinIO, Ceph, another Arqueta.
//!
//! **Purpose.** Where a bucket is and who asks ([`Place`], [`Endpoint`]), what it lists and what objects say
//! of themselves ([`Bucket`]), for the commands that read buckets elsewhere.
//!
//! **Refuses to do** anything that needs a gateway of ours: nothing here is more than S3.
//!
//! **Invariants.** A listing is a stream of pages, in the order of keys: one that is not is an error and
//! no answer. Every request is tried again where that may help, and ends.
//!
//! **Threat notes.** Secrets come from AWS's own files and from variables, never from the command line, and
//! are never printed. What an endpoint says is shown to people by callers who quote it.
//!
//! ```
//! use arqueta_client::Place;
//!
//! let place: Place = "s3://photos/2026/".parse()?;
//! assert_eq!((place.bucket.as_str(), place.prefix.as_str()), ("photos", "2026/"));
//! let place: Place = "old:photos".parse()?;
//! assert_eq!(place.endpoint.as_deref(), Some("old"));
//! # Ok::<(), arqueta_client::Error>(())
//! ```

mod bucket;
mod endpoint;
mod entry;
mod error;
mod facts;
mod listing;
mod place;
mod profile;
mod s3;
#[cfg(feature = "testing")]
pub mod testing;

pub use bucket::{Absence, Body, Bucket, Cursor, Page, Tags};
pub use endpoint::{Chosen, Endpoint};
pub use entry::{Entry, Listing};
pub use error::Error;
pub use facts::{Algorithm, Encryption, Facts, Lock, Sse, Whole};
pub use listing::entries;
pub use place::Place;
pub use s3::{S3Bucket, refusal, versioning};
