//! Doubles and contracts. Behind feature `testing`, never in a release build.

mod contract;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use arqueta_model::Timestamp;
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use crate::{Deliver, DeliveryError, Destination, Object, PublicKey, Sign, SignError};

pub use contract::{Gate, Site, delivery_contract, signing_contract};

/// Fingerprint of the only key of [`DigestSigner`].
const FINGERPRINT: &str = "0123456789abcdef0123456789abcdef";

/// Makes the error that everything ends in.
pub type Failure = fn() -> DeliveryError;

/// A bucket in memory, which can be made to refuse.
#[derive(Debug, Default)]
pub struct MemoryBucket {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Object>,
    puts: usize,
    failing: Option<Failure>,
}

impl MemoryBucket {
    /// From now on everything ends in this error, or nothing does.
    pub fn fail(&self, with: Option<Failure>) {
        self.with(|state| state.failing = with);
    }

    /// What was put, by key.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, Object> {
        self.with(|state| state.objects.clone())
    }

    /// How many puts succeeded.
    #[must_use]
    pub fn puts(&self) -> usize {
        self.with(|state| state.puts)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Deliver for MemoryBucket {
    async fn check(
        &self,
        _to: &Destination,
        _folder: &str,
        kms_key: Option<&str>,
    ) -> Result<Option<String>, DeliveryError> {
        match self.with(|state| state.failing) {
            Some(error) => Err(error()),
            None => Ok(kms_key.map(|key| format!("arn:aws:kms:eu-west-1:111122223333:key/{key}"))),
        }
    }

    async fn put(&self, _to: &Destination, object: Object) -> Result<(), DeliveryError> {
        self.with(|state| match state.failing {
            Some(error) => Err(error()),
            None => {
                state.puts += 1;
                state.objects.insert(object.key.clone(), object);
                Ok(())
            }
        })
    }
}

/// Signs with a digest instead of a key.
#[derive(Debug, Clone, Copy, Default)]
pub struct DigestSigner;

impl DigestSigner {
    /// The signature of `message`.
    #[must_use]
    pub fn signature(message: &[u8]) -> Vec<u8> {
        Sha256::digest([b"signed", message].concat()).to_vec()
    }
}

#[async_trait]
impl Sign for DigestSigner {
    async fn current(&self) -> Result<PublicKey, SignError> {
        let (from, to) = (Timestamp::from_millis(1_767_225_600_000), Timestamp::from_millis(1_800_000_000_000));
        Ok(PublicKey { fingerprint: FINGERPRINT.to_owned(), der: vec![0x30], from, to })
    }

    async fn sign(&self, fingerprint: &str, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match fingerprint {
            FINGERPRINT => Ok(Self::signature(message)),
            _ => Err(SignError("no such key".into())),
        }
    }

    async fn public_keys(&self) -> Result<Vec<PublicKey>, SignError> {
        Ok(vec![self.current().await?])
    }
}
