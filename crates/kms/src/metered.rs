//! Counts of key-service calls, for metrics and for people.

use std::sync::atomic::{AtomicU64, Ordering};

use arqueta_model::{EncryptionContext, KeyArn};
use arqueta_seal::SourceKey;
use async_trait::async_trait;

use crate::{
    Caller, DataKey, Decrypt, Error, GenerateDataKey, KeyDescription, KeyManager, KeyRef, Kms, Operation, ReEncrypt,
    ReEncrypted,
};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Answered.
    Ok,
    /// Refused by a policy.
    Denied,
    /// Refused by a quota.
    Throttled,
    /// The key service could not be reached.
    Unavailable,
    /// Anything else.
    Error,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Ok, Self::Denied, Self::Throttled, Self::Unavailable, Self::Error];

    /// The metric's label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Error => "error",
        }
    }

    fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Ok,
            Err(Error::Denied { .. }) => Self::Denied,
            Err(Error::Throttled) => Self::Throttled,
            Err(Error::Unavailable(_)) => Self::Unavailable,
            Err(_) => Self::Error,
        }
    }
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counted {
    /// `GenerateDataKey`.
    GenerateDataKey,
    /// `Decrypt`.
    Decrypt,
    /// `ReEncrypt`.
    ReEncrypt,
    /// A key looked up by S3 for itself; no call of the KMS API.
    Describe,
    /// A cached key decided about again; no call of the KMS API.
    Recheck,
}

impl Counted {
    const ALL: [Self; 5] = [Self::GenerateDataKey, Self::Decrypt, Self::ReEncrypt, Self::Describe, Self::Recheck];

    /// The metric's label: the API name, or a lower-case word for what is no API call.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GenerateDataKey => "GenerateDataKey",
            Self::Decrypt => "Decrypt",
            Self::ReEncrypt => "ReEncrypt",
            Self::Describe => "describe",
            Self::Recheck => "recheck",
        }
    }
}

/// One number of a [`Metered`] snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Which operation.
    pub operation: Counted,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it was under the service-owned key: such calls are not the users'.
    pub service_owned: bool,
    /// How often, since the start.
    pub calls: u64,
}

/// Counts every call of a key service.
#[derive(Debug)]
pub struct Metered<K> {
    inner: K,
    /// By ownership, operation and outcome.
    counts: [[[AtomicU64; 5]; 5]; 2],
    /// ARN of the service-owned key once it was seen: `decrypt` and `recheck` name keys by ARN only.
    owned: std::sync::OnceLock<KeyArn>,
}

impl<K: Kms> Metered<K> {
    /// Counts from zero.
    pub fn new(inner: K) -> Self {
        Self { inner, counts: Default::default(), owned: std::sync::OnceLock::new() }
    }

    /// The key service behind.
    pub fn inner(&self) -> &K {
        &self.inner
    }

    /// All numbers that are not zero.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Count> {
        let mut snapshot = Vec::new();
        for service_owned in [false, true] {
            for operation in Counted::ALL {
                for outcome in Outcome::ALL {
                    let calls = self.cell(operation, outcome, service_owned).load(Ordering::Relaxed);
                    if calls > 0 {
                        snapshot.push(Count { operation, outcome, service_owned, calls });
                    }
                }
            }
        }
        snapshot
    }

    fn cell(&self, operation: Counted, outcome: Outcome, service_owned: bool) -> &AtomicU64 {
        &self.counts[usize::from(service_owned)][operation as usize][outcome as usize]
    }

    fn count<T>(&self, operation: Counted, service_owned: bool, result: Result<T, Error>) -> Result<T, Error> {
        self.cell(operation, Outcome::of(&result), service_owned).fetch_add(1, Ordering::Relaxed);
        result
    }

    fn is_owned(&self, key: Option<&KeyArn>) -> bool {
        key.is_some() && key == self.owned.get()
    }

    /// Remembers the service-owned key by its ARN. Losing a race is fine: there is one such key.
    fn learn(&self, key: &KeyArn) {
        let _ = self.owned.set(key.clone());
    }

    /// Learns the ARN of the service-owned key before the first `decrypt` after a start.
    async fn know_owned(&self, caller: &Caller) {
        if self.owned.get().is_none()
            && let Ok(description) = self.inner.describe(caller, &KeyRef::ServiceOwned).await
            && description.manager == KeyManager::Owned
        {
            self.learn(&description.key);
        }
    }
}

#[async_trait]
impl<K: Kms> Kms for Metered<K> {
    async fn generate_data_key(&self, caller: &Caller, request: GenerateDataKey<'_>) -> Result<DataKey, Error> {
        let owned = *request.key == KeyRef::ServiceOwned;
        let result = self.inner.generate_data_key(caller, request).await;
        if let (true, Ok(key)) = (owned, &result) {
            self.learn(&key.key);
        }
        self.count(Counted::GenerateDataKey, owned, result)
    }

    async fn decrypt(&self, caller: &Caller, request: Decrypt<'_>) -> Result<SourceKey, Error> {
        self.know_owned(caller).await;
        let owned = self.is_owned(request.key);
        let result = self.inner.decrypt(caller, request).await;
        self.count(Counted::Decrypt, owned, result)
    }

    async fn re_encrypt(&self, caller: &Caller, request: ReEncrypt<'_>) -> Result<ReEncrypted, Error> {
        self.know_owned(caller).await;
        // A user's call as soon as one of the two keys is a user's.
        let owned = *request.to == KeyRef::ServiceOwned && self.is_owned(request.from.key);
        let result = self.inner.re_encrypt(caller, request).await;
        self.count(Counted::ReEncrypt, owned, result)
    }

    async fn describe(&self, caller: &Caller, key: &KeyRef) -> Result<KeyDescription, Error> {
        let result = self.inner.describe(caller, key).await;
        self.count(Counted::Describe, *key == KeyRef::ServiceOwned, result)
    }

    async fn recheck(
        &self,
        caller: &Caller,
        operation: Operation,
        key: &KeyArn,
        context: &EncryptionContext,
    ) -> Result<(), Error> {
        let owned = self.is_owned(Some(key));
        let result = self.inner.recheck(caller, operation, key, context).await;
        self.count(Counted::Recheck, owned, result)
    }
}
