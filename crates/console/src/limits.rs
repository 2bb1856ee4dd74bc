//! How often an address may try to sign in.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;

/// Failures that an address may have within [`WINDOW`]. The secrets are 40 characters: the bound keeps
/// the record and the log readable rather than the secrets safe.
const FAILURES: u32 = 10;
/// How long failures are remembered after the last of them.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered.
const ADDRESSES: u64 = 10_000;

/// Counts failed attempts by address.
pub(crate) struct Attempts(Cache<IpAddr, Arc<AtomicU32>>);

impl Attempts {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(ADDRESSES).time_to_idle(WINDOW).build())
    }

    /// Whether `from` has had its share of failures.
    pub(crate) fn are_spent(&self, from: IpAddr) -> bool {
        self.0.get(&share(from)).is_some_and(|failures| failures.load(Ordering::Relaxed) >= FAILURES)
    }

    /// Notes a failure.
    pub(crate) fn fail(&self, from: IpAddr) {
        self.0.get_with(share(from), Arc::default).fetch_add(1, Ordering::Relaxed);
    }

    /// Forgets failures: `from` has shown that it knows a secret.
    pub(crate) fn succeed(&self, from: IpAddr) {
        self.0.invalidate(&share(from));
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

    #[test]
    fn an_address_has_its_share_and_others_have_theirs() {
        let attempts = Attempts::new();
        let (one, other) = ("2001:db8::1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        for _ in 0..FAILURES {
            assert!(!attempts.are_spent(one));
            attempts.fail(one);
        }
        assert!(attempts.are_spent(one) && attempts.are_spent("2001:db8::2".parse().unwrap()));
        assert!(!attempts.are_spent(other));
        attempts.succeed(one);
        assert!(!attempts.are_spent(one));
    }
}
