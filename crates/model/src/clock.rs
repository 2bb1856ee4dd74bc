//! Time as a seam: nothing else in the workspace reads the system clock.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// As a date and time in UTC. Years outside -9999..=9999 saturate to the epoch.
    #[must_use]
    pub fn date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// `2026-11-21T20:00:00Z`, to the second, as CloudTrail writes it.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let whole = self.date_time().replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        whole.format(&Rfc3339).unwrap_or_default()
    }

    /// This instant and `by`, saturating.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time since `earlier`; zero if that lies in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// The seam of time. Tests use `ManualClock` (feature `testing`) and never wait.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now. May step back when the system clock does.
    fn now(&self) -> Timestamp;
    /// Returns once `for_` has passed on this clock.
    async fn sleep(&self, for_: Duration);
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place that reads the system clock
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, for_: Duration) {
        tokio::time::sleep(for_).await;
    }
}

#[cfg(any(test, feature = "testing"))]
pub use manual::ManualClock;

#[cfg(any(test, feature = "testing"))]
mod manual {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use tokio::sync::oneshot;

    use super::*;

    /// A clock that moves only when a test says so. It wakes sleepers in the order in which they are
    /// due, and those that are due together in the order in which they fell asleep.
    #[derive(Debug)]
    pub struct ManualClock(Mutex<State>);

    #[derive(Debug)]
    struct State {
        now: Timestamp,
        sleepers: Vec<(Timestamp, oneshot::Sender<()>)>,
    }

    impl ManualClock {
        /// Starts at `at`.
        #[must_use]
        pub fn new(at: Timestamp) -> Self {
            Self(Mutex::new(State { now: at, sleepers: Vec::new() }))
        }

        /// Moves forward and wakes sleepers that are due.
        pub fn advance(&self, by: Duration) {
            let mut state = self.state();
            state.now = state.now.plus(by);
            let now = state.now;
            let mut due: Vec<_> = state.sleepers.extract_if(.., |(due, _)| *due <= now).collect();
            due.sort_by_key(|(due, _)| *due);
            for (_, sleeper) in due {
                // Nobody listens who was given up.
                let _ = sleeper.send(());
            }
        }

        fn state(&self) -> MutexGuard<'_, State> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Default for ManualClock {
        /// 2026-01-01T00:00:00Z.
        fn default() -> Self {
            Self::new(Timestamp::from_millis(1_767_225_600_000))
        }
    }

    #[async_trait]
    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            self.state().now
        }

        async fn sleep(&self, for_: Duration) {
            let woken = {
                let mut state = self.state();
                let due = state.now.plus(for_);
                if due <= state.now {
                    return;
                }
                let (sleeper, woken) = oneshot::channel();
                state.sleepers.retain(|(_, sleeper)| !sleeper.is_closed());
                state.sleepers.push((due, sleeper));
                woken
            };
            // The clock lives as long as `self`, so waiting cannot fail while we are borrowed.
            let _ = woken.await;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_is_to_the_second() {
        assert_eq!(Timestamp::from_millis(1_767_225_600_999).rfc3339(), "2026-01-01T00:00:00Z");
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_when_moved() {
        let clock = std::sync::Arc::new(ManualClock::default());
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(5)).await }
        });
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(5));
        sleeper.await.unwrap();
    }

    #[tokio::test]
    async fn sleepers_wake_in_the_order_in_which_they_are_due() {
        let clock = std::sync::Arc::new(ManualClock::default());
        let woken = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        for (seconds, name) in [(3, "c"), (9, "late"), (1, "a"), (1, "b")] {
            let (clock, woken) = (clock.clone(), woken.clone());
            tokio::spawn(async move {
                clock.sleep(Duration::from_secs(seconds)).await;
                woken.lock().unwrap().push(name);
            });
        }
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(5));
        tokio::task::yield_now().await;
        assert_eq!(*woken.lock().unwrap(), ["a", "b", "c"]);
    }
}
