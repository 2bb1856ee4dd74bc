//! What is to be replicated stands in the commit of the version, and what became of it in the version.
#![allow(clippy::unwrap_used)]

mod rig;

use arqueta_engine::api::{GetObject, ReplicationState, Tags, Versioning};
use arqueta_engine::lifecycle::{self, Calendar, Expiration, Noncurrent, Noncurrents, Pass};
use arqueta_engine::record::{BucketDocument, Record as _};
use arqueta_engine::replication::{Destination, Filter, Intent, Kind, Lane, Opened, Replication, Rule, Settled};
use arqueta_engine::{Error, StoreError, notifications, schema};
use arqueta_store::{Fault, Leases, MetaStore, Precondition, Scan};
use bytes::Bytes;
use futures::TryStreamExt as _;
use rig::{Mode, Rig, bucket, name, pattern, version};

fn rule(id: &str, to: &str, priority: i32) -> Rule {
    Rule {
        id: id.to_owned(),
        enabled: true,
        priority: Some(priority),
        filter: Filter::default(),
        destination: Destination {
            bucket: to.parse().unwrap(),
            account: None,
            owner_override: false,
            storage_class: None,
            replica_key: None,
            metrics: None,
            time_control: None,
        },
        delete_markers: Some(true),
        existing: None,
        sse_kms: Some(true),
        replica_modifications: None,
    }
}

async fn replicated(rules: Vec<Rule>) -> Rig {
    let rig = Rig::new(Versioning::Enabled).await;
    let replication = Replication { role: "arn:aws:iam::111122223333:role/r".to_owned(), rules };
    rig.engine.bucket_settings().put_replication(&bucket(), &replication).await.unwrap();
    rig
}

async fn rows(rig: &Rig, to: &str) -> Vec<(Bytes, Intent)> {
    let page = rig.meta.page(Scan::prefix(Lane::of(to).prefix(), 1000)).await.unwrap();
    page.into_iter().map(|row| (row.key, Intent::decode(&row.value.unwrap()).unwrap())).collect()
}

async fn fence(rig: &Rig) -> Precondition {
    let leases = Leases::new(rig.meta.clone(), rig.clock.clone(), "test", std::time::Duration::from_secs(30));
    leases.take("replicate/there").await.unwrap().unwrap().fence()
}

async fn state(rig: &Rig, at: &str) -> Option<ReplicationState> {
    rig.engine.objects().head(&rig.caller, GetObject::new(name(at))).await.unwrap().replication
}

async fn settle(rig: &Rig, to: &str, outcome: Settled) {
    let fence = fence(rig).await;
    let (row, intent) = rows(rig, to).await.remove(0);
    rig.engine.replication().settle(&row, &intent, &fence, &outcome).await.unwrap();
}

fn failed() -> Settled {
    Settled::Failed("DstBucketNotFound".to_owned())
}

async fn left(rig: &Rig) -> usize {
    let all = [schema::INTENTS, schema::STANDINGS].map(|prefix| Scan::prefix(prefix, 1000));
    let mut left = 0;
    for scan in all {
        left += rig.meta.page(scan).await.unwrap().len();
    }
    left
}

#[tokio::test]
async fn a_version_waits_with_its_commit_and_is_done_in_one() {
    let rig = replicated(vec![rule("r", "there", 1)]).await;
    rig.put_mode("k", pattern(100_000), Mode::KmsBucketKey).await;
    assert_eq!(state(&rig, "k").await, Some(ReplicationState::Pending));
    let (_, intent) = rows(&rig, "there").await.remove(0);
    assert_eq!((intent.kind, intent.size, &*intent.rule), (Kind::Put, 100_000, "r"));
    let Some(Opened::Version { body: Some(body), info, .. }) =
        rig.engine.replication().open(&rig.caller, &intent).await.unwrap()
    else {
        panic!("it is there");
    };
    let read: Vec<Bytes> = body.try_collect().await.unwrap();
    assert_eq!((read.concat(), info.size), (pattern(100_000).to_vec(), 100_000));
    settle(&rig, "there", Settled::Done).await;
    assert_eq!((state(&rig, "k").await, left(&rig).await), (Some(ReplicationState::Completed), 0));
}

