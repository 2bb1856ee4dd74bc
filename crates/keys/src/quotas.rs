//! Request quotas: how many calls an account may make in a second, class by class (KMS Developer
//! Guide, "Request quotas"). Off until somebody sets one.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use arqueta_call::{Kms, Quota};
use arqueta_kms::{Error, KeySpec};
use arqueta_model::{AccountId, Timestamp};

/// Quotas that many operations share.
const SHARED: &[&str] = &["symmetric", "rsa", "ecc", "ml_dsa"];

/// What is counted together: one of [`SHARED`], or an operation with a quota of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Class(&'static str);

impl Class {
    /// The class of cryptographic operations with a key of `spec`. HMAC keys share that of
    /// symmetric ones, as in AWS.
    pub(crate) fn of_spec(spec: KeySpec) -> Self {
        let name = spec.name();
        Self(if name.starts_with("RSA_") {
            "rsa"
        } else if name.starts_with("ECC_") || name == "SM2" {
            "ecc"
        } else if name.starts_with("ML_DSA_") {
            "ml_dsa"
        } else {
            "symmetric"
        })
    }

    /// The class of an operation whatever its key is; `None` where the key's spec decides.
    pub(crate) fn of_operation(operation: Kms) -> Option<Self> {
        match operation.row().quota {
            Quota::Own => Some(Self(operation.name())),
            Quota::Symmetric => Some(Self("symmetric")),
            Quota::OfKey | Quota::None => None,
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let shared = SHARED.iter().find(|known| **known == name).copied().map(Self);
        let own = || Kms::served(name).filter(|operation| operation.row().quota == Quota::Own);
        shared.or_else(|| own().and_then(Self::of_operation))
    }
}

/// A quota that cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// There is no class of that name.
    #[error("there is no quota `{0}`: symmetric, rsa, ecc, ml_dsa, or an operation that administers keys")]
    Unknown(String),
    /// Not a rate.
    #[error("the quota `{0}` must be more than 0 and at most 1000000 requests a second")]
    Rate(String),
}

/// Requests a second, by class; what is not named has no quota.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quotas {
    rates: BTreeMap<Class, f64>,
}

impl Quotas {
    /// Sets the quota `name` to `rate` requests a second, more than 0 and at most 1,000,000. 0.25
    /// is one request in four seconds. Bursts of one second's worth, and of one request at least,
    /// are let through.
    ///
    /// # Errors
    /// [`QuotaError`] for a name that is no class, and a rate that is none.
    pub fn set(&mut self, name: &str, rate: f64) -> Result<(), QuotaError> {
        let class = Class::parse(name).ok_or_else(|| QuotaError::Unknown(name.to_owned()))?;
        if !(rate > 0.0 && rate <= 1_000_000.0) {
            return Err(QuotaError::Rate(name.to_owned()));
        }
        self.rates.insert(class, rate);
        Ok(())
    }
}

/// What an account has left of one class.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// Counts calls against [`Quotas`]: a token bucket for each account and class.
pub(crate) struct Limiter {
    rates: BTreeMap<Class, f64>,
    /// Accounts are made by the operator, so this stays small.
    buckets: Mutex<HashMap<(AccountId, Class), Bucket>>,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("rates", &self.rates).finish_non_exhaustive()
    }
}

impl Limiter {
    pub(crate) fn new(quotas: Quotas) -> Self {
        Self { rates: quotas.rates, buckets: Mutex::default() }
    }

