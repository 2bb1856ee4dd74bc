//! Who signed a request, for every protocol: keys derived once, signatures computed and compared in one
//! place, on the gateway's clock.
//!
//! S3 reads its requests itself, since it has forms of its own, codes of its own and tells what it
//! computed; [`Presented`] reads those of the other services: Signature Version 4 (IAM User Guide, "AWS
//! Signature Version 4 for API requests").
//!
//! Verification has two steps, because the secret lies between them: [`Presented::parse`] reads
//! what the request claims and refuses what is malformed, stale or out of scope;
//! [`Presented::verify`] computes the signature over the request as received.
//!
//! Stricter than AWS where its services are lenient: `x-amz-date` is the only date, every
//! `x-amz-*` header and a `Content-Type` must be signed, and a header or query parameter that
//! decides anything may occur once.

mod candidate;
mod canonical;
mod error;
mod keys;
mod presented;
mod stated;

pub use candidate::Candidate;
pub use canonical::{Unreadable, signed_pairs};
pub use error::Error;
pub use keys::{SigningKey, SigningKeys};
pub use presented::{Presented, Scope};
pub use stated::{ALGORITHM, SKEW, moment};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
