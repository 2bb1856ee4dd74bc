//! Usage is what a scan finds, after whatever happened, and quotas are exact.
#![allow(clippy::unwrap_used)]

mod rig;

use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::Error;
use arqueta_engine::api::{CreateBucket, DeleteConditions, DeleteObject, Versioning};
use arqueta_engine::schema;
use arqueta_engine::usage::{Quota, Usage};
use arqueta_model::{AccountId, BucketName, SystemClock};
use arqueta_store::{Batch, Fault, MemoryBlobs, MetaStore, Scan, Slow};
use futures::future::join_all;
use rig::{Mode, Rig, account, bucket, name, pattern, version};

/// What a listing of all versions finds.
async fn scanned(rig: &Rig) -> Usage {
    let input = arqueta_engine::api::ListObjectVersions {
        bucket: bucket(),
        prefix: String::new(),
        delimiter: None,
        key_marker: None,
        version_marker: None,
        limit: 1000,
    };
    let versions = rig.engine.listing().versions(input).await.unwrap().versions;
    let mut usage = Usage { versions: versions.len() as u64, ..Usage::default() };
    for listed in versions {
        if let Some(object) = &listed.object {
            usage.bytes += object.size;
            usage.objects += u64::from(listed.latest);
        }
    }
    usage
}

async fn counted(rig: &Rig) -> Usage {
    rig.engine.usage().of(&bucket()).await.unwrap().usage
}

async fn same(rig: &Rig, what: &str) -> Usage {
    let scanned = scanned(rig).await;
    assert_eq!(counted(rig).await, scanned, "{what}");
    assert_eq!(counted(&rig.restarted()).await, scanned, "{what}, after a restart");
    scanned
}

async fn remove(rig: &Rig, at: arqueta_engine::api::ObjectName) {
    let input = DeleteObject { name: at, conditions: DeleteConditions::default(), bypass_governance: false };
    rig.engine.objects().delete(&input).await.unwrap();
}

#[tokio::test]
async fn the_count_is_what_a_scan_finds_in_every_mode() {
    for versioning in [Versioning::Off, Versioning::Enabled, Versioning::Suspended] {
        let rig = Rig::new(versioning).await;
        assert_eq!(counted(&rig).await, Usage::default());
        for (at, mode) in Mode::ALL.into_iter().enumerate() {
            rig.put_mode(&format!("k{at}"), pattern(1000 + at), mode).await;
        }
        let first = rig.put("k0", pattern(70_000)).await.unwrap();
        rig.put("k0", pattern(3)).await.unwrap();
        remove(&rig, name("k1")).await;
        remove(&rig, name("k1")).await;
        remove(&rig, name("never")).await;
        rig.put("k1", pattern(9)).await.unwrap();
        remove(&rig, name("k2")).await;
        same(&rig, &format!("{versioning:?}")).await;
        if let Some(id) = first.version {
            remove(&rig, version("k0", id)).await;
            same(&rig, "a version is removed").await;
        }
        rig.engine.bucket_settings().put_versioning(&bucket(), Versioning::Suspended).await.unwrap();
        rig.put("k0", pattern(11)).await.unwrap();
        rig.put("k0", pattern(12)).await.unwrap();
        let usage = same(&rig, "null versions take each other's place").await;
        assert!(usage.bytes > 0 && usage.objects > 0);
    }
}

/// A rig whose store takes its time, so that what is done at once is under way at once.
async fn slow() -> Rig {
    let slow = |meta: Arc<dyn MetaStore>| -> Arc<dyn MetaStore> {
        Arc::new(Slow::new(meta, Arc::new(SystemClock), Duration::from_millis(2)))
    };
    let rig = Rig::wrapping(Arc::default(), MemoryBlobs::default(), Arc::default(), |_| {}, slow);
    rig.make_bucket(Versioning::Off).await;
    rig
}

/// How many rows the count has: as many as commits were under way at once.
async fn rows(rig: &Rig) -> usize {
    rig.meta.page(Scan::prefix(schema::USAGE, usize::MAX)).await.unwrap().len()
}

#[tokio::test]
async fn commits_at_once_are_all_counted() {
    let rig = slow().await;
    let names: Vec<_> = (0..40).map(|at| format!("k{at}")).collect();
    for round in 1..4usize {
        join_all(names.iter().map(|at| rig.put(at, pattern(100 * round)))).await.into_iter().for_each(|put| {
            put.unwrap();
        });
        let usage = same(&rig, "written at once").await;
        assert_eq!(usage, Usage { bytes: 4000 * round as u64, objects: 40, versions: 40 });
    }
    assert!(rows(&rig).await > 1, "they waited for one another");
    join_all(names.iter().map(|at| rig.delete(name(at)))).await;
    assert_eq!(same(&rig, "removed at once").await, Usage::default());
}

