//! Two at once.

use std::sync::Arc;
use std::time::Duration;

use arqueta_store::{Batch, Error, MetaStore as _, Position, Precondition, Scan};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::cluster::{Cluster, open};

fn none_under(prefix: &'static str) -> Batch {
    Batch::default().require(Precondition::NoneUnder(prefix.into()))
}

/// Two batches over two keys.
type Pair = fn(String, String) -> (Batch, Batch);

/// Of every two batches that exclude each other exactly one happens, whichever way they do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_exclude_each_other_one_happens() {
    let cluster = Cluster::shared();
    let store = Arc::new(open(&cluster.url()).await);
    let pairs: [(&str, Pair); 3] = [
        ("the same value replaced", |a, _| {
            let replace = |to: &'static str| Batch::default().unchanged(a.clone(), None).put(a.clone(), to);
            (replace("1"), replace("2"))
        }),
        ("each requires that the other's is missing", |a, b| {
            (
                Batch::default().unchanged(b.clone(), None).put(a.clone(), "1"),
                Batch::default().unchanged(a, None).put(b, "1"),
            )
        }),
        ("a prefix must be empty, and a key is put under it", |a, b| {
            let under = Bytes::from(format!("{a}/x"));
            (
                Batch::default().require(Precondition::NoneUnder(format!("{a}/").into())).put(b.clone(), "gone"),
                Batch::default().unchanged(b, None).put(under, ""),
            )
        }),
    ];
    for (what, pair) in pairs {
        for round in 0..60 {
            let (one, other) = pair(format!("{what}/a{round}"), format!("{what}/b{round}"));
            let both = futures::future::join(store.commit(one), store.commit(other)).await;
            let happened = [&both.0, &both.1].into_iter().filter(|outcome| outcome.is_ok()).count();
            assert_eq!(happened, 1, "{what}, round {round}: {both:?}");
            assert!(
                [both.0, both.1]
                    .into_iter()
                    .all(|outcome| !matches!(outcome, Err(ref e) if !matches!(e, Error::Conflict)))
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_is_removed_only_while_nothing_is_put_into_it() {
    const ROUNDS: usize = 200;
    let cluster = Cluster::shared();
    let store = Arc::new(open(&cluster.url()).await);
    // The folder is the key `d`; what lies in it begins with `d/`.
    let mut tasks = JoinSet::new();
    for n in 0..6u8 {
        let store = store.clone();
        tasks.spawn(async move {
            for _ in 0..ROUNDS / 6 {
                let key = format!("d/{n}");
                let outcomes = [
                    store.commit(Batch::default().unchanged("d", None).put("d", "")).await,
                    store
                        .commit(Batch::default().require(Precondition::Present("d".into())).put(key.clone(), ""))
                        .await,
                    store.commit(none_under("d/").delete("d")).await,
                    store.commit(Batch::default().delete(key)).await,
                ];
                for outcome in outcomes {
                    assert!(matches!(outcome, Ok(()) | Err(Error::Conflict)), "{outcome:?}");
                }
            }
        });
    }
    let watched = tokio::spawn(async move {
        while !tasks.is_empty() {
            let look = vec![Scan { start: "d".into(), end: Some("d\0".into()), limit: 1 }, Scan::prefix(b"d/", 10)];
            let pages = store.pages(look).await.unwrap();
            assert!(!pages[0].is_empty() || pages[1].is_empty(), "something lies in a folder that is gone");
            while let Some(done) = tasks.try_join_next() {
                done.unwrap();
            }
        }
    });
    watched.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_is_in_commit_order_and_no_late_commit_is_passed_over() {
    let cluster = Cluster::shared();
    let url = cluster.url();
    let store = Arc::new(open(&url).await);
    store.commit(Batch::default().announce("first")).await.unwrap();
    // Somebody's batch that has its position and not yet its commit.
    let mut beside = cluster.beside(&url).await;
    let session: i64 =
        beside.query_one("INSERT INTO sessions DEFAULT VALUES RETURNING session", &[]).await.unwrap().get(0);
    let late = beside.transaction().await.unwrap();
    let none: Vec<&[u8]> = Vec::new();
    let body = crate::batch::sealed(b"", b"late");
    let text = "SELECT apply_batch($1, 1, ARRAY[$4::bigint], ARRAY[false], $2, $2, $2, $2, $2, $2, $2, $3)";
    assert_eq!(
        late.query_one(text, &[&session, &none, &vec![&body[..]], &Cluster::locks(&url).feed()])
            .await
            .unwrap()
            .get::<_, i16>(0),
        0
    );
    let later = tokio::spawn({
        let store = store.clone();
        async move { store.commit(Batch::default().announce("later")).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!later.is_finished(), "who announces waits for who has a position");
    let bodies = async |since: u64| {
        let changes = store.changes(Position(since), 10).await.unwrap();
        changes.into_iter().map(|change| (change.position.0, change.body)).collect::<Vec<_>>()
    };
    let seen = bodies(0).await;
    assert_eq!(seen.len(), 1, "a reader goes no further than what is committed: {seen:?}");
    // What announces nothing waits for nobody.
    store.commit(Batch::default().put("k", "v")).await.unwrap();
    late.commit().await.unwrap();
    later.await.unwrap().unwrap();
    let rest = bodies(seen[0].0).await;
    assert_eq!(rest.iter().map(|(_, body)| &body[..]).collect::<Vec<_>>(), [&b"late"[..], b"later"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_of_the_feed_sees_everything_once() {
    const WRITERS: u32 = 8;
    const EACH: u32 = 25;
    let cluster = Cluster::shared();
    let store = Arc::new(open(&cluster.url()).await);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for n in 0..EACH {
                store.commit(Batch::default().announce(format!("{writer} {n}"))).await.unwrap();
            }
        });
    }
    let (mut at, mut seen) = (Position::default(), Vec::new());
    loop {
        let over = writers.is_empty();
        let changes = store.changes(at, 7).await.unwrap();
        if let Some(last) = changes.last() {
            at = last.position;
        } else if over {
            break;
        }
        seen.extend(changes.into_iter().map(|change| String::from_utf8(change.body.to_vec()).unwrap()));
        while let Some(done) = writers.try_join_next() {
            done.unwrap();
        }
    }
    assert_eq!(seen.len(), (WRITERS * EACH) as usize);
    for writer in 0..WRITERS {
        let of: Vec<_> = seen.iter().filter(|body| body.starts_with(&format!("{writer} "))).cloned().collect();
        assert_eq!(of, (0..EACH).map(|n| format!("{writer} {n}")).collect::<Vec<_>>(), "in their order, each once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_batches_and_small_ones_exclude_each_other() {
    let cluster = Cluster::shared();
    let store = Arc::new(open(&cluster.url()).await);
    let keys: Vec<String> = (0..1_000).map(|n| format!("k{n:04}")).collect();
    let large = |to: &'static str| keys.iter().fold(Batch::default(), |batch, key| batch.put(key.clone(), to));
    let mut tasks = JoinSet::new();
    for n in 0..4 {
        let (store, batch) = (store.clone(), large(if n % 2 == 0 { "even" } else { "odd" }));
        tasks.spawn(async move { store.commit(batch).await.unwrap() });
    }
    for key in &keys[..100] {
        let seen = store.get(key.as_bytes()).await.unwrap();
        let note = format!("seen {key}");
        let small = Batch::default().unchanged(key.clone(), seen.clone()).put(note, seen.unwrap_or_default());
        match store.commit(small).await {
            Ok(()) | Err(Error::Conflict) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    tasks.join_all().await;
    let page = store.scan(Scan::prefix(b"k", 2_000)).await.unwrap();
    assert_eq!(page.len(), 1_000);
    assert!(page.iter().all(|(_, value)| *value == page[0].1), "large batches happen whole, one after the other");
}
