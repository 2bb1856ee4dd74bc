//! PostgreSQL in a folder of its own, on a socket, started as an ordinary user.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::batch::Locks;
use crate::{Limits, PostgresMeta, Settings};

/// A server that ends with this.
pub(super) struct Cluster {
    folder: TempDir,
    /// Whose processes they are, where the tests run as root: the server refuses to.
    owner: Option<(u32, u32)>,
    process: Mutex<Option<Child>>,
    schemas: AtomicU32,
}

/// Where Debian keeps the server.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed (tests/run does that)");
    versions.map(|version| version.unwrap().path()).max().unwrap().join("bin")
}

/// User and group of the name, from the system's list.
fn account(name: &str) -> (u32, u32) {
    let text = fs::read_to_string("/etc/passwd").unwrap();
    let line = text.lines().find(|line| line.split(':').next() == Some(name)).expect("Debian makes the user postgres");
    let fields: Vec<_> = line.split(':').collect();
    (fields[2].parse().unwrap(), fields[3].parse().unwrap())
}

impl Cluster {
    /// One of this test's own, for what it does to it.
    pub(super) fn own(more: &[&str]) -> Arc<Self> {
        let folder = tempfile::Builder::new().prefix("arqueta-postgres-").tempdir_in("/tmp").unwrap();
        let root = fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).unwrap() == 0;
        let owner = root.then(|| account("postgres"));
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let cluster = Self { folder, owner, process: Mutex::default(), schemas: AtomicU32::new(0) };
        let mut init = cluster.program("initdb");
        init.args(["-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"]).arg(cluster.data());
        let made = init.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut settings = String::from("shared_buffers = 16MB\nmax_connections = 100\nlogging_collector = off\n");
        more.iter().for_each(|line| settings.extend([line, "\n"]));
        let file = cluster.data().join("postgresql.auto.conf");
        fs::write(&file, settings).unwrap();
        cluster.start();
        Arc::new(cluster)
    }

    /// One that the tests of this process share while any of them runs.
    pub(super) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            // Nothing here asks what a power cut leaves.
            let made = Self::own(&["fsync = off"]);
            *shared = Arc::downgrade(&made);
            made
        })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(programs().join(name));
        command.current_dir("/").stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    pub(super) fn start(&self) {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut server = self.program("postgres");
        server.arg("-D").arg(self.data()).args(["-h", "", "-k"]).arg(self.folder.path());
        let process = server.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        *self.process.lock().unwrap() = Some(process);
        let until = Instant::now() + Duration::from_secs(30);
        while !self.answers() {
            assert!(Instant::now() < until, "{}", fs::read_to_string(self.folder.path().join("log")).unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> bool {
        let mut asked = self.program("pg_isready");
        asked.args(["-q", "-h"]).arg(self.folder.path());
        asked.status().unwrap().success()
    }

    /// Ends all of it at once, as a power cut does to processes.
    pub(super) fn kill(&self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            // Of its own children, who would go on for a moment, it is told by `immediate`.
            let mut stop = self.program("pg_ctl");
            stop.args(["stop", "-s", "-m", "immediate", "-D"]).arg(self.data());
            if !stop.status().is_ok_and(|status| status.success()) {
                drop(process.kill());
            }
            process.wait().unwrap();
        }
    }

    /// The URL of a schema that is not there yet.
    pub(super) fn url(&self) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        let n = self.schemas.fetch_add(1, Ordering::Relaxed);
        format!("postgres://tester@{folder}/postgres?schema=s{n}")
    }

    /// A connection beside those of stores.
    pub(super) async fn beside(&self, url: &str) -> Client {
        let schema = url.rsplit('=').next().unwrap();
        let config = format!("host={} user=tester dbname=postgres", self.path().display());
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
        tokio::spawn(async move { drop(connection.await) });
        client.batch_execute(&format!("SET search_path = {schema}")).await.unwrap();
        client
    }

    /// The locks of the store there.
    pub(super) fn locks(url: &str) -> Locks {
        Locks::of(crate::schema::number(url.rsplit('=').next().unwrap()))
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Limits for tests: who must wait does not wait for long.
pub(super) fn quick() -> Limits {
    Limits {
        connections: 8,
        connect: Duration::from_secs(5),
        wait: Duration::from_secs(20),
        statement: Duration::from_secs(20),
        doubt: Duration::from_secs(20),
        succession: Duration::ZERO,
    }
}

pub(super) async fn open(url: &str) -> PostgresMeta {
    let settings = Settings::of(url).unwrap().with_limits(Limits { succession: Duration::from_secs(5), ..quick() });
    PostgresMeta::open(settings, "a test").await.unwrap()
}
