//! A damaged record stops what would have to know it, and nothing else.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use std::sync::Arc;

use arqueta_engine::api::{
    AbortMultipartUpload, CreateBucket, DeleteObject, GetObject, ListBuckets, ListMultipartUploads, ListObjectVersions,
    ListObjects, ListParts, ObjectLockConfiguration, ObjectName, Versioning,
};
use arqueta_engine::dependents::Survey;
use arqueta_engine::record::{ObjectRecord, Record as _};
use arqueta_engine::{Error, schema};
use arqueta_model::VersionId;
use arqueta_store::{Batch, MetaStore, Scan};
use bytes::Bytes;
use rig::{Mode, Rig, account, any_etag, bucket, key, name, pattern, write_if};
use uploads::listed;

fn damaged(error: &Error, what: &str) -> bool {
    matches!(error, Error::DamagedRecord { record } if record.contains(what) && record.contains("bucket"))
}

fn objects() -> ListObjects {
    ListObjects { bucket: bucket(), prefix: String::new(), delimiter: None, after: None, limit: 1000 }
}

fn versions() -> ListObjectVersions {
    ListObjectVersions {
        bucket: bucket(),
        prefix: String::new(),
        delimiter: None,
        key_marker: None,
        version_marker: None,
        limit: 1000,
    }
}

async fn keys(rig: &Rig) -> Vec<String> {
    let listed = rig.engine.listing().objects(objects()).await.unwrap();
    listed.objects.into_iter().map(|object| object.key.to_string()).collect()
}

async fn sequence(rig: &Rig, at: &str) -> u64 {
    let bytes = rig.meta.get(&schema::current(&bucket(), &key(at))).await.unwrap().unwrap();
    ObjectRecord::decode(&bytes).unwrap().sequence
}

/// Damages the record of `k` in two ways: a checksum that fails, and bytes that do not decode.
async fn with_damage(versioning: Versioning, case: impl AsyncFn(Rig)) {
    for undecodable in [false, true] {
        let rig = Rig::new(versioning).await;
        for at in ["a", "k", "z"] {
            rig.put_mode(at, pattern(30), Mode::S3).await;
        }
        let at = schema::current(&bucket(), &key("k"));
        if undecodable {
            rig.meta.commit(Batch::default().put(at, &b"\x01nonsense"[..])).await.unwrap();
        } else {
            rig.meta.damage(&at).await;
        }
        case(rig).await;
    }
}

#[tokio::test]
async fn reads_of_it_fail_by_name_and_everything_else_goes_on() {
    with_damage(Versioning::Off, async |rig| {
        let read = rig.body(name("k")).await.unwrap_err();
        assert!(damaged(&read, "\"k\""), "{read}");
        let head = rig.engine.objects().head(&rig.caller, GetObject::new(name("k"))).await.unwrap_err();
        assert!(damaged(&head, "\"k\""), "{head}");
        assert!(damaged(&rig.engine.objects().tags(&name("k")).await.unwrap_err(), "\"k\""));
        for other in ["a", "z"] {
            assert!(rig.body(name(other)).await.unwrap() == pattern(30));
        }
        assert_eq!(keys(&rig).await, ["a", "z"]);
        for limit in 1..4 {
            let page = rig.engine.listing().objects(ListObjects { limit, ..objects() }).await.unwrap();
            assert!(page.objects.len() == limit.min(2) && page.next.is_some() == (limit == 1), "{limit}");
        }
        assert_eq!(rig.engine.listing().versions(versions()).await.unwrap().versions.len(), 2);
        assert!(matches!(rig.engine.buckets().delete(&bucket()).await, Err(Error::BucketNotEmpty)));
        let conditional = rig.put_with("k", "x", |put| put.conditions = write_if(None, any_etag())).await;
        assert!(damaged(&conditional.unwrap_err(), "\"k\""), "no condition can be held against it");
    })
    .await;
}

