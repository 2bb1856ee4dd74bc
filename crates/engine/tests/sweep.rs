//! The sweeper: what it removes, what it must never remove, and that it stops.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::api::{GetObject, Versioning};
use arqueta_engine::{SweepSchedule, schema};
use arqueta_model::{BlobId, Clock, ManualClock, Timestamp};
use arqueta_store::{Batch, BlobStore, Change, Entry, Fault, MemoryBlobs, MetaStore, Position, Scan};
use async_trait::async_trait;
use bytes::Bytes;
use rig::{Mode, Rig, collect, name, pattern};
use uploads::listed;

async fn blob(rig: &Rig) -> BlobId {
    let id = BlobId::random();
    let mut writer = rig.blobs.create(id).await.unwrap();
    writer.write(Bytes::from_static(b"sealed")).await.unwrap();
    writer.finish().await.unwrap();
    id
}

async fn has(rig: &Rig, id: BlobId) -> bool {
    rig.blobs.read(id, 6, 0..1).await.is_ok()
}

#[tokio::test]
async fn garbage_stays_for_its_time_and_then_goes() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(100_000), Mode::S3).await;
    let reader = rig.get(GetObject::new(name("k"))).await.unwrap();
    rig.put_mode("k", pattern(50_000), Mode::S3).await;
    assert_eq!(rig.engine.sweeper().garbage(rig.clock.now()).await.unwrap(), 0, "released at this very instant");
    assert!(collect(reader).await.unwrap() == pattern(100_000), "a reader finishes what it began");
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.engine.sweeper().garbage(rig.clock.now()).await.unwrap(), 1);
    rig.assert_consistent().await;
    assert_eq!(rig.under(schema::GARBAGE).await, 0);
    assert!(rig.body(name("k")).await.unwrap() == pattern(50_000));
}

#[tokio::test]
async fn many_pages_of_garbage_and_orphans_go() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(50_000), Mode::S3).await;
    let mut batch = Batch::default();
    for n in 0..2_500 {
        let id = blob(&rig).await;
        if n % 2 == 0 {
            batch = batch.put(schema::garbage(id), 0i64.to_be_bytes().to_vec());
        }
    }
    rig.meta.commit(batch).await.unwrap();
    assert_eq!(rig.engine.sweeper().garbage(rig.later()).await.unwrap(), 1_250);
    assert_eq!(rig.engine.sweeper().orphans(rig.later()).await.unwrap(), 1_250);
    rig.assert_consistent().await;
    assert!(rig.body(name("k")).await.unwrap() == pattern(50_000));
}

#[tokio::test]
async fn a_blob_about_to_be_committed_is_no_orphan() {
    let clock = Arc::new(ManualClock::default());
    let blobs = MemoryBlobs::new(clock.clone());
    let rig = Rig::over(Default::default(), blobs, Default::default(), |_| {});
    let id = blob(&rig).await;
    assert_eq!(rig.engine.sweeper().orphans(clock.now()).await.unwrap(), 0, "finished at this very instant");
    assert!(has(&rig, id).await);
    clock.advance(Duration::from_millis(1));
    assert_eq!(rig.engine.sweeper().orphans(clock.now()).await.unwrap(), 1);
}

/// Metadata whose commits wait for a permit each.
struct Gated {
    inner: Arc<dyn MetaStore>,
    permits: Arc<tokio::sync::Semaphore>,
}

