//! What is told of a change stands in its commit, and nothing where nobody asked.
#![allow(clippy::unwrap_used)]

mod rig;

use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::Error;
use arqueta_engine::api::{
    Conditions, CopyObject, CopySource, EncryptionRequest, MetadataDirective, TagDirective, Tags, Versioning,
};
use arqueta_engine::lifecycle::{self, Calendar, Expiration, Filter, Pass, Rules};
use arqueta_engine::notifications::{
    Act, Destination, Happening, Lane, Notice, Notices, Notifications, Occurrence, Rule, Targets, Witness, witnessed,
};
use arqueta_engine::record::{BucketDocument, Record as _};
use arqueta_store::{Counting, Fault, MemoryBlobs, MetaStore, Scan};
use rig::{Mode, Rig, account, bucket, key, name, pattern, targets, version};

struct Form(bool);

impl Witness for Form {
    fn act(&self) -> Act {
        let text = |text: &str| text.to_owned();
        Act { principal: text("AWS:who"), source: text("127.0.0.1"), request: text("request"), host: text("host") }
    }

    fn by_form(&self) -> bool {
        self.0
    }
}

fn rule(events: &[&str], prefix: &str) -> Rule {
    Rule {
        id: "rule".to_owned(),
        destination: Destination::Queue,
        arn: "arn:aws:sqs:us-east-1:111122223333:hook".to_owned(),
        target: "hook".to_owned(),
        events: events.iter().map(|&name| name.to_owned()).collect(),
        prefix: Some(prefix.to_owned()),
        suffix: None,
    }
}

async fn listen(rig: &Rig, events: &[&str]) {
    let rules = Notifications { rules: vec![rule(events, "")] };
    rig.engine.bucket_settings().put_notifications(&bucket(), &rules, false).await.unwrap();
}

async fn everything(versioning: Versioning) -> Rig {
    let rig = Rig::new(versioning).await;
    let all = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:LifecycleExpiration:*"];
    listen(&rig, &all).await;
    rig
}

async fn notices(rig: &Rig) -> Vec<Notice> {
    let rows = rig.meta.page(Scan::prefix(Lane::of("hook").prefix(), 1000)).await.unwrap();
    rows.into_iter().map(|row| Notice::decode(&row.value.unwrap()).unwrap()).collect()
}

async fn told(rig: &Rig) -> Vec<Occurrence> {
    let occurred = |notice| match notice {
        Notice::Occurred(what) => *what,
        Notice::Test { .. } => panic!("nobody asked for a test"),
    };
    notices(rig).await.into_iter().map(occurred).collect()
}

async fn happened(rig: &Rig) -> Vec<Happening> {
    told(rig).await.into_iter().map(|told| told.happening).collect()
}

async fn copy(rig: &Rig, to: &str) {
    let input = CopyObject {
        bucket: bucket(),
        key: key(to),
        source: CopySource { name: name("k"), conditions: Conditions::default(), customer_key: None },
        metadata: MetadataDirective::Copy,
        tags: TagDirective::Copy,
        storage_class: None,
        encryption: EncryptionRequest::default(),
        checksum: None,
        website_redirect: None,
        conditions: Conditions::default(),
        retention: None,
        legal_hold: None,
    };
    rig.engine.objects().copy(&rig.caller, input).await.unwrap();
}

#[tokio::test]
async fn what_happens_without_versions() {
    let rig = everything(Versioning::Off).await;
    let put = witnessed(Arc::new(Form(false)), rig.put("k", pattern(7))).await.unwrap();
    witnessed(Arc::new(Form(true)), rig.put("k", pattern(8))).await.unwrap();
    copy(&rig, "copy").await;
    let tags = Tags::of_object(vec![("a".to_owned(), "b".to_owned())]).unwrap();
    rig.engine.objects().put_tags(&name("k"), Some(tags)).await.unwrap();
    rig.engine.objects().put_tags(&name("k"), None).await.unwrap();
    rig.delete(name("k")).await.unwrap();
    rig.delete(name("k")).await.unwrap();
    use Happening::*;
    assert_eq!(
        happened(&rig).await,
        [Put, Post, Copy, TagsPut, TagsDeleted, Delete],
        "what is not there is not removed"
    );
    let all = told(&rig).await;
    let first = &all[0];
    assert_eq!((first.size, first.etag.as_ref(), first.version), (Some(7), Some(&put.etag), None));
    assert_eq!((&first.bucket, &first.owner, &first.key, &*first.rule), (&bucket(), &account(), &key("k"), "rule"));
    assert_eq!((&*first.act.principal, &*first.act.request), ("AWS:who", "request"));
    let gone = all.last().unwrap();
    assert_eq!((gone.size, &gone.etag, gone.version), (None, &None, None));
    let sequences: Vec<_> = all.iter().filter(|told| told.key == key("k")).map(|told| told.sequence).collect();
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]), "{sequences:?}");
}

