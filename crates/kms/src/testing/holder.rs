use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arqueta_model::{KeyArn, ObjectId};
use arqueta_seal::{SourceKey, message};
use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{HolderError, KeyHolder, TokenCluster, Use};

/// Holds keys in memory, and goes away when told to.
#[derive(Debug, Default)]
pub struct MemoryHolder(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    keys: BTreeMap<String, SourceKey>,
    requests: Vec<String>,
    away: bool,
}

impl MemoryHolder {
    /// From now on out of reach, or back again.
    pub fn set_away(&self, away: bool) {
        self.lock().away = away;
    }

    /// Names of the keys that it holds.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys.keys().cloned().collect()
    }

    /// Ids of the requests that used keys, in order.
    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn here(&self) -> Result<MutexGuard<'_, State>, HolderError> {
        let state = self.lock();
        if state.away { Err(HolderError::unavailable("told to be away")) } else { Ok(state) }
    }

    fn used(&self, of: &Use<'_>) -> Result<MutexGuard<'_, State>, HolderError> {
        let mut state = self.here()?;
        state.requests.push(of.request.to_string());
        Ok(state)
    }
}

#[async_trait]
impl KeyHolder for MemoryHolder {
    async fn create(&self, key: &KeyArn) -> Result<String, HolderError> {
        let name = format!("{}/{}", key.key_id(), ObjectId::random());
        self.here()?.keys.insert(name.clone(), SourceKey::random());
        Ok(name)
    }

    async fn adopt(&self, name: &str) -> Result<(), HolderError> {
        if self.here()?.keys.contains_key(name) { Ok(()) } else { Err(HolderError::UnknownKey) }
    }

    async fn encrypt(&self, of: &Use<'_>, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, HolderError> {
        let state = self.used(of)?;
        let key = state.keys.get(of.name).ok_or(HolderError::UnknownKey)?;
        Ok(message::seal(key.expose(), aad, plaintext))
    }

    async fn decrypt(&self, of: &Use<'_>, ciphertext: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, HolderError> {
        let state = self.used(of)?;
        let key = state.keys.get(of.name).ok_or(HolderError::UnknownKey)?;
        message::open(key.expose(), aad, ciphertext).map_err(|_| HolderError::NotAuthentic)
    }

    async fn destroy(&self, name: &str) -> Result<(), HolderError> {
        self.here()?.keys.remove(name);
        Ok(())
    }

    fn is_available(&self) -> bool {
        !self.lock().away
    }
}

/// A cluster of tokens in memory. Its password is `1234567` and its trust anchor `anchor`.
#[derive(Debug, Default)]
pub struct MemoryCluster {
    /// Its keys.
    pub holder: MemoryHolder,
    lost: AtomicUsize,
}

impl MemoryCluster {
    /// From now on this many of its two tokens are away.
    pub fn lose(&self, tokens: usize) {
        self.lost.store(tokens, Ordering::SeqCst);
        self.holder.set_away(tokens > 1);
    }
}

#[async_trait]
impl KeyHolder for MemoryCluster {
    async fn create(&self, key: &KeyArn) -> Result<String, HolderError> {
        self.holder.create(key).await
    }

    async fn adopt(&self, name: &str) -> Result<(), HolderError> {
        self.holder.adopt(name).await
    }

    async fn encrypt(&self, of: &Use<'_>, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, HolderError> {
        self.holder.encrypt(of, plaintext, aad).await
    }

    async fn decrypt(&self, of: &Use<'_>, ciphertext: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, HolderError> {
        self.holder.decrypt(of, ciphertext, aad).await
    }

    async fn destroy(&self, name: &str) -> Result<(), HolderError> {
        self.holder.destroy(name).await
    }

    fn is_available(&self) -> bool {
        self.holder.is_available()
    }
}

#[async_trait]
impl TokenCluster for MemoryCluster {
    fn tokens(&self) -> usize {
        2
    }

    fn working(&self) -> usize {
        2 - self.lost.load(Ordering::SeqCst)
    }

    fn accepts(&self, password: &[u8]) -> bool {
        password == b"1234567"
    }

    fn trusts(&self, certificate: &str) -> bool {
        certificate == "anchor"
    }

    async fn random(&self, size: usize) -> Result<Zeroizing<Vec<u8>>, HolderError> {
        if self.is_available() { Ok(vec![4; size].into()) } else { Err(HolderError::unavailable("told to be away")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_double_keeps_the_contract() {
        super::super::holder_contract(&MemoryHolder::default()).await;
    }
}
