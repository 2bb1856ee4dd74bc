//! A server that goes away, an answer that is lost, and connections that are not to be had.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use arqueta_store::{Batch, Error, MetaStore as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::cluster::{Cluster, open, quick};
use crate::{Limits, PostgresMeta, Settings};

fn is_outage<T: std::fmt::Debug>(answer: Result<T, Error>) {
    let error = answer.unwrap_err();
    assert!(matches!(error, Error::Io(_)) && error.is_retryable(), "{error:?}");
}

/// Counts its commits one by one; what it was told must be what is there, whatever died meanwhile.
async fn count(store: Arc<PostgresMeta>, writer: u8, until: tokio::time::Instant) -> (u8, u64) {
    let key = vec![b'c', writer];
    let mut done = 0u64;
    while tokio::time::Instant::now() < until {
        let seen = (done > 0).then(|| done.to_string().into());
        let batch = Batch::default().unchanged(key.clone(), seen).put(key.clone(), (done + 1).to_string());
        match store.commit(batch).await {
            Ok(()) => done += 1,
            Err(Error::Io(why)) => {
                // Nothing was sent, so nothing happened; otherwise the next precondition would not hold.
                assert!(!why.to_string().contains("unknown"), "{why}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("after {done} commits: {error:?}"),
        }
    }
    (writer, done)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_during_commits_loses_and_invents_nothing() {
    let cluster = Cluster::own(&[]);
    let store = Arc::new(open(&cluster.url()).await);
    let until = tokio::time::Instant::now() + Duration::from_secs(6);
    let mut writers = JoinSet::new();
    for writer in 0..6 {
        writers.spawn(count(store.clone(), writer, until));
    }
    let killer = {
        let cluster = cluster.clone();
        tokio::task::spawn_blocking(move || {
            for _ in 0..3 {
                std::thread::sleep(Duration::from_millis(900));
                cluster.kill();
                cluster.start();
            }
        })
    };
    let counts = writers.join_all().await;
    killer.await.unwrap();
    for (writer, done) in counts {
        assert!(done > 0);
        let kept = store.get(&[b'c', writer]).await.unwrap().unwrap();
        assert_eq!(kept, done.to_string(), "writer {writer}");
    }
}

#[tokio::test]
async fn while_the_server_is_away_everything_is_an_outage_and_afterwards_nothing_is() {
    let cluster = Cluster::own(&["fsync = off"]);
    let store = open(&cluster.url()).await;
    store.commit(Batch::default().put("a", "1")).await.unwrap();
    cluster.kill();
    for _ in 0..3 {
        is_outage(store.get(b"a").await);
        is_outage(store.page(arqueta_store::Scan::prefix(b"", 1)).await);
    }
    cluster.start();
    assert_eq!(store.get(b"a").await.unwrap().unwrap(), "1");
    store.commit(Batch::default().put("a", "2")).await.unwrap();
}

/// What the line between gateway and server does to the next request.
const PASS: u8 = 0;
const LOSE_ANSWER: u8 = 1;
const LOSE_REQUEST: u8 = 2;

/// Lies before the server and cuts connections when it is told to.
async fn line(folder: &Path, server: PathBuf) -> Arc<AtomicU8> {
    let (mode, listener) = (Arc::new(AtomicU8::new(PASS)), UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap());
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let told = mode.clone();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = UnixStream::connect(&server).await.unwrap();
            tokio::spawn(carry(client, server, told.clone()));
        }
    });
    mode
}

