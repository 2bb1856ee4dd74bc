//! One action at every point of another: deterministic, and over two engines, so that nothing but
//! the preconditions of the commits keeps them apart.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use std::sync::{Arc, Mutex};

use arqueta_engine::api::{CompletedPart, Versioning};
use arqueta_engine::{BucketKeyTable, Config, Engine, Envelope, Error, schema};
use arqueta_model::UploadId;
use arqueta_store::{Batch, Change, Entry, MemoryMeta, MetaStore, Position, Scan};
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use rig::{Mode, Rig, name, pattern};
use uploads::{MINIMUM, abort, listed, rig};

/// A store that lets something else happen right before its `n`th operation.
struct Interposed {
    inner: Arc<MemoryMeta>,
    plan: Mutex<(u64, Option<BoxFuture<'static, ()>>)>,
}

impl Interposed {
    async fn step(&self) {
        let due = {
            let mut plan = self.plan.lock().unwrap();
            plan.0 = plan.0.saturating_sub(1);
            if plan.0 == 0 { plan.1.take() } else { None }
        };
        if let Some(action) = due {
            action.await;
        }
    }
}

#[async_trait]
impl MetaStore for Interposed {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, arqueta_store::Error> {
        self.step().await;
        self.inner.get(key).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, arqueta_store::Error> {
        self.step().await;
        self.inner.page(scan).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), arqueta_store::Error> {
        self.step().await;
        self.inner.commit(batch).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, arqueta_store::Error> {
        self.inner.changes(since, limit).await
    }
    async fn trim(&self, through: Position) -> Result<(), arqueta_store::Error> {
        self.inner.trim(through).await
    }
}

/// The same stores under another engine, in which `action` happens before operation `nth`.
fn interposed(rig: &Rig, nth: u64, action: BoxFuture<'static, ()>) -> (Rig, Arc<Interposed>) {
    let store = Arc::new(Interposed { inner: rig.meta.clone(), plan: Mutex::new((nth, Some(action))) });
    let mut other = rig.restarted();
    let region: arqueta_model::Region = "us-east-1".parse().unwrap();
    let table = Arc::new(BucketKeyTable::new(rig.meta.clone()));
    let envelope = Envelope::new(rig.kms.clone(), table, rig.clock.clone(), region.clone(), Default::default());
    let mut config = Config::new(region);
    config.part_minimum = MINIMUM as u64;
    let engine =
        Engine::open(store.clone(), Arc::new(rig.blobs.clone()), Arc::new(envelope), rig.clock.clone(), config)
            .unwrap();
    other.engine = Arc::new(engine);
    (other, store)
}

/// An upload with parts 1 (listed) and 2 (not).
async fn prepared() -> (Arc<Rig>, UploadId, Vec<CompletedPart>) {
    let rig = Arc::new(rig());
    rig.make_bucket(Versioning::Enabled).await;
    let upload = rig.start("k", Mode::S3).await;
    let one = rig.part("k", upload, 1, pattern(40_000)).await.unwrap();
    rig.part("k", upload, 2, pattern(41_000)).await.unwrap();
    (rig, upload, vec![listed(1, &one)])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    ReplaceListed,
    ReplaceUnlisted,
    AddPart,
    Complete,
    Abort,
    PutObject,
}

const ALL: [Act; 6] =
    [Act::ReplaceListed, Act::ReplaceUnlisted, Act::AddPart, Act::Complete, Act::Abort, Act::PutObject];

async fn act(rig: &Rig, what: Act, upload: UploadId, list: Vec<CompletedPart>) -> Result<(), Error> {
    match what {
        Act::ReplaceListed => rig.part("k", upload, 1, pattern(50_000)).await.map(drop),
        Act::ReplaceUnlisted => rig.part("k", upload, 2, pattern(51_000)).await.map(drop),
        Act::AddPart => rig.part("k", upload, 3, pattern(52_000)).await.map(drop),
        Act::Complete => rig.complete("k", upload, list).await.map(drop),
        Act::Abort => rig.engine.uploads().abort(abort("k", upload)).await,
        Act::PutObject => rig.put("k", pattern(30_000)).await.map(drop),
    }
}

fn acceptable(what: Act, beside: Act, result: &Result<(), Error>) -> bool {
    match result {
        Ok(()) | Err(Error::NoSuchUpload) => true,
        // Not because the upload has ended meanwhile, and its parts with it.
        Err(Error::InvalidPart { .. }) => what == Act::Complete && beside == Act::ReplaceListed,
        Err(_) => false,
    }
}

#[tokio::test]
async fn every_action_at_every_point_of_every_other() {
    let mut pairs = 0;
    for main in ALL {
        for other in ALL {
            for nth in 1.. {
                let (rig, upload, list) = prepared().await;
                let outcome = Arc::new(Mutex::new(None));
                let action: BoxFuture<'static, ()> = {
                    let (rig, list, outcome) = (rig.clone(), list.clone(), outcome.clone());
                    Box::pin(async move {
                        let result = act(&rig, other, upload, list).await;
                        *outcome.lock().unwrap() = Some(result);
                    })
                };
                let (engine, store) = interposed(&rig, nth, action);
                let result = act(&engine, main, upload, list.clone()).await;
                if store.plan.lock().unwrap().1.is_some() {
                    break;
                }
                pairs += 1;
                let other_result = outcome.lock().unwrap().take().unwrap();
                let what = format!("{main:?} with {other:?} before operation {nth}: {result:?}, {other_result:?}");
                assert!(acceptable(main, other, &result) && acceptable(other, main, &other_result), "{what}");
                // A part's commit is its last operation, so here the upload ended before it.
                let ended = matches!(other, Act::Abort | Act::Complete) && other_result.is_ok();
                if ended && matches!(main, Act::ReplaceListed | Act::ReplaceUnlisted | Act::AddPart) {
                    assert!(matches!(result, Err(Error::NoSuchUpload)), "{what}");
                }
                check(&rig, upload, &[(main, &result), (other, &other_result)], &what).await;
            }
        }
    }
    assert!(pairs > 100, "{pairs} interleavings");
}

/// What must hold whatever happened: acknowledged work is there, and nothing else is.
async fn check(rig: &Rig, upload: UploadId, acts: &[(Act, &Result<(), Error>)], what: &str) {
    let done = |act| acts.iter().any(|(a, result)| *a == act && result.is_ok());
    rig.sweep_and_check().await;
    let left = (rig.under(&schema::parts(upload)).await, rig.under(schema::UPLOADS).await);
    if done(Act::Complete) || done(Act::Abort) {
        assert_eq!(left, (0, 0), "{what}");
    } else {
        assert!(left.0 >= 2 && left.1 == 1, "{what}");
    }
    assert!(!(done(Act::Complete) && done(Act::Abort)), "{what}");
    match rig.body(name("k")).await {
        Ok(body) if done(Act::Complete) && !done(Act::PutObject) => assert!(body == pattern(40_000), "{what}"),
        Ok(body) => assert!(body == pattern(40_000) && done(Act::Complete) || body == pattern(30_000), "{what}"),
        Err(error) => assert!(!done(Act::Complete) && !done(Act::PutObject), "{what}: {error:?}"),
    }
}
