//! Jobs that wrap whole buckets anew: where they go on, what they leave alone, what they need.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arqueta_audit::testing::{Faulty as FaultyRecord, Memory as Record};
use arqueta_engine::api::{
    CreateBucket, DeleteConditions, DeleteObject, EncryptionRequest, GetObject, ObjectName, PutObject, RequestedMode,
    Versioning,
};
use arqueta_engine::{BucketKeyTable, Caller, Config, Engine, Envelope};
use arqueta_envelope::BucketKeyConfig;
use arqueta_kms::Operation;
use arqueta_kms::testing::Memory as Keys;
use arqueta_model::{BucketName, Clock, EncryptionContext, KeyArn, ManualClock, Principal, RequestInfo};
use arqueta_policy::Identity;
use arqueta_store::{Fault, Faulty, Leases, MemoryBlobs, MemoryMeta};
use arqueta_work::rekey::{Error, Phase, Rekey, Standing, Wanted};
use futures::StreamExt as _;

const ACCOUNT: &str = "111122223333";
const TERM: Duration = Duration::from_secs(5);

struct Rig {
    meta: Faulty<Arc<MemoryMeta>>,
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    keys: Arc<Keys>,
    record: Arc<FaultyRecord<Record>>,
    calls: Arc<AtomicU64>,
    caller: Caller,
    to: KeyArn,
}

fn bucket() -> BucketName {
    "bucket".parse().unwrap()
}

impl Rig {
    async fn new() -> Self {
        let (stored, clock) = (Arc::new(MemoryMeta::default()), Arc::new(ManualClock::default()));
        let meta = Faulty::new(stored.clone());
        let keys = Arc::new(Keys::new());
        let to = keys.create(ACCOUNT, "new");
        let table = Arc::new(BucketKeyTable::new(stored.clone()));
        let region = "us-east-1".parse().unwrap();
        let envelope = Envelope::new(keys.clone(), table, clock.clone(), region, BucketKeyConfig::default());
        let config = Config { encrypt_by_default: false, ..Config::new("us-east-1".parse().unwrap()) };
        // What the worker keeps may fail; the bucket itself does not.
        let blobs = Arc::new(MemoryBlobs::default());
        let engine = Engine::open(stored, blobs, Arc::new(envelope), clock.clone(), config).unwrap();
        let identity = Identity::bare(Principal::root(&ACCOUNT.parse().unwrap(), "AKIDEXAMPLE"));
        let request = RequestInfo::new(Ipv4Addr::LOCALHOST.into(), "test", clock.now());
        let caller = Caller::new(Arc::new(identity), Arc::new(request));
        let record = Arc::new(FaultyRecord::new(Record::default()));
        let rig = Self { meta, engine: Arc::new(engine), clock, keys, record, calls: Arc::default(), caller, to };
        let owner = ACCOUNT.parse().unwrap();
        let create =
            CreateBucket { bucket: bucket(), owner, object_lock: false, tags: None, documents: Default::default() };
        rig.engine.buckets().create(create).await.unwrap();
        rig
    }

    async fn put(&self, key: &str, mode: RequestedMode) {
        let body = futures::stream::iter([Ok("x".into())]).boxed();
        let mut put = PutObject::new(bucket(), key.parse().unwrap(), body);
        put.encryption = EncryptionRequest { mode, bucket_key: Some(true) };
        self.engine.objects().put(&self.caller, put).await.unwrap();
    }

    async fn under(&self, key: &str) -> Option<KeyArn> {
        let name = ObjectName { bucket: bucket(), key: key.parse().unwrap(), version: None };
        let head = self.engine.objects().head(&self.caller, GetObject::new(name)).await.unwrap();
        head.encryption.and_then(|encryption| encryption.key)
    }

    fn worker(&self, owner: &str) -> Rekey {
        let (caller, calls) = (self.caller.clone(), self.calls.clone());
        let meta: Arc<Faulty<Arc<MemoryMeta>>> = Arc::new(self.meta.clone());
        Rekey::new(Standing {
            engine: self.engine.clone(),
            leases: Leases::new(meta.clone(), self.clock.clone(), owner, TERM),
            meta,
            audit: self.record.clone(),
            wants: Arc::new(|_, _, key| key.starts_with("watched")),
            caller: Arc::new(move |_| caller.clone()),
            calls: Arc::new(move || calls.fetch_add(1, Ordering::Relaxed)),
            clock: self.clock.clone(),
            region: "us-east-1".parse().unwrap(),
        })
    }

    fn wanted(&self) -> Wanted {
        Wanted { bucket: bucket(), key: self.to.to_string(), bucket_key: true, rate: 0 }
    }
}

