//! How soon something is tried again: later and later, and never all at once.

use std::collections::BTreeMap;
use std::time::Duration;

use arqueta_model::Timestamp;

/// Pause after the first failure.
const FIRST: Duration = Duration::from_millis(200);
/// Longest pause.
const LONGEST: Duration = Duration::from_secs(60);

/// Failures in a row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    failures: u32,
}

impl Pace {
    /// It failed again: how long to rest. Twice as long each time, half of it by chance.
    pub fn fail(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let doubled = FIRST.saturating_mul(1 << (self.failures - 1).min(16)).min(LONGEST);
        let half = doubled / 2;
        let mut chance = [0; 2];
        arqueta_model::random::fill(&mut chance);
        half + half.mul_f64(f64::from(u16::from_be_bytes(chance)) / f64::from(u16::MAX))
    }

    /// It works.
    pub fn succeed(&mut self) {
        self.failures = 0;
    }

    /// Whether the last try failed.
    pub fn is_failing(self) -> bool {
        self.failures > 0
    }
}

/// What failed last time, and until when it rests.
#[derive(Debug, Default)]
pub struct Resting(BTreeMap<String, (Pace, Timestamp)>);

impl Resting {
    /// Whether `what` rests.
    pub fn holds(&self, what: &str, now: Timestamp) -> bool {
        self.0.get(what).is_some_and(|(_, until)| *until > now)
    }

    /// Until when it rests; `None` if it did not fail last time.
    #[must_use]
    pub fn until(&self, what: &str) -> Option<Timestamp> {
        self.0.get(what).map(|(_, until)| *until)
    }

    /// Whether it failed last time, whether or not it still rests.
    pub fn knows(&self, what: &str) -> bool {
        self.0.contains_key(what)
    }

    /// It failed.
    pub fn add(&mut self, what: String, now: Timestamp) {
        let (pace, until) = self.0.entry(what).or_insert((Pace::default(), now));
        *until = now.plus(pace.fail());
    }

    /// It works. Whether it had failed last time.
    pub fn remove(&mut self, what: &str) -> bool {
        self.0.remove(what).is_some()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets those whose rest is over.
    pub fn forget_over(&mut self, now: Timestamp) {
        self.0.retain(|_, (_, until)| *until > now);
    }

    /// When the next of those that rest is tried again.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.values().map(|(_, until)| *until).filter(|until| *until > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_begin_anew_after_a_success() {
        let mut pace = Pace::default();
        for longest in [200, 400, 800, 1600] {
            let pause = pace.fail();
            assert!(
                pause <= Duration::from_millis(longest) && pause >= Duration::from_millis(longest / 2),
                "{pause:?}"
            );
        }
        for _ in 0..100 {
            assert!(pace.fail() <= LONGEST);
        }
        assert!(pace.is_failing());
        pace.succeed();
        assert!(pace.fail() <= FIRST);
    }
}
