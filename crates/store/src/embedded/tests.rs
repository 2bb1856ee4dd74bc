#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use redb::{Database, ReadableTable};

use super::*;
use crate::group::Apply as _;
use crate::power::{Dice, Recorder};
use crate::{Precondition, Write, contract};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let mut n = 0;
    contract::meta_store(async || {
        n += 1;
        RedbStore::open(dir.path().join(n.to_string())).unwrap()
    })
    .await;
}

#[tokio::test]
async fn commits_outlive_the_store_and_its_callers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.redb");
    let store = RedbStore::open(&path).unwrap();
    store.commit(Batch::default().put("a", "1").announce("one")).await.unwrap();
    // Polled once, then abandoned: accepted all the same.
    let abandoned = store.commit(Batch::default().put("b", "2"));
    assert!(futures::poll!(abandoned).is_pending());
    drop(store);
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(store.get(b"a").await.unwrap().unwrap(), "1");
    assert_eq!(store.get(b"b").await.unwrap().unwrap(), "2");
    store.commit(Batch::default().announce("two")).await.unwrap();
    assert_eq!(store.changes(Position(1), 9).await.unwrap()[0], Change { position: Position(2), body: "two".into() });
}

#[test]
fn a_second_opener_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.redb");
    let first = RedbStore::open(&path).unwrap();
    let refused = RedbStore::open(&path).unwrap_err();
    assert!(matches!(refused, Error::InUse { .. }), "{refused:?}");
    drop(first);
    RedbStore::open(&path).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.redb");
    drop(RedbStore::open(&path).unwrap());
    let good = fs::read(&path).unwrap();
    for (name, content) in [
        ("text", b"hello".to_vec()),
        ("zeros", vec![0; good.len()]),
        ("cut in half", good[..good.len() / 2].to_vec()),
        ("only a header", good[..4096].to_vec()),
    ] {
        fs::write(&path, content).unwrap();
        let refused = RedbStore::open(&path).unwrap_err();
        assert!(matches!(refused, Error::Damaged { .. }), "{name}: {refused:?}");
        assert!(refused.to_string().contains("meta.redb"), "{name}: the message names the file");
        assert!(refused.to_string().contains("meta.journal back from one back-up"), "{name}: {refused}");
    }
}

#[test]
fn an_unreachable_path_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(RedbStore::open(dir.path().join("missing/meta.redb")), Err(Error::Io(_))));
    assert!(RedbStore::open(dir.path()).is_err());
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.redb");
    drop(RedbStore::open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let segment = fs::read_dir(dir.path().join("meta.journal")).unwrap().next().unwrap().unwrap();
    assert_eq!(segment.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let folder = fs::metadata(dir.path().join("meta.journal")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let head = fs::metadata(dir.path().join("meta.head")).unwrap();
    assert_eq!(head.permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "nothing else is left behind");
}

/// A store's file with these pairs in it.
async fn filled(path: &Path) -> (BTreeMap<String, Vec<u8>>, Vec<u8>) {
    let mut dice = Dice::new(11);
    let pairs: BTreeMap<String, Vec<u8>> = (0..200).map(|n| (format!("key-{n:04}"), dice.bytes(300))).collect();
    let store = RedbStore::open(path).unwrap();
    let batch = pairs.iter().fold(Batch::default(), |batch, (key, value)| batch.put(key.clone(), value.clone()));
    store.commit(batch).await.unwrap();
    drop(store);
    (pairs, fs::read(path).unwrap())
}

#[tokio::test]
async fn a_damaged_value_is_reported_and_never_returned() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.redb");
    let (pairs, good) = filled(&path).await;
    let mut dice = Dice::new(12);
    for (key, value) in pairs.iter().step_by(5) {
        let at = good.windows(300).position(|found| found == value).unwrap() + dice.below(300);
        let mut damaged = good.clone();
        damaged[at] ^= 1 << dice.below(8);
        fs::write(&path, damaged).unwrap();
        let store = RedbStore::open(&path).unwrap();
        let reported = store.get(key.as_bytes()).await.unwrap_err();
        assert!(matches!(reported, Error::Damaged { .. }), "{reported:?}");
        assert!(reported.to_string().contains(key), "the message names the record");
        let others = pairs.iter().filter(|(other, _)| *other != key);
        for (other, value) in others {
            assert_eq!(store.get(other.as_bytes()).await.unwrap().unwrap(), value);
        }
    }
}

#[tokio::test]
async fn verifying_finds_any_damaged_byte_that_matters() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.redb");
    let (pairs, good) = filled(&path).await;
    let mut dice = Dice::new(13);
    let mut refused = 0;
    for _ in 0..80 {
        let mut damaged = good.clone();
        let at = dice.below(150_000.min(good.len()));
        damaged[at] ^= 1 << dice.below(8);
        fs::write(&path, damaged).unwrap();
        match RedbStore::open_with(&path, RedbOptions { verify: true, ..RedbOptions::default() }) {
            Err(Error::Damaged { .. }) => refused += 1,
            Err(error) => panic!("byte {at}: {error:?}"),
            Ok(store) => {
                let found = store.scan(Scan::prefix(b"", 1000)).await.unwrap();
                let found: BTreeMap<_, _> = found.into_iter().collect();
                assert_eq!(found.len(), pairs.len(), "byte {at}");
                assert!(pairs.iter().all(|(key, value)| found[key.as_bytes()] == *value), "byte {at}");
            }
        }
    }
    assert!(refused >= 20, "{refused}");
}

