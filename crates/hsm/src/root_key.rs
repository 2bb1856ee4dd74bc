//! The root key of the key service, wrapped by a key in the tokens of a cluster.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arqueta_kms::{HolderError, RootKey, RootKeyError, RootSecret, TokenCluster, Use};
use arqueta_model::{EncryptionContext, KeyArn, RequestId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// What the wrapped root key is bound to.
const AAD: &[u8] = b"arqueta/1/root-key";

/// Keeps the root key in a file, wrapped by a key that only the tokens of a cluster have: neither
/// the file nor the tokens alone yield it. It is drawn by a token.
#[derive(Clone)]
pub struct TokenRootKey {
    cluster: Arc<dyn TokenCluster>,
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Wrapped {
    /// Name of the wrapping key in the tokens.
    name: String,
    #[serde(with = "serde_bytes")]
    sealed: Vec<u8>,
}

impl fmt::Debug for TokenRootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRootKey").field("path", &self.path).finish_non_exhaustive()
    }
}

impl TokenRootKey {
    /// The root key wrapped in the file `path`, usually `<data>/root.key.wrapped`.
    #[must_use]
    pub fn new(cluster: Arc<dyn TokenCluster>, path: impl Into<PathBuf>) -> Self {
        Self { cluster, path: path.into() }
    }

    fn read(&self) -> Result<Wrapped, RootKeyError> {
        let bytes = match std::fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(RootKeyError::Missing { path: self.path.clone() });
            }
            other => other?,
        };
        rmp_serde::from_slice(&bytes).map_err(|_| RootKeyError::Malformed { path: self.path.clone() })
    }

    async fn make(&self) -> Result<(), RootKeyError> {
        let arn: KeyArn = "arn:aws:kms:us-east-1:000000000000:key/root".parse().expect("a literal ARN is one");
        let name = self.cluster.create(&arn).await.map_err(protector)?;
        let secret = self.cluster.random(32).await.map_err(protector)?;
        let (request, context) = (RequestId::random(), EncryptionContext::default());
        let of = Use { name: &name, request: &request, context: &context };
        let sealed = self.cluster.encrypt(&of, &secret, AAD).await.map_err(protector)?;
        let bytes = rmp_serde::to_vec_named(&Wrapped { name, sealed }).map_err(io::Error::other)?;
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || write_new(&path, &bytes)).await.map_err(io::Error::other)??;
        Ok(())
    }
}

#[async_trait]
impl RootKey for TokenRootKey {
    async fn unlock(&self) -> Result<RootSecret, RootKeyError> {
        let Wrapped { name, sealed } = self.read()?;
        let (request, context) = (RequestId::random(), EncryptionContext::default());
        let of = Use { name: &name, request: &request, context: &context };
        let opened = self.cluster.decrypt(&of, &sealed, AAD).await.map_err(|error| match error {
            HolderError::NotAuthentic => RootKeyError::Malformed { path: self.path.clone() },
            other => protector(other),
        })?;
        let bytes = opened.as_slice().try_into();
        bytes.map(RootSecret::from_bytes).map_err(|_| RootKeyError::Malformed { path: self.path.clone() })
    }

    async fn create(&self) -> Result<RootSecret, RootKeyError> {
        if matches!(self.read(), Err(RootKeyError::Missing { .. })) {
            self.make().await?;
        }
        self.unlock().await
    }
}

fn protector(error: HolderError) -> RootKeyError {
    RootKeyError::Protector(error.into())
}

/// Written beside its name, synced and linked into place: a crash leaves a whole file or none, and
/// a file that is there already stays.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    match std::fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_keys::Embedded;
    use arqueta_kms::testing::{MemoryCluster, MemoryHolder};
    use arqueta_model::ManualClock;

    use super::*;

    fn site() -> (tempfile::TempDir, Arc<MemoryCluster>, TokenRootKey) {
        let folder = tempfile::tempdir().unwrap();
        let cluster = Arc::<MemoryCluster>::default();
        let key = TokenRootKey::new(cluster.clone(), folder.path().join("root.key.wrapped"));
        (folder, cluster, key)
    }

    fn names(holder: &MemoryHolder) -> usize {
        holder.names().len()
    }

    async fn open(meta: &Arc<arqueta_store::MemoryMeta>, key: &TokenRootKey) -> Result<Embedded, arqueta_kms::Error> {
        let audit = Arc::new(arqueta_audit::testing::Memory::default());
        let (account, region) = ("111122223333".parse().unwrap(), "us-east-1".parse().unwrap());
        let config = arqueta_keys::Config::new(account, region, Arc::new(key.clone()));
        Embedded::open(meta.clone(), audit, Arc::new(ManualClock::default()), config).await
    }

    #[tokio::test]
    async fn a_key_service_opens_again_with_its_tokens_and_file() {
        let (folder, cluster, key) = site();
        let meta = Arc::new(arqueta_store::MemoryMeta::new());
        open(&meta, &key).await.unwrap();
        open(&meta, &key).await.unwrap();
        assert_eq!(names(&cluster.holder), 1, "one wrapping key, made once");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
        cluster.lose(2);
        let away = open(&meta, &key).await.unwrap_err();
        assert!(matches!(away, arqueta_kms::Error::RootKey(RootKeyError::Protector(_))), "{away:?}");
    }

    #[tokio::test]
    async fn a_lost_file_is_not_replaced_while_keys_exist() {
        let (folder, cluster, key) = site();
        let meta = Arc::new(arqueta_store::MemoryMeta::new());
        open(&meta, &key).await.unwrap();
        std::fs::remove_file(folder.path().join("root.key.wrapped")).unwrap();
        let missing = open(&meta, &key).await.unwrap_err();
        assert!(matches!(missing, arqueta_kms::Error::RootKey(RootKeyError::Missing { .. })));
        assert_eq!(names(&cluster.holder), 1);
    }

    #[tokio::test]
    async fn a_damaged_or_foreign_file_is_refused_and_shows_nothing() {
        let (_folder, _, key) = site();
        key.create().await.unwrap();
        let good = std::fs::read(&key.path).unwrap();
        assert!(!good.windows(8).any(|window| window == [4; 8]), "the double draws fours: they are wrapped");
        for bytes in [vec![], good[..good.len() - 1].to_vec(), [&good[..], &[0]].concat()[1..].to_vec()] {
            std::fs::write(&key.path, bytes).unwrap();
            assert!(matches!(key.unlock().await, Err(RootKeyError::Malformed { .. })));
            assert!(key.create().await.is_err(), "create does not replace it");
        }
        std::fs::write(&key.path, &good).unwrap();
        let elsewhere = TokenRootKey::new(Arc::<MemoryCluster>::default(), &key.path);
        assert!(
            matches!(elsewhere.unlock().await, Err(RootKeyError::Protector(_))),
            "other tokens do not have the key"
        );
    }
}
