//! Where the metadata of a data folder is kept: which of the embedded stores, as configured.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arqueta_model::Clock;
use arqueta_root::ROOT_FILES;
use arqueta_store::{MetaStore, RedbOptions, RedbStore};

use crate::config::{Config, Engine};
use crate::{Error, data_folder};

/// How long the end of the process waits for the last checkpoint of the metadata.
const LAST_CHECKPOINT: Duration = Duration::from_secs(20);

/// The metadata of a data folder.
pub(crate) struct Opened {
    /// Whatever keeps it.
    pub(crate) meta: Arc<dyn MetaStore>,
    /// The same, where it has a journal.
    pub(crate) journaled: Option<Arc<RedbStore>>,
}

/// As [`open_store`], for who only reads and writes.
///
/// # Errors
/// As [`open_store`].
pub(crate) fn open(config: &Config) -> Result<Arc<dyn MetaStore>, Error> {
    Ok(open_store(config)?.meta)
}

/// Opens the metadata of `config.data_dir`, or creates it there.
///
/// # Errors
/// [`Error::Open`]; [`Error::Config`] while another process has it open, for an engine that this binary lacks, and where the folder has
/// its metadata in the other one: it would look empty.
pub(crate) fn open_store(config: &Config) -> Result<Opened, Error> {
    let other = match config.metadata.engine {
        Engine::Redb => Engine::Sled,
        Engine::Sled => Engine::Redb,
    };
    if path(config, other).exists() && !exists(config) {
        return Err(Error::Config(format!(
            "{} has its metadata in {other}; metadata.engine is {}",
            config.data_dir.display(),
            config.metadata.engine
        )));
    }
    let path = path(config, config.metadata.engine);
    match config.metadata.engine {
        Engine::Redb => {
            let options = RedbOptions { cache_bytes: config.limits.metadata_cache_bytes, ..RedbOptions::default() };
            let store = RedbStore::open_with(&path, options).map_err(|error| unopened(&path, error))?;
            let store = Arc::new(store);
            Ok(Opened { meta: store.clone(), journaled: Some(store) })
        }
        #[cfg(feature = "sled")]
        Engine::Sled => {
            tracing::warn!(
                "metadata.engine is sled: readers wait while a group of writes is synced, after a write or sync that \
                 failed nothing is read or written before a restart, a damaged file can only be restored, and the \
                 power-loss tests of this gateway do not cover it"
            );
            let store = arqueta_store::SledStore::open(&path).map_err(|error| unopened(&path, error))?;
            Ok(Opened { meta: Arc::new(store), journaled: None })
        }
        #[cfg(not(feature = "sled"))]
        Engine::Sled => {
            Err(Error::Config("metadata.engine is sled, and this arqueta was built without its feature `sled`".into()))
        }
    }
}

/// Refuses a folder that has lost its metadata and not what belongs to it: opening would make an empty
/// store there, to which all of that is garbage. Call it before anything is created.
///
/// # Errors
/// [`Error::Config`] says what is there, [`Error::DataDir`] that the folder cannot be read.
pub(crate) fn require_whole(config: &Config) -> Result<(), Error> {
    let data = &config.data_dir;
    let paths = [Engine::Redb, Engine::Sled].map(|engine| path(config, engine));
    if paths.iter().any(|path| path.exists()) {
        return Ok(());
    }
    if let Some(link) = paths.iter().find(|path| path.is_symlink()) {
        return Err(Error::Config(format!("{} is a link to where nothing is", link.display())));
    }
    let left = remains(data).map_err(|source| Error::DataDir { path: data.clone(), source })?;
    let Some(left) = left else { return Ok(()) };
    Err(Error::Config(format!(
        "{} is missing, and {} is there: this folder has lost its metadata. Put meta.redb and meta.journal back from \
         one back-up; to begin anew, use an empty folder",
        path(config, config.metadata.engine).display(),
        left.display()
    )))
}

/// Something in the folder that only a gateway with metadata leaves: a segment of the journal, a body, or
/// the root key of a folder that was served. A root key that was put into a new folder is none.
fn remains(data: &Path) -> io::Result<Option<PathBuf>> {
    let has_segments = |name: &str| name.ends_with(".seg");
    if let Some(segment) = first(&data.join("meta.journal"), &has_segments)? {
        return Ok(Some(segment));
    }
    let is_hex = |name: &str| name.bytes().all(|byte| byte.is_ascii_hexdigit());
    for top in entries(&data.join("blobs"))?.into_iter().filter(|path| is_hex(&name_of(path))) {
        for leaf in entries(&top)? {
            if let Some(body) = first(&leaf, &is_hex)? {
                return Ok(Some(body));
            }
        }
    }
    let served = data_folder::is_marked(data);
    Ok(ROOT_FILES.map(|name| data.join(name)).into_iter().find(|path| served && path.exists()))
}

