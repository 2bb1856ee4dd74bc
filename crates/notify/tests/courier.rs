//! The outbox is emptied in order, and what is not taken stays.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arqueta_engine::notifications::{Act, Happening, Lane, Notice, Notices, Occurrence, Targets};
use arqueta_engine::record::Record as _;
use arqueta_model::{Clock as _, ManualClock};
use arqueta_notify::{Bounds, Courier, Failure, Format, Message, Progress, Route, Standing, Target};
use arqueta_store::{Batch, Leases, MemoryMeta, MetaStore as _, Scan};
use async_trait::async_trait;

const TERM: Duration = Duration::from_secs(30);

/// Takes what it is not told to refuse.
#[derive(Default)]
struct Double {
    heard: Mutex<Vec<(String, String)>>,
    refuse: Mutex<BTreeSet<String>>,
    /// Buckets for whose events it answers as if it did not work.
    broken: Mutex<BTreeSet<String>>,
    down: Mutex<bool>,
    /// Takes so many, and then does not answer any more.
    hangs: Mutex<Option<usize>>,
}

#[async_trait]
impl Target for Double {
    async fn send(&self, message: &Message) -> Result<(), Failure> {
        let hangs = self.hangs.lock().unwrap().is_some_and(|after| self.heard.lock().unwrap().len() >= after);
        if hangs {
            std::future::pending::<()>().await;
        }
        if *self.down.lock().unwrap() || self.broken.lock().unwrap().contains(&message.bucket) {
            return Err(Failure::Unavailable("down".to_owned()));
        }
        // As others come to their turn in between, order is not held by chance.
        tokio::task::yield_now().await;
        if self.refuse.lock().unwrap().contains(&message.group) {
            return Err(Failure::Refused("no".to_owned()));
        }
        self.heard.lock().unwrap().push((message.group.clone(), message.id.clone()));
        Ok(())
    }
}

struct Rig {
    meta: Arc<MemoryMeta>,
    clock: Arc<ManualClock>,
    target: Arc<Double>,
    progress: Progress,
    notices: Arc<Notices>,
    attempt: Duration,
}

impl Rig {
    fn new() -> Self {
        let named = BTreeMap::from([("hook".to_owned(), Vec::new())]);
        Self {
            meta: Arc::default(),
            clock: Arc::default(),
            target: Arc::default(),
            progress: Progress::of(["hook"]),
            notices: Arc::new(Notices::to(Targets { named, ..Targets::default() })),
            attempt: Duration::from_secs(5),
        }
    }

    fn courier(&self, owner: &str) -> Courier {
        let on = Standing {
            meta: self.meta.clone(),
            leases: Leases::new(self.meta.clone(), self.clock.clone(), owner, TERM),
            clock: self.clock.clone(),
            notices: self.notices.clone(),
        };
        let bounds = Bounds { concurrent: 4, attempt: self.attempt };
        let route = Route { name: "hook".to_owned(), target: self.target.clone(), format: Format::Aws, bounds };
        Courier::new(on, vec![route], &self.progress)
    }

    /// Writes the event of `key` at `sequence`, as a commit of the engine would.
    async fn write(&self, key: &str, sequence: u64) {
        self.write_of(("bucket", "111122223333"), key, sequence).await;
    }

    /// The same of another bucket, and its owner.
    async fn write_of(&self, (bucket, owner): (&str, &str), key: &str, sequence: u64) {
        let notice = Notice::Occurred(Box::new(Occurrence {
            rule: "r".to_owned(),
            happening: Happening::Put,
            bucket: bucket.parse().unwrap(),
            owner: owner.parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            key: key.parse().unwrap(),
            version: None,
            size: Some(1),
            etag: None,
            sequence,
            at: self.clock.now(),
            act: Act { principal: String::new(), source: String::new(), request: String::new(), host: String::new() },
            replication: None,
        }));
        self.meta.commit(Batch::default().put(at(sequence), notice.encode())).await.unwrap();
    }

    async fn rows(&self) -> usize {
        self.meta.page(Scan::prefix(Lane::all(), 100_000)).await.unwrap().len()
    }