#[tokio::test]
async fn what_nobody_knows_the_outcome_of_is_looked_at_again() {
    let rig = Rig::new(Versioning::Enabled).await;
    rig.put("k", pattern(10)).await.unwrap();
    let mut failed = 0;
    for (nth, fault) in (1..12).flat_map(|nth| [(nth, Fault::Refused), (nth, Fault::Unacknowledged)]) {
        rig.faulty_meta.fail_nth(nth, fault);
        let outcome = rig.put("k", pattern(20)).await;
        failed += usize::from(outcome.is_err());
        while rig.put("other", pattern(3)).await.is_err() {}
        // A fault that was not reached is not left for the next one.
        for _ in 0..20 {
            let _ = rig.engine.buckets().get(&bucket()).await;
        }
        same(&rig, &format!("operation {nth}: {fault:?}")).await;
    }
    assert!(failed >= 6, "{failed}");
    // A caller that goes away in the middle.
    for polls in 1..40 {
        let put = rig.put("given-up", pattern(17));
        let mut put = std::pin::pin!(put);
        for _ in 0..polls {
            if futures::poll!(put.as_mut()).is_ready() {
                break;
            }
        }
    }
    rig.put("last", pattern(1)).await.unwrap();
    same(&rig, "after some that were given up").await;
}

#[tokio::test]
async fn a_bucket_that_was_never_counted_is_counted_once() {
    let rig = Rig::new(Versioning::Enabled).await;
    for size in [5, 6, 7] {
        rig.put("k", pattern(size)).await.unwrap();
    }
    let rows = rig.meta.page(Scan::prefix(schema::USAGE, 100)).await.unwrap();
    assert!(!rows.is_empty());
    let forget = rows.iter().fold(Batch::default(), |batch, row| batch.delete(row.key.clone()));
    rig.meta.commit(forget).await.unwrap();
    let rig = rig.restarted();
    rig.put("l", pattern(8)).await.unwrap();
    let usage = same(&rig, "counted before the first commit").await;
    assert_eq!(usage, Usage { bytes: 26, objects: 2, versions: 4 });
    // A wrong count is mended.
    let row = rig.meta.page(Scan::prefix(schema::USAGE, 1)).await.unwrap().remove(0);
    rig.meta.commit(Batch::default().delete(row.key)).await.unwrap();
    let rig = rig.restarted();
    assert_eq!(rig.engine.usage().recount(&bucket()).await.unwrap().usage, usage);
    same(&rig, "counted again").await;
}

#[tokio::test]
async fn a_bucket_made_again_is_empty() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put("k", pattern(9)).await.unwrap();
    rig.engine.usage().limit_bucket(&bucket(), Quota { bytes: Some(9), objects: None }).await.unwrap();
    remove(&rig, name("k")).await;
    rig.engine.buckets().delete(&bucket()).await.unwrap();
    assert!(rig.meta.page(Scan::prefix(schema::USAGE, 1)).await.unwrap().is_empty());
    assert!(matches!(rig.engine.usage().of(&bucket()).await, Err(Error::NoSuchBucket)));
    rig.make_bucket(Versioning::Off).await;
    rig.put("k", pattern(10)).await.unwrap();
    assert_eq!(same(&rig, "made again").await.bytes, 10);
}

