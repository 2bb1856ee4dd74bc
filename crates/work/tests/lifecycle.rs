//! The worker: its rounds, its lease, its place, its traces.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::testing::{Faulty as FaultyRecord, Memory as Record};
use arqueta_engine::api::{CreateBucket, GetObject, ObjectName, PutObject, Versioning};
use arqueta_engine::lifecycle::{Expiration, Filter, Rule, Rules};
use arqueta_engine::notifications::{self, Destination, Notices, Notifications, Targets};
use arqueta_engine::record::BucketDocument;
use arqueta_engine::{BucketKeyTable, Caller, Config, Engine, Envelope};
use arqueta_envelope::BucketKeyConfig;
use arqueta_kms::testing::Memory as Keys;
use arqueta_model::{AccountId, BucketName, Clock, ManualClock, Principal, Region, RequestId, RequestInfo};
use arqueta_policy::Identity;
use arqueta_store::{Counting, Leases, MemoryBlobs, MemoryMeta, MetaStore, Scan};
use arqueta_work::lifecycle::Outcome;
use arqueta_work::{Lifecycle, Progress, Settings, Standing};
use futures::StreamExt as _;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TERM: Duration = Duration::from_secs(30);

struct Rig {
    meta: Arc<MemoryMeta>,
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    record: Arc<FaultyRecord<Record>>,
    caller: Caller,
}

fn bucket(name: &str) -> BucketName {
    name.parse().unwrap()
}

impl Rig {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let (meta, clock) = (Arc::new(MemoryMeta::default()), Arc::new(ManualClock::default()));
        let region: Region = "us-east-1".parse().unwrap();
        let table = Arc::new(BucketKeyTable::new(meta.clone()));
        let keys = Arc::new(Keys::new());
        let envelope = Envelope::new(keys, table, clock.clone(), region.clone(), BucketKeyConfig::default());
        let mut config = Config { encrypt_by_default: false, ..Config::new(region) };
        change(&mut config);
        let blobs = Arc::new(MemoryBlobs::default());
        let engine = Engine::open(meta.clone(), blobs, Arc::new(envelope), clock.clone(), config).unwrap();
        let request = RequestInfo {
            id: RequestId::random(),
            source_ip: Ipv4Addr::LOCALHOST.into(),
            user_agent: "test".into(),
            secure_transport: false,
            tls: None,
            received: clock.now(),
            via_service: None,
        };
        let identity = Identity::bare(Principal::root(&"111122223333".parse().unwrap(), "AKIDEXAMPLE"));
        let caller = Caller::new(Arc::new(identity), Arc::new(request));
        let record = Arc::new(FaultyRecord::new(Record::default()));
        let rig = Self { meta, engine: Arc::new(engine), clock, record, caller };
        rig.bucket("bucket").await;
        rig
    }

    async fn bucket(&self, name: &str) {
        let owner = "111122223333".parse().unwrap();
        let create =
            CreateBucket { bucket: bucket(name), owner, object_lock: false, tags: None, documents: Default::default() };
        self.engine.buckets().create(create).await.unwrap();
    }

    async fn expire(&self, name: &str, days: u32) {
        let rule = Rule {
            id: "old".into(),
            enabled: true,
            filter: Filter::default(),
            expiration: Some(Expiration::Days(days)),
            noncurrent: None,
            abort: Some(days),
        };
        let document = Some(Rules { rules: vec![rule] }.to_document());
        self.engine.bucket_settings().put_document(&bucket(name), BucketDocument::Lifecycle, document).await.unwrap();
    }

    async fn put(&self, name: &str, key: &str) {
        let body = futures::stream::iter([Ok("x".into())]).boxed();
        self.engine
            .objects()
            .put(&self.caller, PutObject::new(bucket(name), key.parse().unwrap(), body))
            .await
            .unwrap();
    }

    async fn has(&self, name: &str, key: &str) -> bool {
        let name = ObjectName { bucket: bucket(name), key: key.parse().unwrap(), version: None };
        self.engine.objects().head(&self.caller, GetObject::new(name)).await.is_ok()
    }

    fn worker(&self, owner: &str) -> (Lifecycle, Arc<Progress>) {
        self.worker_over(owner, self.meta.clone())
    }

    fn worker_over(&self, owner: &str, meta: Arc<dyn MetaStore>) -> (Lifecycle, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        let on = Standing {
            engine: self.engine.clone(),
            leases: Leases::new(meta.clone(), self.clock.clone(), owner, TERM),
            meta,
            audit: self.record.clone(),
            wants: Arc::new(|_, _, key| key.starts_with("watched")),
            clock: self.clock.clone(),
        };
        let settings = Settings::new("us-east-1".parse().unwrap(), DAY);
        (Lifecycle::new(on, settings, progress.clone()), progress)
    }

    async fn under(&self, prefix: &str) -> usize {
        self.meta.page(Scan::prefix(prefix.as_bytes(), 1000)).await.unwrap().len()
    }

    /// Lets tasks run until `done` says so.
    async fn until(&self, mut done: impl AsyncFnMut() -> bool) {
        for _ in 0..10_000 {
            if done().await {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it never came");
    }
}

#[tokio::test]
async fn a_round_removes_what_is_due_and_records_what_is_watched() {
    let rig = Rig::new().await;
    rig.expire("bucket", 1).await;
    rig.put("bucket", "watched").await;
    rig.put("bucket", "unwatched").await;
    rig.clock.advance(2 * DAY);
    rig.put("bucket", "young").await;
    let (worker, progress) = rig.worker("a");
    assert_eq!(worker.round().await.unwrap(), Outcome::Finished);
    assert!(!rig.has("bucket", "watched").await && !rig.has("bucket", "unwatched").await);
    assert!(rig.has("bucket", "young").await);
    let events = rig.record.inner().events();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.event_name.as_str(), event.event_type.as_str()), ("DeleteObject", "AwsServiceEvent"));
    assert_eq!(event.user_identity.invoked_by.as_deref(), Some("lifecycle.s3.amazonaws.com"));
    assert_eq!(event.request_parameters["key"], "watched");
    assert_eq!(event.service_event_details.as_ref().unwrap()["ruleId"], "old");
    assert_eq!((event.read_only, event.management_event), (false, false));
    assert_eq!(event.recipient_account_id, "111122223333");
    assert_eq!(progress.removed().find(|(what, _)| *what == "object"), Some(("object", 2)));
    assert_eq!((progress.rounds(), progress.buckets_left()), (1, 0));
}

