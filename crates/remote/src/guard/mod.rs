//! What stands before everything remote: time limits, retries, a breaker, bounded concurrency.

mod breaker;
mod counts;
mod failure;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arqueta_kms::{HolderError, KeyHolder, Use};
use arqueta_model::{Clock, KeyArn};
use arqueta_trail::{Deliver, DeliveryError, Destination, Object};
use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use breaker::Breaker;
use counts::Counts;
use failure::Failure;

pub use breaker::BreakerState;
pub use counts::{RemoteCall, RemoteCount, RemoteOutcome};

/// Bounds of the calls to one remote service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long one attempt may take.
    pub call: Duration,
    /// How often a call is attempted at most; 1 never tries again.
    pub attempts: u32,
    /// Longest pause before the second attempt; doubled before each further one.
    pub backoff: Duration,
    /// Attempts under way at once.
    pub concurrent: usize,
    /// How long an attempt may wait for its turn.
    pub wait: Duration,
    /// Attempts in a row without an answer after which nothing is tried for `open`.
    pub failures: u32,
    /// How long nothing is tried.
    pub open: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(2),
            attempts: 3,
            backoff: Duration::from_millis(100),
            concurrent: 64,
            wait: Duration::from_secs(1),
            failures: 5,
            open: Duration::from_secs(2),
        }
    }
}

/// What a guard has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Attempts by call and outcome.
    pub counts: Vec<RemoteCount>,
    /// Whether calls are tried.
    pub breaker: BreakerState,
}

/// A remote holder of keys, or a remote bucket, within its bounds.
pub struct Guarded<H> {
    inner: H,
    clock: Arc<dyn Clock>,
    limits: Limits,
    turns: Semaphore,
    breaker: Breaker,
    counts: Counts,
}

impl<H> fmt::Debug for Guarded<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("limits", &self.limits).field("breaker", &self.breaker).finish_non_exhaustive()
    }
}

impl<H> Guarded<H> {
    /// Guards `inner`.
    pub fn new(inner: H, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self {
            inner,
            clock,
            limits,
            turns: Semaphore::new(limits.concurrent.clamp(1, Semaphore::MAX_PERMITS)),
            breaker: Breaker::new(limits.failures, limits.open),
            counts: Counts::default(),
        }
    }

    /// Numbers since the start, and the breaker now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { counts: self.counts.snapshot(), breaker: self.breaker.state() }
    }

    /// Attempts until there is an answer, or no sense in another attempt.
    async fn call<'a, T, E: Failure>(
        &'a self,
        call: RemoteCall,
        attempts: u32,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, E>> + Send + Sync,
    ) -> Result<T, E> {
        let mut made = 0;
        loop {
            made += 1;
            let outcome = self.attempt(call, &attempt).await;
            match outcome {
                Err(error) if error.is_retryable() && made < attempts && self.is_worth_another() => {
                    self.clock.sleep(pause(self.limits.backoff, made)).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<'a, T, E: Failure>(
        &'a self,
        call: RemoteCall,
        attempt: &(impl Fn() -> BoxFuture<'a, Result<T, E>> + Send + Sync),
    ) -> Result<T, E> {
        let turn = tokio::select! {
            turn = self.turns.acquire() => turn.ok(),
            () = self.clock.sleep(self.limits.wait) => None,
        };
        let Some(_turn) = turn else {
            self.counts.add(call, RemoteOutcome::NotTried);
            return Err(E::unavailable("too many calls to the remote service are under way"));
        };
        // Asked last: who was let through says how it went.
        if !self.breaker.admits(self.clock.now()) {
            self.counts.add(call, RemoteOutcome::NotTried);
            return Err(E::unavailable("the remote service did not answer lately"));
        }
        let outcome = tokio::select! {
            outcome = attempt() => outcome,
            () = self.clock.sleep(self.limits.call) => {
                Err(E::unavailable("the remote service did not answer in time"))
            }
        };
        match &outcome {
            Err(error) if error.outcome() == RemoteOutcome::Unavailable => self.breaker.failed(self.clock.now()),
            // A refusal is an answer.
            _ => self.breaker.succeeded(),
        }
        self.counts.add(call, outcome.as_ref().map_or_else(Failure::outcome, |_| RemoteOutcome::Ok));
        outcome
    }

    fn is_worth_another(&self) -> bool {
        self.breaker.state() == BreakerState::Closed
    }
}

/// A random pause of up to `longest`, doubled with each attempt made: callers that failed
/// together do not come back together.
fn pause(longest: Duration, made: u32) -> Duration {
    let longest = longest.saturating_mul(1 << (made - 1).min(6));
    let mut random = [0; 4];
    // Without randomness the pause is the whole one.
    let share =
        getrandom::fill(&mut random).map_or(1.0, |()| f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX));
    longest.mul_f64(share)
}

#[async_trait]
impl<H: KeyHolder> KeyHolder for Guarded<H> {
    async fn create(&self, key: &KeyArn) -> Result<String, HolderError> {
        // An answer that was lost would leave a key behind with each attempt.
        self.call(RemoteCall::Create, 1, || self.inner.create(key)).await
    }

    async fn adopt(&self, name: &str) -> Result<(), HolderError> {
        self.call(RemoteCall::Adopt, self.limits.attempts, || self.inner.adopt(name)).await
    }

    async fn encrypt(&self, of: &Use<'_>, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, HolderError> {
        self.call(RemoteCall::Encrypt, self.limits.attempts, || self.inner.encrypt(of, plaintext, aad)).await
    }

    async fn decrypt(&self, of: &Use<'_>, ciphertext: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, HolderError> {
        self.call(RemoteCall::Decrypt, self.limits.attempts, || self.inner.decrypt(of, ciphertext, aad)).await
    }

    async fn destroy(&self, name: &str) -> Result<(), HolderError> {
        self.call(RemoteCall::Destroy, self.limits.attempts, || self.inner.destroy(name)).await
    }

    /// Always: an outage is found out, and answered, call by call. Open bucket keys go on
    /// meanwhile, and the breaker's probe needs a call to come.
    fn is_available(&self) -> bool {
        true
    }
}

#[async_trait]
impl<H: Deliver> Deliver for Guarded<H> {
    async fn check(
        &self,
        to: &Destination,
        folder: &str,
        kms_key: Option<&str>,
    ) -> Result<Option<String>, DeliveryError> {
        self.call(RemoteCall::Check, self.limits.attempts, || self.inner.check(to, folder, kms_key)).await
    }

    async fn put(&self, to: &Destination, object: Object) -> Result<(), DeliveryError> {
        self.call(RemoteCall::Put, self.limits.attempts, || self.inner.put(to, object.clone())).await
    }
}
