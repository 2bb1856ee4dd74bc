//! A circuit breaker: after a row of failures nothing is tried for a while, then one call.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arqueta_model::Timestamp;

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Every call.
    Closed,
    /// No call.
    Open,
    /// One call, to see.
    HalfOpen,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { since: Timestamp },
    Probing { since: Timestamp },
}

#[derive(Debug)]
pub(super) struct Breaker {
    state: Mutex<State>,
    failures: u32,
    open: Duration,
}

impl Breaker {
    /// Opens after `failures` in a row, for `open`.
    pub(super) fn new(failures: u32, open: Duration) -> Self {
        Self { state: Mutex::new(State::Closed { failures: 0 }), failures: failures.max(1), open }
    }

    /// Whether a call may be tried at `now`. Who is let through says how it went; a probe that
    /// never says is followed by another one after the same while.
    pub(super) fn admits(&self, now: Timestamp) -> bool {
        let mut state = self.lock();
        match *state {
            State::Closed { .. } => true,
            State::Open { since } | State::Probing { since } => {
                // A clock that stepped back: how long it has been is unknown, so look again.
                let due = now < since || now.since(since) >= self.open;
                if due {
                    *state = State::Probing { since: now };
                }
                due
            }
        }
    }

    /// A call was answered.
    pub(super) fn succeeded(&self) {
        *self.lock() = State::Closed { failures: 0 };
    }

    /// A call was not answered.
    pub(super) fn failed(&self, now: Timestamp) {
        let mut state = self.lock();
        *state = match *state {
            State::Closed { failures } if failures + 1 < self.failures => State::Closed { failures: failures + 1 },
            State::Closed { .. } | State::Probing { .. } => State::Open { since: now },
            open @ State::Open { .. } => open,
        };
    }

    pub(super) fn state(&self) -> BreakerState {
        match *self.lock() {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Probing { .. } => BreakerState::HalfOpen,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn tripped() -> Breaker {
        let breaker = Breaker::new(3, Duration::from_secs(5));
        (0..3).for_each(|_| breaker.failed(at(0)));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_does_not() {
        let breaker = Breaker::new(3, Duration::from_secs(5));
        for _ in 0..10 {
            breaker.failed(at(0));
            breaker.failed(at(0));
            breaker.succeeded();
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert_eq!(tripped().state(), BreakerState::Open);
        assert!(!tripped().admits(at(4)));
    }

    #[test]
    fn one_probe_goes_through_after_a_while_and_decides() {
        let breaker = tripped();
        assert!(breaker.admits(at(5)));
        assert!(!breaker.admits(at(5)), "only one");
        breaker.failed(at(6));
        assert!(!breaker.admits(at(10)), "the while begins anew");
        assert!(breaker.admits(at(11)));
        breaker.succeeded();
        assert!(breaker.admits(at(11)) && breaker.admits(at(11)));
    }

    #[test]
    fn a_probe_that_got_lost_does_not_keep_it_shut() {
        let breaker = tripped();
        assert!(breaker.admits(at(5)));
        assert!(breaker.admits(at(10)));
    }

    #[test]
    fn a_clock_that_steps_back_does_not_keep_it_shut() {
        let breaker = Breaker::new(1, Duration::from_secs(5));
        breaker.failed(at(1_000_000));
        assert!(breaker.admits(at(0)));
    }
}