#[tokio::test]
async fn a_quota_is_exact_whoever_comes_at_once() {
    let rig = slow().await;
    rig.engine.usage().limit_bucket(&bucket(), Quota { bytes: Some(1000), objects: None }).await.unwrap();
    let names: Vec<_> = (0..30).map(|at| format!("k{at}")).collect();
    let puts = join_all(names.iter().map(|at| rig.put(at, pattern(90)))).await;
    let stored = puts.iter().filter(|put| put.is_ok()).count();
    assert!(puts.iter().all(|put| matches!(put, Ok(_) | Err(Error::QuotaExceeded))));
    assert_eq!((stored, same(&rig, "as many as fit").await.bytes), (11, 990));
    assert!(rows(&rig).await > 1, "they waited for one another");
    // In the place of another one, what is larger by no more than is left.
    let at = &names[puts.iter().position(Result::is_ok).unwrap()];
    rig.put(at, pattern(100)).await.unwrap();
    assert!(matches!(rig.put(at, pattern(101)).await, Err(Error::QuotaExceeded)));
    assert!(matches!(rig.put("one-more", pattern(1)).await, Err(Error::QuotaExceeded)));
    rig.put("empty", pattern(0)).await.unwrap();
    assert_eq!(same(&rig, "full").await.bytes, 1000);
    // It holds after a restart, and less may lie there than is there.
    let rig = rig.restarted();
    assert!(matches!(rig.put("one-more", pattern(1)).await, Err(Error::QuotaExceeded)));
    rig.engine.usage().limit_bucket(&bucket(), Quota { bytes: Some(10), objects: Some(3) }).await.unwrap();
    remove(&rig, name(at)).await;
    assert!(matches!(rig.put("empty-too", pattern(0)).await, Err(Error::QuotaExceeded)));
    rig.engine.usage().limit_bucket(&bucket(), Quota::default()).await.unwrap();
    rig.put("one-more", pattern(500)).await.unwrap();
    same(&rig, "without limits").await;
}

#[tokio::test]
async fn a_body_that_cannot_fit_is_not_read() {
    let rig = Rig::new(Versioning::Off).await;
    rig.engine.usage().limit_bucket(&bucket(), Quota { bytes: Some(100), objects: None }).await.unwrap();
    let read = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = read.clone();
    let put = rig.put_with("k", pattern(101), |put| {
        let body = std::mem::replace(&mut put.body, rig::chunked(pattern(0), 1));
        put.size = Some(101);
        put.body = Box::pin(futures::StreamExt::inspect(body, move |_| {
            seen.store(true, std::sync::atomic::Ordering::SeqCst);
        }));
    });
    assert!(matches!(put.await, Err(Error::QuotaExceeded)));
    assert!(!read.load(std::sync::atomic::Ordering::SeqCst));
    // Where the length is not known it is the commit that refuses, and the body does not stay.
    assert!(matches!(rig.put("k", pattern(100_000)).await, Err(Error::QuotaExceeded)));
    assert_eq!(counted(&rig).await, Usage::default());
}

#[tokio::test]
async fn an_account_has_one_quota_for_all_its_buckets() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put("k", pattern(60)).await.unwrap();
    let rig = rig.restarted();
    rig.engine.usage().limit_account(&account(), Quota { bytes: Some(100), objects: Some(4) }).await.unwrap();
    rig.engine.buckets().create(another("other", account())).await.unwrap();
    let put =
        |at: &'static str, size: usize| rig.put_with(at, pattern(size), |put| put.bucket = "other".parse().unwrap());
    put("a", 40).await.unwrap();
    assert!(matches!(put("b", 1).await, Err(Error::QuotaExceeded)));
    assert!(matches!(rig.put("b", pattern(1)).await, Err(Error::QuotaExceeded)));
    remove(&rig, name("k")).await;
    put("b", 60).await.unwrap();
    let quotas = rig.restarted().engine.usage().account_quotas().await.unwrap();
    assert_eq!(quotas.get(&account()).unwrap().bytes, Some(100));
    rig.engine.usage().limit_account(&account(), Quota::default()).await.unwrap();
    put("c", 1000).await.unwrap();
    let all = rig.engine.usage().all().await.unwrap();
    assert_eq!(all.iter().map(|bucket| bucket.usage.bytes).collect::<Vec<_>>(), [0, 1100]);
}

fn another(bucket: &str, owner: AccountId) -> CreateBucket {
    let bucket = bucket.parse().unwrap();
    CreateBucket { bucket, owner, object_lock: false, tags: None, documents: Default::default() }
}

fn stranger() -> AccountId {
    "444455556666".parse().unwrap()
}

/// A put whose length is told, so that it is asked about before its body is read.
async fn declared(rig: &Rig, at: &str, size: usize) -> Result<(), Error> {
    rig.put_with(at, pattern(size), |put| put.size = Some(size as u64)).await.map(drop)
}

