//! The clock of a gateway: it moves when the simulation says so, and is sometimes set back, which those
//! who sleep by it do not notice.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arqueta_model::{Clock, ManualClock, Timestamp};
use async_trait::async_trait;

/// What [`ManualClock`] says, less what it was set back by.
#[derive(Debug)]
pub struct Wall {
    steady: ManualClock,
    behind: AtomicU64,
}

impl Wall {
    pub fn new(at: Timestamp) -> Self {
        Self { steady: ManualClock::new(at), behind: AtomicU64::new(0) }
    }

    /// Moves forward and wakes sleepers that are due.
    pub fn advance(&self, by: Duration) {
        self.steady.advance(by);
    }

    /// Sets the clock back.
    pub fn step_back(&self, by: Duration) {
        self.behind.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let behind = i64::try_from(self.behind.load(Ordering::Relaxed)).expect("a run is short");
        Timestamp::from_millis(self.steady.now().millis() - behind * 1000)
    }

    async fn sleep(&self, for_: Duration) {
        self.steady.sleep(for_).await;
    }
}
