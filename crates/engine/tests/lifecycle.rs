//! Lifecycle: what goes, when, and what never does.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use std::time::Duration;

use arqueta_engine::api::{
    DeleteConditions, DeleteObject, LegalHold, ObjectLockConfiguration, Retention, RetentionMode, Tags, Versioning,
};
use arqueta_engine::lifecycle::{
    Calendar, Expiration, Filter, Noncurrent, Noncurrents, Pass, Removed, Rule, Rules, What,
};
use arqueta_engine::record::BucketDocument;
use arqueta_model::{Clock, VersionId};
use arqueta_store::{Batch, MetaStore, Precondition};
use bytes::Bytes;
use rig::{Rig, bucket, key, name, version};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn rule(id: &str) -> Rule {
    Rule {
        id: id.to_owned(),
        enabled: true,
        filter: Filter::default(),
        expiration: None,
        noncurrent: None,
        abort: None,
    }
}

fn expiring(days: u32) -> Rule {
    Rule { expiration: Some(Expiration::Days(days)), ..rule("expire") }
}

fn noncurrent(days: u32, keep: Option<u32>) -> Rule {
    Rule { noncurrent: Some(Noncurrent { days, keep }), ..rule("noncurrent") }
}

async fn set(rig: &Rig, rules: Vec<Rule>) {
    let document = Rules { rules }.to_document();
    rig.engine.bucket_settings().put_document(&bucket(), BucketDocument::Lifecycle, Some(document)).await.unwrap();
}

fn pass() -> Pass {
    Pass { bucket: bucket(), calendar: Calendar::default(), fence: None }
}

/// A whole walk, as the worker does it.
async fn walk(rig: &Rig, pass: &Pass) -> Vec<Removed> {
    let (mut removed, mut from, mut counts) = (Vec::new(), None, Noncurrents::default());
    loop {
        let step = rig.engine.lifecycle().expire_noncurrents(pass, &mut counts, from).await.unwrap();
        removed.extend(step.removed);
        from = step.next;
        if from.is_none() {
            break;
        }
    }
    loop {
        let step = rig.engine.lifecycle().expire_currents(pass, from).await.unwrap();
        removed.extend(step.removed);
        from = step.next;
        if from.is_none() {
            break;
        }
    }
    removed.extend(rig.engine.lifecycle().expire_uploads(pass, None).await.unwrap().removed);
    rig.assert_consistent().await;
    removed
}

async fn start(rig: &Rig, at: &str) -> arqueta_model::UploadId {
    rig.engine.uploads().create(&rig.caller, uploads::create(at)).await.unwrap().id
}

fn told(removed: &[Removed]) -> Vec<(&str, What)> {
    removed.iter().map(|one| (one.key.as_str(), one.what)).collect()
}

#[tokio::test]
async fn old_objects_go_at_midnight_and_not_before() {
    let rig = Rig::new(Versioning::Off).await;
    set(&rig, vec![Rule { filter: Filter { prefix: Some("logs/".into()), ..Filter::default() }, ..expiring(2) }]).await;
    rig.clock.advance(Duration::from_secs(3600));
    for at in ["logs/a", "logs/b", "other"] {
        rig.put(at, "x").await.unwrap();
    }
    let bucket_record = rig.engine.buckets().get(&bucket()).await.unwrap();
    let expiry =
        rig.engine.lifecycle().expiry(&bucket_record, &key("logs/a"), Calendar::default()).await.unwrap().unwrap();
    rig.clock.advance(2 * DAY);
    assert!(walk(&rig, &pass()).await.is_empty(), "two days old, and the day is not over");
    rig.clock.advance(Duration::from_secs(23 * 3600 - 1));
    assert!(walk(&rig, &pass()).await.is_empty());
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.clock.now(), expiry.at, "what is told is what happens");
    assert_eq!(told(&walk(&rig, &pass()).await), [("logs/a", What::Object), ("logs/b", What::Object)]);
    assert!(rig.body(name("logs/a")).await.is_err());
    assert_eq!(rig.body(name("other")).await.unwrap(), "x");
}

#[tokio::test]
async fn what_was_written_anew_is_young() {
    let rig = Rig::new(Versioning::Off).await;
    set(&rig, vec![expiring(1)]).await;
    rig.put("k", "old").await.unwrap();
    rig.clock.advance(3 * DAY);
    rig.put("k", "new").await.unwrap();
    assert!(walk(&rig, &pass()).await.is_empty());
    assert_eq!(rig.body(name("k")).await.unwrap(), "new");
}