#[tokio::test]
async fn whatever_fails_there_is_a_row_for_what_is_there_and_none_for_what_is_not() {
    for fault in [Fault::Refused, Fault::Unacknowledged, Fault::Full] {
        for nth in 0..6 {
            let rig = replicated(vec![rule("r", "there", 1)]).await;
            rig.faulty_meta.fail_nth(nth, fault);
            let _ = rig.put("k", "x").await;
            rig.faulty_meta.fail_always(None);
            let there = rig.meta.get(&schema::current(&bucket(), &rig::key("k"))).await.unwrap().is_some();
            assert_eq!(
                (rows(&rig, "there").await.len(), left(&rig).await),
                match there {
                    true => (1, 2),
                    false => (0, 0),
                }
            );
        }
    }
}

#[tokio::test]
async fn nothing_waits_where_nobody_asked() {
    let rig = Rig::new(Versioning::Enabled).await;
    rig.put("k", "x").await.unwrap();
    assert_eq!((state(&rig, "k").await, left(&rig).await), (None, 0));
    let rig = replicated(vec![Rule {
        filter: Filter { prefix: Some("a/".to_owned()), ..Filter::default() },
        ..rule("r", "there", 1)
    }])
    .await;
    rig.put("k", "x").await.unwrap();
    assert_eq!((state(&rig, "k").await, left(&rig).await), (None, 0));
}

