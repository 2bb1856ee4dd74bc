#![allow(clippy::unwrap_used)]

mod bucket_keys;
mod doubles;
mod failures;
mod modes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arqueta_kms::{Caller, KeyRef, KeyState, Operation};
use arqueta_model::{
    BUCKET_CONTEXT_KEY, BucketName, Clock, EncryptionContext, ManualClock, ObjectId, ObjectKey, PartId, SseMode,
};
use bytes::BytesMut;

use crate::*;
use doubles::{Health, Shelf, TestKms, key_arn, session, user};

const WINDOW: Duration = Duration::from_secs(300);

/// An envelope on doubles, and one bucket and object key to use.
struct World {
    kms: Arc<TestKms>,
    shelf: Arc<Shelf>,
    clock: Arc<ManualClock>,
    envelope: Arc<Envelope>,
    bucket: BucketName,
    key: ObjectKey,
}

impl World {
    fn new() -> Self {
        Self::with(BucketKeyConfig { window: WINDOW, ..BucketKeyConfig::default() })
    }

    fn with(config: BucketKeyConfig) -> Self {
        let (kms, shelf) = (Arc::new(TestKms::new()), Arc::new(Shelf::default()));
        let clock = Arc::new(ManualClock::default());
        let region = "us-east-1".parse().unwrap();
        let envelope = Arc::new(Envelope::new(kms.clone(), shelf.clone(), clock.clone(), region, config));
        Self { kms, shelf, clock, envelope, bucket: "bucket".parse().unwrap(), key: "some/key".parse().unwrap() }
    }

    async fn seal(&self, caller: &Caller, protection: &Protection) -> Result<Object, Error> {
        let id = ObjectId::random();
        let sealing = self.envelope.seal(caller, &self.bucket, &self.key, id, protection).await?;
        let part = PartId::random();
        let (mut sealer, mut body) = (sealing.cipher.sealer(part), BytesMut::new());
        sealer.push(CONTENT, &mut body).unwrap();
        sealer.finish(&mut body).unwrap();
        Ok(Object { id, part, body, keys: sealing.keys })
    }

    async fn open(&self, caller: &Caller, object: &Object) -> Result<Vec<u8>, Error> {
        self.open_with(caller, object, None).await
    }

    async fn open_with(
        &self,
        caller: &Caller,
        object: &Object,
        customer: Option<&CustomerKey>,
    ) -> Result<Vec<u8>, Error> {
        let opened = self.envelope.open(caller, &self.bucket, &self.key, object.id, &object.keys, customer).await;
        Ok(read(&*opened?, object))
    }

    fn calls(&self) -> (usize, usize) {
        (self.kms.count(Operation::GenerateDataKey), self.kms.count(Operation::Decrypt))
    }

    /// Moves the clock and lets windows that are due close.
    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        settle().await;
    }
}

const CONTENT: &[u8] = b"what is to be protected";

#[derive(Clone)]
struct Object {
    id: ObjectId,
    part: PartId,
    body: BytesMut,
    keys: SealedKeys,
}

fn read(cipher: &ObjectCipher, object: &Object) -> Vec<u8> {
    let size = CONTENT.len() as u64;
    let (mut opener, mut out) = (cipher.opener(object.part, size, 0..size).unwrap(), BytesMut::new());
    opener.push(object.body.clone().freeze(), &mut out).unwrap();
    opener.finish(&mut out).unwrap();
    out.to_vec()
}

/// Lets every task that can go on do so.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn named(name: &str) -> KeyRef {
    KeyRef::Named(name.to_owned())
}

fn under(key: &str, bucket_key: bool) -> Protection {
    Protection::Kms { key: named(key_arn(key).as_str()), context: EncryptionContext::default(), bucket_key }
}

fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    let pairs: BTreeMap<_, _> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    EncryptionContext::new(pairs).unwrap()
}

fn customer(byte: u8) -> Arc<CustomerKey> {
    // The edge computes the MD5; here any function of the key stands for it.
    Arc::new(CustomerKey::new(&[byte; 32], [byte; 16]))
}

#[track_caller]
fn assert_denied<T>(result: Result<T, Error>) {
    match result.err() {
        Some(Error::Kms(error)) if matches!(*error, arqueta_kms::Error::Denied { .. }) => {}
        other => panic!("expected a denial, not {other:?}"),
    }
}

#[track_caller]
fn assert_outage<T>(result: Result<T, Error>) {
    let error = result.err().expect("an outage is an error");
    assert!(error.is_retryable(), "expected an outage, not {error:?}");
}

#[track_caller]
fn assert_not_authentic<T>(result: Result<T, Error>) {
    match result.err() {
        Some(Error::Seal(arqueta_seal::Error::Authentication)) => {}
        Some(Error::Kms(error)) if matches!(*error, arqueta_kms::Error::InvalidCiphertext) => {}
        other => panic!("expected an authentication failure, not {other:?}"),
    }
}
