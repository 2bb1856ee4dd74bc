//! What all endpoints are told in the same headers.

use arqueta_engine::api::{LegalHold, Retention, RetentionMode, Tags};
use arqueta_model::Timestamp;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{ObjectLockLegalHoldStatus, ObjectLockMode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Tags as their header has them.
pub fn tagging(tags: &Tags) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = tags.pairs().iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// With the locks of the source.
pub fn locked(
    put: PutObjectFluentBuilder,
    retention: Option<Retention>,
    legal_hold: Option<LegalHold>,
) -> PutObjectFluentBuilder {
    put.set_object_lock_mode(retention.map(|retention| mode(retention.mode)))
        .set_object_lock_retain_until_date(retention.map(|retention| date(retention.until)))
        .set_object_lock_legal_hold_status(legal_hold.map(hold))
}

/// A retention mode.
pub const fn mode(mode: RetentionMode) -> ObjectLockMode {
    match mode {
        RetentionMode::Governance => ObjectLockMode::Governance,
        RetentionMode::Compliance => ObjectLockMode::Compliance,
    }
}

/// A date.
pub fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.millis())
}

/// A legal hold.
pub const fn hold(hold: LegalHold) -> ObjectLockLegalHoldStatus {
    match hold {
        LegalHold::On => ObjectLockLegalHoldStatus::On,
        LegalHold::Off => ObjectLockLegalHoldStatus::Off,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_in_their_header() {
        let tags = Tags::of_object(vec![("a b".to_owned(), "c+d=é".to_owned()), ("e".to_owned(), String::new())]);
        assert_eq!(tagging(&tags.unwrap()), "a%20b=c%2Bd%3D%C3%A9&e=");
        assert_eq!(tagging(&Tags::default()), "");
    }
}
