//! The default protector: the bare key in a file.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use arqueta_kms::{RootKey, RootKeyError, RootProtector, RootSecret};
use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{Draft, blocking};

/// A file of 32 random bytes that only its owner may read. Whoever has the data folder has the key.
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
        Ok(RootSecret::from_bytes(&bytes))
    }

    /// Keeps `root`, or finds that a key is kept there already: the one that it answers is kept.
    fn write(path: &Path, root: RootSecret) -> Result<RootSecret, RootKeyError> {
        let draft = Draft::write(path, root.expose())?;
        if draft.read()?[..] != root.expose()[..] {
            return Err(io::Error::other("the disk does not keep what is written").into());
        }
        match draft.create() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::read(path),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(root),
        }
    }
}

#[async_trait]
impl RootKey for FileRootKey {
    async fn unlock(&self) -> Result<RootSecret, RootKeyError> {
        let path = self.path.clone();
        blocking(move || Self::read(&path)).await
    }

    async fn create(&self) -> Result<RootSecret, RootKeyError> {
        let path = self.path.clone();
        blocking(move || match Self::read(&path) {
            Err(RootKeyError::Missing { .. }) => Self::write(&path, RootSecret::random()),
            other => other,
        })
        .await
    }
}

#[async_trait]
impl RootProtector for FileRootKey {
    fn path(&self) -> &Path {
        &self.path
    }

    async fn keep(&self, root: &RootSecret) -> Result<(), RootKeyError> {
        let (path, root) = (self.path.clone(), RootSecret::from_bytes(root.expose()));
        blocking(move || {
            let kept = match Self::read(&path) {
                Err(RootKeyError::Missing { .. }) => Self::write(&path, RootSecret::from_bytes(root.expose()))?,
                other => other?,
            };
            if kept.is(&root) { Ok(()) } else { Err(RootKeyError::Occupied { path }) }
        })
        .await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::Permissions;

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

    #[tokio::test]
    async fn another_root_key_is_never_replaced() {
        let folder = folder();
        let key = FileRootKey::new(folder.path().join("root.key"));
        let made = key.create().await.unwrap();
        key.keep(&made).await.unwrap();
        let refused = key.keep(&RootSecret::from_bytes(&[1; 32])).await;
        assert!(matches!(refused, Err(RootKeyError::Occupied { .. })));
        assert!(key.unlock().await.unwrap().is(&made));
    }
}
