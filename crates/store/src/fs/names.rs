//! Making names durable, on a disk whose syncs may fail.
//!
//! The kernel tells once of what it could not write, and drops it: the next sync of the same directory
//! succeeds without. So a sync counts only for names that were made after the last one that failed.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arqueta_journal::disk::{Disk, create_durable_dir, parent};
use rustix::io::Errno;

/// What is known of the directories of one folder.
#[derive(Debug, Default)]
pub(super) struct Names {
    folders: Mutex<HashMap<PathBuf, Arc<Mutex<Standing>>>>,
    /// Syncs of directories that failed.
    failures: AtomicU64,
}

/// Of the name of a directory.
#[derive(Debug, Default, Clone, Copy)]
enum Standing {
    /// Nothing: the process before may have been killed between making and syncing it.
    #[default]
    Unknown,
    Durable,
    /// Its sync failed, and it could not be taken away again: somebody copied it here, or the disk takes
    /// no changes. Nothing is put into it before the next start.
    Lost,
}

impl Names {
    /// Makes sure that the directory `path` below `root` exists and that its name is durable. Synced
    /// once by each process.
    pub(super) fn ensure_dir(&self, disk: &dyn Disk, root: &Path, path: &Path) -> io::Result<()> {
        if path == root {
            return Ok(());
        }
        let folder = lock(&self.folders).entry(path.to_owned()).or_default().clone();
        // Held throughout: who comes second does not sync past the failure of the first.
        let mut standing = lock(&folder);
        match *standing {
            Standing::Durable => return Ok(()),
            Standing::Lost => return Err(io::Error::other("an earlier sync of the folder's name failed")),
            Standing::Unknown => {}
        }
        self.ensure_dir(disk, root, parent(path))?;
        let made = create_durable_dir(disk, path);
        *standing = match &made {
            Ok(()) => Standing::Durable,
            Err(error) if never_began(error) => Standing::Unknown,
            Err(_) => {
                self.failures.fetch_add(1, Ordering::AcqRel);
                if disk.stat(path).is_ok() { Standing::Lost } else { Standing::Unknown }
            }
        };
        made
    }

    /// Renames a file and makes the new name durable, or takes it away.
    pub(super) fn publish(&self, disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
        let before = self.failures.load(Ordering::Acquire);
        disk.rename(from, to)?;
        let synced = disk.sync_dir(parent(to)).inspect_err(|error| {
            if !never_began(error) {
                self.failures.fetch_add(1, Ordering::AcqRel);
            }
        });
        // Another's sync that failed meanwhile may have been of this name.
        let others = self.failures.load(Ordering::Acquire) != before;
        match synced {
            Ok(()) if others => Err(io::Error::other("a sync of folders failed beside this one")),
            synced => synced,
        }
        .inspect_err(|_| {
            // Nobody will be told that it exists.
            let _ = disk.remove(to);
        })
    }
}

/// Whether a folder was not even opened to be synced, for want of descriptors: nothing was dropped, and the
/// next sync covers what this one was for.
fn never_began(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].map(|errno| Some(errno.raw_os_error())).contains(&error.raw_os_error())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
