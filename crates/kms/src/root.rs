//! The seam of the root key: 32 bytes that seal every key version at rest, and who keeps them.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use async_trait::async_trait;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::HolderError;

/// Why a root key cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootKeyError {
    /// Keys exist in the store, but what protects them is gone. Never answered by making another.
    #[error(
        "{path} is missing, but the key store holds keys sealed under it; restore the file from a backup, or set [kms.root] to what protected the root key before"
    )]
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
    /// Not exactly 32 bytes in a regular file, or not what a protector wrote.
    #[error("{path} is not a root key file that Arqueta wrote, or it is damaged; restore it from a backup")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later version.
    #[error("{path} has format {version}, which this version does not know; use the version that wrote it")]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The format it says.
        version: u8,
    },
    /// Passphrase, token or remote key is not the one that wrapped it, or the file was changed. One opaque case.
    #[error(
        "{path} does not open with this {with}: give the one that it was protected with, or restore the file from a backup"
    )]
    DoesNotOpen {
        /// The file.
        path: PathBuf,
        /// What was tried: `passphrase` or the name of a holder.
        with: String,
    },
    /// Protected in another way than the configuration says.
    #[error(
        "{path} is protected by {found}, not by {wanted} as [kms.root] says; `arqueta keys rewrap` changes what protects it"
    )]
    OtherProtector {
        /// The file.
        path: PathBuf,
        /// What protects it.
        found: String,
        /// What was asked to open it.
        wanted: String,
    },
    /// A file that holds another root key is in the way.
    #[error("{path} holds another root key; move it away if no key service needs it")]
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// Too short to protect anything.
    #[error("a passphrase has 12 bytes or more")]
    ShortPassphrase,
    /// The parameters of Argon2id are out of bounds.
    #[error("Argon2id takes 8 to 1024 MiB of memory, 1 to 32 iterations and 1 to 16 lanes")]
    Cost,
    /// The store holds no key service.
    #[error("there is no key service in this data folder")]
    Nothing,
    /// The store was written before its records carried authentication tags, or somebody wants it to
    /// look so.
    #[error(
        "the metadata of this data folder does not carry authentication tags. If Arqueta 0.1 before its tags wrote it, and nobody else could, run `arqueta adopt` once, which vouches for all that is there. If a later Arqueta has served it, somebody changed it: restore a backup"
    )]
    Untagged,
    /// The key is not the one under which the stored material was sealed.
    #[error("the root key is not the one that sealed the key store")]
    Wrong,
    /// What wraps the root key cannot be used.
    #[error("what protects the root key cannot be used")]
    Protector(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The token or the external key service that wraps it failed.
    #[error("`{holder}`, which protects the root key, did not help; see that it can be reached and start again")]
    Holder {
        /// Which.
        holder: String,
        /// Why.
        #[source]
        source: HolderError,
    },
    /// The operating system failed.
    #[error("the root key cannot be read or written")]
    Io(#[from] io::Error),
}

/// The root key in the clear. Only `root` and `keys` look inside.
pub struct RootSecret(Zeroizing<[u8; 32]>);

impl RootSecret {
    /// Takes over key bytes; the caller's own copy is the caller's to wipe.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self::from_bytes(arqueta_seal::SourceKey::random().expose())
    }

    /// The bytes, for what protects them and what is sealed under them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the same, in constant time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
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

/// A [`RootKey`] that can take over a root key that exists.
#[async_trait]
pub trait RootProtector: RootKey {
    /// The file that it keeps.
    fn path(&self) -> &Path;

    /// Keeps this very root key from now on. It is durable, and was opened again, before the file
    /// takes its name; a crash leaves the file as it was or as it will be.
    ///
    /// # Errors
    /// [`RootKeyError::Occupied`] rather than replacing a bare key by another one.
    async fn keep(&self, root: &RootSecret) -> Result<(), RootKeyError>;
}
