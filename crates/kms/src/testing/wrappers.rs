//! Key services with something before each call: a fault, a wait, a count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arqueta_model::{Clock, EncryptionContext, KeyArn};
use arqueta_seal::SourceKey;
use async_trait::async_trait;

use crate::{
    Caller, Counted, DataKey, Decrypt, Error, GenerateDataKey, KeyDescription, KeyRef, Kms, Operation, ReEncrypt,
    ReEncrypted,
};

/// What happens before a call, and whether it is made at all.
#[async_trait]
pub trait Step: Send + Sync {
    /// Before a call of this kind.
    ///
    /// # Errors
    /// The call's answer; the key service is not asked.
    async fn before(&self, call: Counted) -> Result<(), Error>;
}

/// A key service behind a [`Step`].
#[derive(Debug)]
pub struct Behind<K, S> {
    inner: K,
    step: S,
}

/// Fails while told to. `recheck` keeps working, as it does when only the remote side is away.
pub type Faulty<K> = Behind<K, Failing>;
/// Answers only after some time has passed on its clock.
pub type Slow<K> = Behind<K, Waiting>;
/// Counts calls.
pub type Counting<K> = Behind<K, Numbers>;

impl<K, S> Behind<K, S> {
    /// The key service behind.
    pub fn inner(&self) -> &K {
        &self.inner
    }
}

#[async_trait]
impl<K: Kms, S: Step> Kms for Behind<K, S> {
    async fn generate_data_key(&self, caller: &Caller, request: GenerateDataKey<'_>) -> Result<DataKey, Error> {
        self.step.before(Counted::GenerateDataKey).await?;
        self.inner.generate_data_key(caller, request).await
    }

    async fn decrypt(&self, caller: &Caller, request: Decrypt<'_>) -> Result<SourceKey, Error> {
        self.step.before(Counted::Decrypt).await?;
        self.inner.decrypt(caller, request).await
    }

    async fn re_encrypt(&self, caller: &Caller, request: ReEncrypt<'_>) -> Result<ReEncrypted, Error> {
        self.step.before(Counted::ReEncrypt).await?;
        self.inner.re_encrypt(caller, request).await
    }

    async fn describe(&self, caller: &Caller, key: &KeyRef) -> Result<KeyDescription, Error> {
        self.step.before(Counted::Describe).await?;
        self.inner.describe(caller, key).await
    }

    async fn recheck(
        &self,
        caller: &Caller,
        operation: Operation,
        key: &KeyArn,
        context: &EncryptionContext,
    ) -> Result<(), Error> {
        self.step.before(Counted::Recheck).await?;
        self.inner.recheck(caller, operation, key, context).await
    }
}

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

/// The step of a [`Faulty`] key service.
#[derive(Debug, Default)]
pub struct Failing(Mutex<Option<Fault>>);

impl<K> Faulty<K> {
    /// Healthy at first.
    pub fn new(inner: K) -> Self {
        Self { inner, step: Failing::default() }
    }

    /// From now on fails like this; `None` heals.
    pub fn fail(&self, fault: Option<Fault>) {
        *self.step.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

#[async_trait]
impl Step for Failing {
    async fn before(&self, call: Counted) -> Result<(), Error> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(_) if call == Counted::Recheck => Ok(()),
            None => Ok(()),
            Some(Fault::Unavailable) => Err(Error::Unavailable("told to be away".into())),
            Some(Fault::Throttled) => Err(Error::Throttled),
            Some(Fault::Denied) => Err(Error::Denied { message: "told to deny".to_owned() }),
        }
    }
}

/// The step of a [`Slow`] key service.
#[derive(Debug)]
pub struct Waiting {
    clock: Arc<dyn Clock>,
    delay: Duration,
}

impl<K> Slow<K> {
    /// Every call waits `delay`, except `recheck`, which is local.
    pub fn new(inner: K, clock: Arc<dyn Clock>, delay: Duration) -> Self {
        Self { inner, step: Waiting { clock, delay } }
    }
}

#[async_trait]
impl Step for Waiting {
    async fn before(&self, call: Counted) -> Result<(), Error> {
        if call != Counted::Recheck {
            self.clock.sleep(self.delay).await;
        }
        Ok(())
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

/// The step of a [`Counting`] key service: calls by kind.
#[derive(Debug, Default)]
pub struct Numbers([AtomicU64; 5]);

impl<K> Counting<K> {
    /// Counts from zero.
    pub fn new(inner: K) -> Self {
        Self { inner, step: Numbers::default() }
    }

    /// The numbers now.
    pub fn calls(&self) -> Calls {
        let of = |call: Counted| self.step.0[call as usize].load(Ordering::SeqCst);
        Calls {
            generate: of(Counted::GenerateDataKey),
            decrypt: of(Counted::Decrypt),
            re_encrypt: of(Counted::ReEncrypt),
            describe: of(Counted::Describe),
            recheck: of(Counted::Recheck),
        }
    }
}

#[async_trait]
impl Step for Numbers {
    async fn before(&self, call: Counted) -> Result<(), Error> {
        self.0[call as usize].fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
