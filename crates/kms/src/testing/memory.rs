use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arqueta_model::{AccountId, EncryptionContext, KeyArn, Region};
use arqueta_seal::{SourceKey, message};
use async_trait::async_trait;

use crate::{
    Caller, DataKey, Decrypt, Error, GenerateDataKey, KeyDescription, KeyManager, KeyRef, KeySpec, KeyState, KeyUsage,
    Kms, Operation, ReEncrypt, ReEncrypted,
};

/// A key service in memory: keys that tests make, with states, and principals that tests deny.
#[derive(Debug)]
pub struct Memory {
    region: Region,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: BTreeMap<KeyArn, Key>,
    /// Principal ARN and permission.
    denied: BTreeSet<(String, &'static str)>,
}

#[derive(Debug)]
struct Key {
    material: SourceKey,
    state: KeyState,
    manager: KeyManager,
}

impl Memory {
    /// An empty key service of us-east-1.
    ///
    /// # Panics
    /// Never: the region is well-formed.
    #[must_use]
    pub fn new() -> Self {
        Self { region: "us-east-1".parse().expect("a region name"), state: Mutex::default() }
    }

    /// Makes a customer-managed key.
    ///
    /// # Panics
    /// If `account` is not twelve digits.
    pub fn create(&self, account: &str, id: &str) -> KeyArn {
        let account: AccountId = account.parse().expect("twelve digits");
        self.ensure(&mut self.lock(), &account, id, KeyManager::Customer)
    }

    /// Puts a key into a state.
    ///
    /// # Panics
    /// If there is no such key.
    pub fn set_state(&self, key: &KeyArn, state: KeyState) {
        self.lock().keys.get_mut(key).expect("a key that was created").state = state;
    }

    /// Denies an operation to a principal from now on.
    pub fn deny(&self, caller: &Caller, operation: Operation) {
        self.lock().denied.insert((caller.identity.principal.arn.to_string(), operation.name()));
    }

