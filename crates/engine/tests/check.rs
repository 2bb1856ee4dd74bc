//! The check of a whole store: what it finds, what it mends, and what it leaves alone.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use arqueta_engine::api::{ObjectLockConfiguration, ObjectName, Versioning};
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
    report.findings.iter().map(|finding| (finding.fault.kind(), finding.record.clone())).collect()
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
    assert_eq!(report.mend(&*rig.meta, true).await.unwrap().len(), 1, "nobody can mend that");
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
    assert!(report.mend(&*rig.meta, true).await.unwrap().is_empty());
    assert!(checked(&rig).await.is_clean());
    rig.sweep_and_check().await;
    assert!(rig.body(name("k")).await.unwrap() == pattern(50_000));
    assert!(rig.body(name("l")).await.unwrap() == pattern(60_000));
}

#[tokio::test]
async fn a_damaged_record_is_removed_and_its_body_only_by_a_later_check_that_is_asked_to() {
    let rig = filled(Versioning::Off).await;
    rig.meta.damage(&schema::current(&bucket(), &key("k"))).await;
    let report = checked(&rig).await;
    assert_eq!(report.removable().count(), 1);
    let left = report.mend(&*rig.meta, true).await.unwrap();
    assert_eq!(left.into_iter().map(|finding| finding.fault).collect::<Vec<_>>(), [Fault::Unnamed]);
    assert_eq!(rig.blobs.list(None, 9).await.unwrap().len(), 2, "its body is still there");
    for free in [false, true] {
        let report = checked(&rig).await;
        assert_eq!(found(&report).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>(), ["unnamed"]);
        assert_eq!(report.mend(&*rig.meta, free).await.unwrap().is_empty(), free, "only who asks frees");
        rig.engine.sweeper().garbage(rig.later()).await.unwrap();
        assert_eq!(rig.blobs.list(None, 9).await.unwrap().len(), if free { 1 } else { 2 });
    }
    rig.sweep_and_check().await;
    assert!(rig.body(name("l")).await.unwrap() == pattern(60_000));
}

#[tokio::test]
async fn damaged_versions_stay_where_objects_may_be_locked() {
    let lock = |rig: &Rig| {
        let engine = rig.engine.clone();
        async move { engine.bucket_settings().put_object_lock(&bucket(), ObjectLockConfiguration::default()).await.unwrap() }
    };
    for locked in [true, false] {
        let rig = filled(Versioning::Enabled).await;
        match locked {
            true => lock(&rig).await,
            false => rig.meta.damage(&schema::bucket(&bucket())).await,
        }
        rig.meta.damage(&schema::current(&bucket(), &key("k"))).await;
        let report = checked(&rig).await;
        assert_eq!(report.removable().count(), 0, "{report:?}");
        let left = report.mend(&*rig.meta, true).await.unwrap();
        assert!(left.iter().any(|finding| finding.record.contains("\"k\"")), "{left:?}");
    }
}

#[tokio::test]
async fn a_damaged_current_version_uncovers_none_below_it() {
    let rig = filled(Versioning::Enabled).await;
    rig.delete(name("k")).await.unwrap();
    rig.meta.damage(&schema::current(&bucket(), &key("k"))).await;
    let report = checked(&rig).await;
    assert_eq!(report.removable().count(), 0, "it was a delete marker, and who knows that?");
    report.mend(&*rig.meta, true).await.unwrap();
    checked(&rig).await.mend(&*rig.meta, true).await.unwrap();
    assert!(rig.body(name("k")).await.is_err(), "what was deleted does not come back");
    rig.put("k", pattern(20)).await.unwrap();
    assert!(rig.body(name("k")).await.unwrap() == pattern(20), "a write takes its place");
}

#[tokio::test]
async fn versions_without_a_current_one_get_it_back() {
    let rig = filled(Versioning::Off).await;
    rig.engine.bucket_settings().put_versioning(&bucket(), Versioning::Enabled).await.unwrap();
    rig.put("k", pattern(20)).await.unwrap();
    rig.put("k", pattern(30)).await.unwrap();
    let batch = Batch::default().delete(schema::current(&bucket(), &key("k")));
    rig.meta.commit(batch).await.unwrap();
    let report = checked(&rig).await;
    assert!(found(&report).iter().any(|(kind, _)| *kind == "headless"), "{report:?}");
    report.mend(&*rig.meta, true).await.unwrap();
    checked(&rig).await.mend(&*rig.meta, true).await.unwrap();
    assert!(checked(&rig).await.is_clean());
    assert!(rig.body(name("k")).await.unwrap() == pattern(20));
    let null = ObjectName { version: Some(arqueta_model::VersionId::Null), ..name("k") };
    assert!(rig.body(null).await.unwrap() == pattern(50_000));
}

/// Killed at any moment, and begun again, it leaves no count that a scan does not find.
#[tokio::test]
async fn counts_are_right_wherever_mending_ends() {
    let mut mended = 0;
    for nth in 1..12 {
        let rig = Rig::new(Versioning::Enabled).await;
        for at in ["k", "l"] {
            rig.put_mode(at, pattern(10), Mode::S3).await;
            rig.put_mode(at, pattern(20), Mode::S3).await;
            rig.meta.commit(Batch::default().delete(schema::current(&bucket(), &key(at)))).await.unwrap();
        }
        let report = checked(&rig).await;
        assert_eq!(report.findings.iter().filter(|finding| finding.fault == Fault::Headless).count(), 2);
        rig.faulty_meta.fail_nth(nth, arqueta_store::Fault::Refused);
        let outcome = report.mend(&rig.faulty_meta, false).await;
        let rig = rig.restarted();
        checked(&rig).await.mend(&*rig.meta, false).await.unwrap();
        let counted = rig.engine.usage().of(&bucket()).await.unwrap().usage;
        assert_eq!(counted, rig.restarted().engine.usage().recount(&bucket()).await.unwrap().usage, "{nth}");
        mended += usize::from(outcome.is_ok());
    }
    assert!((1..11).contains(&mended), "{mended}");
}