#[tokio::test]
async fn without_rules_nothing_is_written() {
    let rig = Rig::new().await;
    let counting = Arc::new(Counting::new(rig.meta.clone()));
    let (worker, progress) = rig.worker_over("a", counting.clone());
    assert_eq!(worker.round().await.unwrap(), Outcome::Finished);
    assert_eq!(counting.writes(), 0);
    assert_eq!(progress.rounds(), 1);
}

#[tokio::test]
async fn who_holds_no_lease_does_nothing() {
    let rig = Rig::new().await;
    rig.expire("bucket", 1).await;
    rig.put("bucket", "k").await;
    rig.clock.advance(3 * DAY);
    let others = Leases::new(rig.meta.clone(), rig.clock.clone(), "b", TERM);
    let held = others.take("lifecycle").await.unwrap().unwrap();
    let (worker, progress) = rig.worker("a");
    assert_eq!(worker.round().await.unwrap(), Outcome::Elsewhere);
    assert!(rig.has("bucket", "k").await);
    assert_eq!(progress.rounds(), 0);
    others.give_up(held).await.unwrap();
    assert_eq!(worker.round().await.unwrap(), Outcome::Finished);
    assert!(!rig.has("bucket", "k").await);
}

#[tokio::test]
async fn a_day_is_walked_once_and_changed_rules_again() {
    let rig = Rig::new().await;
    rig.expire("bucket", 1).await;
    let (worker, progress) = rig.worker("a");
    worker.round().await.unwrap();
    rig.put("bucket", "k").await;
    rig.clock.advance(Duration::from_secs(60));
    let seen = progress.seen();
    worker.round().await.unwrap();
    assert_eq!(progress.seen(), seen, "today is done");
    rig.expire("bucket", 2).await;
    worker.round().await.unwrap();
    assert!(progress.seen() > seen, "other rules");
    let seen = progress.seen();
    rig.clock.advance(DAY);
    worker.round().await.unwrap();
    assert!(progress.seen() > seen, "another day");
}

#[tokio::test]
async fn places_of_buckets_without_rules_are_forgotten() {
    let rig = Rig::new().await;
    rig.expire("bucket", 1).await;
    let (worker, _) = rig.worker("a");
    worker.round().await.unwrap();
    assert_eq!(rig.under("w/lifecycle/").await, 1);
    rig.engine.buckets().delete(&bucket("bucket")).await.unwrap();
    worker.round().await.unwrap();
    assert_eq!(rig.under("w/lifecycle/").await, 0);
    assert_eq!(rig.under("w/lease/").await, 0, "given up");
}

