use std::sync::Arc;

use bytes::Bytes;

use crate::{Batch, Entry, Error, MetaStore, Pair, Position, Precondition, Scan};

/// Runs the whole suite of [`MetaStore`]. Needs a tokio runtime.
///
/// # Panics
/// At the first promise that the store does not keep.
pub async fn meta_store<S: MetaStore + 'static>(mut make: impl AsyncFnMut() -> S) {
    pairs_come_and_go(&make().await).await;
    writes_of_a_batch_apply_in_order(&make().await).await;
    pages_are_ordered_and_bounded(&make().await).await;
    odd_keys_and_values_survive(&make().await).await;
    a_failed_precondition_writes_nothing(&make().await).await;
    preconditions_hold_when_they_should(&make().await).await;
    none_under_sees_prefixes_only(&make().await).await;
    changes_are_announced_in_order(&make().await).await;
    trimmed_positions_are_not_reused(&make().await).await;
    concurrent_increments_are_all_counted(Arc::new(make().await)).await;
    one_of_many_creators_wins(Arc::new(make().await)).await;
    pages_are_snapshots(Arc::new(make().await)).await;
}

/// What [`MetaStore`] promises of a store where `a` and `c` hold `1` and `3`, and the records of
/// `bad` and `worse` are damaged.
///
/// # Panics
/// At the first promise that the store does not keep.
pub async fn damaged_records(store: &impl MetaStore) {
    let damaged = |error: &Error, key: &str| matches!(error, Error::Damaged { what } if what.contains(key));
    for key in ["bad", "worse"] {
        let error = store.get(key.as_bytes()).await.expect_err("a damaged value is never returned");
        assert!(damaged(&error, key), "the error names the record: {error}");
    }
    let entry = |key: &str, value: Option<&str>| Entry { key: bytes(key), value: value.map(bytes) };
    let whole = store.page(everything(9)).await.expect("a page goes on past damage");
    let all = [entry("a", Some("1")), entry("bad", None), entry("c", Some("3")), entry("worse", None)];
    assert_eq!(whole, all, "damaged records stand in a page as such");
    assert_eq!(store.page(everything(2)).await.expect("a page goes on past damage"), all[..2], "and are counted");
    let error = store.scan(everything(9)).await.expect_err("a scan stops at damage");
    assert!(damaged(&error, "bad"), "{error}");

    let on = |key: &str| Batch::default().require(Precondition::Damaged(bytes(key)));
    conflicts_unread(store, on("a").put("x", "")).await;
    conflicts_unread(store, on("missing").put("x", "")).await;
    conflicts_unread(store, Batch::default().require(Precondition::NoneUnder(bytes("bad"))).put("x", "")).await;
    let compared = store.commit(Batch::default().unchanged("bad", None).put("x", "")).await;
    assert!(compared.is_err_and(|error| damaged(&error, "bad")), "a comparison with a damaged record is no conflict");
    apply(store, Batch::default().require(Precondition::Present(bytes("bad")))).await;

    apply(store, on("bad").put("bad", "2")).await;
    assert_eq!(value(store, "bad").await, Some(bytes("2")), "a damaged record can be replaced");
    conflicts_unread(store, on("bad").put("bad", "")).await;
    apply(store, on("worse").delete("worse")).await;
    let pairs = [("a", "1"), ("bad", "2"), ("c", "3")].map(|(key, value)| (bytes(key), bytes(value)));
    assert_eq!(page(store, everything(9)).await, pairs, "and removed");
}

