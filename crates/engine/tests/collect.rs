//! The collection of wrapped bucket keys: what it removes, and what it must never remove.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use arqueta_engine::api::{EncryptionRequest, UpdateObjectEncryption, Versioning};
use arqueta_engine::{Collected, schema};
use arqueta_model::ManualClock;
use arqueta_store::{Batch, Change, Entry, Fault, MemoryBlobs, MemoryMeta, MetaStore, Position, Scan};
use async_trait::async_trait;
use bytes::Bytes;
use rig::{KeyRing, Mode, Rig, bucket, name, pattern, version};
use tokio::sync::{Semaphore, oneshot};
use uploads::listed;

const WINDOW: Duration = Duration::from_secs(300);

/// Ends all windows.
async fn next_window(rig: &Rig) {
    rig.clock.advance(WINDOW);
    rig.settle().await;
}

/// As many rounds as it takes for what nobody holds to be nobody's.
async fn rounds(rig: &Rig) -> u64 {
    let mut removed = 0;
    for _ in 0..3 {
        removed += rig.engine.collector().collect().await.unwrap().removed;
    }
    removed
}

async fn keys(rig: &Rig) -> usize {
    rig.under(schema::BUCKET_KEYS).await
}

#[tokio::test]
async fn keys_that_nothing_names_go_and_all_others_stay() {
    let rig = Rig::new(Versioning::Enabled).await;
    let mut versions = Vec::new();
    for n in 0..20 {
        let at = format!("k{}", n % 10);
        versions.push((at.clone(), rig.put_mode(&at, pattern(40), Mode::KmsBucketKey).await.version.unwrap()));
        next_window(&rig).await;
    }
    let upload = rig.start("upload", Mode::KmsBucketKey).await;
    next_window(&rig).await;
    assert_eq!((keys(&rig).await, rounds(&rig).await), (21, 0));
    for (at, id) in versions.iter().skip(3).step_by(2) {
        rig.delete(version(at, *id)).await.unwrap();
    }
    assert_eq!((rounds(&rig).await, keys(&rig).await), (9, 12));
    assert_eq!(rig.engine.collector().collected(), Collected { removed: 9, kept: 12 });
    let rig = rig.restarted();
    let part = rig.part("upload", upload, 1, pattern(50)).await.unwrap();
    rig.complete("upload", upload, vec![listed(1, &part)]).await.unwrap();
    assert_eq!(rounds(&rig).await, 0);
    let left = versions.iter().enumerate().filter(|(n, _)| *n < 3 || n % 2 == 0);
    for (_, (at, id)) in left {
        assert!(rig.body(version(at, *id)).await.unwrap() == pattern(40));
    }
    assert!(rig.body(name("upload")).await.unwrap() == pattern(50));
}

#[tokio::test]
async fn the_key_of_an_open_window_stays_though_nothing_names_it_yet_or_any_more() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(40), Mode::KmsBucketKey).await;
    rig.delete(name("k")).await.unwrap();
    assert_eq!((rounds(&rig).await, rounds(&rig).await, keys(&rig).await), (0, 0, 1));
    rig.put_mode("k", pattern(41), Mode::KmsBucketKey).await;
    assert_eq!(keys(&rig).await, 1, "the same window");
    assert!(rig.restarted().body(name("k")).await.unwrap() == pattern(41));
}

#[tokio::test]
async fn keys_of_a_deleted_bucket_go_when_their_windows_have_ended() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(40), Mode::KmsBucketKey).await;
    rig.delete(name("k")).await.unwrap();
    rig.engine.buckets().delete(&bucket()).await.unwrap();
    assert_eq!(rounds(&rig).await, 0);
    rig.make_bucket(Versioning::Off).await;
    rig.put_mode("k", pattern(41), Mode::KmsBucketKey).await;
    next_window(&rig).await;
    assert_eq!((rounds(&rig).await, keys(&rig).await), (0, 1));
    assert!(rig.restarted().body(name("k")).await.unwrap() == pattern(41));
    rig.delete(name("k")).await.unwrap();
    rig.engine.buckets().delete(&bucket()).await.unwrap();
    assert_eq!((rounds(&rig).await, keys(&rig).await), (1, 0));
}

