//! Data-key policy and the bucket-key cache: which key an object is sealed under, and who asked.
//!
//! **Purpose.** [`Envelope`] turns "protect this object so" into an [`ObjectCipher`] and the
//! [`SealedKeys`] to be stored with it, and back. Where bucket keys apply it makes one
//! key-service call per requester and window instead of one per object (AWS S3 User Guide,
//! "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys").
//!
//! **Refuses to do** storage and authorization of S3 actions. It never falls back to less
//! protection: a key service that is down, a key that is disabled, a denied requester or a
//! missing bucket key is an error. It never lets a caller choose `aws:s3:arn`.
//!
//! **Invariants.**
//! - A window belongs to one requester, bucket, KMS key and caller's context; its first use is a
//!   key-service call made, authorized and recorded as that requester.
//! - Every further use is authorized again ([`arqueta_kms::Kms::recheck`]) with the request's own
//!   context, before the state of the key is told.
//! - A write never makes its requester able to read: writing and reading windows are apart.
//! - The wrapped bucket key is stored before the first object refers to it, and once. While a
//!   window, or keys on their way into a record, may still name it, [`InUse`] says so.
//! - Plaintext keys are dropped, and thereby wiped, when their window ends; who is using one at
//!   that moment keeps it until he is done. Nothing ever wipes a key that is still shared.
//! - A key-service call, once begun, is finished whether or not its requester waits for it; all
//!   who wait get its answer. Denials are not remembered, outages for [`OUTAGE_MEMORY`].
//!
//! **Threat notes.** The records read here may have been edited by whoever can write the store:
//! mode, key ARN, bucket-key id and layer are authenticated by the wrapped body key, the context
//! and the source key by the key service, bucket, key and object id by the wrapping key. A reading
//! window is entered only with exactly the key and context that opened it. A reader of process
//! memory sees the open windows' bucket keys.
//!
//! ```
//! use std::time::Duration;
//!
//! use arqueta_envelope::BucketKeyConfig;
//!
//! // A bucket key is used until the first of these.
//! let until = BucketKeyConfig::default();
//! assert_eq!((until.window, until.max_objects, until.max_bytes), (Duration::from_secs(300), 1_000_000, 1 << 40));
//! ```

mod bucket_key;
mod counters;
mod envelope;
mod error;
mod in_use;
mod keys;
mod protection;
mod source;
mod windows;

pub use arqueta_kms::{Caller, Error as KeyServiceError, KeyRef, KeyState};
pub use arqueta_model::SseMode;
pub use arqueta_seal::{ObjectCipher, Out, PartOpener, PartSealer};
pub use bucket_key::{BucketKeyConfig, BucketKeyStoreError, WrappedBucketKey, WrappedBucketKeys};
pub use counters::{Counters, CountersOf, Direction};
pub use envelope::{Envelope, Sealing};
pub use error::Error;
pub use in_use::InUse;
pub use keys::SealedKeys;
pub use protection::{CustomerKey, Protection};
pub use windows::OUTAGE_MEMORY;

#[cfg(test)]
mod tests;