#[tokio::test]
async fn a_record_of_another_key_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.redb");
    let store = RedbStore::open(&path).unwrap();
    store.commit(Batch::default().put("mine", "value").announce("news")).await.unwrap();
    drop(store);
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut pairs = transaction.open_table(PAIRS).unwrap();
        let mine = pairs.get(&b"mine"[..]).unwrap().unwrap().value().to_vec();
        pairs.insert(&b"yours"[..], &mine[..]).unwrap();
        pairs.insert(&b"short"[..], &b"abc"[..]).unwrap();
        let mut feed = transaction.open_table(CHANGES).unwrap();
        let news = feed.get(1).unwrap().unwrap().value().to_vec();
        feed.insert(2, &news[..]).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(store.get(b"mine").await.unwrap().unwrap(), "value");
    let damaged = |error: Error| matches!(error, Error::Damaged { .. });
    assert!(damaged(store.get(b"yours").await.unwrap_err()));
    assert!(damaged(store.get(b"short").await.unwrap_err()));
    assert!(damaged(store.scan(Scan::prefix(b"", 10)).await.unwrap_err()));
    assert!(damaged(store.changes(Position(0), 10).await.unwrap_err()));
    assert_eq!(store.changes(Position(0), 1).await.unwrap().len(), 1, "what is whole can be read");
    // A comparison with a damaged value is not a conflict: the caller would read and try for ever.
    assert!(damaged(store.commit(Batch::default().unchanged("yours", None).put("x", "")).await.unwrap_err()));
    assert!(store.get(b"x").await.unwrap().is_none());
}

#[tokio::test]
async fn damage_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.redb");
    let store = RedbStore::open(&path).unwrap();
    store.commit(Batch::default().put("a", "1").put("c", "3")).await.unwrap();
    drop(store);
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    for key in [&b"bad"[..], b"worse"] {
        transaction.open_table(PAIRS).unwrap().insert(key, &b"edited"[..]).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    contract::damaged_records(&RedbStore::open(&path).unwrap()).await;
}

