use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arqueta_model::{Clock, EncryptionContext, KeyArn};
use arqueta_seal::SourceKey;
use async_trait::async_trait;

use crate::{
    Caller, DataKey, Decrypt, Error, GenerateDataKey, KeyDescription, KeyRef, Kms, Operation, ReEncrypt, ReEncrypted,
};

/// How a [`Faulty`] key service fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// [`Error::Unavailable`].
    Unavailable,
    /// [`Error::Throttled`].
    Throttled,
    /// [`Error::Denied`].
    Denied,
}

/// Fails while told to. `recheck` keeps working, as it does when only the remote side is away.
#[derive(Debug)]
pub struct Faulty<K> {
    inner: K,
    fault: Mutex<Option<Fault>>,
}

impl<K> Faulty<K> {
    /// Healthy at first.
    pub fn new(inner: K) -> Self {
        Self { inner, fault: Mutex::default() }
    }

    /// From now on fails like this; `None` heals.
    pub fn fail(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// The key service behind.
    pub fn inner(&self) -> &K {
        &self.inner
    }

    fn check(&self) -> Result<(), Error> {
        match *self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(Fault::Unavailable) => Err(Error::Unavailable("told to be away".into())),
            Some(Fault::Throttled) => Err(Error::Throttled),
            Some(Fault::Denied) => Err(Error::Denied { message: "told to deny".to_owned() }),
        }
    }
}

#[async_trait]
impl<K: Kms> Kms for Faulty<K> {
    async fn generate_data_key(&self, caller: &Caller, request: GenerateDataKey<'_>) -> Result<DataKey, Error> {
        self.check()?;
        self.inner.generate_data_key(caller, request).await
    }

    async fn decrypt(&self, caller: &Caller, request: Decrypt<'_>) -> Result<SourceKey, Error> {
        self.check()?;
        self.inner.decrypt(caller, request).await
    }

    async fn re_encrypt(&self, caller: &Caller, request: ReEncrypt<'_>) -> Result<ReEncrypted, Error> {
        self.check()?;
        self.inner.re_encrypt(caller, request).await
    }

    async fn describe(&self, caller: &Caller, key: &KeyRef) -> Result<KeyDescription, Error> {
        self.check()?;
        self.inner.describe(caller, key).await
    }

    async fn recheck(
        &self,
        caller: &Caller,
        operation: Operation,
        key: &KeyArn,
        context: &EncryptionContext,
    ) -> Result<(), Error> {
        self.inner.recheck(caller, operation, key, context).await
    }
}

/// Answers only after some time has passed on its clock.
#[derive(Debug)]
pub struct Slow<K> {
    inner: K,
    clock: Arc<dyn Clock>,
    delay: Duration,
}

impl<K> Slow<K> {
    /// Every call waits `delay`, except `recheck`, which is local.
    pub fn new(inner: K, clock: Arc<dyn Clock>, delay: Duration) -> Self {
        Self { inner, clock, delay }
    }

    /// The key service behind.
    pub fn inner(&self) -> &K {
        &self.inner
    }
}

#[async_trait]
impl<K: Kms> Kms for Slow<K> {
    async fn generate_data_key(&self, caller: &Caller, request: GenerateDataKey<'_>) -> Result<DataKey, Error> {
        self.clock.sleep(self.delay).await;
        self.inner.generate_data_key(caller, request).await
    }

    async fn decrypt(&self, caller: &Caller, request: Decrypt<'_>) -> Result<SourceKey, Error> {
        self.clock.sleep(self.delay).await;
        self.inner.decrypt(caller, request).await
    }

    async fn re_encrypt(&self, caller: &Caller, request: ReEncrypt<'_>) -> Result<ReEncrypted, Error> {
        self.clock.sleep(self.delay).await;
        self.inner.re_encrypt(caller, request).await
    }

    async fn describe(&self, caller: &Caller, key: &KeyRef) -> Result<KeyDescription, Error> {
        self.clock.sleep(self.delay).await;
        self.inner.describe(caller, key).await
    }

    async fn recheck(
        &self,
        caller: &Caller,
        operation: Operation,
        key: &KeyArn,
        context: &EncryptionContext,
    ) -> Result<(), Error> {
        self.inner.recheck(caller, operation, key, context).await
    }
}

/// Calls so far, failed ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// `generate_data_key`.
    pub generate: u64,
    /// `decrypt`.
    pub decrypt: u64,
    /// `re_encrypt`.
    pub re_encrypt: u64,
    /// `describe`.
    pub describe: u64,
    /// `recheck`.
    pub recheck: u64,
}

/// Counts calls.
#[derive(Debug)]
pub struct Counting<K> {
    inner: K,
    counts: [AtomicU64; 5],
}

impl<K> Counting<K> {
    /// Counts from zero.
    pub fn new(inner: K) -> Self {
        Self { inner, counts: Default::default() }
    }

    /// The numbers now.
    pub fn calls(&self) -> Calls {
        let [generate, decrypt, re_encrypt, describe, recheck] =
            std::array::from_fn(|n| self.counts[n].load(Ordering::SeqCst));
        Calls { generate, decrypt, re_encrypt, describe, recheck }
    }

    /// The key service behind.
    pub fn inner(&self) -> &K {
        &self.inner
    }

    fn count(&self, which: usize) {
        self.counts[which].fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl<K: Kms> Kms for Counting<K> {
    async fn generate_data_key(&self, caller: &Caller, request: GenerateDataKey<'_>) -> Result<DataKey, Error> {
        self.count(0);
        self.inner.generate_data_key(caller, request).await
    }

    async fn decrypt(&self, caller: &Caller, request: Decrypt<'_>) -> Result<SourceKey, Error> {
        self.count(1);
        self.inner.decrypt(caller, request).await
    }

    async fn re_encrypt(&self, caller: &Caller, request: ReEncrypt<'_>) -> Result<ReEncrypted, Error> {
        self.count(2);
        self.inner.re_encrypt(caller, request).await
    }

    async fn describe(&self, caller: &Caller, key: &KeyRef) -> Result<KeyDescription, Error> {
        self.count(3);
        self.inner.describe(caller, key).await
    }

    async fn recheck(
        &self,
        caller: &Caller,
        operation: Operation,
        key: &KeyArn,
        context: &EncryptionContext,
    ) -> Result<(), Error> {
        self.count(4);
        self.inner.recheck(caller, operation, key, context).await
    }
}