#[tokio::test]
async fn a_record_that_cannot_be_written_stops_it() {
    let rig = Rig::new().await;
    rig.expire("bucket", 1).await;
    rig.bucket("later").await;
    rig.expire("later", 1).await;
    rig.put("bucket", "watched").await;
    rig.put("later", "k").await;
    rig.clock.advance(3 * DAY);
    rig.record.fail(true);
    let (worker, _) = rig.worker("a");
    assert!(worker.round().await.is_err());
    assert!(rig.has("later", "k").await, "nothing more is done");
    rig.record.fail(false);
    worker.round().await.unwrap();
    assert!(!rig.has("later", "k").await);
}

#[tokio::test]
async fn a_bucket_whose_rules_cannot_be_read_does_not_stop_the_others() {
    let rig = Rig::new().await;
    rig.bucket("a-broken").await;
    let broken = Some("{".to_owned());
    rig.engine.bucket_settings().put_document(&bucket("a-broken"), BucketDocument::Lifecycle, broken).await.unwrap();
    rig.expire("bucket", 1).await;
    rig.put("bucket", "k").await;
    rig.clock.advance(3 * DAY);
    let (worker, _) = rig.worker("a");
    worker.round().await.unwrap();
    assert!(!rig.has("bucket", "k").await);
}

#[tokio::test]
async fn events_that_cannot_be_kept_hold_up_their_own_objects_alone() {
    let hook: [(String, Vec<AccountId>); 1] = [("hook".into(), vec!["111122223333".parse().unwrap()])];
    let targets = Targets { named: hook.into(), most: Some(0), ..Targets::default() };
    let rig = Rig::with(|config| config.notices = Arc::new(Notices::to(targets))).await;
    rig.bucket("a-full").await;
    let told = notifications::Rule {
        id: "told".into(),
        destination: Destination::Queue,
        arn: "arn:aws:sqs:us-east-1:111122223333:hook".into(),
        target: "hook".into(),
        events: vec!["s3:LifecycleExpiration:*".into()],
        prefix: Some("told/".into()),
        suffix: None,
    };
    let rules = Notifications { rules: vec![told] };
    rig.engine.bucket_settings().put_notifications(&bucket("a-full"), &rules, false).await.unwrap();
    for name in ["a-full", "bucket"] {
        rig.expire(name, 1).await;
        rig.put(name, "told/k").await;
        rig.put(name, "watched").await;
    }
    rig.clock.advance(3 * DAY);
    let (worker, _) = rig.worker("a");
    worker.round().await.unwrap();
    assert!(rig.has("a-full", "told/k").await, "nobody would have heard of it");
    assert!(!rig.has("a-full", "watched").await && !rig.has("bucket", "told/k").await);
    assert_eq!(rig.record.inner().events().len(), 2, "what went is recorded");
}

#[tokio::test]
async fn it_works_at_midnight_and_a_minute_after_rules_change() {
    let rig = Rig::new().await;
    rig.put("bucket", "k").await;
    rig.put("bucket", "l").await;
    rig.clock.advance(3 * DAY + Duration::from_secs(7));
    let (worker, progress) = rig.worker("a");
    let running = tokio::spawn(async move { worker.run().await });
    rig.until(async || progress.rounds() == 1).await;
    rig.expire("bucket", 1).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(rig.has("bucket", "k").await, "they have not settled");
    rig.clock.advance(Duration::from_secs(60));
    rig.until(async || !rig.has("bucket", "k").await).await;
    rig.put("bucket", "next").await;
    rig.clock.advance(2 * DAY);
    rig.until(async || !rig.has("bucket", "next").await).await;
    running.abort();
}

#[tokio::test]
async fn versions_are_told_apart_in_the_record() {
    let rig = Rig::new().await;
    rig.engine.bucket_settings().put_versioning(&bucket("bucket"), Versioning::Enabled).await.unwrap();
    rig.expire("bucket", 1).await;
    rig.put("bucket", "watched").await;
    rig.clock.advance(3 * DAY);
    rig.worker("a").0.round().await.unwrap();
    let events = rig.record.inner().events();
    assert_eq!(events[0].response_elements["x-amz-delete-marker"], "true");
}
