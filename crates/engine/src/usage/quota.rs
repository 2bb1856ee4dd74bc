//! How much may lie in a bucket or in all buckets of an account.

use serde::{Deserialize, Serialize};

use super::Amount;
use crate::record::Record;

/// Limits; `None` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quota {
    /// Most bytes of all versions.
    pub bytes: Option<u64>,
    /// Most objects.
    pub objects: Option<u64>,
}

impl Record for Quota {
    const NAME: &'static str = "quota";
}

impl Quota {
    /// Whether it limits nothing.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.bytes.is_none() && self.objects.is_none()
    }

    /// Whether what is there may change by so much. What does not grow is never too much.
    pub(super) fn permits(&self, there: Amount, by: Amount) -> bool {
        let fits = |limit: Option<u64>, there: i64, by: i64| {
            by <= 0 || limit.is_none_or(|limit| u64::try_from(there.saturating_add(by)).unwrap_or(0) <= limit)
        };
        fits(self.bytes, there.bytes, by.bytes) && fits(self.objects, there.objects, by.objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn bytes(bytes: i64) -> Amount {
        Amount { bytes, ..Amount::ZERO }
    }

    #[test]
    fn growth_is_held_against_the_limit_and_nothing_else_is() {
        let quota = Quota { bytes: Some(10), objects: Some(1) };
        assert!(quota.permits(bytes(4), bytes(6)));
        assert!(!quota.permits(bytes(4), bytes(7)));
        assert!(quota.permits(bytes(50), bytes(-1)), "what shrinks");
        assert!(quota.permits(bytes(50), bytes(0)), "what stays");
        let one = Amount { objects: 1, ..Amount::ZERO };
        assert!(quota.permits(Amount::ZERO, one) && !quota.permits(one, one));
        assert!(Quota::default().permits(bytes(i64::MAX), bytes(i64::MAX)));
        assert!(!quota.permits(bytes(i64::MAX), bytes(i64::MAX)));
    }
}
