//! The root key: 32 bytes that seal every key version at rest, and who keeps them.

use std::fmt;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use zeroize::Zeroizing;

/// Why a root key cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootKeyError {
    /// Keys exist in the store, but what protects them is gone. Never answered by making another.
    #[error("{path} is missing, but the key store holds keys sealed under it; restore the file from a backup")]
    Missing {
        /// Where it was expected.
        path: PathBuf,
    },
    /// Others than its owner may read or write the file.
    #[error("{path} has mode {mode:04o}; only its owner may read it (chmod 600)")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not exactly 32 bytes in a regular file.
    #[error("{path} is not a root key file: it must be a regular file of 32 bytes")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The key is not the one under which the stored material was sealed.
    #[error("the root key is not the one that sealed the key store")]
    Wrong,
    /// What wraps the root key cannot be used.
    #[error("what protects the root key cannot be used")]
    Protector(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The operating system failed.
    #[error("the root key cannot be read or written")]
    Io(#[from] io::Error),
}

/// The root key in the clear. Never leaves this crate.
pub struct RootSecret(Zeroizing<[u8; 32]>);

impl RootSecret {
    /// Takes over key bytes; the caller's own copy is the caller's to wipe.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootSecret(32 bytes)")
    }
}

/// Keeps the root key: a file, a passphrase, a token. A protector only ever yields the same 32
/// bytes, so changing the protector re-wraps them and touches no key.
#[async_trait]
pub trait RootKey: Send + Sync {
    /// The root key.
    ///
    /// # Errors
    /// [`RootKeyError::Missing`] if there is none.
    async fn unlock(&self) -> Result<RootSecret, RootKeyError>;

    /// The root key if there is one, otherwise a new one, kept durably before this returns.
    /// Called only while the key store holds nothing sealed.
    async fn create(&self) -> Result<RootSecret, RootKeyError>;
}

/// The default protector: a file of 32 random bytes that only its owner may read.
#[derive(Debug, Clone)]
pub struct FileRootKey {
    path: PathBuf,
}

impl FileRootKey {
    /// The root key in the file `path`, usually `<data>/root.key`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn read(path: &Path) -> Result<RootSecret, RootKeyError> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(RootKeyError::Missing { path: path.to_owned() });
            }
            other => other?,
        };
        let metadata = file.metadata()?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(RootKeyError::Permissions { path: path.to_owned(), mode });
        }
        if !metadata.is_file() || metadata.len() != 32 {
            return Err(RootKeyError::Malformed { path: path.to_owned() });
        }
        let mut bytes = Zeroizing::new([0; 32]);
        file.read_exact(&mut *bytes)?;
        Ok(RootSecret(bytes))
    }

    /// Written beside its name, synced and linked into place: a crash leaves a whole file or none.
    fn write(path: &Path) -> Result<RootSecret, RootKeyError> {
        let secret = RootSecret(Zeroizing::new(*arqueta_seal::SourceKey::random().expose()));
        let draft = path.with_extension("key.new");
        match std::fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(secret.expose())?;
        file.sync_all()?;
        // A link, not a rename: it cannot replace a root key that another process just made.
        let linked = std::fs::hard_link(&draft, path);
        std::fs::remove_file(&draft)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::read(path),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(secret),
        }
    }

    async fn blocking(
        &self,
        work: impl FnOnce(&Path) -> Result<RootSecret, RootKeyError> + Send + 'static,
    ) -> Result<RootSecret, RootKeyError> {
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || work(&path)).await.map_err(io::Error::other)?
    }
}

#[async_trait]
impl RootKey for FileRootKey {
    async fn unlock(&self) -> Result<RootSecret, RootKeyError> {
        self.blocking(Self::read).await
    }

    async fn create(&self) -> Result<RootSecret, RootKeyError> {
        self.blocking(|path| match Self::read(path) {
            Err(RootKeyError::Missing { .. }) => Self::write(path),
            other => other,
        })
        .await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[tokio::test]
    async fn a_created_key_is_private_and_found_again() {
        let folder = folder();
        let path = folder.path().join("root.key");
        let key = FileRootKey::new(&path);
        let made = key.create().await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(key.unlock().await.unwrap().expose(), made.expose());
        assert_eq!(key.create().await.unwrap().expose(), made.expose(), "create never replaces");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[tokio::test]
    async fn a_missing_key_is_not_made_by_unlock() {
        let folder = folder();
        let path = folder.path().join("root.key");
        assert!(matches!(FileRootKey::new(&path).unlock().await, Err(RootKeyError::Missing { .. })));
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_key_that_others_may_read_is_refused() {
        let folder = folder();
        let path = folder.path().join("root.key");
        let key = FileRootKey::new(&path);
        key.create().await.unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(matches!(key.unlock().await, Err(RootKeyError::Permissions { mode: m, .. }) if m == mode));
            assert!(key.create().await.is_err(), "create does not repair permissions");
        }
    }

    #[tokio::test]
    async fn a_file_of_another_size_is_refused() {
        let folder = folder();
        let path = folder.path().join("root.key");
        for size in [0, 31, 33] {
            std::fs::write(&path, vec![7; size]).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(FileRootKey::new(&path).unlock().await, Err(RootKeyError::Malformed { .. })), "{size}");
            assert!(FileRootKey::new(&path).create().await.is_err(), "{size}");
        }
    }

    #[tokio::test]
    async fn a_draft_of_a_crashed_start_is_no_obstacle() {
        let folder = folder();
        std::fs::write(folder.path().join("root.key.new"), [1; 7]).unwrap();
        let key = FileRootKey::new(folder.path().join("root.key"));
        let made = key.create().await.unwrap();
        assert_ne!(&made.expose()[..7], &[1; 7]);
    }
}