#[tokio::test]
async fn tags_and_sizes_choose() {
    let rig = Rig::new(Versioning::Off).await;
    let filter = Filter { tags: vec![("tmp".into(), "yes".into())], larger: Some(3), ..Filter::default() };
    set(&rig, vec![Rule { filter, ..expiring(1) }]).await;
    let tags = || Tags::of_object(vec![("tmp".into(), "yes".into()), ("x".into(), "y".into())]).unwrap();
    rig.put_with("both", "long enough", |put| put.tags = tags()).await.unwrap();
    rig.put_with("small", "abc", |put| put.tags = tags()).await.unwrap();
    rig.put("untagged", "long enough").await.unwrap();
    rig.clock.advance(3 * DAY);
    assert_eq!(told(&walk(&rig, &pass()).await), [("both", What::Object)]);
}

#[tokio::test]
async fn with_versions_objects_are_hidden_and_old_versions_go() {
    let rig = Rig::new(Versioning::Enabled).await;
    set(&rig, vec![expiring(1), noncurrent(2, None)]).await;
    let first = rig.put("k", "1").await.unwrap().version.unwrap();
    rig.clock.advance(2 * DAY);
    let hidden = walk(&rig, &pass()).await;
    assert!(matches!(told(&hidden)[..], [("k", What::Hidden(VersionId::Id(_)))]), "{hidden:?}");
    assert!(rig.body(name("k")).await.is_err());
    assert_eq!(rig.body(version("k", first)).await.unwrap(), "1", "its version is still there");
    assert!(walk(&rig, &pass()).await.is_empty(), "once");
    rig.clock.advance(3 * DAY);
    let gone = walk(&rig, &pass()).await;
    let What::Hidden(marker) = hidden[0].what else { panic!() };
    assert_eq!(told(&gone), [("k", What::Version(first)), ("k", What::Marker(marker))], "the marker hides nothing");
    assert!(rig.engine.lifecycle().buckets().await.unwrap().len() == 1);
}

#[tokio::test]
async fn a_version_is_noncurrent_since_its_successor() {
    let rig = Rig::new(Versioning::Enabled).await;
    set(&rig, vec![noncurrent(2, None)]).await;
    let first = rig.put("k", "1").await.unwrap().version.unwrap();
    rig.clock.advance(30 * DAY);
    rig.put("k", "2").await.unwrap();
    assert!(walk(&rig, &pass()).await.is_empty(), "it is old, but lost its place just now");
    rig.clock.advance(3 * DAY);
    assert_eq!(told(&walk(&rig, &pass()).await), [("k", What::Version(first))]);
    assert_eq!(rig.body(name("k")).await.unwrap(), "2");
}

#[tokio::test]
async fn the_newest_noncurrent_versions_are_kept_over_many_pages() {
    let rig = Rig::new(Versioning::Enabled).await;
    set(&rig, vec![noncurrent(1, Some(3))]).await;
    let mut versions = Vec::new();
    for n in 0..1_500 {
        versions.push(rig.put("many", n.to_string()).await.unwrap().version.unwrap());
    }
    let few = [rig.put("few", "1").await.unwrap(), rig.put("few", "2").await.unwrap()];
    rig.clock.advance(3 * DAY);
    let gone = walk(&rig, &pass()).await;
    assert_eq!(gone.len(), 1_500 - 1 - 3);
    for (n, kept) in versions.iter().enumerate().skip(1_496) {
        assert_eq!(rig.body(version("many", *kept)).await.unwrap(), n.to_string());
    }
    assert!(rig.body(version("many", versions[1_495])).await.is_err());
    assert_eq!(rig.body(version("few", few[0].version.unwrap())).await.unwrap(), "1");
}

#[tokio::test]
async fn a_walk_that_resumes_at_a_key_counts_as_one_that_did_not() {
    let rig = Rig::new(Versioning::Enabled).await;
    set(&rig, vec![noncurrent(1, Some(1_200))]).await;
    for n in 0..1_300 {
        rig.put("many", n.to_string()).await.unwrap();
    }
    rig.clock.advance(3 * DAY);
    let mut counts = Noncurrents::default();
    let step = rig.engine.lifecycle().expire_noncurrents(&pass(), &mut counts, None).await.unwrap();
    assert!(step.removed.is_empty());
    let resumed = rig.engine.lifecycle().first_version_of(&pass(), &step.next.unwrap());
    let (mut removed, mut from, mut counts) = (0, resumed, Noncurrents::default());
    while let Some(at) = from {
        let step = rig.engine.lifecycle().expire_noncurrents(&pass(), &mut counts, Some(at)).await.unwrap();
        removed += step.removed.len();
        from = step.next;
    }
    assert_eq!(removed, 1_299 - 1_200);
}

