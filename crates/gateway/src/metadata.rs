//! Where the metadata of a data folder is kept: which of the embedded stores, as configured.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arqueta_model::Clock;
use arqueta_store::{MetaStore, RedbOptions, RedbStore};

use crate::Error;
use crate::config::{Config, Engine};

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
                "metadata.engine is sled: readers wait while a group of writes is synced, a damaged file can only be \
                 restored, and the power-loss tests of this gateway do not cover it"
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