#[tokio::test]
async fn what_is_asked_before_a_body_is_what_the_commit_counts() {
    for versioning in [Versioning::Off, Versioning::Enabled, Versioning::Suspended] {
        let rig = Rig::new(versioning).await;
        rig.put("k", pattern(50)).await.unwrap();
        let limit = |bytes, objects| {
            let quota = Quota { bytes: Some(bytes), objects: Some(objects) };
            let usage = rig.engine.usage().clone();
            async move { usage.limit_bucket(&bucket(), quota).await.unwrap() }
        };
        limit(1000, 1).await;
        // The key is an object already, whatever becomes of the version there.
        declared(&rig, "k", 60).await.unwrap();
        assert!(matches!(declared(&rig, "l", 1).await, Err(Error::QuotaExceeded)), "{versioning:?}");
        assert_eq!(same(&rig, "written over").await.objects, 1, "{versioning:?}");
        let there = counted(&rig).await.bytes;
        let replaces = versioning != Versioning::Enabled;
        limit(there, 1).await;
        assert_eq!(declared(&rig, "k", 60).await.is_ok(), replaces, "{versioning:?}");
        assert!(matches!(declared(&rig, "k", 61).await, Err(Error::QuotaExceeded)), "{versioning:?}");
        // Under a marker no key is an object.
        if versioning != Versioning::Off {
            limit(1000, 1).await;
            remove(&rig, name("k")).await;
            declared(&rig, "k", 1).await.unwrap();
            assert!(matches!(declared(&rig, "l", 1).await, Err(Error::QuotaExceeded)), "{versioning:?}");
            same(&rig, "above a marker").await;
        }
    }
}

#[tokio::test]
async fn a_null_version_below_makes_room_for_the_next_one() {
    let rig = Rig::new(Versioning::Suspended).await;
    rig.put("k", pattern(90)).await.unwrap();
    rig.engine.bucket_settings().put_versioning(&bucket(), Versioning::Enabled).await.unwrap();
    rig.put("k", pattern(10)).await.unwrap();
    rig.engine.bucket_settings().put_versioning(&bucket(), Versioning::Suspended).await.unwrap();
    rig.engine.usage().limit_bucket(&bucket(), Quota { bytes: Some(100), objects: Some(1) }).await.unwrap();
    assert!(matches!(declared(&rig, "k", 91).await, Err(Error::QuotaExceeded)));
    declared(&rig, "k", 90).await.unwrap();
    assert_eq!(same(&rig, "in its place").await, Usage { bytes: 100, objects: 1, versions: 2 });
}

#[tokio::test]
async fn a_limited_account_is_exact_over_its_buckets_at_once() {
    let rig = slow().await;
    rig.engine.buckets().create(another("other", account())).await.unwrap();
    rig.engine.buckets().create(another("strangers", stranger())).await.unwrap();
    rig.engine.usage().limit_account(&account(), Quota { bytes: Some(1000), objects: None }).await.unwrap();
    let puts = (0..30).map(|at| {
        let into: BucketName = ["bucket", "other"][at % 2].parse().unwrap();
        let rig = &rig;
        async move { rig.put_with(&format!("k{at}"), pattern(90), |put| put.bucket = into).await }
    });
    assert_eq!(join_all(puts).await.iter().filter(|put| put.is_ok()).count(), 11);
    // Another account is not limited by it, and what is not known any more is read before anything is let in.
    let strangers = |put: &mut arqueta_engine::api::PutObject| put.bucket = "strangers".parse().unwrap();
    rig.put_with("k", pattern(2000), strangers).await.unwrap();
    for nth in 1..8 {
        rig.faulty_meta.fail_nth(nth, Fault::Unacknowledged);
        let _ = rig.put("unknown", pattern(5)).await;
        for _ in 0..8 {
            let _ = rig.engine.buckets().get(&bucket()).await;
        }
        let into_other = |put: &mut arqueta_engine::api::PutObject| put.bucket = "other".parse().unwrap();
        assert!(matches!(rig.put_with("more", pattern(11), into_other).await, Err(Error::QuotaExceeded)), "{nth}");
    }
    let all = rig.engine.usage().all().await.unwrap();
    let own = all.iter().filter(|bucket| bucket.owner == account()).map(|bucket| bucket.usage.bytes);
    assert_eq!(own.sum::<u64>(), 995);
    same(&rig, "after all").await;
}

#[tokio::test]
async fn a_bucket_that_goes_leaves_its_accounts_room() {
    let rig = Rig::new(Versioning::Off).await;
    rig.engine.usage().limit_account(&account(), Quota { bytes: Some(100), objects: None }).await.unwrap();
    for round in 0..3 {
        rig.put("k", pattern(100)).await.unwrap();
        assert!(matches!(rig.put("l", pattern(1)).await, Err(Error::QuotaExceeded)), "{round}");
        remove(&rig, name("k")).await;
        rig.engine.buckets().delete(&bucket()).await.unwrap();
        rig.make_bucket(Versioning::Off).await;
    }
    rig.put("k", pattern(60)).await.unwrap();
    rig.engine.usage().recount(&bucket()).await.unwrap();
    rig.put("l", pattern(40)).await.unwrap();
    assert!(matches!(rig.put("m", pattern(1)).await, Err(Error::QuotaExceeded)));
}

