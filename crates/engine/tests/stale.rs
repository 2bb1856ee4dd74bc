//! Another gateway over the same stores acts between what this one read and what it commits: no
//! lock is shared, only the commit's preconditions are left.
#![allow(clippy::unwrap_used)]

mod rig;

use std::sync::{Arc, Mutex};

use arqueta_engine::api::{DeletedObject, LegalHold, Tags, Versioning};
use arqueta_engine::{BucketKeyTable, Config, Engine, Envelope, Error};
use arqueta_envelope::BucketKeyConfig;
use arqueta_store::{Batch, Change, Entry, Error as StoreError, MemoryMeta, MetaStore, Position, Scan};
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use rig::{Rig, any_etag, bucket, name, pattern, version, write_if};

type Act = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// Does something right before the next commit.
struct Interposed {
    inner: Arc<MemoryMeta>,
    act: Mutex<Option<Act>>,
}

#[async_trait]
impl MetaStore for Interposed {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(key).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, StoreError> {
        self.inner.page(scan).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let act = self.act.lock().unwrap().take();
        if let Some(act) = act {
            act().await;
        }
        self.inner.commit(batch).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.inner.changes(since, limit).await
    }
    async fn trim(&self, through: Position) -> Result<(), StoreError> {
        self.inner.trim(through).await
    }
}

/// A rig whose engine is interrupted, and the gateway that interrupts it.
struct Two {
    ours: Rig,
    theirs: Arc<Rig>,
    meta: Arc<Interposed>,
}

impl Two {
    async fn new(versioning: Versioning) -> Self {
        let theirs = Arc::new(Rig::new(versioning).await);
        let mut ours = theirs.restarted();
        let meta = Arc::new(Interposed { inner: theirs.meta.clone(), act: Mutex::default() });
        let config = Config { encrypt_by_default: false, ..Config::new("us-east-1".parse().unwrap()) };
        let table = Arc::new(BucketKeyTable::new(meta.clone()));
        let region = config.region.clone();
        let envelope = Envelope::new(ours.kms.clone(), table, ours.clock.clone(), region, BucketKeyConfig::default());
        let blobs = Arc::new(ours.blobs.clone());
        let engine = Engine::open(meta.clone(), blobs, Arc::new(envelope), ours.clock.clone(), config);
        ours.engine = Arc::new(engine.unwrap());
        Self { ours, theirs, meta }
    }

