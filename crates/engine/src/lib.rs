//! The use cases: buckets, put, get, copy, multipart, list, delete, versions, object lock.
//!
//! **Purpose.** [`Engine`] turns S3's semantics into commits of a [`arqueta_store::MetaStore`] and
//! blobs of a [`arqueta_store::BlobStore`], with every body sealed by the envelope on its way. It gives
//! out one handle for each role: [`Buckets`], [`BucketSettings`], [`Objects`], [`Locks`], [`Listing`],
//! [`Uploads`], [`Replicas`], [`Lifecycle`], [`Sweeper`], [`Collector`].
//!
//! **Refuses to do** HTTP (no header, status or XML appears here) and the authorization of S3
//! actions: the edge decides both before it calls. The use of KMS keys is authorized inside the key
//! service, as the caller.
//!
//! **Invariants.**
//! - A version exists only together with everything it refers to: bodies are durable before the one
//!   metadata commit that names them, and that commit carries every precondition.
//! - A key that has any version has a current one under `c/`, possibly a delete marker.
//! - A record is removed in the same commit that hands its blobs to the garbage (`g/`).
//! - A body's manifest is verified before its first byte leaves; a stream that cannot be
//!   authenticated ends in an error, never in a clean end.
//!
//! **Threat notes.** Plaintext of an encrypted object reaches neither store nor any error. Who can
//! replace whole metadata records with older ones can roll an object back (docs/threats.md).
//!
//! ```
//! use arqueta_engine::Config;
//!
//! // S3's own limits.
//! let config = Config::new("us-east-1".parse()?);
//! assert_eq!((config.put_limit, config.part_minimum), (5 << 30, 5 << 20));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accounts;
pub mod api;
mod bucket_keys;
mod buckets;
mod buffers;
mod carried;
pub mod check;
pub mod checksum;
mod collect;
mod conditions;
mod content;
pub mod dependents;
mod engine;
mod error;
mod in_flight;
mod ingest;
mod key_locks;
pub mod lifecycle;
pub mod listing;
mod multipart;
mod naming;
pub mod notifications;
mod objects;
mod outbox;
mod protection;
mod readers;
pub mod record;
pub mod rekey;
mod replicas;
pub mod replication;
pub mod schema;
pub mod scrub;
mod sequence;
mod slots;
mod space;
mod state;
mod sweep;
pub mod usage;
mod versions;

pub use accounts::AccountSettings;
pub use arqueta_envelope::{Caller, CustomerKey, Envelope, Error as EnvelopeError, KeyServiceError, KeyState, SseMode};
pub use arqueta_store::Error as StoreError;
pub use bucket_keys::BucketKeyTable;
pub use buckets::{BucketSettings, Buckets, owns_buckets};
pub use collect::{Collected, Collector};
pub use engine::Engine;
pub use error::{BodyError, Condition, Error};
pub use lifecycle::Lifecycle;
pub use listing::Listing;
pub use multipart::{Uploads, upload_started};
pub use naming::name_of;
pub use objects::{Locks, Objects};
pub use readers::BodiesHeld;
pub use replicas::Replicas;
pub use replication::Replicating;
pub use scrub::Scrubber;
pub use state::Config;
pub use sweep::{SweepSchedule, Sweeper, Swept};
