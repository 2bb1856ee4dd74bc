//! The embedded key service and the bucket-key cache: calls a second, with and without the record.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arqueta_audit::{AuditSink, JsonLines};
use arqueta_envelope::{
    BucketKeyConfig, BucketKeyStoreError, Envelope, KeyRef, Protection, WrappedBucketKey, WrappedBucketKeys,
};
use arqueta_keys::{Config, Embedded, RecordSealer, api};
use arqueta_kms::testing::{FixedRootKey, root};
use arqueta_kms::{Decrypt, GenerateDataKey, Kms, RootSecret};
use arqueta_model::{BucketKeyId, BucketName, EncryptionContext, ObjectId, SystemClock};
use arqueta_store::MemoryMeta;
use async_trait::async_trait;
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;

const ACCOUNT: &str = "000000000000";

/// Wrapped bucket keys in memory.
#[derive(Default)]
struct Table(Mutex<HashMap<BucketKeyId, WrappedBucketKey>>);

#[async_trait]
impl WrappedBucketKeys for Table {
    async fn store(&self, _: &BucketName, id: BucketKeyId, key: &WrappedBucketKey) -> Result<(), BucketKeyStoreError> {
        self.0.lock().unwrap().insert(id, key.clone());
        Ok(())
    }

    async fn load(&self, _: &BucketName, id: BucketKeyId) -> Result<Option<WrappedBucketKey>, BucketKeyStoreError> {
        Ok(self.0.lock().unwrap().get(&id).cloned())
    }
}

async fn service(audit: Arc<dyn AuditSink>) -> (Embedded, KeyRef) {
    let protector = Arc::new(FixedRootKey([7; 32]));
    let config = Config::new(ACCOUNT.parse().unwrap(), "us-east-1".parse().unwrap(), protector);
    let service = Embedded::open(Arc::new(MemoryMeta::new()), audit, Arc::new(SystemClock), config).await.unwrap();
    let (caller, request) = (root(ACCOUNT), api::CreateKeyRequest::default());
    let made = arqueta_keys::run(&service, (&caller).into(), request, |_| serde_json::Value::Null).await.unwrap();
    (service, KeyRef::Named(made.key_metadata.key_id))
}

/// 64 callers at once, each with one call at a time.
async fn concurrently<F>(calls: u64, call: impl Fn() -> F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    let start = Instant::now();
    let lanes: Vec<_> = (0..64)
        .map(|lane| {
            let calls: Vec<_> = (lane..calls).step_by(64).map(|_| call()).collect();
            tokio::spawn(async move {
                for call in calls {
                    call.await;
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.unwrap();
    }
    start.elapsed()
}

fn key_service(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let synced = Arc::new(runtime.block_on(JsonLines::open(folder.path(), Arc::new(SystemClock))).unwrap());
    // Sealed, as the gateway's is.
    let sealer = Arc::new(RecordSealer::new(&RootSecret::from_bytes(&[7; 32])));
    runtime.block_on(synced.seal(sealer, None)).unwrap();
    let synced: Arc<dyn AuditSink> = synced;
    let unsynced: Arc<dyn AuditSink> = Arc::new(Discard);
    for (name, audit) in [("without a record", unsynced), ("with a synced record", synced)] {
        let (service, key) = runtime.block_on(service(audit));
        let context = EncryptionContext::new([("aws:s3:arn".to_owned(), "arn:aws:s3:::b".to_owned())].into()).unwrap();
        let caller = root(ACCOUNT);
        let made = runtime
            .block_on(Kms::generate_data_key(&service, &caller, GenerateDataKey { key: &key, context: &context }))
            .unwrap();
        let shared = Arc::new((service, key, context, caller, made));
        let mut group = c.benchmark_group(format!("64 callers {name}"));
        group.sample_size(20).measurement_time(Duration::from_secs(5));
        group.bench_function("GenerateDataKey", |b| {
            b.to_async(&runtime).iter_custom(|calls| {
                let shared = shared.clone();
                concurrently(calls, move || {
                    let shared = shared.clone();
                    async move {
                        let (service, key, context, caller, _) = &*shared;
                        Kms::generate_data_key(service, caller, GenerateDataKey { key, context }).await.unwrap();
                    }
                })
            });
        });
        group.bench_function("Decrypt", |b| {
            b.to_async(&runtime).iter_custom(|calls| {
                let shared = shared.clone();
                concurrently(calls, move || {
                    let shared = shared.clone();
                    async move {
                        let (service, _, context, caller, made) = &*shared;
                        let request = Decrypt { wrapped: &made.wrapped, key: Some(&made.key), context };
                        Kms::decrypt(service, caller, request).await.unwrap();
                    }
                })
            });
        });
        group.finish();
    }
}

/// Takes events and forgets them.
struct Discard;

#[async_trait]
impl AuditSink for Discard {
    async fn append(&self, _: arqueta_audit::Event) -> Result<(), arqueta_audit::Error> {
        Ok(())
    }

    async fn announce(&self, _: arqueta_audit::Event) -> Result<(), arqueta_audit::Error> {
        Ok(())
    }

    async fn flush(&self) -> Result<(), arqueta_audit::Error> {
        Ok(())
    }
}

fn bucket_keys(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (service, key) = runtime.block_on(service(Arc::new(Discard)));
    let config = BucketKeyConfig { window: Duration::from_secs(3600), max_objects: u64::MAX, max_bytes: u64::MAX };
    let envelope = Envelope::new(
        Arc::new(service),
        Arc::new(Table::default()),
        Arc::new(SystemClock),
        "us-east-1".parse().unwrap(),
        config,
    );
    let (bucket, name, caller) = ("bucket".parse().unwrap(), "a/key".parse().unwrap(), root(ACCOUNT));
    for (title, bucket_key) in [("bucket key", true), ("own data key", false)] {
        let protection = Protection::Kms { key: key.clone(), context: EncryptionContext::default(), bucket_key };
        let mut group = c.benchmark_group(title);
        group.bench_function("seal an object's keys", |b| {
            b.to_async(&runtime).iter(|| async {
                envelope.seal(&caller, &bucket, &name, ObjectId::random(), &protection).await.unwrap()
            });
        });
        let id = ObjectId::random();
        let sealing = runtime.block_on(envelope.seal(&caller, &bucket, &name, id, &protection)).unwrap();
        group.bench_function("open an object's keys", |b| {
            b.to_async(&runtime)
                .iter(|| async { envelope.open(&caller, &bucket, &name, id, &sealing.keys, None).await.unwrap() });
        });
        group.finish();
    }
}

criterion_group!(benches, key_service, bucket_keys);
criterion_main!(benches);