#[tokio::test]
async fn what_happens_with_versions() {
    let rig = everything(Versioning::Enabled).await;
    let put = rig.put("k", pattern(1)).await.unwrap().version.unwrap();
    let marker = rig.delete(name("k")).await.unwrap().version.unwrap();
    rig.delete(version("k", put)).await.unwrap();
    rig.delete(version("k", marker)).await.unwrap();
    let told: Vec<_> = told(&rig).await.into_iter().map(|told| (told.happening, told.version.unwrap())).collect();
    use Happening::*;
    assert_eq!(told, [(Put, put), (Marker, marker), (Delete, put), (Delete, marker)]);
}

#[tokio::test]
async fn what_lifecycle_does_is_told_as_its_own() {
    let rig = everything(Versioning::Off).await;
    rig.put("k", pattern(1)).await.unwrap();
    let rules = vec![lifecycle::Rule {
        id: "old".to_owned(),
        enabled: true,
        filter: Filter::default(),
        expiration: Some(Expiration::Days(1)),
        noncurrent: None,
        abort: None,
    }];
    let document = Rules { rules }.to_document();
    rig.engine.bucket_settings().put_document(&bucket(), BucketDocument::Lifecycle, Some(document)).await.unwrap();
    rig.clock.advance(Duration::from_secs(3 * 24 * 60 * 60));
    let pass = Pass { bucket: bucket(), calendar: Calendar::default(), fence: None };
    rig.engine.lifecycle().expire_currents(&pass, None).await.unwrap();
    assert_eq!(happened(&rig).await, [Happening::Put, Happening::Expired]);
    assert_eq!(told(&rig).await[1].act.principal, "s3.amazonaws.com");
    rig.engine.bucket_settings().put_versioning(&bucket(), Versioning::Enabled).await.unwrap();
    rig.put("k", pattern(1)).await.unwrap();
    rig.clock.advance(Duration::from_secs(3 * 24 * 60 * 60));
    rig.engine.lifecycle().expire_currents(&pass, None).await.unwrap();
    assert_eq!(happened(&rig).await.last(), Some(&Happening::ExpiredMarker));
}

#[tokio::test]
async fn a_change_that_fails_tells_nothing() {
    let rig = everything(Versioning::Off).await;
    rig.faulty_meta.fail_always(Some(Fault::Full));
    rig.put("k", pattern(1)).await.unwrap_err();
    rig.faulty_meta.fail_always(None);
    let refused = rig.put_with("k", pattern(1), |put| put.conditions.if_match = rig::etag("none")).await;
    assert!(refused.is_err());
    assert_eq!(happened(&rig).await, []);
}

#[tokio::test]
async fn other_events_other_keys_and_buckets_that_ask_for_none_write_no_row() {
    let rig = Rig::new(Versioning::Off).await;
    let rows = async || rig.meta.page(Scan::prefix(Lane::all(), 10)).await.unwrap().len();
    rig.put("k", pattern(1)).await.unwrap();
    assert_eq!(rows().await, 0);
    let rules = Notifications { rules: vec![rule(&["s3:ObjectRemoved:*"], "in/")] };
    rig.engine.bucket_settings().put_notifications(&bucket(), &rules, false).await.unwrap();
    rig.put("in/k", pattern(1)).await.unwrap();
    rig.delete(name("k")).await.unwrap();
    assert_eq!(rows().await, 0);
    rig.delete(name("in/k")).await.unwrap();
    assert_eq!(rows().await, 1);
    rig.engine.bucket_settings().put_notifications(&bucket(), &Notifications::default(), true).await.unwrap();
    let none = rig.engine.bucket_settings().document(&bucket(), BucketDocument::Notification).await;
    assert!(matches!(none, Err(Error::NoSuchDocument(_))));
}