#[async_trait]
impl MetaStore for Gated {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, arqueta_store::Error> {
        self.inner.get(key).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, arqueta_store::Error> {
        self.inner.page(scan).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), arqueta_store::Error> {
        self.permits.acquire().await.unwrap().forget();
        self.inner.commit(batch).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, arqueta_store::Error> {
        self.inner.changes(since, limit).await
    }
    async fn trim(&self, through: Position) -> Result<(), arqueta_store::Error> {
        self.inner.trim(through).await
    }
}

/// A bucket whose next commit waits for a permit, over blobs that all look as old as time itself.
async fn gated() -> (Rig, Arc<tokio::sync::Semaphore>) {
    let permits = Arc::new(tokio::sync::Semaphore::new(100));
    let blobs = MemoryBlobs::new(Arc::new(ManualClock::new(Timestamp::from_millis(0))));
    let wrap = |inner| Arc::new(Gated { inner, permits: permits.clone() }) as Arc<dyn MetaStore>;
    let rig = Rig::wrapping(Arc::default(), blobs, Arc::default(), |_| {}, wrap);
    rig.make_bucket(Versioning::Off).await;
    // The wrapped bucket key is stored now, so that the next commit is that of an object.
    rig.put_mode("first", pattern(10), Mode::S3).await;
    permits.forget_permits(usize::MAX);
    (rig, permits)
}

#[tokio::test]
async fn a_blob_in_flight_is_no_orphan_however_old_it_looks() {
    let (rig, permits) = gated().await;
    let left_over = blob(&rig).await;
    let (put, sweeps) = (rig.put_mode("k", pattern(50_000), Mode::S3), async {
        while rig.blobs.list(None, 9).await.unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(rig.engine.sweeper().orphans(rig.later()).await.unwrap(), 1);
        permits.add_permits(1);
    });
    tokio::join!(put, sweeps);
    assert!(!has(&rig, left_over).await);
    assert_eq!(rig.engine.sweeper().orphans(rig.later()).await.unwrap(), 0);
    assert!(rig.body(name("k")).await.unwrap() == pattern(50_000));
}

#[tokio::test]
async fn a_part_in_flight_is_no_orphan_however_old_it_looks() {
    let (rig, permits) = gated().await;
    permits.add_permits(1);
    let upload = rig.start("k", Mode::S3).await;
    let (part, sweeps) = (rig.part("k", upload, 1, pattern(50_000)), async {
        while rig.blobs.list(None, 9).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(rig.engine.sweeper().orphans(rig.later()).await.unwrap(), 0);
        permits.add_permits(2);
    });
    let (part, ()) = tokio::join!(part, sweeps);
    rig.complete("k", upload, vec![listed(1, &part.unwrap())]).await.unwrap();
    assert!(rig.body(name("k")).await.unwrap() == pattern(50_000));
}

#[tokio::test]
async fn a_blob_whose_caller_went_away_during_the_commit_stays_until_it_is_old() {
    let (rig, _permits) = gated().await;
    let put = tokio::time::timeout(Duration::ZERO, rig.put_mode("k", pattern(50_000), Mode::S3));
    assert!(put.await.is_err(), "waits for its commit");
    assert_eq!(rig.blobs.list(None, 9).await.unwrap().len(), 1);
    assert_eq!(rig.engine.sweeper().orphans(rig.clock.now()).await.unwrap(), 0);
    rig.clock.advance(Duration::from_millis(1));
    assert_eq!(rig.engine.sweeper().orphans(rig.clock.now()).await.unwrap(), 1);
}

#[tokio::test]
async fn the_first_round_takes_what_an_earlier_run_left_and_nothing_newer() {
    let long_ago = Timestamp::from_millis(0);
    let clock = Arc::new(ManualClock::new(long_ago));
    let blobs = MemoryBlobs::new(clock.clone());
    let rig = Rig::over(Default::default(), blobs, Default::default(), |_| {});
    let left_over = blob(&rig).await;
    // Stored after the engine was opened and before the sweeper begins; its record is on its way.
    clock.advance(rig.clock.now().since(long_ago));
    let under_way = blob(&rig).await;
    clock.advance(Duration::from_secs(5));
    rig.clock.advance(Duration::from_secs(5));
    let engine = rig.engine.clone();
    let sweeper = tokio::spawn(async move {
        engine.sweeper().run(SweepSchedule::default(), std::future::pending()).await;
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!has(&rig, left_over).await);
    assert!(has(&rig, under_way).await);
    sweeper.abort();
}

#[tokio::test]
async fn a_referenced_blob_is_never_deleted_even_if_it_is_marked_as_garbage() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(50_000), Mode::S3).await;
    let id = rig.blobs.list(None, 1).await.unwrap()[0].id;
    rig.meta.commit(Batch::default().put(schema::garbage(id), 0i64.to_be_bytes().to_vec())).await.unwrap();
    assert_eq!(rig.engine.sweeper().garbage(rig.later()).await.unwrap(), 0);
    assert_eq!(rig.engine.sweeper().orphans(rig.later()).await.unwrap(), 0);
    assert!(rig.body(name("k")).await.unwrap() == pattern(50_000));
}

#[tokio::test]
async fn a_sweep_that_fails_anywhere_can_be_repeated() {
    for nth in 1..12 {
        for fault in [Fault::Refused, Fault::Unacknowledged] {
            for blobs in [false, true] {
                let rig = Rig::new(Versioning::Off).await;
                rig.put_mode("k", pattern(50_000), Mode::S3).await;
                rig.put_mode("k", pattern(60_000), Mode::S3).await;
                rig.put_mode("k", pattern(70_000), Mode::S3).await;
                blob(&rig).await;
                if blobs {
                    rig.faulty_blobs.fail_nth(nth, fault)
                } else {
                    rig.faulty_meta.fail_nth(nth, fault)
                }
                let _ = rig.engine.sweeper().garbage(rig.later()).await;
                let _ = rig.engine.sweeper().orphans(rig.later()).await;
                let rig = rig.restarted();
                rig.sweep_and_check().await;
                assert!(rig.body(name("k")).await.unwrap() == pattern(70_000));
            }
        }
    }
}

#[tokio::test]
async fn parts_left_by_a_crash_after_the_upload_ended_are_freed() {
    let rig = uploads::rig();
    rig.make_bucket(Versioning::Off).await;
    let upload = rig.start("k", Mode::S3).await;
    let one = rig.part("k", upload, 1, pattern(50_000)).await.unwrap();
    rig.part("k", upload, 2, pattern(60_000)).await.unwrap();
    // A part that was committed between the scan and the commit of Complete, and then the crash.
    let (late_key, late) = {
        let key = schema::part(upload, 2);
        (key.clone(), rig.meta.get(&key).await.unwrap().unwrap())
    };
    rig.complete("k", upload, vec![listed(1, &one)]).await.unwrap();
    let garbage = rig.meta.scan(Scan::prefix(schema::GARBAGE, 9)).await.unwrap();
    let id = BlobId::from_bytes(garbage[0].0[2..].try_into().unwrap());
    let undone = Batch::default().put(late_key, late).delete(schema::garbage(id)).put(schema::referenced(id), "");
    rig.meta.commit(undone).await.unwrap();
    assert_eq!(rig.under(schema::PARTS).await, 1);
    rig.sweep_and_check().await;
    assert_eq!(rig.under(schema::PARTS).await, 0);
    assert!(rig.body(name("k")).await.unwrap() == pattern(50_000));
}

#[tokio::test]
async fn the_sweeper_works_by_the_clock_and_stops_when_told() {
    let rig = Rig::new(Versioning::Off).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let schedule = SweepSchedule { garbage_kept: Duration::from_secs(100), ..SweepSchedule::default() };
    let (engine, clock) = (rig.engine.clone(), rig.clock.clone());
    let sweeper = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        engine.sweeper().run(schedule, stopped).await;
    });
    rig.put_mode("k", pattern(50_000), Mode::S3).await;
    rig.put_mode("k", pattern(60_000), Mode::S3).await;
    let settle = || async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    clock.advance(schedule.every);
    settle().await;
    assert_eq!(rig.under(schema::GARBAGE).await, 1, "not old enough");
    clock.advance(schedule.every);
    settle().await;
    assert_eq!(rig.under(schema::GARBAGE).await, 0);
    rig.assert_consistent().await;
    stop.send(()).unwrap();
    sweeper.await.unwrap();
}

#[tokio::test]
async fn orphans_stay_where_the_bodies_may_be_those_of_other_metadata() {
    for orphans in [false, true] {
        let blobs = MemoryBlobs::new(Arc::new(ManualClock::new(Timestamp::from_millis(0))));
        let rig = Rig::over(Arc::default(), blobs, Arc::default(), |_| {});
        let left = blob(&rig).await;
        let schedule = SweepSchedule { orphans, orphans_every: 1, ..SweepSchedule::default() };
        let (engine, clock) = (rig.engine.clone(), rig.clock.clone());
        let sweeper = tokio::spawn(async move { engine.sweeper().run(schedule, std::future::pending()).await });
        for _ in 0..3 {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            clock.advance(schedule.orphan_age);
        }
        sweeper.abort();
        assert_eq!(has(&rig, left).await, !orphans);
    }
}
