//! Object lock: what protects a version, and who may change that.

use std::time::Duration;

use arqueta_model::Timestamp;

use super::Objects;
use crate::Error;
use crate::api::{LegalHold, ObjectName, Retention, RetentionMode};
use crate::record::{BucketRecord, ObjectRecord};
use crate::state::State;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const NOT_ENABLED: &str = "Bucket is missing Object Lock Configuration";

/// Refuses the removal of a protected version.
pub(crate) fn permit_removal(record: &ObjectRecord, bypass: bool, now: Timestamp) -> Result<(), Error> {
    let Some(content) = &record.content else { return Ok(()) };
    if content.legal_hold == Some(LegalHold::On) {
        return Err(Error::ObjectLocked);
    }
    match content.retention {
        Some(Retention { until, .. }) if until <= now => Ok(()),
        Some(Retention { mode: RetentionMode::Governance, .. }) if bypass => Ok(()),
        Some(_) => Err(Error::ObjectLocked),
        None => Ok(()),
    }
}

/// Refuses a change that would weaken retention in force.
pub(crate) fn permit_change(
    old: Option<Retention>,
    new: Option<Retention>,
    bypass: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(old) = old.filter(|old| old.until > now) else { return Ok(()) };
    let stricter = new.is_some_and(|new| new.mode == old.mode && new.until >= old.until);
    let permitted = match old.mode {
        RetentionMode::Governance => stricter || bypass,
        RetentionMode::Compliance => stricter,
    };
    if permitted { Ok(()) } else { Err(Error::ObjectLocked) }
}

/// Retention and legal holds of versions.
#[derive(Debug, Clone, Copy)]
pub struct Locks<'a> {
    state: &'a State,
}

impl<'a> Locks<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Locks<'_> {
    /// Retention of a version about to be written: what the request says, else the bucket's default.
    pub(crate) fn retention_for(
        self,
        bucket: &BucketRecord,
        asked: Option<Retention>,
        legal_hold: Option<LegalHold>,
    ) -> Result<Option<Retention>, Error> {
        let now = self.state.clock.now();
        let Some(lock) = bucket.object_lock else {
            return if asked.is_some() || legal_hold.is_some() { Err(Error::request(NOT_ENABLED)) } else { Ok(None) };
        };
        if let Some(asked) = asked {
            in_the_future(asked, now)?;
            return Ok(Some(asked));
        }
        Ok(lock.default.map(|default| Retention {
            mode: default.mode,
            until: now.plus(DAY.saturating_mul(default.period.days())),
        }))
    }

    /// Sets or removes the retention of a version.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] without object lock on the bucket; [`Error::ObjectLocked`] for
    /// weakening what is in force (governance may be bypassed, compliance never);
    /// [`Error::InvalidArgument`] for a date in the past.
    pub async fn put_retention(
        self,
        name: &ObjectName,
        retention: Option<Retention>,
        bypass_governance: bool,
    ) -> Result<(), Error> {
        self.require_lock(name).await?;
        let now = self.state.clock.now();
        if let Some(retention) = retention {
            in_the_future(retention, now)?;
        }
        Objects::over(self.state)
            .amend(name, None, |content| {
                permit_change(content.retention, retention, bypass_governance, now)?;
                content.retention = retention;
                Ok(())
            })
            .await
            .map(drop)
    }

    /// Sets or lifts the legal hold of a version.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] without object lock on the bucket.
    pub async fn put_legal_hold(self, name: &ObjectName, hold: LegalHold) -> Result<(), Error> {
        self.require_lock(name).await?;
        Objects::over(self.state)
            .amend(name, None, |content| {
                content.legal_hold = Some(hold);
                Ok(())
            })
            .await
            .map(drop)
    }

    /// Retention of a version.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] without object lock on the bucket, [`Error::NoObjectLock`].
    pub async fn retention(self, name: &ObjectName) -> Result<Retention, Error> {
        self.require_lock(name).await?;
        Objects::over(self.state).peek(name).await?.content().retention.ok_or(Error::NoObjectLock)
    }

    /// Legal hold of a version.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] without object lock on the bucket, [`Error::NoObjectLock`].
    pub async fn legal_hold(self, name: &ObjectName) -> Result<LegalHold, Error> {
        self.require_lock(name).await?;
        Objects::over(self.state).peek(name).await?.content().legal_hold.ok_or(Error::NoObjectLock)
    }

    async fn require_lock(self, name: &ObjectName) -> Result<(), Error> {
        let bucket = self.state.bucket(&name.bucket).await?;
        if bucket.object_lock.is_some() { Ok(()) } else { Err(Error::request(NOT_ENABLED)) }
    }
}

fn in_the_future(retention: Retention, now: Timestamp) -> Result<(), Error> {
    if retention.until > now { Ok(()) } else { Err(Error::argument("The retain until date must be in the future!")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn until(mode: RetentionMode, millis: i64) -> Option<Retention> {
        Some(Retention { mode, until: Timestamp::from_millis(millis) })
    }

    #[test]
    fn retention_only_grows() {
        use RetentionMode::{Compliance, Governance};
        // (old, new, bypass, permitted)
        for (old, new, bypass, permitted) in [
            (None, until(Compliance, 2_000), false, true),
            (until(Governance, 2_000), until(Governance, 3_000), false, true),
            (until(Governance, 2_000), until(Governance, 1_500), false, false),
            (until(Governance, 2_000), until(Governance, 1_500), true, true),
            (until(Governance, 2_000), None, false, false),
            (until(Governance, 2_000), None, true, true),
            (until(Governance, 2_000), until(Compliance, 2_000), false, false),
            (until(Governance, 2_000), until(Compliance, 2_000), true, true),
            (until(Compliance, 2_000), until(Compliance, 3_000), false, true),
            (until(Compliance, 2_000), until(Compliance, 1_500), true, false),
            (until(Compliance, 2_000), until(Governance, 3_000), true, false),
            (until(Compliance, 2_000), None, true, false),
            (until(Compliance, 900), None, false, true),
        ] {
            assert_eq!(permit_change(old, new, bypass, NOW).is_ok(), permitted, "{old:?} {new:?} {bypass}");
        }
    }
}