    /// Right before our next commit, they do this.
    fn meanwhile<F>(&self, act: impl FnOnce(Arc<Rig>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let theirs = self.theirs.clone();
        *self.meta.act.lock().unwrap() = Some(Box::new(move || Box::pin(act(theirs))));
    }
}

#[tokio::test]
async fn a_creator_that_came_second_is_told() {
    let two = Two::new(Versioning::Off).await;
    two.meanwhile(|theirs| async move { drop(theirs.put("k", "theirs").await.unwrap()) });
    let put = two.ours.put_with("k", "ours", |put| put.conditions = write_if(None, any_etag())).await;
    assert!(matches!(put, Err(Error::PreconditionFailed { .. })));
    assert_eq!(two.theirs.body(name("k")).await.unwrap(), "theirs");
}

#[tokio::test]
async fn neither_version_is_lost() {
    for size in [5, 40_000] {
        let two = Two::new(Versioning::Enabled).await;
        two.meanwhile(move |theirs| async move { drop(theirs.put("k", pattern(size)).await.unwrap()) });
        let ours = two.ours.put("k", vec![1; size]).await.unwrap();
        assert_eq!(two.ours.body(name("k")).await.unwrap(), vec![1; size]);
        two.ours.delete(version("k", ours.version.unwrap())).await.unwrap();
        assert!(two.ours.body(name("k")).await.unwrap() == pattern(size));
    }
}

#[tokio::test]
async fn a_replaced_body_is_released_exactly_once() {
    let two = Two::new(Versioning::Off).await;
    two.ours.put("k", pattern(40_000)).await.unwrap();
    two.meanwhile(|theirs| async move { drop(theirs.put("k", pattern(50_000)).await.unwrap()) });
    two.ours.put("k", pattern(60_000)).await.unwrap();
    let count = async |prefix: &[u8]| two.theirs.meta.scan(Scan::prefix(prefix, 10)).await.unwrap().len();
    assert_eq!((count(b"x/").await, count(b"g/").await), (1, 2));
}

#[tokio::test]
async fn no_object_in_a_bucket_that_went_away() {
    let two = Two::new(Versioning::Off).await;
    two.meanwhile(|theirs| async move { theirs.engine.buckets().delete(&bucket()).await.unwrap() });
    assert!(matches!(two.ours.put("k", pattern(40_000)).await, Err(Error::NoSuchBucket)));
    let left: Vec<_> = two.theirs.meta.dump().await.into_iter().filter(|(key, _)| !key.starts_with(b"k/")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(arqueta_store::BlobStore::list(&two.ours.blobs, None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_bucket_goes_with_an_object_in_it() {
    let two = Two::new(Versioning::Off).await;
    two.meanwhile(|theirs| async move { drop(theirs.put("k", "theirs").await.unwrap()) });
    assert!(matches!(two.ours.engine.buckets().delete(&bucket()).await, Err(Error::BucketNotEmpty)));
    assert_eq!(two.theirs.body(name("k")).await.unwrap(), "theirs");
}

#[tokio::test]
async fn versioning_counts_as_it_is_at_the_commit() {
    let two = Two::new(Versioning::Off).await;
    two.ours.put("k", "old").await.unwrap();
    two.meanwhile(|theirs| async move {
        theirs.engine.bucket_settings().put_versioning(&bucket(), Versioning::Enabled).await.unwrap()
    });
    let put = two.ours.put("k", "new").await.unwrap();
    assert!(put.version.is_some_and(|version| !version.is_null()));
    assert_eq!(two.ours.body(version("k", arqueta_model::VersionId::Null)).await.unwrap(), "old");
}

#[tokio::test]
async fn a_removal_promotes_what_is_next_by_then() {
    let two = Two::new(Versioning::Enabled).await;
    let [first, second, third] = [1u8, 2, 3];
    let mut ids = Vec::new();
    for body in [first, second, third] {
        ids.push(two.ours.put("k", vec![body; 9]).await.unwrap().version.unwrap());
    }
    let (middle, last) = (ids[1], ids[2]);
    two.meanwhile(move |theirs| async move { assert!(theirs.delete(version("k", middle)).await.is_ok()) });
    two.ours.delete(version("k", last)).await.unwrap();
    assert_eq!(two.ours.body(name("k")).await.unwrap(), vec![first; 9]);
}

#[tokio::test]
async fn a_hold_set_meanwhile_protects() {
    let two = Two::new(Versioning::Enabled).await;
    two.ours.engine.bucket_settings().put_object_lock(&bucket(), Default::default()).await.unwrap();
    let id = two.ours.put("k", "x").await.unwrap().version.unwrap();
    two.meanwhile(move |theirs| async move {
        theirs.engine.locks().put_legal_hold(&version("k", id), LegalHold::On).await.unwrap();
    });
    assert!(matches!(two.ours.delete(version("k", id)).await, Err(Error::ObjectLocked)));
}

#[tokio::test]
async fn amendments_do_not_undo_each_other() {
    let two = Two::new(Versioning::Enabled).await;
    two.ours.engine.bucket_settings().put_object_lock(&bucket(), Default::default()).await.unwrap();
    two.ours.put("k", "x").await.unwrap();
    two.meanwhile(|theirs| async move {
        theirs.engine.locks().put_legal_hold(&name("k"), LegalHold::On).await.unwrap();
    });
    let tags = Tags::of_object(vec![("a".into(), "b".into())]).unwrap();
    two.ours.engine.objects().put_tags(&name("k"), Some(tags.clone())).await.unwrap();
    assert_eq!(two.ours.engine.locks().legal_hold(&name("k")).await.unwrap(), LegalHold::On);
    assert_eq!(two.ours.engine.objects().tags(&name("k")).await.unwrap().0, tags);
}

#[tokio::test]
async fn what_they_deleted_meanwhile_is_deleted() {
    let two = Two::new(Versioning::Off).await;
    two.ours.put("k", pattern(40_000)).await.unwrap();
    two.meanwhile(|theirs| async move { assert!(theirs.delete(name("k")).await.is_ok()) });
    assert_eq!(two.ours.delete(name("k")).await.unwrap(), DeletedObject::default());
    assert_eq!(two.theirs.meta.scan(Scan::prefix(b"g/", 10)).await.unwrap().len(), 1);
}

/// The bucket is emptied, removed, made by another account, and has an object of the same name.
async fn made_by_another(theirs: Arc<Rig>) {
    theirs.delete(version("k", arqueta_model::VersionId::Null)).await.unwrap();
    theirs.engine.buckets().delete(&bucket()).await.unwrap();
    let create = arqueta_engine::api::CreateBucket {
        bucket: bucket(),
        owner: "444455556666".parse().unwrap(),
        object_lock: false,
        tags: None,
        documents: Default::default(),
    };
    theirs.engine.buckets().create(create).await.unwrap();
    theirs.put("k", "another's").await.unwrap();
}

#[tokio::test]
async fn what_is_late_touches_no_object_of_another_bucket_of_the_same_name() {
    for late in 0..5 {
        let two = Two::new(if late == 3 { Versioning::Suspended } else { Versioning::Off }).await;
        two.ours.put("k", "ours").await.unwrap();
        two.meanwhile(made_by_another);
        let outcome = match late {
            0 => two.ours.delete(name("k")).await.map(drop),
            1 => two.ours.delete(version("k", arqueta_model::VersionId::Null)).await.map(drop),
            2 => two.ours.engine.objects().put_tags(&name("k"), None).await.map(drop),
            // A marker, where the bucket had versions.
            3 => two.ours.delete(name("k")).await.map(drop),
            _ => two.ours.put("k", "late").await.map(drop),
        };
        assert!(matches!(outcome, Err(Error::NoSuchBucket)), "{late}: {outcome:?}");
        assert_eq!(two.theirs.body(name("k")).await.unwrap(), "another's", "{late}");
    }
}

#[tokio::test]
async fn a_delete_leaves_what_versioning_keeps_by_now() {
    let two = Two::new(Versioning::Off).await;
    two.ours.put("k", "kept").await.unwrap();
    two.meanwhile(|theirs| async move {
        theirs.engine.bucket_settings().put_versioning(&bucket(), Versioning::Enabled).await.unwrap()
    });
    let deleted = two.ours.delete(name("k")).await.unwrap();
    assert!(deleted.delete_marker);
    assert_eq!(two.ours.body(version("k", arqueta_model::VersionId::Null)).await.unwrap(), "kept");
}
