//! Buckets, their configuration, tags and object lock.
#![allow(clippy::unwrap_used)]

mod rig;

use std::time::Duration;

use arqueta_engine::Error;
use arqueta_engine::api::{
    CreateBucket, DefaultRetention, DeleteConditions, DeleteObject, LegalHold, ListBuckets, ObjectLockConfiguration,
    Retention, RetentionMode, RetentionPeriod, Tags, Versioning,
};
use arqueta_engine::record::BucketDocument;
use arqueta_model::{AccountId, BucketName, Clock, VersionId};
use arqueta_store::{Batch, MetaStore as _};
use rig::{Rig, account, bucket, name, version};

fn create(name: &str, owner: AccountId) -> CreateBucket {
    CreateBucket { bucket: name.parse().unwrap(), owner, object_lock: false, tags: None, documents: Default::default() }
}

fn other() -> AccountId {
    "444455556666".parse().unwrap()
}

#[tokio::test]
async fn making_a_bucket_again() {
    let rig = Rig::empty();
    rig.engine.buckets().create(create("bucket", account())).await.unwrap();
    let tags = Tags::of_bucket(vec![("a".into(), "b".into())]).unwrap();
    rig.engine.bucket_settings().put_tags(&bucket(), Some(tags)).await.unwrap();
    rig.engine.buckets().create(create("bucket", account())).await.unwrap();
    assert!(rig.engine.bucket_settings().tags(&bucket()).await.is_ok(), "making it again changed nothing");
    let taken = rig.engine.buckets().create(create("bucket", other())).await;
    assert!(matches!(taken, Err(Error::BucketAlreadyExists)));
    let rig = Rig::over(rig.meta.clone(), rig.blobs.clone(), rig.kms.clone(), |config| {
        config.region = "eu-west-1".parse().unwrap();
    });
    let again = rig.engine.buckets().create(create("bucket", account())).await;
    assert!(matches!(again, Err(Error::BucketAlreadyOwnedByYou)));
}

#[tokio::test]
async fn a_bucket_whose_record_was_removed_is_given_to_nobody() {
    for versioning in [Versioning::Off, Versioning::Enabled] {
        let rig = Rig::new(versioning).await;
        rig.put("k", "secret").await.unwrap();
        rig.put("k", "newer").await.unwrap();
        let key = b"b/bucket".as_slice();
        let record = rig.meta.get(key).await.unwrap().unwrap();
        rig.meta.commit(Batch::default().delete(key)).await.unwrap();
        let rig = rig.restarted();
        for owner in [other(), account()] {
            let refused = rig.engine.buckets().create(create("bucket", owner)).await;
            assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
        }
        rig.meta.commit(Batch::default().put(key, record)).await.unwrap();
        assert_eq!(rig.restarted().body(name("k")).await.unwrap(), "newer", "nothing was lost");
    }
}

#[tokio::test]
async fn only_an_empty_bucket_goes() {
    let rig = Rig::new(Versioning::Enabled).await;
    let gone = async || rig.engine.buckets().delete(&bucket()).await;
    let stored = rig.put("k", "x").await.unwrap().version.unwrap();
    let marker = rig.delete(name("k")).await.unwrap().version.unwrap();
    assert!(matches!(gone().await, Err(Error::BucketNotEmpty)));
    rig.delete(version("k", stored)).await.unwrap();
    assert!(matches!(gone().await, Err(Error::BucketNotEmpty)), "a delete marker is left");
    rig.delete(version("k", marker)).await.unwrap();
    gone().await.unwrap();
    assert!(matches!(gone().await, Err(Error::NoSuchBucket)));
    assert!(matches!(rig.put("k", "x").await, Err(Error::NoSuchBucket)));
    assert!(matches!(rig.body(name("k")).await, Err(Error::NoSuchBucket)));
    assert!(matches!(rig.delete(name("k")).await, Err(Error::NoSuchBucket)));
}

#[tokio::test]
async fn a_bucket_made_again_still_opens_what_an_open_window_seals() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", rig::pattern(9), rig::Mode::KmsBucketKey).await;
    rig.delete(name("k")).await.unwrap();
    rig.engine.buckets().delete(&bucket()).await.unwrap();
    rig.make_bucket(Versioning::Off).await;
    rig.put_mode("k", rig::pattern(9), rig::Mode::KmsBucketKey).await;
    assert!(rig.restarted().body(name("k")).await.is_ok());
}