async fn carry(client: UnixStream, server: UnixStream, mode: Arc<AtomicU8>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let asks = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = from_client.read(&mut buffer).await.unwrap_or(0);
            let lost = mode.compare_exchange(LOSE_REQUEST, PASS, Ordering::SeqCst, Ordering::SeqCst).is_ok();
            if n == 0 || lost || to_server.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
    };
    let answers = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = from_server.read(&mut buffer).await.unwrap_or(0);
            let lost = mode.compare_exchange(LOSE_ANSWER, PASS, Ordering::SeqCst, Ordering::SeqCst).is_ok();
            if n == 0 || lost || to_client.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! { () = asks => {}, () = answers => {} }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_outcome_of_a_commit_whose_answer_is_lost_is_found_out() {
    let cluster = Cluster::shared();
    let url = cluster.url();
    let folder = tempfile::tempdir().unwrap();
    let server = PathBuf::from(url.split(['@', '/']).nth(3).unwrap().replace("%2F", "/")).join(".s.PGSQL.5432");
    let mode = line(folder.path(), server).await;
    let through = format!(
        "postgres://tester@{}/postgres?{}",
        folder.path().display().to_string().replace('/', "%2F"),
        url.split('?').nth(1).unwrap()
    );
    // A look after the lock in this second may meet the cut instead: then there is nothing to find out.
    let store = open(&through).await;
    for (n, cut) in [LOSE_ANSWER, LOSE_REQUEST, LOSE_ANSWER, LOSE_REQUEST].into_iter().enumerate() {
        let key = format!("k{n}");
        store.commit(Batch::default().put("warm", key.clone())).await.unwrap();
        mode.store(cut, Ordering::SeqCst);
        // Guessing would be found out: sent again blindly it conflicts with itself, given up it is missing.
        store
            .commit(Batch::default().unchanged(key.clone(), None).put(key.clone(), "x").announce(key.clone()))
            .await
            .unwrap();
        assert_eq!(store.get(key.as_bytes()).await.unwrap().unwrap(), "x");
    }
    let changes = store.changes(arqueta_store::Position::default(), 100).await.unwrap();
    assert_eq!(changes.len(), 4, "each happened once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_no_connection_is_told_so_and_nothing_is_lost() {
    let cluster = Cluster::shared();
    let url = cluster.url();
    let limits =
        Limits { connections: 2, wait: Duration::from_millis(200), statement: Duration::from_secs(2), ..quick() };
    let store = PostgresMeta::open(Settings::of(&url).unwrap().with_limits(limits), "a test").await;
    let store = Arc::new(store.unwrap());
    let beside = cluster.beside(&url).await;
    let ranges = Cluster::locks(&url).ranges();
    beside.execute("SELECT pg_advisory_lock($1)", &[&ranges]).await.unwrap();
    let mut stuck = JoinSet::new();
    for n in 0..2u8 {
        let store = store.clone();
        stuck.spawn(async move { store.commit(Batch::default().put(vec![n], "stuck")).await });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    is_outage(store.get(b"a").await);
    // The statements end in their time, and what they were to do has not happened and will not.
    for outcome in stuck.join_all().await {
        is_outage(outcome);
    }
    beside.execute("SELECT pg_advisory_unlock($1)", &[&ranges]).await.unwrap();
    assert_eq!(store.get(&[0]).await.unwrap(), None);
    store.commit(Batch::default().put("a", "1")).await.unwrap();
    assert_eq!(store.get(&[1]).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_server_that_is_full_of_others_one_connection_serves_everybody() {
    let cluster = Cluster::own(&["fsync = off", "max_connections = 8", "superuser_reserved_connections = 0"]);
    let url = cluster.url();
    let store = Arc::new(open(&url).await);
    store.commit(Batch::default().put("a", "1")).await.unwrap();
    let config: tokio_postgres::Config = url.split('?').next().unwrap().parse().unwrap();
    let mut others = Vec::new();
    while let Ok((client, connection)) = config.connect(tokio_postgres::NoTls).await {
        tokio::spawn(async move { drop(connection.await) });
        others.push(client);
    }
    assert!(!others.is_empty());
    for answer in futures::future::join_all((0..20).map(|_| store.get(b"a"))).await {
        assert_eq!(answer.unwrap().unwrap(), "1");
    }
}
