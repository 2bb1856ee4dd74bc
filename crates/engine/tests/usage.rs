//! Usage is what a scan finds, after whatever happened, and quotas are exact.
#![allow(clippy::unwrap_used)]

mod rig;

use arqueta_engine::Error;
use arqueta_engine::api::{DeleteConditions, DeleteObject, Versioning};
use arqueta_engine::schema;
use arqueta_engine::usage::{Quota, Usage};
use arqueta_store::{Batch, Fault, MetaStore, Scan};
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

#[tokio::test]
async fn commits_at_once_are_all_counted() {
    let rig = Rig::new(Versioning::Off).await;
    let names: Vec<_> = (0..40).map(|at| format!("k{at}")).collect();
    for round in 1..4usize {
        join_all(names.iter().map(|at| rig.put(at, pattern(100 * round)))).await.into_iter().for_each(|put| {
            put.unwrap();
        });
        let usage = same(&rig, "written at once").await;
        assert_eq!(usage, Usage { bytes: 4000 * round as u64, objects: 40, versions: 40 });
    }
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
    let rig = Rig::new(Versioning::Off).await;
    rig.engine.usage().limit_bucket(&bucket(), Quota { bytes: Some(1000), objects: None }).await.unwrap();
    let names: Vec<_> = (0..30).map(|at| format!("k{at}")).collect();
    let puts = join_all(names.iter().map(|at| rig.put(at, pattern(90)))).await;
    let stored = puts.iter().filter(|put| put.is_ok()).count();
    assert!(puts.iter().all(|put| matches!(put, Ok(_) | Err(Error::QuotaExceeded))));
    assert_eq!((stored, same(&rig, "as many as fit").await.bytes), (11, 990));
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
    let read = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
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
    let other: arqueta_model::BucketName = "other".parse().unwrap();
    let create = arqueta_engine::api::CreateBucket {
        bucket: other.clone(),
        owner: account(),
        object_lock: false,
        tags: None,
        documents: Default::default(),
    };
    rig.engine.buckets().create(create).await.unwrap();
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