#[tokio::test]
async fn a_put_under_way_does_not_outlive_its_bucket() {
    use futures::StreamExt;
    let rig = std::sync::Arc::new(Rig::new(Versioning::Off).await);
    let (asked, was_asked) = tokio::sync::oneshot::channel();
    let (go_on, told) = tokio::sync::oneshot::channel::<()>();
    let body = futures::stream::once(async move {
        asked.send(()).unwrap();
        told.await.unwrap();
        Ok("x".into())
    });
    let put = tokio::spawn({
        let rig = rig.clone();
        async move { rig.put_with("k", "", |put| put.body = body.boxed()).await }
    });
    was_asked.await.unwrap();
    rig.engine.buckets().delete(&bucket()).await.unwrap();
    go_on.send(()).unwrap();
    assert!(matches!(put.await.unwrap(), Err(Error::NoSuchBucket)));
    assert!(!rig.meta.dump().await.iter().any(|(key, _)| key.starts_with(b"c/")));
}

#[tokio::test]
async fn buckets_are_listed_by_owner_prefix_and_page() {
    let rig = Rig::empty();
    for (name, owner) in
        [("aaa", account()), ("aab", other()), ("aac", account()), ("abc", account()), ("b.c", account())]
    {
        rig.engine.buckets().create(create(name, owner)).await.unwrap();
    }
    let list = async |prefix: &str, after: Option<&str>, limit| {
        let input = ListBuckets { owner: account(), prefix: prefix.into(), after: after.map(Into::into), limit };
        let page = rig.engine.buckets().list(input).await.unwrap();
        (page.buckets.iter().map(|bucket| bucket.name.to_string()).collect::<Vec<_>>().join(" "), page.next)
    };
    assert_eq!(list("", None, 100).await, ("aaa aac abc b.c".into(), None));
    assert_eq!(list("a", None, 2).await, ("aaa aac".into(), Some("aac".into())));
    assert_eq!(list("a", Some("aac"), 2).await, ("abc".into(), None));
    assert_eq!(list("", Some("abc"), 1).await, ("b.c".into(), None));
    assert_eq!(list("zz", None, 5).await, (String::new(), None));
}

#[tokio::test]
async fn configurations_come_and_go() {
    let rig = Rig::new(Versioning::Off).await;
    let engine = &rig.engine;
    assert!(matches!(engine.bucket_settings().tags(&bucket()).await, Err(Error::NoSuchTagSet)));
    assert!(matches!(engine.bucket_settings().object_lock(&bucket()).await, Err(Error::NoObjectLockConfiguration)));
    let cors = BucketDocument::Cors;
    assert!(matches!(
        engine.bucket_settings().document(&bucket(), cors).await,
        Err(Error::NoSuchDocument(BucketDocument::Cors))
    ));
    engine.bucket_settings().put_document(&bucket(), cors, Some("text".into())).await.unwrap();
    assert_eq!(engine.bucket_settings().document(&bucket(), cors).await.unwrap(), "text");
    assert!(engine.bucket_settings().document(&bucket(), BucketDocument::Policy).await.is_err());
    engine.bucket_settings().put_document(&bucket(), cors, None).await.unwrap();
    assert!(engine.bucket_settings().document(&bucket(), cors).await.is_err());
    assert_eq!(engine.bucket_settings().encryption(&bucket()).await.unwrap().0, Some(Default::default()));
    let absent: BucketName = "absent".parse().unwrap();
    assert!(matches!(
        engine.bucket_settings().put_versioning(&absent, Versioning::Enabled).await,
        Err(Error::NoSuchBucket)
    ));
}

#[tokio::test]
async fn tags_of_an_object_change_in_place() {
    let rig = Rig::new(Versioning::Enabled).await;
    let first = rig.put("k", "one").await.unwrap();
    rig.put("k", "two").await.unwrap();
    let tags = Tags::of_object(vec![("a".into(), "b".into())]).unwrap();
    let old = version("k", first.version.unwrap());
    rig.engine.objects().put_tags(&old, Some(tags.clone())).await.unwrap();
    assert_eq!(rig.engine.objects().tags(&old).await.unwrap().0, tags);
    assert!(rig.engine.objects().tags(&name("k")).await.unwrap().0.is_empty());
    assert_eq!(rig.body(old).await.unwrap(), "one");
    let marker = rig.delete(name("k")).await.unwrap().version.unwrap();
    assert!(matches!(rig.engine.objects().tags(&version("k", marker)).await, Err(Error::MethodNotAllowed { .. })));
    let hidden = rig.engine.objects().put_tags(&name("k"), Some(tags)).await;
    assert!(matches!(hidden, Err(Error::MethodNotAllowed { .. })), "{hidden:?}");
}

async fn locked() -> Rig {
    let rig = Rig::empty();
    let input = CreateBucket { object_lock: true, ..create("bucket", account()) };
    rig.engine.buckets().create(input).await.unwrap();
    rig
}

fn remove(id: VersionId, bypass_governance: bool) -> DeleteObject {
    DeleteObject { name: version("k", id), conditions: DeleteConditions::default(), bypass_governance }
}

