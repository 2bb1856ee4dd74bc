//! The check of a whole store: what it finds, what it mends, and what it leaves alone.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use arqueta_engine::api::{ObjectName, Versioning};
use arqueta_engine::check::{Fault, Report, check};
use arqueta_engine::schema;
use arqueta_model::BlobId;
use arqueta_store::{Batch, BlobStore, MetaStore};
use rig::{Mode, Rig, bucket, key, name, pattern};

async fn checked(rig: &Rig) -> Report {
    check(&*rig.meta, &rig.blobs).await.unwrap()
}

/// What was found, by kind and by a word of the record's name.
fn found(report: &Report) -> Vec<(&'static str, String)> {
    let kind = |fault| match fault {
        Fault::Damaged => "damaged",
        Fault::BodyMissing(_) => "missing",
        Fault::BodySize(_) => "size",
        Fault::Unreferenced(_) => "unreferenced",
        Fault::MarkedAsGarbage(_) => "garbage",
        Fault::Headless => "headless",
        Fault::Unnamed => "unnamed",
    };
    report.findings.iter().map(|finding| (kind(finding.fault), finding.record.clone())).collect()
}

async fn filled(versioning: Versioning) -> Rig {
    let rig = Rig::new(versioning).await;
    for (at, size) in [("small", 10), ("k", 50_000), ("l", 60_000)] {
        rig.put_mode(at, pattern(size), Mode::S3).await;
    }
    rig
}

async fn body_of(rig: &Rig, size: u64) -> BlobId {
    let blobs = rig.blobs.list(None, 99).await.unwrap();
    blobs.iter().find(|blob| blob.size > size && blob.size < size + 2000).unwrap().id
}

#[tokio::test]
async fn a_sound_store_is_clean_also_with_garbage_and_uploads() {
    let rig = filled(Versioning::Enabled).await;
    rig.put_mode("k", pattern(70_000), Mode::Kms).await;
    let upload = rig.start("m", Mode::S3).await;
    rig.part("m", upload, 1, pattern(50_000)).await.unwrap();
    rig.part("m", upload, 1, pattern(40_000)).await.unwrap();
    rig.delete(name("l")).await.unwrap();
    let report = checked(&rig).await;
    assert!(report.is_clean(), "{report:?}");
    assert!(report.records > 10 && report.bodies == 5, "{report:?}");
}

#[tokio::test]
async fn lost_and_cut_bodies_are_told_by_object_and_stay() {
    let rig = filled(Versioning::Off).await;
    rig.blobs.delete(body_of(&rig, 50_000).await).await.unwrap();
    let report = checked(&rig).await;
    let [("missing", record)] = &found(&report)[..] else { panic!("{report:?}") };
    assert_eq!(record, r#"current version of "k" in bucket bucket"#);
    assert_eq!(report.mend(&*rig.meta).await.unwrap().len(), 1, "nobody can mend that");
    assert!(rig.body(name("l")).await.unwrap() == pattern(60_000));
}

#[tokio::test]
async fn references_and_marks_are_mended() {
    let rig = filled(Versioning::Off).await;
    let (k, l) = (body_of(&rig, 50_000).await, body_of(&rig, 60_000).await);
    let batch = Batch::default().delete(schema::referenced(k)).put(schema::garbage(l), 0i64.to_be_bytes().to_vec());
    rig.meta.commit(batch).await.unwrap();
    let report = checked(&rig).await;
    let mut kinds: Vec<_> = found(&report).into_iter().map(|(kind, _)| kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["garbage", "unreferenced"]);
    assert!(report.mend(&*rig.meta).await.unwrap().is_empty());
    assert!(checked(&rig).await.is_clean());
    rig.sweep_and_check().await;
    assert!(rig.body(name("k")).await.unwrap() == pattern(50_000));
    assert!(rig.body(name("l")).await.unwrap() == pattern(60_000));
}

#[tokio::test]
async fn a_damaged_record_is_removed_and_its_body_only_by_the_check_after() {
    let rig = filled(Versioning::Off).await;
    rig.meta.damage(&schema::current(&bucket(), &key("k"))).await;
    rig.meta.damage(&schema::bucket(&bucket())).await;
    let report = checked(&rig).await;
    assert_eq!(report.removable().count(), 1);
    let left = report.mend(&*rig.meta).await.unwrap();
    let mut left: Vec<_> = left.into_iter().map(|finding| finding.fault).collect();
    left.sort_by_key(|fault| format!("{fault:?}"));
    assert_eq!(left, [Fault::Damaged, Fault::Unnamed], "the bucket's record, and what the object's named");
    assert_eq!(rig.blobs.list(None, 9).await.unwrap().len(), 2, "its body is still there");
    // The bucket's record came back from a back-up.
    let healed = rig.meta.dump().await.into_iter().find(|(at, _)| at.starts_with(schema::BUCKETS)).unwrap();
    rig.meta.commit(Batch::default().put(healed.0, healed.1)).await.unwrap();
    let report = checked(&rig).await;
    assert_eq!(found(&report).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>(), ["unnamed"]);
    assert!(report.mend(&*rig.meta).await.unwrap().is_empty());
    rig.sweep_and_check().await;
    assert_eq!(rig.blobs.list(None, 9).await.unwrap().len(), 1);
    assert!(rig.body(name("l")).await.unwrap() == pattern(60_000));
}

#[tokio::test]
async fn versions_without_a_current_one_get_it_back() {
    let rig = filled(Versioning::Off).await;
    rig.engine.put_versioning(&bucket(), Versioning::Enabled).await.unwrap();
    rig.put("k", pattern(20)).await.unwrap();
    rig.put("k", pattern(30)).await.unwrap();
    rig.meta.damage(&schema::current(&bucket(), &key("k"))).await;
    let report = checked(&rig).await;
    assert_eq!(found(&report).iter().filter(|(kind, _)| *kind == "damaged").count(), 1);
    report.mend(&*rig.meta).await.unwrap();
    let report = checked(&rig).await;
    assert!(found(&report).iter().any(|(kind, _)| *kind == "headless"), "{report:?}");
    report.mend(&*rig.meta).await.unwrap();
    assert!(checked(&rig).await.is_clean());
    assert!(rig.body(name("k")).await.unwrap() == pattern(20));
    let null = ObjectName { version: Some(arqueta_model::VersionId::Null), ..name("k") };
    assert!(rig.body(null).await.unwrap() == pattern(50_000));
}
