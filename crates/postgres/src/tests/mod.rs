#![allow(clippy::unwrap_used)]

mod cluster;
mod outages;
mod races;
mod turns;

use arqueta_store::{Batch, MetaStore as _, Scan, contract};
use cluster::{Cluster, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let cluster = Cluster::shared();
    contract::meta_store(async || open(&cluster.url()).await).await;
}

#[tokio::test]
async fn damage_is_told() {
    let cluster = Cluster::shared();
    let url = cluster.url();
    let store = open(&url).await;
    let batch = ["a", "bad", "c", "worse"].into_iter().zip(["1", "-", "3", "-"]);
    let batch = batch.fold(Batch::default(), |batch, (key, value)| batch.put(key, value));
    store.commit(batch).await.unwrap();
    let beside = cluster.beside(&url).await;
    let flip = "UPDATE records SET value = set_byte(value, 0, get_byte(value, 0) # 1) WHERE key = ANY ($1)";
    let flipped = beside.execute(flip, &[&vec![&b"bad"[..], &b"worse"[..]]]).await.unwrap();
    assert_eq!(flipped, 2);
    contract::damaged_records(&store).await;
}

#[tokio::test]
async fn a_page_seeks_and_reads_no_more_than_it_shows() {
    let cluster = Cluster::shared();
    let url = cluster.url();
    let store = open(&url).await;
    for from in (0..20_000u32).step_by(2_000) {
        let batch = (from..from + 2_000).fold(Batch::default(), |batch, n| batch.put(n.to_be_bytes().to_vec(), "x"));
        store.commit(batch).await.unwrap();
    }
    let beside = cluster.beside(&url).await;
    let read = async || -> i64 {
        // What the store's sessions read is told when they are idle for a second, or end.
        let text = "SELECT idx_tup_read + coalesce((SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'records' AND schemaname = current_schema()), 0) \
            FROM pg_stat_user_indexes WHERE indexrelname = 'records_pkey' AND schemaname = current_schema()";
        beside.query_one(text, &[]).await.unwrap().get(0)
    };
    drop(store);
    let store = open(&url).await;
    let before = settled(&read).await;
    let at = |n: u32| n.to_be_bytes().to_vec();
    let bounded = Scan { start: at(15_000).into(), end: Some(at(15_003).into()), limit: 1_000 };
    let open_ended = Scan { start: at(19_000).into(), end: None, limit: 5 };
    let nothing = Scan { start: at(7).into(), end: Some(at(7).into()), limit: 1_000 };
    let pages = store.pages(vec![bounded, open_ended, nothing]).await.unwrap();
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 5, 0]);
    assert!(store.get(&at(4)).await.unwrap().is_some());
    drop(store);
    let after = settled(&read).await;
    assert!(after - before <= 12, "9 records were asked for, {} read", after - before);
}

/// A number once it rests.
async fn settled(read: impl AsyncFn() -> i64) -> i64 {
    let mut last = (read().await, 0);
    while last.1 < 5 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let now = read().await;
        last = (now, if now == last.0 { last.1 + 1 } else { 0 });
    }
    last.0
}
