//! The scrub as a job: its lease, its place, what becomes of it when it is stopped or killed.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::api::{CreateBucket, PutObject};
use arqueta_engine::{BucketKeyTable, Caller, Config, Engine, Envelope, schema};
use arqueta_envelope::BucketKeyConfig;
use arqueta_kms::testing::Memory as Keys;
use arqueta_model::{BucketName, Clock, ManualClock, Principal, Region, RequestId, RequestInfo};
use arqueta_policy::Identity;
use arqueta_store::{Leases, MemoryBlobs, MemoryMeta};
use arqueta_work::scrub::{Place, Scrub, Stage, Standing};
use futures::StreamExt as _;

const TERM: Duration = Duration::from_secs(30);
const OBJECTS: usize = 300;

struct Rig {
    meta: Arc<MemoryMeta>,
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    caller: Caller,
}

fn bucket() -> BucketName {
    "bucket".parse().unwrap()
}

impl Rig {
    async fn new() -> Self {
        let (meta, clock) = (Arc::new(MemoryMeta::default()), Arc::new(ManualClock::default()));
        let region: Region = "us-east-1".parse().unwrap();
        let table = Arc::new(BucketKeyTable::new(meta.clone()));
        let envelope =
            Envelope::new(Arc::new(Keys::new()), table, clock.clone(), region.clone(), BucketKeyConfig::default());
        let blobs = Arc::new(MemoryBlobs::default());
        let config = Config::new(region);
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
        let owner = "111122223333".parse().unwrap();
        let caller = Caller::new(Arc::new(Identity::bare(Principal::root(&owner, "AKIDEXAMPLE"))), Arc::new(request));
        let create =
            CreateBucket { bucket: bucket(), owner, object_lock: false, tags: None, documents: Default::default() };
        engine.buckets().create(create).await.unwrap();
        for n in 0..OBJECTS {
            let body = futures::stream::iter([Ok(vec![n as u8; 100].into())]).boxed();
            let put = PutObject::new(bucket(), format!("k{n:03}").parse().unwrap(), body);
            engine.objects().put(&caller, put).await.unwrap();
        }
        Self { meta, engine: Arc::new(engine), clock, caller }
    }

    fn worker(&self, owner: &str) -> Arc<Scrub> {
        let caller = self.caller.clone();
        Arc::new(Scrub::new(Standing {
            engine: self.engine.clone(),
            leases: Leases::new(self.meta.clone(), self.clock.clone(), owner, TERM),
            meta: self.meta.clone(),
            owner: Arc::new(move |_| caller.clone()),
            clock: self.clock.clone(),
        }))
    }

    /// Lets tasks run until the place is as `done` says.
    async fn until(&self, scrub: &Scrub, done: impl Fn(&Place) -> bool) -> Place {
        for _ in 0..100_000 {
            if let Some(place) = scrub.place().await.unwrap().filter(|place| done(place)) {
                return place;
            }
            tokio::task::yield_now().await;
        }
        panic!("it never came: {:?}", scrub.place().await);
    }
}

fn running(scrub: &Arc<Scrub>) -> tokio::task::JoinHandle<()> {
    let scrub = scrub.clone();
    tokio::spawn(async move { scrub.run().await })
}

fn is_done(place: &Place) -> bool {
    place.stage == Stage::Done
}

#[tokio::test]
async fn one_that_was_killed_goes_on_where_it_was_by_whoever_has_the_lease() {
    let rig = Rig::new().await;
    let first = rig.worker("a");
    let task = running(&first);
    first.start(None).await.unwrap();
    let whole = rig.until(&first, is_done).await;
    assert!(whole.records >= 2 * OBJECTS as u64 && whole.bodies == OBJECTS as u64 && whole.found == 0, "{whole:?}");
    assert_eq!((first.progress().found(), first.progress().is_running()), (0, false));

    first.start(None).await.unwrap();
    rig.until(&first, |place| place.records > 0 && place.stage == Stage::Running).await;
    task.abort();
    let _ = task.await;
    let killed = first.place().await.unwrap().unwrap();
    assert!(killed.stage == Stage::Running && killed.records < whole.records, "{killed:?}");
    let second = rig.worker("b");
    let task = running(&second);
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(second.place().await.unwrap().unwrap(), killed, "the lease is another's until its term is over");
    rig.clock.advance(TERM * 2);
    let done = rig.until(&second, is_done).await;
    // Leases have records of their own.
    assert!(done.records.abs_diff(whole.records) <= 2 && done.bodies == whole.bodies, "{done:?} {whole:?}");
    task.abort();
}

#[tokio::test]
async fn what_it_finds_is_named_and_counted_and_stays_after_a_restart() {
    let rig = Rig::new().await;
    rig.meta.damage(&schema::current(&bucket(), &"k007".parse().unwrap())).await;
    let scrub = rig.worker("a");
    let task = running(&scrub);
    assert!(scrub.place().await.unwrap().is_none() && scrub.stop().await.unwrap().is_none());
    scrub.start(None).await.unwrap();
    let place = rig.until(&scrub, is_done).await;
    let [told] = &place.findings[..] else { panic!("{place:?}") };
    assert_eq!((told.bucket.as_deref(), told.key.as_deref(), &*told.kind), (Some("bucket"), Some("k007"), "damaged"));
    assert_eq!((place.found, scrub.progress().found()), (1, 1));
    task.abort();
    let again = rig.worker("a");
    let task = running(&again);
    while again.progress().found() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(again.place().await.unwrap().unwrap(), place);
    task.abort();
}

#[tokio::test]
async fn one_that_is_slow_is_stopped_at_once_and_begun_anew() {
    let rig = Rig::new().await;
    let scrub = rig.worker("a");
    let task = running(&scrub);
    // A byte a second: it waits for a clock that nobody moves.
    scrub.start(Some(1)).await.unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(scrub.place().await.unwrap().unwrap().bodies, 0);
    assert_eq!(scrub.stop().await.unwrap().unwrap().stage, Stage::Stopped);
    assert_eq!(scrub.start(None).await.unwrap().records, 0);
    let place = rig.until(&scrub, is_done).await;
    assert_eq!(place.bodies, OBJECTS as u64);
    task.abort();
}