#[tokio::test]
async fn a_bucket_is_known_from_when_it_is_made_and_no_other_name_is() {
    let rig = Rig::new(Versioning::Off).await;
    let names = |rig: &Rig| {
        let mut known: Vec<_> = rig.engine.usage().known().into_iter().map(|it| it.bucket.to_string()).collect();
        known.sort();
        known
    };
    rig.engine.buckets().create(another("other", account())).await.unwrap();
    assert_eq!(names(&rig), ["bucket", "other"]);
    for at in 0..5 {
        let missing: BucketName = format!("missing-{at}").parse().unwrap();
        assert!(matches!(rig.engine.buckets().delete(&missing).await, Err(Error::NoSuchBucket)));
        assert!(matches!(rig.engine.usage().of(&missing).await, Err(Error::NoSuchBucket)));
        assert!(matches!(rig.engine.usage().recount(&missing).await, Err(Error::NoSuchBucket)));
    }
    rig.engine.buckets().delete(&bucket()).await.unwrap();
    assert_eq!(names(&rig), ["other"]);
}

/// Waits for all that is under way in the bucket, which is not empty.
async fn all_done(rig: &Rig) {
    assert!(matches!(rig.engine.buckets().delete(&bucket()).await, Err(Error::BucketNotEmpty)));
}

/// Whoever asks for something may go away at any time: what was begun is either done whole, or not at all.
#[tokio::test]
async fn what_is_given_up_midway_is_remembered_as_it_is_stored() {
    for polls in 1..16 {
        let rig = slow().await;
        rig.put("k", pattern(10)).await.unwrap();
        let usage = rig.engine.usage();
        let poll = async |mut work: futures::future::BoxFuture<'_, ()>| {
            for _ in 0..polls {
                if futures::poll!(work.as_mut()).is_ready() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        };
        poll(Box::pin(async { drop(rig.put("l", pattern(20)).await) })).await;
        all_done(&rig).await;
        same(&rig, &format!("given up after {polls}")).await;
        let quota = Quota { bytes: Some(25), objects: None };
        poll(Box::pin(async { drop(usage.limit_bucket(&bucket(), quota).await) })).await;
        poll(Box::pin(async { drop(usage.limit_account(&account(), quota).await) })).await;
        all_done(&rig).await;
        usage.limit_account(&stranger(), Quota::default()).await.unwrap();
        let again = rig.restarted();
        let stored = again.engine.usage();
        assert_eq!(usage.of(&bucket()).await.unwrap(), stored.of(&bucket()).await.unwrap(), "{polls}");
        assert_eq!(usage.account_quotas().await.unwrap(), stored.account_quotas().await.unwrap(), "{polls}");
        // A bucket of its name is another's, and has no quota.
        for at in ["k", "l"] {
            remove(&rig, name(at)).await;
        }
        poll(Box::pin(async { drop(rig.engine.buckets().delete(&bucket()).await) })).await;
        let _ = rig.engine.buckets().delete(&bucket()).await;
        assert!(usage.known().is_empty(), "{polls}");
        rig.engine.buckets().create(another("bucket", stranger())).await.unwrap();
        let made = usage.of(&bucket()).await.unwrap();
        assert_eq!((made.owner, made.quota, made.usage), (stranger(), Quota::default(), Usage::default()), "{polls}");
    }
}

#[tokio::test]
async fn a_quota_that_was_acknowledged_holds_whoever_reads_meanwhile() {
    for nth in 1..10 {
        let rig = slow().await;
        rig.put("k", pattern(1)).await.unwrap();
        // So that somebody reads the rows and limits anew.
        rig.faulty_meta.fail_nth(nth, Fault::Unacknowledged);
        let _ = rig.put("k", pattern(2)).await;
        let (quota, usage) = (Quota { bytes: Some(9), objects: None }, rig.engine.usage());
        let at = bucket();
        let (limited, ..) =
            futures::join!(usage.limit_bucket(&at, quota), usage.of(&at), rig.put("m", pattern(1)), usage.recount(&at));
        if limited.is_ok() {
            assert_eq!(usage.of(&bucket()).await.unwrap().quota, quota, "{nth}");
        }
    }
}
