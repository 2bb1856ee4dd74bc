//! Other Regions that share multi-Region keys with this one: their keys, and the way to them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use zeroize::Zeroizing;

/// Why an exchange with another Region came to nothing. What it was stays with the sender, and is
/// tried again.
pub type PeerError = Box<dyn std::error::Error + Send + Sync>;

/// The way to another Region. It carries bytes that are sealed for that Region and reads none of
/// them; it may lose, repeat and reorder them.
#[async_trait]
pub trait Peer: Send + Sync {
    /// Takes one sealed request to the other Region, and brings its sealed answer.
    ///
    /// # Errors
    /// Whatever kept it from coming. Whether the request was acted on is unknown then.
    async fn exchange(&self, sealed: Vec<u8>) -> Result<Vec<u8>, PeerError>;
}

/// Another Region.
pub struct PeerRegion {
    /// What both Regions know, and nobody else.
    pub key: PeerKey,
    /// The way there.
    pub peer: Arc<dyn Peer>,
}

impl fmt::Debug for PeerRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerRegion").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Why a peer key cannot be had. Its text names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerKeyError {
    /// Others than its owner may read or write the file.
    #[error("the peer key {path} has mode {mode:04o}; only its owner may read it (chmod 600)")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not exactly 32 bytes in a regular file.
    #[error("the peer key {path} must be a regular file of 32 bytes")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The operating system failed.
    #[error("the peer key {path} cannot be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// 32 bytes that two Regions share: each proves itself by it, and everything between them is
/// sealed under it. One for each pair of Regions.
pub struct PeerKey(Zeroizing<[u8; 32]>);

impl PeerKey {
    /// Takes over key bytes; the caller's own copy is the caller's to wipe.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The key in the file `path`: 32 random bytes that only its owner may read.
    ///
    /// # Errors
    /// See [`PeerKeyError`].
    pub fn read(path: &Path) -> Result<Self, PeerKeyError> {
        let failed = |source| PeerKeyError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(PeerKeyError::Permissions { path: path.to_owned(), mode });
        }
        if !metadata.is_file() || metadata.len() != 32 {
            return Err(PeerKeyError::Malformed { path: path.to_owned() });
        }
        let mut bytes = Zeroizing::new([0; 32]);
        file.read_exact(&mut *bytes).map_err(failed)?;
        Ok(Self(bytes))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerKey(32 bytes)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    fn file(bytes: &[u8], mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        std::fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn a_peer_key_is_read_and_not_shown() {
        let key = PeerKey::read(file(&[7; 32], 0o600).path()).unwrap();
        assert_eq!((key.expose(), format!("{key:?}").as_str()), (&[7; 32], "PeerKey(32 bytes)"));
    }

    #[test]
    fn files_that_others_read_or_that_are_no_key_are_refused() {
        for mode in [0o640, 0o604, 0o660] {
            let error = PeerKey::read(file(&[7; 32], mode).path()).unwrap_err();
            assert!(matches!(error, PeerKeyError::Permissions { .. }), "{mode:o}");
        }
        for bytes in [&[][..], &[7; 31], &[7; 33], &[b'0'; 64]] {
            let error = PeerKey::read(file(bytes, 0o600).path()).unwrap_err();
            assert!(matches!(error, PeerKeyError::Malformed { .. }), "{}", bytes.len());
        }
        assert!(matches!(PeerKey::read(Path::new("/nonexistent/key")).unwrap_err(), PeerKeyError::Io { .. }));
    }
}
