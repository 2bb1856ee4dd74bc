//! How fast bytes may come.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arqueta_model::{Clock, Timestamp};
use tokio::sync::Mutex;

/// Bytes a second, over all that is copied at the same time.
#[derive(Clone)]
pub struct Pace(Option<Arc<Limited>>);

struct Limited {
    bytes_per_second: u64,
    clock: Arc<dyn Clock>,
    /// When what was let through has had its time.
    free: Mutex<Timestamp>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pace({:?})", self.0.as_ref().map(|limited| limited.bytes_per_second))
    }
}

impl Pace {
    /// At most so many bytes a second; as many as come if absent.
    #[must_use]
    pub fn new(bytes_per_second: Option<u64>, clock: Arc<dyn Clock>) -> Self {
        Self(
            bytes_per_second
                .filter(|rate| *rate > 0)
                .map(|bytes_per_second| Arc::new(Limited { bytes_per_second, free: Mutex::new(clock.now()), clock })),
        )
    }

    /// Waits until so many bytes may come.
    pub(crate) async fn wait(&self, bytes: usize) {
        let Some(limited) = &self.0 else { return };
        // Who waits holds the lock: all others come behind.
        let mut free = limited.free.lock().await;
        let now = limited.clock.now();
        let wait = free.since(now);
        if wait > Duration::ZERO {
            limited.clock.sleep(wait).await;
        }
        let millis = (bytes as u64).saturating_mul(1000).div_ceil(limited.bytes_per_second);
        *free = (*free).max(now).plus(Duration::from_millis(millis));
    }
}

#[cfg(test)]
mod tests {
    use arqueta_model::ManualClock;
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn bytes_wait_for_those_before_them() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let pace = Pace::new(Some(1000), clock.clone());
        assert!(pace.wait(500).now_or_never().is_some(), "the first ones wait for nobody");
        let mut second = Box::pin(pace.wait(100));
        assert!(second.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_millis(499));
        assert!(second.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_millis(1));
        second.await;
        let free = Pace::new(None, clock);
        assert!(free.wait(usize::MAX).now_or_never().is_some());
    }
}
