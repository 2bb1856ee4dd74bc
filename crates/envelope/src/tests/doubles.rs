//! A key service and a store of wrapped bucket keys, in memory, that fail on demand and remember.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arqueta_kms::{
    Caller, DataKey, Decrypt, Error as KmsError, GenerateDataKey, Identity, KeyDescription, KeyManager, KeyRef,
    KeySpec, KeyState, KeyUsage, Kms, Operation, ReEncrypt, ReEncrypted,
};
use arqueta_model::{
    AccountId, Arn, BucketKeyId, BucketName, EncryptionContext, KeyArn, Principal, PrincipalKind, RequestId,
    RequestInfo, ScopeDigest, Timestamp,
};
use arqueta_seal::{SourceKey, message};
use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::{BucketKeyStoreError, WrappedBucketKey, WrappedBucketKeys};

/// One call that reached the key service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) principal: String,
    pub(super) via: Option<String>,
    pub(super) context: EncryptionContext,
}

/// How the key service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Up,
    Down,
    Throttling,
}

struct Key {
    secret: [u8; 32],
    description: KeyDescription,
}

/// A key service whose ciphertext is real: key and context are authenticated.
pub(super) struct TestKms {
    keys: Mutex<HashMap<KeyArn, Key>>,
    aliases: Mutex<HashMap<String, KeyArn>>,
    denied: Mutex<HashSet<(String, Operation)>>,
    health: Mutex<Health>,
    calls: Mutex<Vec<Call>>,
    rechecks: AtomicUsize,
    /// Calls wait here while it is closed.
    gate: Semaphore,
}

pub(super) fn key_arn(id: &str) -> KeyArn {
    format!("arn:aws:kms:us-east-1:111122223333:key/{id}").parse().unwrap()
}

impl TestKms {
    pub(super) fn new() -> Self {
        let kms = Self {
            keys: Mutex::default(),
            aliases: Mutex::default(),
            denied: Mutex::default(),
            health: Mutex::new(Health::Up),
            calls: Mutex::default(),
            rechecks: AtomicUsize::new(0),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        };
        for id in ["a", "b", "owned", "managed"] {
            kms.add(key_arn(id), KeyUsage::EncryptDecrypt, "SYMMETRIC_DEFAULT");
        }
        kms
    }

    pub(super) fn add(&self, arn: KeyArn, usage: KeyUsage, spec: &str) {
        let description = KeyDescription {
            key: arn.clone(),
            state: KeyState::Enabled,
            usage,
            spec: KeySpec::named(spec).unwrap(),
            manager: KeyManager::Customer,
        };
        let secret = *SourceKey::random().expose();
        self.keys.lock().unwrap().insert(arn, Key { secret, description });
    }

    pub(super) fn alias(&self, alias: &str, key: KeyArn) {
        self.aliases.lock().unwrap().insert(alias.to_owned(), key);
    }

    pub(super) fn set_state(&self, key: &KeyArn, state: KeyState) {
        self.keys.lock().unwrap().get_mut(key).unwrap().description.state = state;
    }

    pub(super) fn deny(&self, caller: &Caller, operation: Operation) {
        self.denied.lock().unwrap().insert((arn_of(caller), operation));
    }

    pub(super) fn allow(&self, caller: &Caller, operation: Operation) {
        self.denied.lock().unwrap().remove(&(arn_of(caller), operation));
    }

    pub(super) fn is(&self, health: Health) {
        *self.health.lock().unwrap() = health;
    }

    /// Makes calls wait until [`TestKms::open_gate`].
    pub(super) fn close_gate(&self) {
        assert_eq!(self.gate.forget_permits(Semaphore::MAX_PERMITS), Semaphore::MAX_PERMITS);
    }

    pub(super) fn open_gate(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(super) fn count(&self, operation: Operation) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| call.operation == operation).count()
    }

    pub(super) fn rechecks(&self) -> usize {
        self.rechecks.load(Ordering::SeqCst)
    }

    fn well(&self) -> Result<(), KmsError> {
        match *self.health.lock().unwrap() {
            Health::Up => Ok(()),
            Health::Down => Err(KmsError::Unavailable("down".into())),
            Health::Throttling => Err(KmsError::Throttled),
        }
    }

    async fn called(&self, operation: Operation, caller: &Caller, context: &EncryptionContext) {
        self.calls.lock().unwrap().push(Call {
            operation,
            principal: arn_of(caller),
            via: caller.request.via_service.as_deref().map(str::to_owned),
            context: context.clone(),
        });
        self.gate.acquire().await.unwrap().forget();
        self.gate.add_permits(1);
    }

    fn resolve(&self, key: &KeyRef) -> Result<KeyArn, KmsError> {
        match key {
            KeyRef::AwsManagedS3 => Ok(key_arn("managed")),
            KeyRef::ServiceOwned => Ok(key_arn("owned")),
            KeyRef::Named(name) => match self.aliases.lock().unwrap().get(name) {
                Some(key) => Ok(key.clone()),
                None => name.parse().map_err(|_| KmsError::NotFound { message: format!("Invalid keyId '{name}'") }),
            },
        }
    }

    /// The key's secret, if `caller` may use it so: permission first, then its state.
    fn authorize(&self, caller: &Caller, operation: Operation, key: &KeyArn) -> Result<[u8; 32], KmsError> {
        if self.denied.lock().unwrap().contains(&(arn_of(caller), operation)) {
            let message = format!("User: {} is not authorized to perform: kms:{}", arn_of(caller), operation.name());
            return Err(KmsError::Denied { message });
        }
        let keys = self.keys.lock().unwrap();
        let Some(key) = keys.get(key) else {
            return Err(KmsError::NotFound { message: format!("Key '{key}' does not exist") });
        };
        match key.description.state {
            KeyState::Enabled => Ok(key.secret),
            KeyState::Disabled => Err(KmsError::Disabled { key: key.description.key.clone() }),
            state => Err(KmsError::InvalidState { key: key.description.key.clone(), state }),
        }
    }
}