#[tokio::test]
async fn keys_of_one_bucket_are_not_looked_for_in_another() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(40), Mode::KmsBucketKey).await;
    next_window(&rig).await;
    let (at, stored) = rig.meta.page(Scan::prefix(schema::BUCKET_KEYS, 1)).await.unwrap().pop().map(pair).unwrap();
    let others = ["bucke", "bucket-2", "aaa"].map(|other| {
        let id = at[at.len() - 16..].to_vec();
        [schema::BUCKET_KEYS, other.as_bytes(), b"\0", &id].concat()
    });
    let batch = others.iter().fold(Batch::default(), |batch, key| batch.put(key.clone(), stored.clone()));
    rig.meta.commit(batch).await.unwrap();
    assert_eq!((rounds(&rig).await, keys(&rig).await), (3, 1));
    assert!(rig.restarted().body(name("k")).await.unwrap() == pattern(40));
}

fn pair(entry: Entry) -> (Bytes, Bytes) {
    (entry.key, entry.value.unwrap())
}

#[tokio::test]
async fn a_key_left_behind_by_an_update_of_the_encryption_goes_and_the_new_one_stays() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(40), Mode::KmsBucketKey).await;
    next_window(&rig).await;
    let update = UpdateObjectEncryption { name: name("k"), key: "key-1".to_owned(), bucket_key: true };
    rig.engine.objects().update_encryption(&rig.caller, &update).await.unwrap();
    next_window(&rig).await;
    assert_eq!((rounds(&rig).await, keys(&rig).await), (1, 1));
    assert!(rig.restarted().body(name("k")).await.unwrap() == pattern(40));
}

#[tokio::test]
async fn while_a_record_of_the_bucket_is_damaged_its_keys_stay() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("gone", pattern(40), Mode::KmsBucketKey).await;
    next_window(&rig).await;
    rig.put_mode("k", pattern(40), Mode::KmsBucketKey).await;
    next_window(&rig).await;
    rig.delete(name("gone")).await.unwrap();
    let at = schema::current(&bucket(), &rig::key("k"));
    let whole = rig.meta.get(&at).await.unwrap().unwrap();
    rig.meta.commit(Batch::default().put(at.clone(), whole.slice(..whole.len() / 2))).await.unwrap();
    assert_eq!((rounds(&rig).await, keys(&rig).await), (0, 2));
    rig.meta.commit(Batch::default().put(at, whole)).await.unwrap();
    assert_eq!((rounds(&rig).await, keys(&rig).await), (1, 1));
    assert!(rig.restarted().body(name("k")).await.unwrap() == pattern(40));
}

#[tokio::test]
async fn many_pages_of_keys_go() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(40), Mode::KmsBucketKey).await;
    next_window(&rig).await;
    let mut batch = Batch::default();
    for _ in 0..1000 {
        batch = batch.put(schema::bucket_key(&bucket(), arqueta_model::BucketKeyId::random()), "not even a record");
    }
    rig.meta.commit(batch).await.unwrap();
    assert_eq!((rounds(&rig).await, keys(&rig).await), (1000, 1));
}

#[tokio::test]
async fn a_collection_that_is_cut_off_anywhere_loses_nothing() {
    for nth in 1..16 {
        for fault in [Fault::Refused, Fault::Unacknowledged] {
            let rig = Rig::new(Versioning::Enabled).await;
            let old = rig.put_mode("k", pattern(50), Mode::KmsBucketKey).await.version.unwrap();
            next_window(&rig).await;
            rig.put_mode("k", pattern(60), Mode::KmsBucketKey).await;
            let dead = rig.put_mode("dead", pattern(60), Mode::S3).await.version.unwrap();
            next_window(&rig).await;
            rig.delete(version("dead", dead)).await.unwrap();
            let rig = rig.restarted();
            rig.faulty_meta.fail_nth(nth, fault);
            let _ = rig.engine.collector().collect().await;
            let rig = rig.restarted();
            rig.engine.collector().collect().await.unwrap();
            assert_eq!(keys(&rig).await, 2, "{nth} {fault:?}");
            assert!(rig.body(version("k", old)).await.unwrap() == pattern(50));
            assert!(rig.body(name("k")).await.unwrap() == pattern(60));
        }
    }
}