#[tokio::test]
async fn what_was_interrupted_goes_on_at_its_page() {
    let rig = Rig::new().await;
    for at in 0..600 {
        rig.put(&format!("{at:03}"), RequestedMode::S3).await;
    }
    let first = rig.worker("a");
    first.begin(rig.wanted()).await.unwrap();
    assert!(matches!(first.begin(rig.wanted()).await, Err(Error::UnderWay)));
    // Next job, lease (three), then of each page: the job as it is, and its place.
    rig.meta.fail_nth(8, Fault::Refused);
    assert!(first.round().await.is_err());
    let kept = first.job(&bucket()).await.unwrap();
    assert!(kept.phase == Phase::Currents && kept.counts.rewrapped == 256, "{:?}", kept.counts);

    // Another process, once the lease of the first is over.
    let second = rig.worker("b");
    assert!(!second.round().await.unwrap(), "the first may still be at it");
    rig.clock.advance(TERM * 2);
    assert!(second.round().await.unwrap());
    let done = second.job(&bucket()).await.unwrap();
    assert_eq!((done.phase, done.counts.rewrapped, done.counts.failed), (Phase::Done, 600, 0));
    for key in ["000", "300", "599"] {
        assert_eq!(rig.under(key).await, Some(rig.to.clone()), "{key}");
    }
    let events = rig.record.inner().events();
    let named = |name: &str| events.iter().filter(|event| event.event_name == name).count();
    assert_eq!((named("RekeyBucket"), named("RekeyBucketEnded"), named("UpdateObjectEncryption")), (1, 1, 0));
}

#[tokio::test]
async fn refusals_are_counted_and_what_cannot_be_wrapped_is_left() {
    let rig = Rig::new().await;
    let old = rig.keys.create(ACCOUNT, "old");
    rig.engine.bucket_settings().put_versioning(&bucket(), Versioning::Enabled).await.unwrap();
    let under = |key: &KeyArn| RequestedMode::Kms { key: Some(key.to_string()), context: EncryptionContext::default() };
    rig.put("watched", under(&old)).await;
    rig.put("watched", under(&old)).await;
    let dual = RequestedMode::DualKms { key: Some(old.to_string()), context: EncryptionContext::default() };
    rig.put("dual", dual).await;
    rig.put("plain", RequestedMode::Default).await;
    let worker = rig.worker("a");
    rig.keys.deny(&rig.caller, Operation::GenerateDataKey);
    worker.begin(rig.wanted()).await.unwrap();
    assert!(worker.round().await.unwrap());
    let job = worker.job(&bucket()).await.unwrap();
    let counts = job.counts;
    assert_eq!((counts.refused, counts.rewrapped, counts.dual, counts.plain), (2, 0, 1, 1));
    assert!(job.trouble.unwrap().starts_with("watched: "));

    rig.keys.allow(&rig.caller, Operation::GenerateDataKey);
    worker.begin(rig.wanted()).await.unwrap();
    assert!(worker.round().await.unwrap());
    assert_eq!(worker.job(&bucket()).await.unwrap().counts.rewrapped, 2);
    let events = rig.record.inner().events();
    assert_eq!(events.iter().filter(|event| event.event_name == "UpdateObjectEncryption").count(), 2);
}

#[tokio::test]
async fn nothing_begins_that_cannot_be_recorded_and_nothing_is_written_where_nobody_asks() {
    let rig = Rig::new().await;
    rig.put("k", RequestedMode::S3).await;
    let worker = rig.worker("a");
    rig.record.fail(true);
    assert!(matches!(worker.begin(rig.wanted()).await, Err(Error::Record(_))));
    rig.record.fail(false);
    assert!(matches!(worker.job(&bucket()).await, Err(Error::NoJob)));
    let before = rig.meta.operations();
    assert!(worker.round().await.unwrap());
    assert_eq!(rig.meta.operations() - before, 1, "one look");

    worker.begin(rig.wanted()).await.unwrap();
    assert_eq!(worker.stop(&bucket()).await.unwrap().phase, Phase::Stopped);
    assert!(worker.round().await.unwrap());
    assert_eq!(rig.under("k").await, None);
    // Another bucket of its name has no job.
    worker.begin(rig.wanted()).await.unwrap();
    let name = ObjectName { bucket: bucket(), key: "k".parse().unwrap(), version: None };
    let delete = DeleteObject { name, conditions: DeleteConditions::default(), bypass_governance: false };
    rig.engine.objects().delete(&delete).await.unwrap();
    rig.engine.buckets().delete(&bucket()).await.unwrap();
    assert!(worker.round().await.unwrap());
    assert!(matches!(worker.job(&bucket()).await, Err(Error::NoJob)));
}