    /// Takes [`Self::deny`] back.
    pub fn allow(&self, caller: &Caller, operation: Operation) {
        self.lock().denied.remove(&(caller.identity.principal.arn.to_string(), operation.name()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ensure(&self, state: &mut State, account: &AccountId, id: &str, manager: KeyManager) -> KeyArn {
        let arn = KeyArn::new(&self.region, account, id);
        let fresh = || Key { material: SourceKey::random(), state: KeyState::Enabled, manager };
        state.keys.entry(arn.clone()).or_insert_with(fresh);
        arn
    }

    fn resolve(&self, state: &mut State, caller: &Caller, key: &KeyRef) -> Result<KeyArn, Error> {
        let account = &caller.identity.principal.account;
        match key {
            KeyRef::ServiceOwned => {
                let service = "000000000000".parse().expect("twelve digits");
                Ok(self.ensure(state, &service, "owned", KeyManager::Owned))
            }
            KeyRef::AwsManagedS3 => Ok(self.ensure(state, account, "aws-s3", KeyManager::Aws)),
            KeyRef::Named(name) => {
                let arn = name.parse().unwrap_or_else(|_| KeyArn::new(&self.region, account, name));
                let missing = || Error::NotFound { message: format!("Key '{arn}' does not exist") };
                state.keys.contains_key(&arn).then_some(()).ok_or_else(missing)?;
                Ok(arn)
            }
        }
    }

    fn allowed<'a>(state: &'a State, caller: &Caller, operation: &'static str, arn: &KeyArn) -> Result<&'a Key, Error> {
        let key =
            state.keys.get(arn).ok_or_else(|| Error::NotFound { message: format!("Key '{arn}' does not exist") })?;
        let who = caller.identity.principal.arn.to_string();
        let foreign = key.manager != KeyManager::Owned && arn.account() != caller.identity.principal.account.as_str();
        if foreign || state.denied.contains(&(who.clone(), operation)) {
            return Err(Error::Denied {
                message: format!(
                    "User: {who} is not authorized to perform: kms:{operation} on resource: {arn} because no identity-based policy allows the kms:{operation} action"
                ),
            });
        }
        match key.state {
            KeyState::Enabled => Ok(key),
            KeyState::Disabled => Err(Error::Disabled { key: arn.clone() }),
            other => Err(Error::InvalidState { key: arn.clone(), state: other }),
        }
    }

    fn wrap(arn: &KeyArn, key: &Key, plaintext: &SourceKey, context: &EncryptionContext) -> Vec<u8> {
        let name = arn.as_str().as_bytes();
        let length = u16::try_from(name.len()).expect("ARNs are short").to_be_bytes();
        let sealed = message::seal(key.material.expose(), &context.canonical(), plaintext.expose());
        [&length[..], name, &sealed].concat()
    }

    fn unwrap(
        state: &State,
        caller: &Caller,
        operation: &'static str,
        request: &Decrypt<'_>,
    ) -> Result<SourceKey, Error> {
        let parts = request
            .wrapped
            .split_first_chunk::<2>()
            .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        let (name, sealed) = parts.ok_or(Error::InvalidCiphertext)?;
        let arn: KeyArn =
            std::str::from_utf8(name).ok().and_then(|name| name.parse().ok()).ok_or(Error::InvalidCiphertext)?;
        if !state.keys.contains_key(&arn) {
            return Err(Error::InvalidCiphertext);
        }
        if request.key.is_some_and(|key| *key != arn) {
            return Err(Error::IncorrectKey);
        }
        let key = Self::allowed(state, caller, operation, &arn)?;
        let opened = message::open(key.material.expose(), &request.context.canonical(), sealed);
        let opened = opened.map_err(|_| Error::InvalidCiphertext)?;
        let bytes = opened.as_slice().try_into().map_err(|_| Error::InvalidCiphertext)?;
        Ok(SourceKey::from_bytes(bytes))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Kms for Memory {
    async fn generate_data_key(&self, caller: &Caller, request: GenerateDataKey<'_>) -> Result<DataKey, Error> {
        let mut state = self.lock();
        let arn = self.resolve(&mut state, caller, request.key)?;
        let key = Self::allowed(&state, caller, "GenerateDataKey", &arn)?;
        let plaintext = SourceKey::random();
        Ok(DataKey { wrapped: Self::wrap(&arn, key, &plaintext, request.context), plaintext, key: arn })
    }

    async fn decrypt(&self, caller: &Caller, request: Decrypt<'_>) -> Result<SourceKey, Error> {
        Self::unwrap(&self.lock(), caller, "Decrypt", &request)
    }

    async fn re_encrypt(&self, caller: &Caller, request: ReEncrypt<'_>) -> Result<ReEncrypted, Error> {
        let mut state = self.lock();
        let plaintext = Self::unwrap(&state, caller, "ReEncrypt", &request.from)?;
        let arn = self.resolve(&mut state, caller, request.to)?;
        let key = Self::allowed(&state, caller, "ReEncrypt", &arn)?;
        Ok(ReEncrypted { wrapped: Self::wrap(&arn, key, &plaintext, request.context), key: arn })
    }

    async fn describe(&self, caller: &Caller, key: &KeyRef) -> Result<KeyDescription, Error> {
        let mut state = self.lock();
        let arn = self.resolve(&mut state, caller, key)?;
        let found = &state.keys[&arn];
        Ok(KeyDescription {
            state: found.state,
            usage: KeyUsage::EncryptDecrypt,
            spec: KeySpec::SYMMETRIC_DEFAULT,
            manager: found.manager,
            key: arn,
        })
    }

    async fn recheck(
        &self,
        caller: &Caller,
        operation: Operation,
        key: &KeyArn,
        _: &EncryptionContext,
    ) -> Result<(), Error> {
        Self::allowed(&self.lock(), caller, operation.name(), key).map(drop)
    }
}
