use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arqueta_kms::{
    Caller, DataKey, Decrypt, Error, GenerateDataKey, KeyDescription, KeyManager, KeyRef, KeySpec, KeyState, KeyUsage,
    Kms, Operation, ReEncrypt, ReEncrypted,
};
use arqueta_model::{EncryptionContext, KeyArn, ObjectId};
use arqueta_seal::SourceKey;
use async_trait::async_trait;

/// What a handle stands for.
type Bound = ([u8; 32], KeyArn, EncryptionContext);

/// A key service in memory: a wrapped key is a handle, bound to its key and context.
#[derive(Debug, Default)]
pub struct KeyRing {
    wrapped: Mutex<HashMap<Vec<u8>, Bound>>,
    down: AtomicBool,
    calls: AtomicU64,
}

impl KeyRing {
    /// Takes the service down, or brings it back.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Calls that made or opened a key.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn answer(&self) -> Result<(), Error> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) { Err(Error::Unavailable("down".into())) } else { Ok(()) }
    }

    fn wrap(&self, plaintext: [u8; 32], key: &KeyRef, context: &EncryptionContext) -> (Vec<u8>, KeyArn) {
        let id = match key {
            KeyRef::Named(name) => name.rsplit('/').next().unwrap().to_owned(),
            KeyRef::AwsManagedS3 => "aws-s3".to_owned(),
            KeyRef::ServiceOwned => "owned".to_owned(),
        };
        let arn: KeyArn = format!("arn:aws:kms:us-east-1:111122223333:key/{id}").parse().unwrap();
        let handle = ObjectId::random().as_bytes().to_vec();
        self.wrapped.lock().unwrap().insert(handle.clone(), (plaintext, arn.clone(), context.clone()));
        (handle, arn)
    }
}

#[async_trait]
impl Kms for KeyRing {
    async fn generate_data_key(&self, _: &Caller, request: GenerateDataKey<'_>) -> Result<DataKey, Error> {
        self.answer()?;
        let plaintext = SourceKey::random();
        let (wrapped, key) = self.wrap(*plaintext.expose(), request.key, request.context);
        Ok(DataKey { plaintext, wrapped, key })
    }

    async fn decrypt(&self, _: &Caller, request: Decrypt<'_>) -> Result<SourceKey, Error> {
        self.answer()?;
        let wrapped = self.wrapped.lock().unwrap();
        let (plaintext, key, context) = wrapped.get(request.wrapped).ok_or(Error::InvalidCiphertext)?;
        if request.key.is_some_and(|wanted| wanted != key) {
            return Err(Error::IncorrectKey);
        }
        if context != request.context { Err(Error::InvalidCiphertext) } else { Ok(SourceKey::from_bytes(plaintext)) }
    }

    async fn re_encrypt(&self, caller: &Caller, request: ReEncrypt<'_>) -> Result<ReEncrypted, Error> {
        let plaintext = self.decrypt(caller, request.from).await?;
        let (wrapped, key) = self.wrap(*plaintext.expose(), request.to, request.context);
        Ok(ReEncrypted { wrapped, key })
    }

    async fn describe(&self, _: &Caller, key: &KeyRef) -> Result<KeyDescription, Error> {
        let (_, key) = self.wrap([0; 32], key, &EncryptionContext::default());
        Ok(KeyDescription {
            key,
            state: KeyState::Enabled,
            usage: KeyUsage::EncryptDecrypt,
            spec: KeySpec::SYMMETRIC_DEFAULT,
            manager: KeyManager::Customer,
        })
    }

    async fn recheck(&self, _: &Caller, _: Operation, _: &KeyArn, _: &EncryptionContext) -> Result<(), Error> {
        Ok(())
    }
}
