//! Files that are whole or not there.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// A file that is written and synced beside its name, and has yet to get it. For its owner only.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// Where the draft of `target` lies.
    #[must_use]
    pub fn path_of(target: &Path) -> PathBuf {
        let mut path = target.as_os_str().to_owned();
        path.push(".new");
        path.into()
    }

    /// Writes and syncs `bytes`; a draft that a crash left is replaced. Blocks.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn write(target: &Path, bytes: &[u8]) -> io::Result<Self> {
        let path = Self::path_of(target);
        remove(&path)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(Self { path, target: target.to_owned() })
    }

    /// What was written, read again.
    pub(super) fn read(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        std::fs::read(&self.path).map(Zeroizing::new)
    }

    /// Gives it its name, in place of what has it. Durable on return.
    pub(super) fn replace(self) -> io::Result<()> {
        std::fs::rename(&self.path, &self.target)?;
        sync_folder(&self.target)
    }

    /// Gives it its name if nothing has it: [`io::ErrorKind::AlreadyExists`] otherwise. Durable on
    /// return.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn create(self) -> io::Result<()> {
        // A link, not a rename: it cannot replace what another process just made.
        let linked = std::fs::hard_link(&self.path, &self.target);
        std::fs::remove_file(&self.path)?;
        sync_folder(&self.target)?;
        linked
    }
}

/// Removes a file that may be there. Durable once its folder is synced.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes names durable in the folder of `path`.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