#[tokio::test]
async fn locked_versions_stay() {
    let rig = Rig::new(Versioning::Enabled).await;
    rig.engine.bucket_settings().put_object_lock(&bucket(), ObjectLockConfiguration { default: None }).await.unwrap();
    set(&rig, vec![expiring(1), noncurrent(1, None)]).await;
    let until = rig.clock.now().plus(10 * DAY);
    let retained = Retention { mode: RetentionMode::Governance, until };
    let kept = rig.put_with("kept", "1", |put| put.retention = Some(retained)).await.unwrap().version.unwrap();
    let held = rig.put_with("held", "1", |put| put.legal_hold = Some(LegalHold::On)).await.unwrap().version.unwrap();
    rig.clock.advance(5 * DAY);
    assert_eq!(walk(&rig, &pass()).await.len(), 2, "both are hidden");
    rig.clock.advance(4 * DAY);
    assert!(walk(&rig, &pass()).await.is_empty(), "neither goes");
    rig.clock.advance(4 * DAY);
    let gone = walk(&rig, &pass()).await;
    assert_eq!(gone[0].what, What::Version(kept), "retention ended, the hold did not");
    assert_eq!(rig.body(version("held", held)).await.unwrap(), "1");
}

#[tokio::test]
async fn delete_markers_that_hide_nothing_go_only_when_asked() {
    let rig = Rig::new(Versioning::Enabled).await;
    let put = rig.put("k", "1").await.unwrap().version.unwrap();
    let marker = rig.delete(name("k")).await.unwrap().version.unwrap();
    let marked = Rule { expiration: Some(Expiration::DeleteMarker(true)), ..rule("markers") };
    set(&rig, vec![marked.clone()]).await;
    rig.clock.advance(DAY);
    assert!(walk(&rig, &pass()).await.is_empty(), "a version lies below it");
    rig.delete(version("k", put)).await.unwrap();
    set(&rig, vec![Rule { expiration: Some(Expiration::DeleteMarker(false)), ..marked.clone() }]).await;
    assert!(walk(&rig, &pass()).await.is_empty());
    set(&rig, vec![marked]).await;
    assert_eq!(told(&walk(&rig, &pass()).await), [("k", What::Marker(marker))]);
}

#[tokio::test]
async fn suspended_buckets_get_null_markers() {
    let rig = Rig::new(Versioning::Enabled).await;
    let old = rig.put("k", "1").await.unwrap().version.unwrap();
    rig.engine.bucket_settings().put_versioning(&bucket(), Versioning::Suspended).await.unwrap();
    rig.put("k", "null").await.unwrap();
    set(&rig, vec![expiring(1)]).await;
    rig.clock.advance(3 * DAY);
    assert_eq!(told(&walk(&rig, &pass()).await), [("k", What::Hidden(VersionId::Null))]);
    assert_eq!(rig.body(version("k", old)).await.unwrap(), "1");
    assert!(rig.body(version("k", VersionId::Null)).await.is_err(), "the null version made way for the marker");
}

#[tokio::test]
async fn uploads_are_given_up() {
    let rig = Rig::new(Versioning::Off).await;
    set(&rig, vec![Rule { abort: Some(1), ..rule("abort") }]).await;
    let old = start(&rig, "k").await;
    rig.clock.advance(3 * DAY);
    let young = start(&rig, "k").await;
    assert_eq!(told(&walk(&rig, &pass()).await), [("k", What::Upload(old))]);
    assert!(rig.engine.uploads().is_upload_of(&bucket(), &key("k"), young).await.unwrap());
}

