//! One gateway at a time.

use std::sync::Arc;
use std::time::Duration;

use arqueta_store::{Batch, Error, MetaStore, Position, Scan};

use super::cluster::{Cluster, open, quick};
use crate::{Limits, OpenError, PostgresMeta, Settings};

async fn attempt(url: &str, holder: &str) -> Result<PostgresMeta, OpenError> {
    PostgresMeta::open(Settings::of(url).unwrap().with_limits(quick()), holder).await
}

/// A second one, that gets its turn because the server ended the connection by which the first has its.
async fn successor(cluster: &Cluster, url: &str) -> PostgresMeta {
    let beside = cluster.beside(url).await;
    let schema = url.rsplit('=').next().unwrap();
    let text = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 \
        AND classid = $1::bigint AND objid = $2::bigint";
    let number = |n: i32| i64::from(n.cast_unsigned());
    let (class, object) = (number(crate::schema::SERVING), number(crate::schema::number(schema)));
    let settings = Settings::of(url).unwrap().with_limits(Limits { succession: Duration::from_secs(20), ..quick() });
    let opening = tokio::spawn(async move { PostgresMeta::open(settings, "the second").await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!opening.is_finished());
    assert_eq!(beside.execute(text, &[&class, &object]).await.unwrap(), 1);
    opening.await.unwrap().unwrap()
}

fn is_superseded<T: std::fmt::Debug>(answer: Result<T, Error>) {
    let refused = answer.unwrap_err();
    assert!(refused.is_retryable(), "{refused:?}");
    let Error::Io(why) = &refused else { panic!("{refused:?}") };
    assert!(why.to_string().contains("another gateway has taken over"), "{why}");
}

#[tokio::test]
async fn a_second_gateway_is_refused_by_name() {
    let cluster = Cluster::shared();
    let url = cluster.url();
    let first = attempt(&url, "gateway 17 on red").await.unwrap();
    let refused = attempt(&url, "another").await.unwrap_err();
    assert!(
        matches!(&refused, OpenError::InUse { holder, .. } if holder.starts_with("gateway 17 on red, since 20")),
        "{refused}"
    );
    first.commit(Batch::default().put("a", "1")).await.unwrap();
    let other = cluster.url();
    attempt(&other, "another").await.expect("another schema is another store");
    let identity = first.identity().to_owned();
    assert!(!first.is_bound());
    first.bind().await.unwrap();
    drop(first);
    let next = open(&url).await;
    assert_eq!(next.get(b"a").await.unwrap().unwrap(), "1");
    assert_eq!(next.identity(), identity);
    assert!(next.is_bound());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_superseded_gateway_neither_reads_nor_writes() {
    let cluster = Cluster::shared();
    let url = cluster.url();
    let first = attempt(&url, "the first").await.unwrap();
    first.commit(Batch::default().put("a", "1").announce("x")).await.unwrap();
    let second = successor(&cluster, &url).await;
    is_superseded(first.commit(Batch::default().put("a", "late")).await);
    is_superseded(first.commit(Batch::default().unchanged("a", None).put("a", "late")).await);
    is_superseded(first.get(b"a").await);
    is_superseded(first.get(b"missing").await);
    is_superseded(first.page(Scan::prefix(b"", 10)).await);
    is_superseded(first.page(Scan::prefix(b"nothing", 10)).await);
    is_superseded(first.changes(Position::default(), 10).await);
    first.trim(Position(u64::MAX)).await.unwrap();
    assert_eq!(second.changes(Position::default(), 10).await.unwrap().len(), 1);
    assert_eq!(second.get(b"a").await.unwrap().unwrap(), "1");
    second.commit(Batch::default().put("a", "2")).await.unwrap();
}

/// What a gateway that is paused had on its way when another one took over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_write_does_not_land() {
    let cluster = Cluster::shared();
    let url = cluster.url();
    let first = Arc::new(attempt(&url, "the first").await.unwrap());
    first.commit(Batch::default().put("a", "1")).await.unwrap();
    let beside = cluster.beside(&url).await;
    let ranges = Cluster::locks(&url).ranges();
    beside.execute("SELECT pg_advisory_lock($1)", &[&ranges]).await.unwrap();
    let late = tokio::spawn({
        let first = first.clone();
        async move { first.commit(Batch::default().put("a", "late").put("b", "late")).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!late.is_finished());
    let second = successor(&cluster, &url).await;
    beside.execute("SELECT pg_advisory_unlock($1)", &[&ranges]).await.unwrap();
    is_superseded(late.await.unwrap());
    assert_eq!(second.get(b"a").await.unwrap().unwrap(), "1");
    assert_eq!(second.get(b"b").await.unwrap(), None);
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_name() {
    let cluster = Cluster::shared();
    let url = cluster.url();
    drop(open(&url).await);
    let beside = cluster.beside(&url).await;
    beside.execute("UPDATE schema_version SET version = 99", &[]).await.unwrap();
    let refused = attempt(&url, "an old one").await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 99, known: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("schema version 99"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_first_starts_one_makes_the_schema_and_serves() {
    let cluster = Cluster::shared();
    let url = cluster.url();
    let all = (0..5).map(|n| {
        let url = url.clone();
        async move { attempt(&url, &format!("gateway {n}")).await }
    });
    let opened = futures::future::join_all(all).await;
    assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
    for refused in opened.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().display().to_string().replace('/', "%2F");
    let refused = attempt(&format!("postgres://tester:hunter2@{host}/postgres"), "one").await.unwrap_err();
    assert!(matches!(refused, OpenError::Unusable { .. }), "{refused:?}");
    assert!(refused.to_string().starts_with("postgres://tester@"), "{refused}");
    assert!(!format!("{refused:?}{refused}").contains("hunter2"));
    let refused = attempt("postgres://tester@db.invalid/postgres", "one").await.unwrap_err();
    assert!(matches!(refused, OpenError::NoTrust { .. }), "{refused:?}");
}
