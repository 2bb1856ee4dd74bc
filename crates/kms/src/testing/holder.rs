use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arqueta_model::{KeyArn, ObjectId};
use arqueta_seal::{SourceKey, message};
use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{HolderError, KeyHolder, Use};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_double_keeps_the_contract() {
        super::super::holder_contract(&MemoryHolder::default()).await;
    }
}