    /// Lets what works in the background work until `done`.
    async fn until(&self, done: impl AsyncFn() -> bool) {
        for _ in 0..100_000 {
            if done().await {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it did not come");
    }

    /// Sequences that were heard of a key, in the order they were.
    fn heard(&self, key: &str) -> Vec<u64> {
        let group = format!("bucket/{key}");
        let heard = self.target.heard.lock().unwrap();
        let of = heard.iter().filter(|(heard, _)| *heard == group);
        of.map(|(_, id)| u64::from_str_radix(&id[..16], 16).unwrap()).collect()
    }
}

fn at(sequence: u64) -> Vec<u8> {
    [&Lane::of("hook").prefix()[..], &sequence.to_be_bytes(), b"\0\0\0\0"].concat()
}

#[tokio::test]
async fn every_key_is_told_in_order_and_nothing_is_left() {
    let rig = Rig::new();
    for n in 0..3000 {
        rig.write(["a", "b", "c"][n as usize % 3], n).await;
    }
    rig.courier("one").round().await.unwrap();
    for key in ["a", "b", "c"] {
        let heard = rig.heard(key);
        assert_eq!(heard.len(), 1000);
        assert!(heard.is_sorted(), "{key}");
    }
    assert_eq!(rig.rows().await, 0);
    let (_, counts) = rig.progress.targets().next().unwrap();
    assert_eq!((counts.sent(), counts.waiting(), counts.oldest()), (3000, 0, None));
}

#[tokio::test]
async fn a_target_that_is_down_keeps_its_events_and_gets_them_in_order_when_it_is_back() {
    let rig = Rig::new();
    for n in 0..10 {
        rig.write("a", n).await;
    }
    *rig.target.down.lock().unwrap() = true;
    let courier = rig.courier("one");
    for _ in 0..5 {
        courier.round().await.unwrap();
        courier.round().await.unwrap();
        rig.clock.advance(Duration::from_secs(60));
    }
    assert_eq!((rig.rows().await, rig.heard("a").len()), (10, 0));
    let (_, counts) = rig.progress.targets().next().unwrap();
    assert_eq!((counts.failures(), counts.waiting()), (5, 10), "one try after each pause, not one an event");
    *rig.target.down.lock().unwrap() = false;
    courier.round().await.unwrap();
    assert_eq!(rig.heard("a"), (0..10).collect::<Vec<_>>());
    assert_eq!(rig.rows().await, 0);
}

#[tokio::test]
async fn an_event_that_is_refused_holds_its_key_alone() {
    let rig = Rig::new();
    for n in 0..20 {
        rig.write(["stuck", "free"][n as usize % 2], n).await;
    }
    rig.target.refuse.lock().unwrap().insert("bucket/stuck".to_owned());
    let courier = rig.courier("one");
    courier.round().await.unwrap();
    assert_eq!((rig.heard("free").len(), rig.heard("stuck").len(), rig.rows().await), (10, 0, 10));
    rig.target.refuse.lock().unwrap().clear();
    courier.round().await.unwrap();
    assert_eq!(rig.heard("stuck").len(), 0, "not before its pause is over");
    rig.clock.advance(Duration::from_secs(1));
    courier.round().await.unwrap();
    assert!(rig.heard("stuck").is_sorted() && rig.heard("stuck").len() == 10);
}

#[tokio::test]
async fn more_refused_events_than_a_page_do_not_hide_the_others() {
    let rig = Rig::new();
    for n in 0..2500 {
        rig.write("stuck", n).await;
    }
    rig.write("free", 2500).await;
    rig.target.refuse.lock().unwrap().insert("bucket/stuck".to_owned());
    rig.courier("one").round().await.unwrap();
    assert_eq!((rig.heard("free").len(), rig.rows().await), (1, 2500));
}

#[tokio::test]
async fn one_of_two_gateways_works_and_the_other_takes_over() {
    let rig = Rig::new();
    let (one, two) = (rig.courier("one"), rig.courier("two"));
    rig.write("a", 1).await;
    one.round().await.unwrap();
    rig.write("a", 2).await;
    two.round().await.unwrap();
    assert_eq!(rig.heard("a"), [1], "the lease is the other's");
    rig.clock.advance(TERM + Duration::from_secs(1));
    two.round().await.unwrap();
    assert_eq!(rig.heard("a"), [1, 2]);
    rig.write("a", 3).await;
    one.round().await.unwrap();
    assert_eq!((rig.heard("a"), rig.rows().await), (vec![1, 2], 1));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stays_and_stops_nothing() {
    let rig = Rig::new();
    rig.write("a", 1).await;
    rig.write("b", 2).await;
    rig.meta.commit(Batch::default().put(at(3), &b"\xff"[..])).await.unwrap();
    rig.meta.damage(&at(1)).await;
    rig.courier("one").round().await.unwrap();
    assert_eq!((rig.heard("a").len(), rig.heard("b").len(), rig.rows().await), (0, 1, 2));
}

#[tokio::test]
async fn an_empty_outbox_costs_no_write() {
    let rig = Rig::new();
    rig.courier("one").round().await.unwrap();
    assert_eq!(rig.meta.dump().await, []);
}

#[tokio::test]
async fn a_target_that_does_not_work_for_one_account_works_for_the_others() {
    let rig = Rig::new();
    // Far more keys than are tried at once, and older ones.
    for n in 0..200 {
        rig.write_of(("broken", "444455556666"), &format!("k{n}"), n).await;
    }
    for n in 200..300 {
        rig.write(&format!("k{n}"), n).await;
    }
    rig.target.broken.lock().unwrap().insert("broken".to_owned());
    let courier = rig.courier("one");
    courier.round().await.unwrap();
    let heard = rig.target.heard.lock().unwrap().len();
    assert_eq!((heard, rig.rows().await), (100, 200));
    let (_, counts) = rig.progress.targets().next().unwrap();
    let at_once = counts.failures();
    assert!((1..=4).contains(&at_once), "{at_once}");
    // Each pause ends with one try.
    for n in 0..3 {
        rig.clock.advance(Duration::from_secs(60));
        rig.write("later", 300 + n).await;
        courier.round().await.unwrap();
    }
    assert_eq!((rig.heard("later").len(), counts.failures()), (3, at_once + 3));
    rig.target.broken.lock().unwrap().clear();
    for _ in 0..2 {
        rig.clock.advance(Duration::from_secs(60));
        courier.round().await.unwrap();
    }
    assert_eq!(rig.rows().await, 0);
}

#[tokio::test]
async fn a_key_whose_event_is_answered_as_an_outage_does_not_stop_the_keys_beside_it() {
    let rig = Rig::new();
    for n in 0..4 {
        rig.write_of(("broken", "111122223333"), &format!("k{n}"), n).await;
    }
    rig.write("free", 4).await;
    rig.target.broken.lock().unwrap().insert("broken".to_owned());
    let courier = rig.courier("one");
    for _ in 0..6 {
        courier.round().await.unwrap();
        // One key after the other is tried, though the older ones need not wait any more.
        rig.clock.advance(Duration::from_secs(60));
    }
    assert_eq!((rig.heard("free"), rig.rows().await), (vec![4], 4));
}

#[tokio::test]
async fn a_new_key_does_not_wait_for_one_that_is_refused() {
    let rig = Rig::new();
    rig.write("stuck", 1).await;
    rig.target.refuse.lock().unwrap().insert("bucket/stuck".to_owned());
    let courier = rig.courier("one");
    let running = tokio::spawn(async move { courier.run().await });
    let (_, counts) = rig.progress.targets().next().unwrap();
    rig.until(async || counts.failures() == 1).await;
    rig.write("free", 2).await;
    rig.notices.wake(&[at(2).into()]);
    rig.clock.advance(Duration::from_millis(50));
    rig.until(async || rig.heard("free") == [2]).await;
    assert_eq!(counts.failures(), 1, "the pause of the other one is not over");
    running.abort();
}

#[tokio::test]
async fn what_was_told_is_noted_and_the_lease_kept_however_long_a_round_takes() {
    let rig = Rig { attempt: Duration::from_secs(600), ..Rig::new() };
    for n in 0..500 {
        rig.write("slow", n).await;
    }
    *rig.target.hangs.lock().unwrap() = Some(200);
    let courier = rig.courier("one");
    let running = tokio::spawn(async move { courier.round().await });
    rig.until(async || rig.heard("slow").len() == 200 && rig.rows().await == 500 - 128).await;
    for _ in 0..6 {
        rig.clock.advance(TERM / 2);
        rig.until(async || rig.rows().await == 300).await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        rig.courier("two").round().await.unwrap();
    }
    assert_eq!((rig.heard("slow").len(), rig.rows().await), (200, 300), "nothing came twice");
    running.abort();
}

#[tokio::test]
async fn what_waits_is_counted_at_the_start_also_for_targets_that_are_gone() {
    let rig = Rig::new();
    for n in 1..=3 {
        rig.write("a", n).await;
    }
    let gone = |n: u64| [&Lane::of("gone").prefix()[..], &n.to_be_bytes(), b"\0\0\0\0"].concat();
    let batch = (7..1509).fold(Batch::default(), |batch, n| batch.put(gone(n), &b"row"[..]));
    rig.meta.commit(batch).await.unwrap();
    let courier = rig.courier("one");
    assert_eq!(courier.begin(&rig.progress).await.unwrap(), 1508);
    assert_eq!((rig.progress.unnamed(), rig.notices.waiting("hook"), rig.notices.waiting("gone")), (1502, 3, 0));
    courier.round().await.unwrap();
    assert_eq!((rig.rows().await, rig.notices.waiting("hook")), (1502, 0));
}

#[tokio::test]
async fn an_account_that_fills_the_window_does_not_hide_the_others() {
    let rig = Rig::new();
    let count = arqueta_notify::route::WINDOW as u64 + 1500;
    for n in 0..count {
        rig.write_of(("broken", "444455556666"), &format!("k{}", n % 2000), n).await;
    }
    for n in 0..10 {
        rig.write("free", count + n).await;
    }
    rig.target.broken.lock().unwrap().insert("broken".to_owned());
    rig.courier("one").round().await.unwrap();
    assert_eq!(rig.heard("free"), (count..count + 10).collect::<Vec<_>>());
}