#[tokio::test]
async fn targets_of_queues_and_topics_are_tested_when_they_are_named() {
    let rig = Rig::new(Versioning::Off).await;
    let created = rule(&["s3:ObjectCreated:*"], "");
    let removed = Rule { id: "other".to_owned(), events: vec!["s3:ObjectRemoved:*".to_owned()], ..created.clone() };
    let function = Rule { destination: Destination::Function, target: "function".to_owned(), ..created.clone() };
    let rules = Notifications { rules: vec![created, removed, function] };
    rig.engine.bucket_settings().put_notifications(&bucket(), &rules, true).await.unwrap();
    assert!(matches!(&notices(&rig).await[..], [Notice::Test { bucket: named, .. }] if *named == bucket()));
    assert_eq!(rig.meta.page(Scan::prefix(Lane::of("function").prefix(), 10)).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_stops_what_nobody_would_hear_of() {
    let rig = Rig::new(Versioning::Off).await;
    let broken = Some("{".to_owned());
    rig.engine.bucket_settings().put_document(&bucket(), BucketDocument::Notification, broken).await.unwrap();
    assert!(matches!(rig.put("k", pattern(1)).await, Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn no_content_is_in_the_outbox() {
    let rig = everything(Versioning::Off).await;
    for mode in Mode::ALL {
        rig.put_mode("k", pattern(500), mode).await;
    }
    let rows = rig.meta.page(Scan::prefix(Lane::all(), 100)).await.unwrap();
    assert_eq!(rows.len(), Mode::ALL.len());
    for row in rows {
        let bytes = row.value.unwrap();
        assert!(bytes.len() < 400 && !bytes.windows(16).any(|window| *window == pattern(16)[..]), "{}", bytes.len());
    }
}

#[tokio::test]
async fn who_waits_is_told_of_rows() {
    let rig = everything(Versioning::Off).await;
    let mut written = rig.engine.config().notices.watch();
    assert!(!written.has_changed().unwrap());
    rig.put("k", pattern(1)).await.unwrap();
    written.changed().await.unwrap();
    rig.engine.bucket_settings().put_notifications(&bucket(), &Notifications::default(), false).await.unwrap();
    rig.put("k", pattern(1)).await.unwrap();
    assert!(!written.has_changed().unwrap());
}

/// A rig whose events go to `hook` as these targets say.
async fn under(targets: Targets) -> Rig {
    let notices = Arc::new(Notices::to(targets));
    let rig = Rig::over(Arc::default(), MemoryBlobs::default(), Arc::default(), |config| config.notices = notices);
    rig.make_bucket(Versioning::Off).await;
    listen(&rig, &["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]).await;
    rig
}

#[tokio::test]
async fn a_target_that_is_gone_or_not_for_the_buckets_owner_any_more_is_told_nothing() {
    let other = "444455556666".parse().unwrap();
    for named in [vec![], vec![("hook", vec![])], vec![("hook", vec![other])], vec![("other", vec![account()])]] {
        let named = named.into_iter().map(|(name, accounts)| (name.to_owned(), accounts)).collect();
        let rig = under(Targets { named, ..Targets::default() }).await;
        rig.put("k", pattern(1)).await.unwrap();
        rig.delete(name("k")).await.unwrap();
        assert_eq!(rig.meta.page(Scan::prefix(Lane::all(), 10)).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_change_is_refused_that_would_add_to_more_events_than_may_wait() {
    let rig = under(Targets { most: Some(3), ..targets() }).await;
    let notices = rig.engine.config().notices.clone();
    for key in ["a", "b", "c"] {
        rig.put(key, pattern(1)).await.unwrap();
    }
    assert_eq!(notices.waiting("hook"), 3);
    let refused = |error: Error| matches!(error, Error::TooManyWaiting) && error.is_retryable();
    assert!(refused(rig.put("d", pattern(1)).await.unwrap_err()));
    assert!(refused(rig.delete(name("a")).await.unwrap_err()));
    let rules = Notifications { rules: vec![rule(&["s3:ObjectCreated:*"], "")] };
    let settings = rig.engine.bucket_settings();
    assert!(refused(settings.put_notifications(&bucket(), &rules, true).await.unwrap_err()), "nor another test");
    assert_eq!(rig.body(name("a")).await.unwrap(), pattern(1), "nothing changed");
    notices.taken("hook", 1);
    rig.delete(name("a")).await.unwrap();
    assert_eq!(happened(&rig).await.len(), 4);
    // Whoever needs the space more than the events stops asking for them.
    settings.put_notifications(&bucket(), &Notifications::default(), true).await.unwrap();
    rig.delete(name("b")).await.unwrap();
}

#[tokio::test]
async fn the_test_event_is_in_the_commit_of_the_change() {
    let mut counting = None;
    let wrap = |meta: Arc<dyn MetaStore>| -> Arc<dyn MetaStore> {
        let counted = Counting::new(meta);
        counting = Some(counted.clone());
        Arc::new(counted)
    };
    let rig = Rig::wrapping(Arc::default(), MemoryBlobs::default(), Arc::default(), |_| {}, wrap);
    rig.make_bucket(Versioning::Off).await;
    let (counting, rules) = (counting.unwrap(), Notifications { rules: vec![rule(&["s3:ObjectCreated:*"], "")] });
    let mut written = rig.engine.config().notices.watch();
    let before = counting.writes();
    rig.engine.bucket_settings().put_notifications(&bucket(), &rules, true).await.unwrap();
    assert_eq!((counting.writes() - before, notices(&rig).await.len()), (1, 1));
    written.changed().await.unwrap();
    assert_eq!(rig.engine.config().notices.waiting("hook"), 1);
}

#[tokio::test]
async fn events_lie_behind_those_that_wait_also_after_the_clock_was_set_back() {
    let rig = everything(Versioning::Off).await;
    rig.clock.advance(Duration::from_secs(3600));
    rig.put("k", pattern(1)).await.unwrap();
    rig.delete(name("k")).await.unwrap();
    let last = told(&rig).await.last().unwrap().sequence;
    // The rig's clock begins where the first one did.
    let rig = rig.restarted();
    rig.engine.follow(last);
    rig.put("k", pattern(1)).await.unwrap();
    use Happening::*;
    assert_eq!(happened(&rig).await, [Put, Delete, Put]);
}