fn first(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> io::Result<Option<PathBuf>> {
    Ok(entries(folder)?.into_iter().find(|path| wanted(&name_of(path))))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What lies in a folder; nothing where there is none.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        read => read?.map(|entry| Ok(entry?.path())).collect(),
    }
}

fn unopened(path: &Path, error: arqueta_store::Error) -> Error {
    match error {
        arqueta_store::Error::InUse { .. } => {
            Error::Config(format!("another process, probably a gateway, has {} open; stop it first", path.display()))
        }
        other => Error::open("metadata in the data folder")(other),
    }
}

/// So that the next start has nothing to replay. Everything is durable without it.
pub(crate) async fn last_checkpoint(store: &RedbStore, clock: &dyn Clock) {
    tokio::select! {
        done = store.checkpoint() => match done {
            Ok(()) => tracing::info!("the metadata is closed; the next start has nothing to replay"),
            Err(error) => tracing::warn!(%error, "no last checkpoint of the metadata; the next start replays its journal"),
        },
        () = clock.sleep(LAST_CHECKPOINT) => tracing::warn!(
            seconds = LAST_CHECKPOINT.as_secs(),
            "the last checkpoint of the metadata is not waited for any longer; the next start replays its journal"
        ),
    }
}

/// Whether the folder has metadata of the configured engine.
pub(crate) fn exists(config: &Config) -> bool {
    path(config, config.metadata.engine).exists()
}

fn path(config: &Config, engine: Engine) -> PathBuf {
    config.data_dir.join(match engine {
        Engine::Redb => "meta.redb",
        Engine::Sled => "meta.sled",
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_store::Batch;

    use super::*;
    use crate::config::Metadata;

    fn config(data: &Path, engine: Engine) -> Config {
        Config { data_dir: data.to_owned(), metadata: Metadata { engine }, ..Config::default() }
    }

    #[tokio::test]
    async fn a_folder_keeps_the_engine_that_it_has() {
        let data = tempfile::tempdir().unwrap();
        let redb = config(data.path(), Engine::Redb);
        assert!(!exists(&redb));
        open(&redb).unwrap().commit(Batch::default().put("a", "1")).await.unwrap();
        assert!(exists(&redb));
        assert_eq!(open(&redb).unwrap().get(b"a").await.unwrap().unwrap(), "1");
        let refused = open(&config(data.path(), Engine::Sled)).map(drop).unwrap_err().line();
        assert!(refused.contains("has its metadata in redb; metadata.engine is sled"), "{refused}");
    }

    #[test]
    fn a_folder_that_has_lost_its_metadata_is_not_begun_anew() {
        let of = |data: &Path| require_whole(&config(data, Engine::Redb)).map_err(|error| error.line());
        let missing = tempfile::tempdir().unwrap();
        of(&missing.path().join("none")).unwrap();
        for left in ["meta.journal/000000.seg", "blobs/0/1a/01a0", "root.key", "root.wrapped"] {
            let data = tempfile::tempdir().unwrap();
            // What a start leaves that was cut off before it had metadata.
            data_folder::open(data.path()).unwrap();
            of(data.path()).unwrap();
            let path = data.path().join(left);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, b"x").unwrap();
            let refused = of(data.path()).unwrap_err();
            assert!(refused.contains("meta.redb is missing") && refused.contains(left), "{refused}");
            std::fs::write(data.path().join("meta.redb"), b"").unwrap();
            of(data.path()).unwrap();
        }
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("root.key"), b"x").unwrap();
        std::fs::create_dir_all(data.path().join("blobs/tmp")).unwrap();
        std::fs::write(data.path().join("blobs/lock"), b"").unwrap();
        of(data.path()).unwrap();
        std::os::unix::fs::symlink(data.path().join("elsewhere"), data.path().join("meta.redb")).unwrap();
        assert!(of(data.path()).unwrap_err().contains("a link to where nothing is"));
    }

    #[cfg(not(feature = "sled"))]
    #[test]
    fn an_engine_that_is_not_there_is_said_so() {
        let data = tempfile::tempdir().unwrap();
        let refused = open(&config(data.path(), Engine::Sled)).map(drop).unwrap_err().line();
        assert!(refused.contains("built without its feature `sled`"), "{refused}");
        assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
    }

    #[cfg(feature = "sled")]
    #[tokio::test]
    async fn sled_can_be_chosen() {
        let data = tempfile::tempdir().unwrap();
        let sled = config(data.path(), Engine::Sled);
        open(&sled).unwrap().commit(Batch::default().put("a", "1")).await.unwrap();
        assert_eq!(open(&sled).unwrap().get(b"a").await.unwrap().unwrap(), "1");
        let refused = open(&config(data.path(), Engine::Redb)).map(drop).unwrap_err().line();
        assert!(refused.contains("has its metadata in sled; metadata.engine is redb"), "{refused}");
    }
}