/// Metadata whose commits can be made to wait, and whose next page under a prefix, too.
struct Gated {
    inner: Arc<dyn MetaStore>,
    commits: Arc<Semaphore>,
    page: Pause,
}

/// A page under this prefix tells that it was asked for, and waits.
type Pause = Arc<Mutex<Option<(&'static [u8], oneshot::Sender<()>, oneshot::Receiver<()>)>>>;

#[async_trait]
impl MetaStore for Gated {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, arqueta_store::Error> {
        self.inner.get(key).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, arqueta_store::Error> {
        let pause = {
            let mut pause = self.page.lock().unwrap();
            pause.take_if(|(prefix, ..)| scan.start.starts_with(prefix))
        };
        if let Some((_, asked, go)) = pause {
            asked.send(()).unwrap();
            go.await.unwrap();
        }
        self.inner.page(scan).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), arqueta_store::Error> {
        self.commits.acquire().await.unwrap().forget();
        self.inner.commit(batch).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, arqueta_store::Error> {
        self.inner.changes(since, limit).await
    }
    async fn trim(&self, through: Position) -> Result<(), arqueta_store::Error> {
        self.inner.trim(through).await
    }
}

async fn gated(meta: Arc<MemoryMeta>, kms: Arc<KeyRing>) -> (Rig, Arc<Semaphore>, Pause) {
    let (commits, page) = (Arc::new(Semaphore::new(1000)), Pause::default());
    let blobs = MemoryBlobs::new(Arc::new(ManualClock::default()));
    let wrap = |inner| Arc::new(Gated { inner, commits: commits.clone(), page: page.clone() }) as Arc<dyn MetaStore>;
    (Rig::wrapping(meta, blobs, kms, |_| {}, wrap), commits, page)
}

#[tokio::test]
async fn the_key_of_a_write_under_way_stays_however_long_it_takes() {
    let (rig, commits, _) = gated(Arc::default(), Arc::default()).await;
    rig.make_bucket(Versioning::Off).await;
    rig.put_mode("first", pattern(40), Mode::KmsBucketKey).await;
    rig.delete(name("first")).await.unwrap();
    commits.forget_permits(usize::MAX);
    // Sealed under a key that nothing names, and not committed before its window is long over.
    let (put, rounds_meanwhile) = (rig.put_mode("k", pattern(40), Mode::KmsBucketKey), async {
        rig.settle().await;
        next_window(&rig).await;
        for _ in 0..5 {
            assert_eq!(rig.engine.collector().collect().await.unwrap(), Collected { removed: 0, kept: 1 });
        }
        commits.add_permits(1000);
    });
    tokio::join!(put, rounds_meanwhile);
    assert_eq!(rounds(&rig).await, 0);
    assert!(rig.body(name("k")).await.unwrap() == pattern(40));
}

#[tokio::test]
async fn a_write_whose_caller_went_away_during_its_commit_is_committed_and_keeps_its_key() {
    let (rig, commits, _) = gated(Arc::default(), Arc::default()).await;
    rig.make_bucket(Versioning::Off).await;
    rig.put_mode("first", pattern(40), Mode::KmsBucketKey).await;
    rig.delete(name("first")).await.unwrap();
    commits.forget_permits(usize::MAX);
    rig.engine.collector().collect().await.unwrap();
    let put = tokio::time::timeout(Duration::ZERO, rig.put_mode("k", pattern(40), Mode::KmsBucketKey));
    assert!(put.await.is_err(), "waits for its commit");
    next_window(&rig).await;
    assert_eq!(rig.engine.collector().collect().await.unwrap(), Collected { removed: 0, kept: 1 });
    commits.add_permits(1000);
    rig.settle().await;
    assert_eq!(rounds(&rig).await, 0);
    assert!(rig.body(name("k")).await.unwrap() == pattern(40));
}

#[tokio::test]
async fn a_version_that_becomes_current_again_between_the_two_walks_keeps_its_key() {
    let meta = Arc::new(MemoryMeta::default());
    let (rig, ..) = gated(meta.clone(), Arc::default()).await;
    rig.make_bucket(Versioning::Enabled).await;
    rig.put_mode("k", pattern(40), Mode::KmsBucketKey).await;
    next_window(&rig).await;
    let above = rig.put_mode("k", pattern(50), Mode::Customer).await.version.unwrap();
    // Under a new engine, to which the key is nobody's.
    let (rig, _, page) = gated(meta, rig.kms.clone()).await;
    let (asked, was_asked) = oneshot::channel();
    let (go, gone) = oneshot::channel();
    *page.lock().unwrap() = Some((schema::NONCURRENTS, asked, gone));
    let (collected, ()) = tokio::join!(rig.engine.collector().collect(), async {
        was_asked.await.unwrap();
        rig.delete(version("k", above)).await.unwrap();
        go.send(()).unwrap();
    });
    assert_eq!(collected.unwrap(), Collected { removed: 0, kept: 1 });
    assert_eq!(rounds(&rig).await, 0);
    assert!(rig.body(name("k")).await.unwrap() == pattern(40));
}

#[tokio::test]
async fn an_upload_that_completes_between_the_walks_keeps_its_key() {
    for prefix in [schema::UPLOADS, schema::CURRENTS, schema::NONCURRENTS] {
        let meta = Arc::new(MemoryMeta::default());
        let (rig, ..) = gated(meta.clone(), Arc::default()).await;
        rig.make_bucket(Versioning::Enabled).await;
        let upload = rig.start("k", Mode::KmsBucketKey).await;
        // One that nothing names, for which all three walks are made.
        let dead = schema::bucket_key(&bucket(), arqueta_model::BucketKeyId::random());
        rig.meta.commit(Batch::default().put(dead, "")).await.unwrap();
        let (rig, _, page) = gated(meta, rig.kms.clone()).await;
        let part = rig.part("k", upload, 1, pattern(60)).await.unwrap();
        let (asked, was_asked) = oneshot::channel();
        let (go, gone) = oneshot::channel();
        *page.lock().unwrap() = Some((prefix, asked, gone));
        let (collected, ()) = tokio::join!(rig.engine.collector().collect(), async {
            was_asked.await.unwrap();
            rig.complete("k", upload, vec![listed(1, &part)]).await.unwrap();
            rig.put_mode("k", pattern(50), Mode::Customer).await;
            go.send(()).unwrap();
        });
        assert_eq!(collected.unwrap(), Collected { removed: 1, kept: 1 }, "{prefix:?}");
    }
}

#[tokio::test]
async fn no_write_is_acknowledged_whose_bucket_key_is_gone() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(40), Mode::KmsBucketKey).await;
    let (at, _) = rig.meta.page(Scan::prefix(schema::BUCKET_KEYS, 1)).await.unwrap().pop().map(pair).unwrap();
    rig.meta.commit(Batch::default().delete(at)).await.unwrap();
    let encryption = || -> EncryptionRequest { Mode::KmsBucketKey.request() };
    let put = rig.put_with("k", pattern(41), |put| put.encryption = encryption()).await;
    assert!(matches!(put, Err(arqueta_engine::Error::Store(arqueta_store::Error::Conflict))), "{put:?}");
    next_window(&rig).await;
    rig.put_mode("k", pattern(41), Mode::KmsBucketKey).await;
    assert!(rig.restarted().body(name("k")).await.unwrap() == pattern(41));
}

#[tokio::test]
async fn the_collector_works_by_the_clock() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(40), Mode::KmsBucketKey).await;
    rig.delete(name("k")).await.unwrap();
    let rig = rig.restarted();
    let engine = rig.engine.clone();
    let collector = tokio::spawn(async move { engine.collector().run().await });
    rig.settle().await;
    assert_eq!(keys(&rig).await, 1);
    rig.clock.advance(Duration::from_secs(10 * 60));
    rig.settle().await;
    assert_eq!(keys(&rig).await, 0);
    rig.put_mode("k", pattern(40), Mode::KmsBucketKey).await;
    rig.delete(name("k")).await.unwrap();
    next_window(&rig).await;
    for day in 0..2 {
        assert_eq!(keys(&rig).await, 1, "{day}");
        rig.clock.advance(Duration::from_secs(24 * 60 * 60));
        rig.settle().await;
    }
    assert_eq!(keys(&rig).await, 0);
    collector.abort();
}