async fn conflicts_unread(store: &impl MetaStore, batch: Batch) {
    let answer = store.commit(batch).await;
    assert!(matches!(answer, Err(Error::Conflict)), "expected a conflict, got {answer:?}");
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn everything(limit: usize) -> Scan {
    Scan { start: Bytes::new(), end: None, limit }
}

async fn value(store: &impl MetaStore, key: &str) -> Option<Bytes> {
    store.get(key.as_bytes()).await.expect("a read of a healthy store succeeds")
}

async fn page(store: &impl MetaStore, scan: Scan) -> Vec<Pair> {
    store.scan(scan).await.expect("a scan of a healthy store succeeds")
}

async fn apply(store: &impl MetaStore, batch: Batch) {
    store.commit(batch).await.expect("a commit whose preconditions hold succeeds");
}

async fn conflicts(store: &impl MetaStore, batch: Batch) {
    let before = page(store, everything(1000)).await;
    let answer = store.commit(batch).await;
    assert!(matches!(answer, Err(Error::Conflict)), "expected a conflict, got {answer:?}");
    assert_eq!(page(store, everything(1000)).await, before, "a refused batch wrote something");
}

async fn pairs_come_and_go(store: &impl MetaStore) {
    assert_eq!(value(store, "a").await, None, "a fresh store is empty");
    apply(store, Batch::default()).await;
    apply(store, Batch::default().put("a", "1").put("b", "2")).await;
    assert_eq!(value(store, "a").await, Some(bytes("1")));
    apply(store, Batch::default().put("a", "3").delete("b").delete("missing")).await;
    assert_eq!(value(store, "a").await, Some(bytes("3")), "a later value replaces an earlier one");
    assert_eq!(value(store, "b").await, None, "a deleted key is gone");
}

async fn writes_of_a_batch_apply_in_order(store: &impl MetaStore) {
    apply(store, Batch::default().put("a", "1").put("a", "2").delete("b").put("b", "3").put("c", "4").delete("c"))
        .await;
    assert_eq!(page(store, everything(9)).await, [(bytes("a"), bytes("2")), (bytes("b"), bytes("3"))]);
}

async fn pages_are_ordered_and_bounded(store: &impl MetaStore) {
    let keys = ["a", "a\0", "a\0b", "aa", "b/1", "b/2", "b/3", "b0", "c"];
    let batch = keys.iter().rev().fold(Batch::default(), |batch, key| batch.put(bytes(key), bytes(key)));
    apply(store, batch).await;
    let names = |pairs: Vec<Pair>| pairs.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let all = names(page(store, everything(100)).await);
    assert_eq!(all, keys.map(bytes), "pages are in byte order");
    assert_eq!(names(page(store, everything(2)).await), all[..2], "a page has at most `limit` pairs");
    assert_eq!(names(page(store, Scan::prefix(b"b/", 100)).await), all[4..7]);
    assert_eq!(names(page(store, Scan::prefix(b"b/", 2)).await), all[4..6]);
    let between = |start: &str, end: &str| Scan { start: bytes(start), end: Some(bytes(end)), limit: 100 };
    assert_eq!(names(page(store, between("a\0", "b/2")).await), all[1..5], "`start` is in the page, `end` is not");
    assert_eq!(names(page(store, between("b", "b")).await), all[..0], "an empty range gives an empty page");
    assert_eq!(names(page(store, between("c", "a")).await), all[..0], "a reversed range gives an empty page");
    assert_eq!(names(page(store, between("d", "e")).await), all[..0]);
}

async fn odd_keys_and_values_survive(store: &impl MetaStore) {
    let long = Bytes::from(vec![0xff; 2000]);
    let big: Bytes = (0..300_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let odd = [Bytes::from_static(&[0]), Bytes::from_static(&[0xff, 0xff]), long.clone()];
    for key in &odd {
        apply(store, Batch::default().put(key.clone(), big.clone())).await;
    }
    for key in &odd {
        let found = store.get(key).await.expect("a read of a healthy store succeeds");
        assert!(found == Some(big.clone()), "a key of {} bytes lost its value", key.len());
    }
    apply(store, Batch::default().put("empty", "")).await;
    assert_eq!(value(store, "empty").await, Some(Bytes::new()), "an empty value is not a missing one");
    let under = page(store, Scan::prefix(&[0xff], 10)).await;
    assert_eq!(under.len(), 2, "a prefix of 0xff bytes has no upper bound");
}

async fn a_failed_precondition_writes_nothing(store: &impl MetaStore) {
    apply(store, Batch::default().put("a", "1")).await;
    let batch = || Batch::default().put("a", "2").put("new", "x").announce("change");
    conflicts(store, batch().unchanged("a", Some(bytes("0")))).await;
    conflicts(store, batch().unchanged("a", None)).await;
    conflicts(store, batch().unchanged("b", Some(bytes("1")))).await;
    conflicts(store, batch().unchanged("b", Some(Bytes::new()))).await;
    conflicts(store, batch().require(Precondition::Present(bytes("b")))).await;
    conflicts(store, batch().require(Precondition::NoneUnder(bytes("a")))).await;
    // One of several is enough, wherever it stands.
    conflicts(store, batch().unchanged("a", Some(bytes("1"))).unchanged("a", None)).await;
    conflicts(store, batch().unchanged("a", None).unchanged("a", Some(bytes("1")))).await;
    let changes = store.changes(Position::default(), 10).await.expect("the feed of a healthy store reads");
    assert_eq!(changes, [], "a refused batch announced something");
}

async fn preconditions_hold_when_they_should(store: &impl MetaStore) {
    apply(store, Batch::default().unchanged("a", None).put("a", "1")).await;
    apply(store, Batch::default().unchanged("a", Some(bytes("1"))).put("a", "2")).await;
    apply(store, Batch::default().require(Precondition::Present(bytes("a"))).put("b", "1")).await;
    // Seen against the state before the batch, not against its own writes.
    apply(store, Batch::default().put("c", "1").unchanged("c", None)).await;
    conflicts(store, Batch::default().put("d", "1").require(Precondition::Present(bytes("d")))).await;
    apply(store, Batch::default().delete("a").require(Precondition::Present(bytes("a")))).await;
    // A batch that only asks is fine too.
    apply(store, Batch::default().unchanged("a", None)).await;
    conflicts(store, Batch::default().require(Precondition::Present(bytes("a")))).await;
}

async fn none_under_sees_prefixes_only(store: &impl MetaStore) {
    let none_under = |prefix: &'static [u8]| Batch::default().require(Precondition::NoneUnder(prefix.into()));
    apply(store, none_under(b"").put("b/1", "")).await;
    for prefix in [&b""[..], b"b", b"b/", b"b/1"] {
        conflicts(store, none_under(prefix).put("x", "")).await;
    }
    for prefix in [&b"a"[..], b"b/0", b"b/1\0", b"b/2", b"b0", b"c", b"\xff"] {
        apply(store, none_under(prefix)).await;
    }
    apply(store, Batch::default().delete("b/1")).await;
    apply(store, none_under(b"b/")).await;
}

async fn changes_are_announced_in_order(store: &impl MetaStore) {
    let feed = async |since: u64, limit| {
        store.changes(Position(since), limit).await.expect("the feed of a healthy store reads")
    };
    assert_eq!(feed(0, 10).await, []);
    apply(store, Batch::default().announce("one").put("k", "v").announce("two")).await;
    apply(store, Batch::default().announce("three")).await;
    let all = feed(0, 10).await;
    let bodies: Vec<_> = all.iter().map(|change| &change.body[..]).collect();
    assert_eq!(bodies, [&b"one"[..], b"two", b"three"]);
    assert!(all[0].position > Position::default(), "zero lies before the first change");
    assert!(all.windows(2).all(|pair| pair[0].position < pair[1].position), "positions grow");
    assert_eq!(feed(0, 2).await, all[..2]);
    assert_eq!(feed(all[0].position.0, 10).await, all[1..], "`since` itself is not repeated");
    assert_eq!(feed(all[2].position.0, 10).await, []);
    assert_eq!(feed(u64::MAX, 10).await, []);
}

async fn trimmed_positions_are_not_reused(store: &impl MetaStore) {
    apply(store, Batch::default().announce("one").announce("two").announce("three")).await;
    let all = store.changes(Position::default(), 10).await.expect("the feed of a healthy store reads");
    store.trim(all[1].position).await.expect("a trim of a healthy store succeeds");
    let kept = store.changes(Position::default(), 10).await.expect("the feed of a healthy store reads");
    assert_eq!(kept, all[2..]);
    store.trim(all[2].position).await.expect("a trim of a healthy store succeeds");
    apply(store, Batch::default().announce("four")).await;
    let next = store.changes(Position::default(), 10).await.expect("the feed of a healthy store reads");
    assert_eq!(next.len(), 1);
    assert!(next[0].position > all[2].position, "a position came back after a trim");
}

async fn concurrent_increments_are_all_counted(store: Arc<impl MetaStore + 'static>) {
    const TASKS: u64 = 64;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let store = store.clone();
        tasks.spawn(async move {
            loop {
                let seen = value(&*store, "counter").await;
                let count: u64 = seen.as_deref().map_or(0, |text| {
                    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).expect("only counts are written")
                });
                let batch = Batch::default().unchanged("counter", seen).put("counter", (count + 1).to_string());
                match store.commit(batch).await {
                    Ok(()) => return,
                    Err(Error::Conflict) => {}
                    Err(error) => panic!("a commit of a healthy store failed: {error}"),
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no writer panics");
    }
    assert_eq!(value(&*store, "counter").await, Some(bytes(&TASKS.to_string())), "an increment was lost");
}

async fn one_of_many_creators_wins(store: Arc<impl MetaStore + 'static>) {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..32u8 {
        let store = store.clone();
        let batch = Batch::default().unchanged("name", None).put("name", vec![n]).put(vec![b'z', n], "");
        tasks.spawn(async move { store.commit(batch).await.is_ok().then_some(n) });
    }
    let winners: Vec<u8> = tasks.join_all().await.into_iter().flatten().collect();
    let [winner] = winners[..] else { panic!("one creator wins, got {winners:?}") };
    let kept = page(&*store, everything(100)).await;
    assert_eq!(kept, [(bytes("name"), Bytes::from(vec![winner])), (Bytes::from(vec![b'z', winner]), Bytes::new())]);
}

async fn pages_are_snapshots(store: Arc<impl MetaStore + 'static>) {
    // Two keys always written together must never be seen apart, nor an older state after a newer.
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 1..=100u32 {
                let text = format!("{n:04}");
                apply(&*store, Batch::default().put("left", text.clone()).put("right", text)).await;
            }
        }
    });
    let mut last = Bytes::new();
    let one = |key: &str| Scan { start: bytes(key), end: None, limit: 1 };
    while !writer.is_finished() {
        let seen: Vec<Bytes> = page(&*store, everything(2)).await.into_iter().map(|(_, value)| value).collect();
        let apart = store.pages(vec![one("right"), one("left")]).await.expect("pages of a healthy store read");
        let [right, left] = &apart[..] else { panic!("as many pages as asked for") };
        let values = |page: &[Entry]| page.iter().map(|entry| entry.value.clone()).collect::<Vec<_>>();
        assert_eq!(values(left), values(right), "two pages mix two states");
        if let [left, right] = &seen[..] {
            assert_eq!(left, right, "a page mixes two states");
            assert!(*left >= last, "a later page shows an earlier state");
            last = left.clone();
        } else {
            assert!(seen.is_empty(), "a page shows half a batch");
        }
        tokio::task::yield_now().await;
    }
    writer.await.expect("no writer panics");
    assert_eq!(value(&*store, "left").await, Some(bytes("0100")), "a commit is visible once acknowledged");
}