    /// One call of `account`. A refused one costs nothing.
    ///
    /// # Errors
    /// [`Error::Throttled`].
    pub(crate) fn take(&self, account: &AccountId, class: Class, now: Timestamp) -> Result<(), Error> {
        let Some(&rate) = self.rates.get(&class) else { return Ok(()) };
        let burst = rate.max(1.0);
        // Buckets are replaced whole, so a panic elsewhere leaves them usable.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry((account.clone(), class)).or_insert(Bucket { tokens: burst, at: now });
        let earned = now.since(bucket.at).as_secs_f64() * rate;
        *bucket = Bucket { tokens: (bucket.tokens + earned).min(burst), at: now };
        if bucket.tokens < 1.0 {
            return Err(Error::Throttled);
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SYMMETRIC: Class = Class("symmetric");

    fn account(name: &str) -> AccountId {
        name.parse().unwrap()
    }

    fn limiter(quotas: &[(&str, f64)]) -> Limiter {
        let mut set = Quotas::default();
        for (name, rate) in quotas {
            set.set(name, *rate).unwrap();
        }
        Limiter::new(set)
    }

    fn taken(limiter: &Limiter, who: &str, class: Class, at: i64, calls: usize) -> usize {
        let now = Timestamp::from_millis(at);
        (0..calls).filter(|_| limiter.take(&account(who), class, now).is_ok()).count()
    }

    const ONE: &str = "111122223333";
    const TWO: &str = "444455556666";

    #[test]
    fn a_second_holds_the_quota_and_the_next_one_again() {
        let limiter = limiter(&[("symmetric", 10.0)]);
        assert_eq!(taken(&limiter, ONE, SYMMETRIC, 0, 100), 10);
        assert_eq!(taken(&limiter, ONE, SYMMETRIC, 500, 100), 5);
        assert_eq!(taken(&limiter, ONE, SYMMETRIC, 1_500, 100), 10);
        assert_eq!(taken(&limiter, ONE, SYMMETRIC, 1_000_000, 100), 10, "what was not used is not saved up");
    }

    #[test]
    fn less_than_one_a_second_waits_for_its_turn() {
        let limiter = limiter(&[("GetParametersForImport", 0.25)]);
        let class = Class::of_operation(Kms::GetParametersForImport).unwrap();
        assert_eq!(taken(&limiter, ONE, class, 0, 5), 1);
        assert_eq!(taken(&limiter, ONE, class, 3_999, 5), 0);
        assert_eq!(taken(&limiter, ONE, class, 4_000, 5), 1);
    }

    #[test]
    fn accounts_and_classes_do_not_use_up_each_others() {
        let limiter = limiter(&[("symmetric", 1.0), ("rsa", 1.0)]);
        assert_eq!(taken(&limiter, ONE, SYMMETRIC, 0, 3), 1);
        assert_eq!(taken(&limiter, TWO, SYMMETRIC, 0, 3), 1);
        assert_eq!(taken(&limiter, ONE, Class::of_spec(KeySpec::RSA_4096), 0, 3), 1);
        assert_eq!(taken(&limiter, ONE, Class::of_spec(KeySpec::ECC_NIST_P256), 0, 3), 3, "has no quota");
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing() {
        let limiter = limiter(&[("symmetric", 1.0)]);
        assert_eq!(taken(&limiter, ONE, SYMMETRIC, 10_000, 2), 1);
        assert_eq!(taken(&limiter, ONE, SYMMETRIC, 0, 2), 0);
    }

    #[test]
    fn only_classes_and_rates_can_be_set() {
        let mut quotas = Quotas::default();
        for name in ["Symmetric", "Decrypt", "GenerateDataKeyPair", "GenerateRandom", ""] {
            assert_eq!(quotas.set(name, 1.0), Err(QuotaError::Unknown(name.to_owned())));
        }
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e7] {
            assert_eq!(quotas.set("rsa", rate), Err(QuotaError::Rate("rsa".to_owned())), "{rate}");
        }
        let own = Kms::ALL.iter().filter(|operation| operation.row().quota == Quota::Own);
        for name in SHARED.iter().copied().chain(own.map(|operation| operation.name())) {
            quotas.set(name, 0.1).unwrap();
        }
    }

    proptest! {
        #[test]
        fn never_more_than_a_burst_and_what_time_has_earned(
            rate in 0.1f64..1000.0,
            steps in proptest::collection::vec(0i64..2_000, 1..200),
        ) {
            let limiter = limiter(&[("symmetric", rate)]);
            let (mut now, mut passed) = (0, 0);
            for step in steps {
                now += step;
                passed += taken(&limiter, ONE, SYMMETRIC, now, 3);
                let most = rate.max(1.0) + rate * now as f64 / 1000.0;
                prop_assert!(passed as f64 <= most + 1e-6, "{passed} in {now} ms at {rate}");
            }
        }
    }
}