#[tokio::test]
async fn a_locked_version_stays_until_its_time() {
    for (mode, bypass_helps) in [(RetentionMode::Governance, true), (RetentionMode::Compliance, false)] {
        let rig = locked().await;
        let until = rig.clock.now().plus(Duration::from_secs(100));
        let put = rig.put_with("k", "x", |put| put.retention = Some(Retention { mode, until })).await.unwrap();
        let id = put.version.unwrap();
        assert!(matches!(rig.engine.objects().delete(&remove(id, false)).await, Err(Error::ObjectLocked)));
        assert!(rig.delete(name("k")).await.unwrap().delete_marker, "a marker removes nothing");
        assert_eq!(rig.body(version("k", id)).await.unwrap(), "x");
        assert_eq!(rig.engine.objects().delete(&remove(id, true)).await.is_ok(), bypass_helps);
        rig.clock.advance(Duration::from_secs(101));
        assert!(rig.engine.objects().delete(&remove(id, false)).await.is_ok());
    }
}

#[tokio::test]
async fn a_legal_hold_outlasts_everything_but_its_end() {
    let rig = locked().await;
    let id = rig.put_with("k", "x", |put| put.legal_hold = Some(LegalHold::On)).await.unwrap().version.unwrap();
    assert!(matches!(rig.engine.objects().delete(&remove(id, true)).await, Err(Error::ObjectLocked)));
    rig.engine.locks().put_legal_hold(&version("k", id), LegalHold::Off).await.unwrap();
    assert_eq!(rig.engine.locks().legal_hold(&name("k")).await.unwrap(), LegalHold::Off);
    assert!(rig.engine.objects().delete(&remove(id, false)).await.is_ok());
}

#[tokio::test]
async fn default_retention_applies_to_new_versions() {
    let rig = locked().await;
    let default = DefaultRetention { mode: RetentionMode::Compliance, period: RetentionPeriod::Days(2) };
    rig.engine
        .bucket_settings()
        .put_object_lock(&bucket(), ObjectLockConfiguration { default: Some(default) })
        .await
        .unwrap();
    rig.put("k", "x").await.unwrap();
    let retention = rig.engine.locks().retention(&name("k")).await.unwrap();
    assert_eq!(retention.mode, RetentionMode::Compliance);
    assert_eq!(retention.until, rig.clock.now().plus(Duration::from_secs(2 * 86_400)));
    let weaker = Retention { mode: RetentionMode::Governance, until: retention.until };
    assert!(matches!(rig.engine.locks().put_retention(&name("k"), Some(weaker), true).await, Err(Error::ObjectLocked)));
}

#[tokio::test]
async fn object_lock_is_refused_where_it_cannot_hold() {
    let rig = Rig::new(Versioning::Off).await;
    let none = ObjectLockConfiguration::default();
    assert!(matches!(
        rig.engine.bucket_settings().put_object_lock(&bucket(), none).await,
        Err(Error::InvalidBucketState { .. })
    ));
    let put = rig.put_with("k", "x", |put| put.legal_hold = Some(LegalHold::On)).await;
    assert!(matches!(put, Err(Error::InvalidRequest { .. })));
    rig.put("k", "x").await.unwrap();
    assert!(matches!(
        rig.engine.locks().put_legal_hold(&name("k"), LegalHold::On).await,
        Err(Error::InvalidRequest { .. })
    ));
    let rig = locked().await;
    let suspended = rig.engine.bucket_settings().put_versioning(&bucket(), Versioning::Suspended).await;
    assert!(matches!(suspended, Err(Error::InvalidBucketState { .. })));
    let past = Retention { mode: RetentionMode::Governance, until: rig.clock.now() };
    let put = rig.put_with("k", "x", |put| put.retention = Some(past)).await;
    assert!(matches!(put, Err(Error::InvalidArgument { .. })));
    for period in [RetentionPeriod::Days(0), RetentionPeriod::Days(36_501), RetentionPeriod::Years(101)] {
        let default = Some(DefaultRetention { mode: RetentionMode::Governance, period });
        let outcome =
            rig.engine.bucket_settings().put_object_lock(&bucket(), ObjectLockConfiguration { default }).await;
        assert!(matches!(outcome, Err(Error::InvalidArgument { .. })), "{period:?}");
    }
}

#[tokio::test]
async fn many_deletes_have_one_outcome_each() {
    let rig = locked().await;
    let held = rig.put_with("k", "x", |put| put.legal_hold = Some(LegalHold::On)).await.unwrap().version.unwrap();
    let free = rig.put("k", "y").await.unwrap().version.unwrap();
    let inputs = [remove(held, false), remove(free, false), remove(VersionId::random(), false)];
    let outcomes = rig.engine.objects().delete_all(&inputs).await;
    assert!(matches!(outcomes[0], Err(Error::ObjectLocked)));
    assert_eq!(outcomes[1].as_ref().unwrap().version, Some(free));
    assert!(outcomes[2].is_ok(), "what is not there is deleted already");
}