#[tokio::test]
async fn it_is_completed_once_the_last_destination_has_it() {
    let rig = replicated(vec![rule("a", "one", 1), rule("b", "two", 2)]).await;
    rig.put("k", "x").await.unwrap();
    settle(&rig, "one", Settled::Done).await;
    assert_eq!(state(&rig, "k").await, Some(ReplicationState::Pending));
    settle(&rig, "two", failed()).await;
    assert_eq!(state(&rig, "k").await, Some(ReplicationState::Failed));
    let (standings, next) = rig.engine.replication().standings(&bucket(), None).await.unwrap();
    assert_eq!((standings.len(), next), (1, None));
    let failed = standings[0].1.legs[0].failed.as_ref().unwrap();
    assert_eq!((&*failed.reason, standings[0].1.legs.len()), ("DstBucketNotFound", 1));
    assert_eq!(rig.engine.replication().retry(&bucket()).await.unwrap(), 1);
    assert_eq!((state(&rig, "k").await, rows(&rig, "one").await.len()), (Some(ReplicationState::Pending), 0));
    assert_eq!(rows(&rig, "two").await[0].1.kind, Kind::Put);
    settle(&rig, "two", Settled::Done).await;
    assert_eq!((state(&rig, "k").await, left(&rig).await), (Some(ReplicationState::Completed), 0));
    assert_eq!(rig.engine.replication().retry(&bucket()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_change_of_tags_waits_behind_its_version() {
    let rig = replicated(vec![rule("r", "there", 1)]).await;
    rig.put("k", "x").await.unwrap();
    let tags = Tags::of_object(vec![("a".to_owned(), "1".to_owned())]).unwrap();
    rig.engine.objects().put_tags(&name("k"), Some(tags.clone())).await.unwrap();
    let kinds: Vec<_> = rows(&rig, "there").await.into_iter().map(|(_, intent)| intent.kind).collect();
    assert_eq!(kinds, [Kind::Put, Kind::Amend]);
    settle(&rig, "there", Settled::Done).await;
    assert_eq!(state(&rig, "k").await, Some(ReplicationState::Pending));
    let (_, intent) = rows(&rig, "there").await.remove(0);
    let opened = rig.engine.replication().open(&rig.caller, &intent).await.unwrap();
    assert!(matches!(opened, Some(Opened::Version { body: None, tags: now, .. }) if now == tags));
    settle(&rig, "there", Settled::Done).await;
    assert_eq!((state(&rig, "k").await, left(&rig).await), (Some(ReplicationState::Completed), 0));
    // Of one that was written before there was a rule nothing goes.
    let rig = Rig::new(Versioning::Enabled).await;
    rig.put("k", "x").await.unwrap();
    let replication = Replication { role: String::new(), rules: vec![rule("r", "there", 1)] };
    rig.engine.bucket_settings().put_replication(&bucket(), &replication).await.unwrap();
    rig.engine.objects().put_tags(&name("k"), None).await.unwrap();
    assert_eq!(left(&rig).await, 0);
}

#[tokio::test]
async fn a_version_that_goes_away_takes_its_standing_along() {
    let rig = replicated(vec![rule("r", "there", 1)]).await;
    let first = rig.put("k", "x").await.unwrap().version.unwrap();
    settle(&rig, "there", failed()).await;
    assert_eq!(left(&rig).await, 1);
    rig.delete(version("k", first)).await.unwrap();
    assert_eq!(left(&rig).await, 0);
    let second = rig.put("k", "y").await.unwrap().version.unwrap();
    rig.delete(version("k", second)).await.unwrap();
    let (row, intent) = rows(&rig, "there").await.remove(0);
    assert!(rig.engine.replication().open(&rig.caller, &intent).await.unwrap().is_none());
    let fence = fence(&rig).await;
    rig.engine.replication().settle(&row, &intent, &fence, &Settled::Done).await.unwrap();
    assert_eq!(left(&rig).await, 0);
}

#[tokio::test]
async fn a_delete_marker_waits_as_one() {
    let rig = replicated(vec![rule("r", "there", 1)]).await;
    rig.put("k", "x").await.unwrap();
    let marker = rig.delete(name("k")).await.unwrap().version.unwrap();
    let (_, intent) = rows(&rig, "there").await.remove(1);
    assert_eq!((intent.kind, intent.version, intent.size), (Kind::Marker, marker, 0));
    assert!(matches!(rig.engine.replication().open(&rig.caller, &intent).await.unwrap(), Some(Opened::Marker(_))));
}

#[tokio::test]
async fn who_has_lost_the_lane_settles_nothing() {
    let rig = replicated(vec![rule("r", "there", 1)]).await;
    rig.put("k", "x").await.unwrap();
    let old = fence(&rig).await;
    fence(&rig).await;
    let (row, intent) = rows(&rig, "there").await.remove(0);
    let lost = rig.engine.replication().settle(&row, &intent, &old, &Settled::Done).await;
    assert!(matches!(lost, Err(Error::Store(StoreError::Conflict))));
    assert_eq!((state(&rig, "k").await, rows(&rig, "there").await.len()), (Some(ReplicationState::Pending), 1));
}

#[tokio::test]
async fn versioning_and_replication_need_each_other() {
    let rig = Rig::new(Versioning::Off).await;
    let replication = Replication { role: String::new(), rules: vec![rule("r", "there", 1)] };
    let refused = rig.engine.bucket_settings().put_replication(&bucket(), &replication).await;
    assert!(matches!(refused, Err(Error::InvalidRequest { .. })));
    let rig = replicated(vec![rule("r", "there", 1)]).await;
    let settings = rig.engine.bucket_settings();
    let refused = settings.put_versioning(&bucket(), Versioning::Suspended).await;
    assert!(matches!(refused, Err(Error::InvalidBucketState { .. })));
    settings.put_document(&bucket(), BucketDocument::Replication, None).await.unwrap();
    settings.put_versioning(&bucket(), Versioning::Suspended).await.unwrap();
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_lets_nothing_be_written() {
    let rig = Rig::new(Versioning::Enabled).await;
    let text = Some("{}".to_owned());
    rig.engine.bucket_settings().put_document(&bucket(), BucketDocument::Replication, text).await.unwrap();
    assert!(matches!(rig.put("k", "x").await, Err(Error::Damaged { what: "replication configuration" })));
    assert!(rig.engine.objects().head(&rig.caller, GetObject::new(name("k"))).await.is_err());
}

/// How many noncurrent and current versions lifecycle removes or hides now.
async fn expired(rig: &Rig) -> usize {
    let pass = Pass { bucket: bucket(), calendar: Calendar::default(), fence: None };
    let noncurrents =
        rig.engine.lifecycle().expire_noncurrents(&pass, &mut Noncurrents::default(), None).await.unwrap();
    let currents = rig.engine.lifecycle().expire_currents(&pass, None).await.unwrap();
    noncurrents.removed.len() + currents.removed.len()
}

#[tokio::test]
async fn lifecycle_leaves_alone_what_a_destination_does_not_have() {
    let rig = replicated(vec![rule("r", "there", 1)]).await;
    let rules = lifecycle::Rules {
        rules: vec![lifecycle::Rule {
            id: "expire".to_owned(),
            enabled: true,
            filter: lifecycle::Filter::default(),
            expiration: Some(Expiration::Days(1)),
            noncurrent: Some(Noncurrent { days: 1, keep: None }),
            abort: None,
        }],
    };
    let settings = rig.engine.bucket_settings();
    settings.put_document(&bucket(), BucketDocument::Lifecycle, Some(rules.to_document())).await.unwrap();
    for body in ["old", "new"] {
        rig.put("k", body).await.unwrap();
    }
    rig.clock.advance(std::time::Duration::from_secs(3 * 24 * 60 * 60));
    assert_eq!(expired(&rig).await, 0, "both wait");
    settle(&rig, "there", failed()).await;
    settle(&rig, "there", Settled::Done).await;
    assert_eq!(expired(&rig).await, 1, "the current one goes under a delete marker, the other one failed");
    assert_eq!(rig.engine.replication().retry(&bucket()).await.unwrap(), 1);
    settle(&rig, "there", Settled::Done).await;
    assert_eq!(expired(&rig).await, 1);
    assert!(rows(&rig, "there").await.is_empty(), "a marker of lifecycle's stays here");
}

#[tokio::test]
async fn what_waits_is_counted() {
    let rig = replicated(vec![rule("r", "there", 1)]).await;
    let written = rig.engine.replication().watch();
    rig.put("k", pattern(5000)).await.unwrap();
    rig.put("l", pattern(70)).await.unwrap();
    assert!(written.has_changed().unwrap());
    let load = |rig: &Rig| rig.engine.replication().outgoing().loads().get("there").copied().unwrap_or_default();
    assert_eq!((load(&rig).rows, load(&rig).bytes), (2, 5070));
    settle(&rig, "there", Settled::Done).await;
    assert_eq!((load(&rig).rows, load(&rig).bytes), (1, 70));
}

#[tokio::test]
async fn what_is_late_is_told_where_the_rule_has_time_control() {
    let mut quick = rule("r", "there", 1);
    quick.destination.time_control = Some(true);
    let rig = replicated(vec![quick, rule("s", "slow", 2)]).await;
    let wanted = notifications::Rule {
        id: "told".to_owned(),
        destination: notifications::Destination::Queue,
        arn: "arn:aws:sqs:us-east-1:111122223333:hook".to_owned(),
        target: "hook".to_owned(),
        events: vec!["s3:Replication:*".to_owned()],
        prefix: None,
        suffix: None,
    };
    let rules = notifications::Notifications { rules: vec![wanted] };
    rig.engine.bucket_settings().put_notifications(&bucket(), &rules, false).await.unwrap();
    rig.put("k", "x").await.unwrap();
    let fence = fence(&rig).await;
    for to in ["there", "slow"] {
        let (row, intent) = rows(&rig, to).await.remove(0);
        for _ in 0..2 {
            rig.engine.replication().miss(&row, &intent, &fence).await.unwrap();
        }
        rig.engine.replication().settle(&row, &intent, &fence, &Settled::Done).await.unwrap();
    }
    let told = rig.meta.page(Scan::prefix(notifications::Lane::of("hook").prefix(), 10)).await.unwrap();
    let told = told.into_iter().map(|row| match notifications::Notice::decode(&row.value.unwrap()).unwrap() {
        notifications::Notice::Occurred(what) => (what.happening, what.replication.unwrap().destination.to_string()),
        notifications::Notice::Test { .. } => panic!("nobody asked for a test"),
    });
    let there = |happening| (happening, "there".to_owned());
    let wanted = [notifications::Happening::ReplicationMissed, notifications::Happening::ReplicatedLate].map(there);
    assert_eq!(told.collect::<Vec<_>>(), wanted);
}