#[tokio::test]
async fn nothing_goes_under_rules_that_were_taken_back_or_a_lease_that_was_lost() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put("k", "x").await.unwrap();
    rig.clock.advance(3 * DAY);
    assert!(walk(&rig, &pass()).await.is_empty(), "no rules");
    set(&rig, vec![Rule { enabled: false, ..expiring(1) }]).await;
    assert!(walk(&rig, &pass()).await.is_empty(), "rules that are off");
    set(&rig, vec![expiring(1)]).await;
    let fence = Precondition::Unchanged { key: "fence".into(), value: Some(Bytes::from_static(b"1")) };
    rig.meta.commit(Batch::default().put("fence", "2")).await.unwrap();
    let lost = Pass { fence: Some(fence.clone()), ..pass() };
    assert!(walk(&rig, &lost).await.is_empty(), "another holds the lease");
    rig.meta.commit(Batch::default().put("fence", "1")).await.unwrap();
    assert_eq!(walk(&rig, &lost).await.len(), 1);
    rig.engine.bucket_settings().put_document(&bucket(), BucketDocument::Lifecycle, None).await.unwrap();
    rig.put("k", "x").await.unwrap();
    rig.clock.advance(9 * DAY);
    assert!(walk(&rig, &pass()).await.is_empty());
    assert!(rig.engine.lifecycle().buckets().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_bucket_that_is_gone_is_no_failure() {
    let rig = Rig::new(Versioning::Off).await;
    set(&rig, vec![expiring(1)]).await;
    rig.engine.buckets().delete(&bucket()).await.unwrap();
    let step = rig.engine.lifecycle().expire_currents(&pass(), None).await.unwrap();
    assert_eq!((step.seen, step.removed.len(), step.next), (0, 0, None));
}

#[tokio::test]
async fn deletes_beside_it_end_as_they_would_alone() {
    let rig = Rig::new(Versioning::Off).await;
    set(&rig, vec![expiring(1)]).await;
    for n in 0..100 {
        rig.put(&format!("k{n:03}"), "x").await.unwrap();
    }
    rig.clock.advance(3 * DAY);
    let deletes: Vec<_> = (0..100)
        .map(|n| DeleteObject {
            name: name(&format!("k{n:03}")),
            conditions: DeleteConditions::default(),
            bypass_governance: false,
        })
        .collect();
    let pass = pass();
    let (removed, deleted) =
        tokio::join!(rig.engine.lifecycle().expire_currents(&pass, None), rig.engine.objects().delete_all(&deletes));
    assert!(removed.unwrap().removed.len() <= 100 && deleted.iter().all(Result::is_ok));
    rig.assert_consistent().await;
    assert!(walk(&rig, &pass).await.is_empty());
}

/// Figures for docs/lifecycle.md, by hand: a walk over a million objects in the embedded store.
#[tokio::test]
#[ignore = "figures, by hand: --release -- --ignored --nocapture a_million"]
#[expect(clippy::print_stdout, reason = "figures are what it is for")]
async fn a_million_objects() {
    const OBJECTS: usize = 1_000_000;
    let folder = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(arqueta_store::RedbStore::open(folder.path().join("meta.redb")).unwrap());
    let rig = Rig::wrapping(Default::default(), Default::default(), Default::default(), |_| {}, |_| store.clone());
    rig.make_bucket(Versioning::Off).await;
    rig.put("model", "x").await.unwrap();
    let record = store.get(&arqueta_engine::schema::current(&bucket(), &key("model"))).await.unwrap().unwrap();
    for page in 0..OBJECTS / 1000 {
        let keys =
            (0..1000).map(|n| arqueta_engine::schema::current(&bucket(), &key(&format!("k{:07}", page * 1000 + n))));
        let batch = keys.fold(Batch::default(), |batch, key| batch.put(key, record.clone()));
        store.commit(batch).await.unwrap();
    }
    set(&rig, vec![expiring(3)]).await;
    let (began, mut from, mut seen) = (std::time::Instant::now(), None, 0);
    loop {
        let step = rig.engine.lifecycle().expire_currents(&pass(), from).await.unwrap();
        assert!(step.removed.is_empty());
        seen += step.seen;
        from = step.next;
        if from.is_none() {
            break;
        }
    }
    println!("{seen} records looked at in {:?}", began.elapsed());
    rig.clock.advance(9 * DAY);
    let (began, mut removed) = (std::time::Instant::now(), 0);
    let mut from = None;
    while removed < 50_000 {
        let step = rig.engine.lifecycle().expire_currents(&pass(), from).await.unwrap();
        removed += step.removed.len();
        from = step.next;
    }
    println!("{removed} objects removed in {:?}", began.elapsed());
}
