//! How often an address may try to sign in.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::StatusCode;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::client::Fault;

/// Guesses that an address may make within [`WINDOW`]. The secrets are 40 characters: the bound keeps
/// the record and the log readable rather than the secrets safe.
const GUESSES: u32 = 10;
/// How long guesses count, from the first of them.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered.
const ADDRESSES: u64 = 10_000;

/// Counts guesses by address.
pub(crate) struct Attempts(Cache<IpAddr, Arc<AtomicU32>>);

/// A guess that was counted before anybody knew whether it is one, so that as many as come at once are
/// no more than those that come one by one. It stays counted, unless it is [taken back](Guess::take_back).
#[must_use]
pub(crate) struct Guess(Arc<AtomicU32>);

impl Attempts {
    pub(crate) fn new() -> Self {
        // The newest address is always remembered.
        let cache = Cache::builder().max_capacity(ADDRESSES).eviction_policy(EvictionPolicy::lru());
        Self(cache.time_to_live(WINDOW).build())
    }

    /// Counts a guess of `from`; `None` if it has had its share.
    pub(crate) fn guess(&self, from: IpAddr) -> Option<Guess> {
        let count = self.0.get_with(share(from), Arc::default);
        let more = |made: u32| (made < GUESSES).then_some(made + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Guess(count))
    }
}

impl Guess {
    /// Counts it no longer: the credentials were right. The guesses before it stay counted, or who has
    /// credentials of his own could guess at others' for ever.
    pub(crate) fn take_back(self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes it back if what was refused, with `fault`, was not the credentials.
    pub(crate) fn failed(self, fault: &Fault) {
        let is_denied = fault.code.starts_with("AccessDenied");
        if is_denied || fault.status.is_server_error() || fault.status == StatusCode::TOO_MANY_REQUESTS {
            self.take_back();
        }
    }
}

/// One IPv6 client has a /64.
fn share(from: IpAddr) -> IpAddr {
    match from {
        IpAddr::V4(_) => from,
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            IpAddr::from(octets)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fault(status: u16, code: &str) -> Fault {
        Fault::own(StatusCode::from_u16(status).unwrap(), code, "")
    }

    #[test]
    fn an_address_has_its_share_and_others_have_theirs() {
        let attempts = Attempts::new();
        let (one, other) = ("2001:db8::1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        // All at once: none of them has its answer.
        let guesses: Vec<_> = (0..GUESSES).map(|_| attempts.guess(one).unwrap()).collect();
        assert!(attempts.guess(one).is_none() && attempts.guess("2001:db8::2".parse().unwrap()).is_none());
        assert!(attempts.guess(other).is_some());
        for guess in guesses {
            guess.failed(&fault(403, "SignatureDoesNotMatch"));
        }
        assert!(attempts.guess(one).is_none());
    }

    #[test]
    fn who_knows_a_secret_has_not_guessed_less_at_others() {
        let attempts = Attempts::new();
        let from = "192.0.2.1".parse().unwrap();
        for made in 0..GUESSES {
            attempts
                .guess(from)
                .unwrap_or_else(|| panic!("{made} were made"))
                .failed(&fault(403, "InvalidClientTokenId"));
            if let Some(own) = attempts.guess(from) {
                own.take_back();
            }
        }
        assert!(attempts.guess(from).is_none());
    }

    #[test]
    fn only_wrong_credentials_count() {
        let attempts = Attempts::new();
        let from = "192.0.2.1".parse().unwrap();
        for (status, code) in [(403, "AccessDenied"), (500, "InternalFailure"), (503, "SlowDown"), (429, "Throttling")]
        {
            for _ in 0..GUESSES {
                attempts.guess(from).unwrap().failed(&fault(status, code));
            }
        }
        // Who goes away before the answer has guessed.
        for _ in 0..GUESSES {
            drop(attempts.guess(from).unwrap());
        }
        assert!(attempts.guess(from).is_none());
    }
}
