//! Signature Version 4 for the services beside S3 (IAM User Guide, "AWS Signature Version 4 for
//! API requests").
//!
//! Verification has two steps, because the secret lies between them: [`Presented::parse`] reads
//! what the request claims and refuses what is malformed, stale or out of scope;
//! [`Presented::verify`] computes the signature over the request as received.
//!
//! Stricter than AWS where its services are lenient: `x-amz-date` is the only date, every
//! `x-amz-*` header and a `Content-Type` must be signed, and a header or query parameter that
//! decides anything may occur once.

mod canonical;
mod error;
mod keys;
mod presented;

pub use error::Error;
pub use keys::{SigningKey, SigningKeys};
pub use presented::{Presented, Scope};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