fn arn_of(caller: &Caller) -> String {
    caller.identity.principal.arn.as_str().to_owned()
}

#[async_trait]
impl Kms for TestKms {
    async fn generate_data_key(&self, caller: &Caller, request: GenerateDataKey<'_>) -> Result<DataKey, KmsError> {
        self.called(Operation::GenerateDataKey, caller, request.context).await;
        self.well()?;
        let key = self.resolve(request.key)?;
        let secret = self.authorize(caller, Operation::GenerateDataKey, &key)?;
        let plaintext = SourceKey::random();
        let wrapped = message::seal(&secret, &request.context.canonical(), plaintext.expose());
        Ok(DataKey { plaintext, wrapped, key })
    }

    async fn decrypt(&self, caller: &Caller, request: Decrypt<'_>) -> Result<SourceKey, KmsError> {
        self.called(Operation::Decrypt, caller, request.context).await;
        self.well()?;
        let key = request.key.expect("S3 always names the key");
        let secret = self.authorize(caller, Operation::Decrypt, key)?;
        let opened = message::open(&secret, &request.context.canonical(), request.wrapped);
        let opened = opened.map_err(|_| KmsError::InvalidCiphertext)?;
        Ok(SourceKey::from_bytes(opened.as_slice().try_into().unwrap()))
    }

    async fn re_encrypt(&self, _: &Caller, _: ReEncrypt<'_>) -> Result<ReEncrypted, KmsError> {
        panic!("object encryption does not re-encrypt source keys")
    }

    async fn describe(&self, _: &Caller, key: &KeyRef) -> Result<KeyDescription, KmsError> {
        self.well()?;
        let key = self.resolve(key)?;
        let keys = self.keys.lock().unwrap();
        let found = keys.get(&key).map(|key| key.description.clone());
        found.ok_or_else(|| KmsError::NotFound { message: format!("Key '{key}' does not exist") })
    }

    async fn recheck(
        &self,
        caller: &Caller,
        operation: Operation,
        key: &KeyArn,
        _: &EncryptionContext,
    ) -> Result<(), KmsError> {
        self.rechecks.fetch_add(1, Ordering::SeqCst);
        self.authorize(caller, operation, key).map(|_| ())
    }
}

/// Wrapped bucket keys in memory.
#[derive(Default)]
pub(super) struct Shelf {
    keys: Mutex<HashMap<(BucketName, BucketKeyId), WrappedBucketKey>>,
    broken: AtomicBool,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.keys.lock().unwrap().len()
    }

    pub(super) fn clear(&self) {
        self.keys.lock().unwrap().clear();
    }

    pub(super) fn breaks(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    /// Puts what is stored for one id and bucket under another bucket's name.
    pub(super) fn copy(&self, id: BucketKeyId, from: &BucketName, to: &BucketName) {
        let mut keys = self.keys.lock().unwrap();
        let key = keys[&(from.clone(), id)].clone();
        keys.insert((to.clone(), id), key);
    }

    fn well(&self) -> Result<(), BucketKeyStoreError> {
        if self.broken.load(Ordering::SeqCst) { Err(BucketKeyStoreError::new("disk full", true)) } else { Ok(()) }
    }
}

#[async_trait]
impl WrappedBucketKeys for Shelf {
    async fn store(
        &self,
        bucket: &BucketName,
        id: BucketKeyId,
        key: &WrappedBucketKey,
    ) -> Result<(), BucketKeyStoreError> {
        self.well()?;
        let before = self.keys.lock().unwrap().insert((bucket.clone(), id), key.clone());
        assert!(before.is_none(), "a bucket key is stored once");
        Ok(())
    }

    async fn load(
        &self,
        bucket: &BucketName,
        id: BucketKeyId,
    ) -> Result<Option<WrappedBucketKey>, BucketKeyStoreError> {
        self.well()?;
        Ok(self.keys.lock().unwrap().get(&(bucket.clone(), id)).cloned())
    }
}

fn caller_as(principal: Principal, scope: ScopeDigest) -> Caller {
    let request = RequestInfo {
        id: RequestId::random(),
        source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: "test".into(),
        secure_transport: false,
        tls: None,
        received: Timestamp::from_millis(0),
        via_service: None,
    };
    Caller::new(Arc::new(Identity { scope, ..Identity::bare(principal) }), Arc::new(request))
}

/// The IAM user `name`.
pub(super) fn user(name: &str) -> Caller {
    let account: AccountId = "111122223333".parse().unwrap();
    let arn = Arn::new("iam", "", account.as_str(), &format!("user/{name}"));
    let principal = Principal { arn, kind: PrincipalKind::User, ..Principal::root(&account, "AKIA") };
    caller_as(principal, ScopeDigest::default())
}

/// A session of the role `role`, with session policies that digest to `scope`.
pub(super) fn session(role: &str, session: &str, scope: u8) -> Caller {
    let account: AccountId = "111122223333".parse().unwrap();
    let principal = Principal {
        arn: Arn::new("sts", "", account.as_str(), &format!("assumed-role/{role}/{session}")),
        kind: PrincipalKind::AssumedRole,
        session: Some(arqueta_model::SessionContext {
            issuer: Arn::new("iam", "", account.as_str(), &format!("role/{role}")),
            issuer_id: "AROA".to_owned(),
            created: Timestamp::from_millis(0),
            mfa: false,
            web: None,
        }),
        ..Principal::root(&account, "ASIA")
    };
    caller_as(principal, ScopeDigest([scope; 32]))
}