#[tokio::test]
async fn it_can_be_replaced_and_deleted_and_the_bucket_then_be_removed() {
    with_damage(Versioning::Off, async |rig| {
        rig.put("k", pattern(40)).await.unwrap();
        assert!(rig.body(name("k")).await.unwrap() == pattern(40));
        assert_eq!(keys(&rig).await, ["a", "k", "z"]);
        rig.meta.damage(&schema::current(&bucket(), &key("z"))).await;
        for at in ["a", "k", "z"] {
            rig.delete(name(at)).await.unwrap();
        }
        rig.engine.buckets().delete(&bucket()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn in_a_bucket_with_versions_the_others_stay_and_keep_their_order() {
    with_damage(Versioning::Enabled, async |rig| {
        let at = schema::current(&bucket(), &key("k"));
        assert!(matches!(rig.delete(ObjectName { version: Some(VersionId::random()), ..name("k") }).await, Err(error) if damaged(&error, "\"k\"")),
            "it may be another version than the one named");
        let newer = rig.put("k", pattern(50)).await.unwrap();
        let listed = rig.engine.listing().versions(versions()).await.unwrap().versions;
        assert_eq!(listed.iter().filter(|version| version.key == key("k")).count(), 1);
        rig.put("k", pattern(60)).await.unwrap();
        let older = ObjectName { version: newer.version, ..name("k") };
        assert!(rig.body(older.clone()).await.unwrap() == pattern(50));
        // Now the noncurrent one: named by its id, it can go.
        let noncurrent = rig.meta.scan(Scan::prefix(&schema::noncurrents_of(&bucket(), &key("k")), 9)).await.unwrap();
        rig.meta.damage(&noncurrent[0].0).await;
        assert!(damaged(&rig.body(older.clone()).await.unwrap_err(), "version"));
        assert!(rig.body(name("k")).await.unwrap() == pattern(60));
        rig.delete(older.clone()).await.unwrap();
        assert!(matches!(rig.body(older).await, Err(Error::NoSuchVersion)));
        // A delete marker takes the place of a damaged current version.
        rig.meta.damage(&at).await;
        assert!(rig.delete(name("k")).await.unwrap().delete_marker);
        assert!(matches!(rig.body(name("k")).await, Err(Error::NoSuchKey { delete_marker: Some(_) })));
    })
    .await;
}

#[tokio::test]
async fn a_null_version_below_a_damaged_one_is_found_and_replaced() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put("k", pattern(10)).await.unwrap();
    rig.engine.bucket_settings().put_versioning(&bucket(), Versioning::Enabled).await.unwrap();
    rig.put("k", pattern(20)).await.unwrap();
    rig.meta.damage(&schema::current(&bucket(), &key("k"))).await;
    let null = ObjectName { version: Some(VersionId::Null), ..name("k") };
    assert!(rig.body(null.clone()).await.unwrap() == pattern(10));
    rig.put("k", pattern(30)).await.unwrap();
    assert!(rig.body(null.clone()).await.unwrap() == pattern(10), "the new version knows of it");
    rig.meta.damage(&schema::current(&bucket(), &key("k"))).await;
    rig.engine.bucket_settings().put_versioning(&bucket(), Versioning::Suspended).await.unwrap();
    rig.put("k", pattern(40)).await.unwrap();
    assert!(rig.body(null).await.unwrap() == pattern(40), "there is one null version");
    assert_eq!(rig.under(schema::NONCURRENTS).await, 0);
}

#[tokio::test]
async fn removing_a_version_passes_over_damaged_heirs() {
    let rig = Rig::new(Versioning::Enabled).await;
    rig.put("k", pattern(10)).await.unwrap();
    let middle = sequence(&rig, "k").await;
    rig.put("k", pattern(20)).await.unwrap();
    let damaged_one = sequence(&rig, "k").await;
    assert!(damaged_one > middle);
    let newest = rig.put("k", pattern(30)).await.unwrap();
    rig.meta.damage(&schema::noncurrent(&bucket(), &key("k"), damaged_one)).await;
    rig.delete(ObjectName { version: newest.version, ..name("k") }).await.unwrap();
    assert!(rig.body(name("k")).await.unwrap() == pattern(10));
}

#[tokio::test]
async fn where_object_lock_could_protect_it_it_stays() {
    let rig = Rig::new(Versioning::Enabled).await;
    rig.engine.bucket_settings().put_object_lock(&bucket(), ObjectLockConfiguration::default()).await.unwrap();
    rig.put("k", pattern(10)).await.unwrap();
    let old = sequence(&rig, "k").await;
    let first = rig.put("k", pattern(20)).await.unwrap();
    rig.meta.damage(&schema::current(&bucket(), &key("k"))).await;
    rig.meta.damage(&schema::noncurrent(&bucket(), &key("k"), old)).await;
    assert!(matches!(rig.put("k", pattern(30)).await, Err(Error::ObjectLocked)));
    assert!(matches!(rig.delete(name("k")).await, Err(Error::ObjectLocked)));
    for version in [first.version, Some(VersionId::Null)] {
        let name = ObjectName { version, ..name("k") };
        let input = DeleteObject { name, conditions: Default::default(), bypass_governance: true };
        assert!(matches!(rig.engine.objects().delete(&input).await, Err(Error::ObjectLocked)));
    }
}

#[tokio::test]
async fn a_damaged_bucket_is_not_listed_and_refused_and_the_others_are_served() {
    let rig = Rig::new(Versioning::Off).await;
    let create = |name: &str| CreateBucket {
        bucket: name.parse().unwrap(),
        owner: account(),
        object_lock: false,
        tags: None,
        documents: Default::default(),
    };
    rig.engine.buckets().create(create("other")).await.unwrap();
    rig.put("k", pattern(10)).await.unwrap();
    rig.meta.damage(&schema::bucket(&"other".parse().unwrap())).await;
    let all = ListBuckets { owner: account(), prefix: String::new(), after: None, limit: 100 };
    let listed = rig.engine.buckets().list(all).await.unwrap().buckets;
    assert_eq!(listed.iter().map(|bucket| bucket.name.as_str()).collect::<Vec<_>>(), [bucket().as_str()]);
    let other = ListObjects { bucket: "other".parse().unwrap(), ..objects() };
    assert!(rig.engine.listing().objects(other).await.is_err());
    assert!(rig.engine.buckets().create(create("other")).await.is_err(), "nobody takes it over");
    assert!(rig.body(name("k")).await.unwrap() == pattern(10));
}

#[tokio::test]
async fn damaged_uploads_and_parts_can_be_replaced_and_given_up() {
    let rig = uploads::rig();
    rig.make_bucket(Versioning::Off).await;
    let (lost, kept) = (rig.start("k", Mode::S3).await, rig.start("l", Mode::S3).await);
    rig.part("k", lost, 1, pattern(50_000)).await.unwrap();
    rig.part("l", kept, 1, pattern(50_000)).await.unwrap();
    rig.part("l", kept, 2, pattern(50_000)).await.unwrap();
    rig.meta.damage(&schema::upload(&bucket(), &key("k"), lost)).await;
    for number in [1, 2] {
        rig.meta.damage(&schema::part(kept, number)).await;
    }
    let uploads = ListMultipartUploads {
        bucket: bucket(),
        prefix: String::new(),
        delimiter: None,
        key_marker: None,
        upload_marker: None,
        limit: 10,
    };
    let listed_uploads = rig.engine.listing().uploads(uploads).await.unwrap().uploads;
    assert_eq!(listed_uploads.iter().map(|upload| upload.id).collect::<Vec<_>>(), [kept]);
    let parts = ListParts { bucket: bucket(), key: key("l"), upload: kept, after: 0, limit: 1 };
    let page = rig.engine.uploads().list_parts(parts).await.unwrap();
    assert_eq!((page.parts.len(), page.next), (0, Some(1)), "damaged parts are left out");
    let one = rig.part("l", kept, 1, pattern(60_000)).await.unwrap();
    rig.complete("l", kept, vec![listed(1, &one)]).await.unwrap();
    assert!(rig.body(name("l")).await.unwrap() == pattern(60_000));
    let abort = AbortMultipartUpload { bucket: bucket(), key: key("k"), upload: lost, if_started: None };
    rig.engine.uploads().abort(abort).await.unwrap();
    assert_eq!(rig.under(schema::UPLOADS).await + rig.under(schema::PARTS).await, 0);
}

#[tokio::test]
async fn a_bucket_with_damaged_uploads_can_be_removed() {
    let rig = uploads::rig();
    rig.make_bucket(Versioning::Off).await;
    let lost = rig.start("k", Mode::S3).await;
    rig.part("k", lost, 1, pattern(50_000)).await.unwrap();
    rig.meta.damage(&schema::upload(&bucket(), &key("k"), lost)).await;
    rig.meta.damage(&schema::part(lost, 1)).await;
    rig.engine.buckets().delete(&bucket()).await.unwrap();
    assert_eq!(rig.under(schema::UPLOADS).await + rig.under(schema::PARTS).await, 0);
}

#[tokio::test]
async fn the_sweeper_and_the_survey_of_keys_go_on_past_damage() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(50_000), Mode::Kms).await;
    rig.put_mode("k", pattern(60_000), Mode::Kms).await;
    rig.put_mode("l", pattern(60_000), Mode::Kms).await;
    let garbage = rig.meta.scan(Scan::prefix(schema::GARBAGE, 9)).await.unwrap();
    for (at, _) in &garbage {
        rig.meta.damage(at).await;
    }
    let referenced = rig.meta.scan(Scan::prefix(schema::REFERENCED, 9)).await.unwrap();
    for (at, _) in &referenced {
        rig.meta.damage(at).await;
    }
    rig.meta.damage(&schema::current(&bucket(), &key("l"))).await;
    assert_eq!(rig.engine.sweeper().garbage(rig.later()).await.unwrap(), garbage.len() as u64);
    assert_eq!(rig.engine.sweeper().orphans(rig.later()).await.unwrap(), 0, "a damaged reference is a reference");
    assert!(rig.body(name("k")).await.unwrap() == pattern(60_000));
    let meta: Arc<dyn MetaStore> = rig.meta.clone();
    assert_eq!(Survey::take(&*meta, |_| {}).await.unwrap().unreadable(), 1);
    let _: Bytes = rig.meta.get(&schema::current(&bucket(), &key("k"))).await.unwrap().unwrap();
}
