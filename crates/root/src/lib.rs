//! Protectors of the root key.
//!
//! **Purpose.** The root key seals every key version at rest. Here it is kept: bare in a file that
//! only its owner may read, wrapped under a passphrase, or wrapped under a key that a token or
//! another key service holds.
//!
//! **Refuses to do** what loses keys: a root key that is missing is never answered by another one,
//! and a file that holds another root key is never replaced.
//!
//! **Invariants.** A protector keeps one file in the data folder: [`ROOT_FILES`] names them all.
//! Changing the protector wraps the same 32 bytes anew and touches no key.
//!
//! **Threat notes.** See `docs/threats.md`.
//!
//! ```
//! use arqueta_kms::RootKey as _;
//! use arqueta_root::FileRootKey;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let folder = tempfile::tempdir()?;
//! let file = FileRootKey::new(folder.path().join("root.key"));
//! // Never made where one is asked for.
//! assert!(file.unlock().await.is_err());
//! let made = file.create().await?;
//! assert!(file.unlock().await?.is(&made));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chest;
mod draft;
mod file;
mod frame;
mod held;
mod passphrase;
mod wrapped;

use std::io;

use arqueta_kms::RootKeyError;

pub use chest::Chest;
pub use draft::{Draft, remove, sync_folder};
pub use file::FileRootKey;
pub use frame::{Frame, FrameError};
pub use held::HeldBy;
pub use passphrase::{Argon2Cost, Kdf, Passphrase};
pub use wrapped::WrappedRootKey;

/// Names that protectors give their file in the data folder: the bare key, and the wrapped one.
pub const ROOT_FILES: [&str; 2] = ["root.key", "root.wrapped"];

/// Runs `work` where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RootKeyError> + Send + 'static,
) -> Result<T, RootKeyError> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
