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

pub use candidate::Candidate;
pub use canonical::{Unreadable, signed_pairs};
pub use error::Error;
pub use keys::{SigningKey, SigningKeys};
pub use presented::{Presented, Scope};

use std::time::Duration;

use arqueta_model::Timestamp;
use s3s_sigv4::AmzDate;

/// The one algorithm of Version 4.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far a request's clock may be from ours, either way.
pub const SKEW: Duration = Duration::from_secs(15 * 60);

/// When a request was signed; `None` for a date that there is not.
#[must_use]
pub fn moment(date: &AmzDate) -> Option<Timestamp> {
    date.to_time().map(|signed| Timestamp::from_millis(signed.as_millisecond()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
