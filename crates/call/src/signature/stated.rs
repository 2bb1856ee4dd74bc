//! What a request states of its signature: the algorithm, and when it was made.

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
