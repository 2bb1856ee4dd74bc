//! The worker: what waits, what fails, in which order, and as whom.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arqueta_audit::testing::{Faulty as FaultyRecord, Memory as Record};
use arqueta_engine::api::{CreateBucket, GetObject, ObjectName, PutObject, ReplicationState, Versioning};
use arqueta_engine::replication::{Destination as To, Filter, Replication, Rule};
use arqueta_engine::{BucketKeyTable, Caller, Config, Engine, Envelope};
use arqueta_envelope::BucketKeyConfig;
use arqueta_iam::testing::TestSealer;
use arqueta_iam::{CreateRole, Entity, Iam};
use arqueta_kms::testing::Memory as Keys;
use arqueta_model::{AccountId, BucketName, Clock, ManualClock, Principal, Region, RequestInfo};
use arqueta_policy::Identity;
use arqueta_replicate::{
    Access, Destination, Failure, Item, Progress, Reason, Replicator, Roles, Source, Standing, THRESHOLD, Told, What,
};
use arqueta_store::{Leases, MemoryBlobs, MemoryMeta};
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":
    {"Service":"s3.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
const MAY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;

fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

fn bucket(name: &str) -> BucketName {
    name.parse().unwrap()
}

/// Takes everything while it is up, but for keys that it denies, and keeps what it took.
#[derive(Default)]
struct There {
    down: AtomicBool,
    denied: Mutex<Vec<String>>,
    tried: Mutex<Vec<String>>,
    took: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Destination for There {
    async fn take(&self, role: &Caller, item: Item) -> Result<(), Failure> {
        assert_eq!(
            role.identity.principal.arn.as_str(),
            "arn:aws:sts::111122223333:assumed-role/replicator/s3-replication"
        );
        let key = item.from.key.to_string();
        self.tried.lock().unwrap().push(key.clone());
        if self.down.load(Ordering::Relaxed) {
            return Err(Failure::Unavailable("down".to_owned()));
        }
        if self.denied.lock().unwrap().contains(&key) {
            return Err(Failure::denied(Reason::DstPutObjectNotPermitted, "no"));
        }
        let what = match item.what {
            What::Put(version) => {
                let body: Vec<bytes::Bytes> = version.body.try_collect().await.unwrap();
                String::from_utf8(body.concat()).unwrap()
            }
            What::Marker => "marker".to_owned(),
            What::Amend(now) => format!("{:?}", now.tags.pairs()),
        };
        self.took.lock().unwrap().push((key, what));
        Ok(())
    }
}

struct Rig {
    meta: Arc<MemoryMeta>,
    engine: Arc<Engine>,
    iam: Arc<Iam>,
    clock: Arc<ManualClock>,
    record: Arc<FaultyRecord<Record>>,
    caller: Caller,
    there: Arc<There>,
}

impl Rig {
    async fn new() -> Self {
        let (meta, clock) = (Arc::new(MemoryMeta::default()), Arc::new(ManualClock::default()));
        let region: Region = "us-east-1".parse().unwrap();
        let table = Arc::new(BucketKeyTable::new(meta.clone()));
        let keys = Arc::new(Keys::new());
        let envelope = Envelope::new(keys, table, clock.clone(), region.clone(), BucketKeyConfig::default());
        let config = Config { encrypt_by_default: false, ..Config::new(region) };
        let blobs = Arc::new(MemoryBlobs::default());
        let engine = Engine::open(meta.clone(), blobs, Arc::new(envelope), clock.clone(), config).unwrap();
        let sealer = Arc::new(TestSealer::default());
        let of = arqueta_iam::Config { account: account(), root: None };
        let (iam, _) = Iam::open(meta.clone(), clock.clone(), sealer, of).await.unwrap();
        let role = CreateRole {
            role_name: "replicator".to_owned(),
            path: None,
            assume_role_policy_document: TRUST.to_owned(),
            description: None,
            max_session_duration: None,
            permissions_boundary: None,
            tags: Vec::new(),
        };
        iam.roles().create(&account(), role).await.unwrap();
        let request = RequestInfo::new(Ipv4Addr::LOCALHOST.into(), "test", clock.now());
        let identity = Identity::bare(Principal::root(&account(), "AKIDEXAMPLE"));
        let caller = Caller::new(Arc::new(identity), Arc::new(request));
        let record = Arc::new(FaultyRecord::new(Record::default()));
        let rig =
            Self { meta, engine: Arc::new(engine), iam: Arc::new(iam), clock, record, caller, there: Arc::default() };
        rig.may(MAY).await;
        let create = CreateBucket {
            bucket: bucket("bucket"),
            owner: account(),
            object_lock: false,
            tags: None,
            documents: Default::default(),
        };
        rig.engine.buckets().create(create).await.unwrap();
        rig.engine.bucket_settings().put_versioning(&bucket("bucket"), Versioning::Enabled).await.unwrap();
        rig.replicate(vec![rule("there")]).await;
        rig
    }

    async fn replicate(&self, rules: Vec<Rule>) {
        let replication = Replication { role: "arn:aws:iam::111122223333:role/replicator".to_owned(), rules };
        self.engine.bucket_settings().put_replication(&bucket("bucket"), &replication).await.unwrap();
    }

    async fn may(&self, policy: &str) {
        let role = Entity::Role("replicator");
        self.iam.permissions().put_inline(&account(), role, "may", policy.to_owned()).await.unwrap();
    }

    fn worker(&self, owner: &str) -> (Replicator, Arc<Progress>) {
        let region: Region = "us-east-1".parse().unwrap();
        let (clock, audit): (Arc<dyn Clock>, Arc<dyn arqueta_audit::AuditSink>) =
            (self.clock.clone(), self.record.clone());
        let roles = Arc::new(Roles::new(self.iam.clone(), audit.clone(), clock.clone(), region.clone()));
        let access = Arc::new(Access::new(region.clone()));
        let progress = Arc::new(Progress::default());
        let on = Standing {
            engine: self.engine.clone(),
            meta: self.meta.clone(),
            leases: Leases::new(self.meta.clone(), clock.clone(), owner, Duration::from_secs(30)),
            clock,
            source: Source::new(self.engine.clone(), roles, access),
            record: Told { audit, wants: Arc::new(|_, _, _, _| true), region },
            progress: progress.clone(),
            threshold: THRESHOLD,
        };
        (Replicator::new(on, self.there.clone()), progress)
    }

    async fn put(&self, key: &str, body: &'static str) {
        let content = futures::stream::iter([Ok(body.into())]).boxed();
        let put = PutObject::new(bucket("bucket"), key.parse().unwrap(), content);
        self.engine.objects().put(&self.caller, put).await.unwrap();
    }

    async fn state(&self, key: &str) -> Option<ReplicationState> {
        let name = ObjectName { bucket: bucket("bucket"), key: key.parse().unwrap(), version: None };
        self.engine.objects().head(&self.caller, GetObject::new(name)).await.unwrap().replication
    }

    fn took(&self) -> Vec<(String, String)> {
        self.there.took.lock().unwrap().clone()
    }
}

fn rule(to: &str) -> Rule {
    Rule {
        id: to.to_owned(),
        enabled: true,
        priority: Some(1),
        filter: Filter::default(),
        destination: To {
            bucket: bucket(to),
            account: None,
            owner_override: false,
            storage_class: None,
            replica_key: None,
            metrics: None,
            time_control: None,
        },
        delete_markers: Some(true),
        existing: None,
        sse_kms: None,
        replica_modifications: None,
    }
}

fn pair(key: &str, body: &str) -> (String, String) {
    (key.to_owned(), body.to_owned())
}

#[tokio::test]
async fn what_waits_goes_in_the_order_of_its_key_as_the_role() {
    let rig = Rig::new().await;
    let (worker, progress) = rig.worker("a");
    for body in ["1", "2", "3"] {
        rig.put("k", body).await;
    }
    rig.put("l", "4").await;
    worker.round().await.unwrap();
    let (of_k, of_l): (Vec<_>, Vec<_>) = rig.took().into_iter().partition(|(key, _)| key == "k");
    assert_eq!(of_k, [pair("k", "1"), pair("k", "2"), pair("k", "3")]);
    assert_eq!(of_l, [pair("l", "4")]);
    assert_eq!([rig.state("k").await, rig.state("l").await], [Some(ReplicationState::Completed); 2]);
    assert_eq!(progress.destinations()["there"].taken(), (4, 4));
    let names: Vec<_> = rig.record.inner().events().into_iter().map(|event| event.event_name).collect();
    assert_eq!(names.iter().filter(|name| **name == "AssumeRole").count(), 1);
    assert_eq!(names.iter().filter(|name| **name == "PutObject").count(), 4);
    assert_eq!(names.iter().filter(|name| **name == "GetObject").count(), 4);
}

#[tokio::test]
async fn an_outage_is_waited_for_and_tried_with_one_key_at_a_time() {
    let rig = Rig::new().await;
    let (worker, progress) = rig.worker("a");
    rig.put("k", "1").await;
    rig.put("k", "2").await;
    rig.put("l", "3").await;
    rig.there.down.store(true, Ordering::Relaxed);
    worker.round().await.unwrap();
    assert!(rig.there.tried.lock().unwrap().len() <= 2, "the second of a key waits for the first");
    assert_eq!(rig.state("k").await, Some(ReplicationState::Pending));
    for _ in 0..20 {
        let before = rig.there.tried.lock().unwrap().len();
        worker.round().await.unwrap();
        assert!(rig.there.tried.lock().unwrap().len() - before <= 2, "lanes of `round` remember nothing");
        rig.clock.advance(Duration::from_secs(120));
    }
    assert!(progress.destinations()["there"].attempts_put_off() > 0);
    assert_eq!(rig.state("l").await, Some(ReplicationState::Pending), "however long it takes");
    rig.there.down.store(false, Ordering::Relaxed);
    worker.round().await.unwrap();
    let mut took = rig.took();
    took.sort();
    assert_eq!(took, [pair("k", "1"), pair("k", "2"), pair("l", "3")]);
    assert_eq!([rig.state("k").await, rig.state("l").await], [Some(ReplicationState::Completed); 2]);
}

#[tokio::test]
async fn a_denial_is_a_failure_and_holds_nobody_up() {
    let rig = Rig::new().await;
    let (worker, progress) = rig.worker("a");
    rig.there.denied.lock().unwrap().push("k".to_owned());
    rig.put("k", "1").await;
    rig.put("l", "2").await;
    worker.round().await.unwrap();
    assert_eq!(
        [rig.state("k").await, rig.state("l").await],
        [Some(ReplicationState::Failed), Some(ReplicationState::Completed)]
    );
    assert_eq!(progress.destinations()["there"].denied(), [("DstPutObjectNotPermitted".to_owned(), 1)].into());
    rig.there.denied.lock().unwrap().clear();
    assert_eq!(rig.engine.replication().retry(&bucket("bucket")).await.unwrap(), 1);
    worker.round().await.unwrap();
    assert_eq!(rig.state("k").await, Some(ReplicationState::Completed));
}

#[tokio::test]
async fn what_the_role_may_is_asked_each_time() {
    let rig = Rig::new().await;
    let (worker, progress) = rig.worker("a");
    rig.put("k", "1").await;
    worker.round().await.unwrap();
    rig.may(&MAY.replace("s3:*", "s3:ListBucket")).await;
    rig.put("l", "2").await;
    worker.round().await.unwrap();
    assert_eq!(rig.state("l").await, Some(ReplicationState::Failed));
    assert_eq!(progress.destinations()["there"].denied(), [("SrcGetObjectNotPermitted".to_owned(), 1)].into());
    assert_eq!(rig.took().len(), 1);
}

#[tokio::test]
async fn a_rule_that_is_gone_sends_nothing() {
    let rig = Rig::new().await;
    let (worker, progress) = rig.worker("a");
    rig.put("k", "1").await;
    rig.replicate(vec![rule("elsewhere")]).await;
    worker.round().await.unwrap();
    assert_eq!(rig.state("k").await, Some(ReplicationState::Failed));
    let denied = progress.destinations()["there"].denied();
    assert_eq!(denied, [("SrcBucketReplicationConfigMissing".to_owned(), 1)].into());
}

#[tokio::test]
async fn of_two_gateways_one_works() {
    let rig = Rig::new().await;
    let ((one, _), (other, _)) = (rig.worker("a"), rig.worker("b"));
    rig.put("k", "1").await;
    one.round().await.unwrap();
    rig.put("l", "2").await;
    other.round().await.unwrap();
    assert_eq!(rig.took().len(), 1, "the first one has the lane");
    rig.clock.advance(Duration::from_secs(31));
    other.round().await.unwrap();
    assert_eq!(rig.took().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done_for() {
    let rig = Rig::new().await;
    let (worker, _) = rig.worker("a");
    rig.put("k", "1").await;
    rig.record.fail(true);
    worker.round().await.unwrap();
    assert_eq!((rig.state("k").await, rig.took().len()), (Some(ReplicationState::Pending), 0));
    rig.record.fail(false);
    worker.round().await.unwrap();
    assert_eq!((rig.state("k").await, rig.took().len()), (Some(ReplicationState::Completed), 1));
}

#[tokio::test]
async fn many_go_side_by_side() {
    let rig = Rig::new().await;
    let (worker, progress) = rig.worker("a");
    for n in 0..2500 {
        rig.put(&format!("k/{n}"), "x").await;
    }
    assert!(worker.begin().await.unwrap() > 0);
    let load = rig.engine.replication().outgoing().loads()["there"];
    assert_eq!((load.rows, load.bytes), (2500, 2500));
    worker.round().await.unwrap();
    assert_eq!(progress.destinations()["there"].taken(), (2500, 2500));
    assert!(rig.engine.replication().outgoing().loads().is_empty());
}