#[tokio::test]
async fn a_damaged_value_fails_only_the_request_that_compares_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.redb");
    let store = RedbStore::open(&path).unwrap();
    store.commit(Batch::default().put("good", "1")).await.unwrap();
    drop(store);
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(PAIRS).unwrap().insert(&b"bad"[..], &b"edited"[..]).unwrap();
    transaction.commit().unwrap();
    drop(database);

    let view = Arc::new(View::default());
    let opener = Opener::new(Arc::new(OsDisk), &path, RedbOptions::default(), Tuning::default());
    let mut writer = Writer::new(opener, view.clone()).unwrap();
    let generation = view.current().unwrap().generation;
    let group = [
        Request::Commit(Batch::default().put("before", "")),
        Request::Commit(Batch::default().put("refused", "").unchanged("good", Some("1".into())).unchanged("bad", None)),
        Request::Commit(Batch::default().put("conflict", "").unchanged("good", None)),
        Request::Commit(Batch::default().put("after", "").unchanged("good", Some("1".into()))),
    ];
    let answers = writer.apply(&group);
    let expected = |answers: &[Result<(), Error>]| matches!(answers, [Ok(()), Err(Error::Damaged { what }), Err(Error::Conflict), Ok(())] if what.contains("bad"));
    assert!(expected(&answers), "{answers:?}");
    let snapshot = view.current().unwrap();
    assert_eq!(snapshot.generation, generation, "the database was not opened again");
    for (key, written) in [("before", true), ("refused", false), ("conflict", false), ("after", true)] {
        assert_eq!(snapshot.get(key.as_bytes()).unwrap().is_some(), written, "{key}");
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_then_over() {
    let disk = Recorder::new();
    let store = disk.meta().unwrap();
    store.commit(Batch::default().put("kept", "1").announce("one")).await.unwrap();
    disk.set_capacity(Some(0));
    let body = Dice::new(1).bytes(3 << 20);
    for _ in 0..3 {
        let refused = store.commit(Batch::default().put("big", body.clone())).await.unwrap_err();
        assert!(matches!(refused, Error::Full(_)), "{refused:?}");
        assert_eq!(store.get(b"kept").await.unwrap().unwrap(), "1");
        assert!(store.get(b"big").await.unwrap().is_none());
    }
    disk.set_capacity(None);
    store.commit(Batch::default().put("big", body.clone()).announce("two")).await.unwrap();
    assert_eq!(store.get(b"big").await.unwrap().unwrap(), body);
    drop(store);
    let store = disk.meta().unwrap();
    assert_eq!(store.scan(Scan::prefix(b"", 10)).await.unwrap().len(), 2);
    assert_eq!(store.changes(Position(0), 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn one_bad_batch_does_not_spoil_its_neighbours() {
    let disk = Recorder::new();
    let store = disk.meta().unwrap();
    let commits = (0..64u8).map(|n| {
        let expected = (n % 2 == 1).then(|| Bytes::from_static(b"something"));
        store.commit(Batch::default().unchanged(vec![n], expected).put(vec![n], vec![n]))
    });
    let answers = futures::future::join_all(commits).await;
    for (n, answer) in answers.into_iter().enumerate() {
        let n = u8::try_from(n).unwrap();
        assert_eq!(answer.is_ok(), n.is_multiple_of(2), "{n}: {answer:?}");
        assert_eq!(store.get(&[n]).await.unwrap().is_some(), n.is_multiple_of(2), "{n}");
    }
}

/// The contract as a few lines of code.
#[derive(Debug, Default, Clone)]
struct Model {
    pairs: BTreeMap<Bytes, Bytes>,
    feed: Vec<Bytes>,
}

impl Model {
    fn commit(&mut self, batch: &Batch) -> bool {
        let holds = |precondition: &Precondition| match precondition {
            Precondition::Unchanged { key, value } => self.pairs.get(key) == value.as_ref(),
            Precondition::Present(key) => self.pairs.contains_key(key),
            Precondition::NoneUnder(prefix) => !self.pairs.keys().any(|key| key.starts_with(prefix)),
            Precondition::Damaged(_) => false,
        };
        if !batch.preconditions.iter().all(holds) {
            return false;
        }
        for write in &batch.writes {
            match write.clone() {
                Write::Put(key, value) => drop(self.pairs.insert(key, value)),
                Write::Delete(key) => drop(self.pairs.remove(&key)),
                Write::Announce(body) => self.feed.push(body),
            }
        }
        true
    }
}

fn key() -> impl Strategy<Value = Bytes> {
    // Few keys, many collisions and shared prefixes.
    prop::collection::vec(prop::sample::select(&[0u8, 1, b'a', 0xff][..]), 0..4).prop_map(Bytes::from)
}

fn body() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..4).prop_map(Bytes::from),
        1 => (any::<u8>(), 0..9000usize).prop_map(|(byte, len)| vec![byte; len].into()),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    let precondition = prop_oneof![
        (key(), prop::option::of(body())).prop_map(|(key, value)| Precondition::Unchanged { key, value }),
        key().prop_map(Precondition::Present),
        key().prop_map(Precondition::NoneUnder),
    ];
    let write = prop_oneof![
        3 => (key(), body()).prop_map(|(key, body)| Write::Put(key, body)),
        1 => key().prop_map(Write::Delete),
        1 => body().prop_map(Write::Announce),
    ];
    let lists = (prop::collection::vec(precondition, 0..2), prop::collection::vec(write, 0..5));
    lists.prop_map(|(preconditions, writes)| Batch { preconditions, writes })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_a_sorted_map(
        batches in prop::collection::vec((batch(), any::<bool>()), 1..25),
        pages in prop::collection::vec((key(), prop::option::of(key()), 0..6usize), 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let disk = Recorder::new();
            let mut store = disk.meta().unwrap();
            let mut model = Model::default();
            for (mut batch, exact) in batches {
                // Half of the comparisons are with the value that is there.
                for precondition in &mut batch.preconditions {
                    if let (true, Precondition::Unchanged { key, value }) = (exact, precondition) {
                        *value = model.pairs.get(key).cloned();
                    }
                }
                let expected = model.commit(&batch);
                match store.commit(batch).await {
                    Ok(()) => assert!(expected),
                    Err(Error::Conflict) => assert!(!expected),
                    Err(error) => panic!("{error:?}"),
                }
            }
            for reopened in [false, true] {
                if reopened {
                    drop(store);
                    store = disk.meta().unwrap();
                }
                for (start, end, limit) in &pages {
                    let inside = |key: &Bytes| key >= start && end.as_ref().is_none_or(|end| key < end);
                    let expected: Vec<crate::Pair> =
                        model.pairs.clone().into_iter().filter(|(key, _)| inside(key)).take(*limit).collect();
                    let scan = Scan { start: start.clone(), end: end.clone(), limit: *limit };
                    assert_eq!(store.scan(scan).await.unwrap(), expected);
                    assert_eq!(store.get(start).await.unwrap().as_ref(), model.pairs.get(start));
                }
                let feed = store.changes(Position(0), 1000).await.unwrap();
                assert_eq!(feed.into_iter().map(|change| change.body).collect::<Vec<_>>(), model.feed);
            }
        });
    }
}
