//! The S3 protocol edge on s3s.
//!
//! **Purpose.** [`S3Edge`] takes an HTTP request and answers it: it decodes, authenticates,
//! authorizes, calls the engine, and encodes, with AWS's headers, codes and words. It holds the
//! only map from our errors to S3's ([`error`]).
//!
//! **Refuses to do** anything without a decision: an operation that has no line in the action
//! table does not run; an unsigned request runs only where a bucket policy names everyone; a body
//! in a framing that nothing decodes is not stored; a sub-resource under a method that has none
//! touches nothing; Signature Version 2 is for presigned URLs and forms alone, and for no object under
//! a KMS key. What is not supported answers NotImplemented instead of pretending.
//!
//! **Invariants.**
//! - Every action of an operation is decided before the operation runs; what stands in a body
//!   (keys of DeleteObjects, the key of a form) is decided before the engine sees it.
//! - Who may not look does not learn whether something is there: 403 comes before 404.
//! - An answer that fails in the middle breaks the connection. It never ends like a whole one.
//! - Every answer names its request, and every error is a complete document.
//!
//! **Threat notes.** The edge verifies signatures before s3s sees a request: it demands that `host` is signed,
//! that session tokens fit their credentials, and that trailers are the announced ones. Secrets
//! (customer keys, signatures, tokens) are in no log and in no error document.
//!
//! ```
//! use arqueta_s3::Hosts;
//!
//! let hosts = Hosts::new(&["s3.example".to_owned()], &"us-east-1".parse()?);
//! assert_eq!(hosts.bucket("photos.s3.example"), Some("photos"));
//! assert_eq!(hosts.bucket("s3.example"), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod action;
mod admission;
mod answer;
mod auth;
mod body;
mod bucket_policy;
mod checksum;
mod chunks;
mod condition;
mod condition_keys;
mod copy_source;
mod cors;
mod document;
mod elsewhere;
pub mod error;
mod exchange;
mod form;
mod gate;
mod host;
mod incoming;
mod leftover;
mod minio;
mod ops;
mod outline;
mod payload;
mod public_access;
mod query;
mod record;
mod refusal;
mod replica;
mod requester_pays;
mod resources;
mod service;
mod sightings;
mod signature;
mod signing;
mod sse;
mod subject;
mod terms;
mod text;
mod tidy;
mod time_text;
mod version_2;
mod website;
mod wide;
mod witness;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use arqueta_call::Connection;
pub use elsewhere::Elsewhere;
pub use host::Hosts;
pub use record::{DataSelection, NoDataEvents, Recorder};
pub use service::{EdgeConfig, S3Edge};
