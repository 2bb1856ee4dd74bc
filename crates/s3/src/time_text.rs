//! Times in the forms that S3 writes.

use arqueta_model::Timestamp;
use s3s::dto;

/// `Sun, 22 Nov 2026 20:00:00 GMT` (RFC 9110, section 5.6.7).
#[must_use]
pub fn http_date(time: Timestamp) -> String {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    time.date_time().format(&format).unwrap_or_default()
}

/// As s3s carries times of changes. S3 tells them to the second, in documents as in
/// `Last-Modified`, and tools compare the two.
#[must_use]
pub fn to_dto(time: Timestamp) -> dto::Timestamp {
    exact(Timestamp::from_millis(time.seconds() * 1000))
}

/// As s3s carries times, to the millisecond.
#[must_use]
pub fn exact(time: Timestamp) -> dto::Timestamp {
    time.date_time().into()
}

/// From s3s, to the millisecond.
#[must_use]
pub fn from_dto(time: &dto::Timestamp) -> Timestamp {
    let time: time::OffsetDateTime = time.clone().into();
    let millis = time.unix_timestamp_nanos() / 1_000_000;
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip_and_print() {
        let time = Timestamp::from_millis(784_111_777_123);
        assert_eq!(http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(from_dto(&exact(time)), time);
        assert_eq!(from_dto(&to_dto(time)), Timestamp::from_millis(784_111_777_000));
    }
}
