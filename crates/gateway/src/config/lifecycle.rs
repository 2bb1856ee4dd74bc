//! `[lifecycle]`: how long a day is.

use std::time::Duration;

use serde::Deserialize;

use crate::Error;

/// `[lifecycle]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifecycle {
    /// Seconds of what rules call a day, 1 to 86,400.
    pub day_seconds: u64,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { day_seconds: 86_400 }
    }
}

impl Lifecycle {
    /// What rules call a day.
    #[must_use]
    pub const fn day(self) -> Duration {
        Duration::from_secs(self.day_seconds)
    }

    pub(super) fn check(self) -> Result<(), Error> {
        if !(1..=86_400).contains(&self.day_seconds) {
            return Err(Error::Config("lifecycle.day_seconds must be 1 to 86400".to_owned()));
        }
        Ok(())
    }
}
