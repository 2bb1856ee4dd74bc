//! The file operations that durability rests on, as an inner seam: the operating system's, or a
//! recorder that replays them up to a power cut.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arqueta_model::Timestamp;
use bytes::Bytes;

/// Keeps a directory to this process until dropped.
pub type DirLock = Box<dyn fmt::Debug + Send + Sync>;

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy)]
pub struct Stat {
    /// Bytes.
    pub size: u64,
    /// When its content last changed.
    pub modified: Timestamp,
}

/// Operations on names. An entry of a directory is durable once that directory is synced.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Creates a file that did not exist, readable by its owner only.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens an existing file for reading and for writing anywhere in it.
    fn edit(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens for reading.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// As [`Disk::open`], if that waits for no device; `None` where it would, or where nobody knows.
    fn open_at_hand(&self, path: &Path) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let _ = path;
        Ok(None)
    }
    /// Renames in one step; `AlreadyExists` if `to` exists.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates one directory, accessible to its owner only; an existing one is fine.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the entries of a directory durable. After a failure nobody knows which are, and the next
    /// sync says nothing of those: it counts for names that were made after the failure.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Names in a directory, in byte order; none if it is missing.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// What is known of a file or directory.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    /// Takes the lock file at `path`; `WouldBlock` while somebody else holds it.
    fn lock(&self, path: &Path) -> io::Result<DirLock>;
}

/// Operations on the content of one file.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Writes all the chunks one after another from `at` on.
    fn write(&self, at: u64, chunks: &[Bytes]) -> io::Result<()>;
    /// Up to `len` bytes from `at`; fewer only at the end of the file.
    fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>>;
    /// Fills `out` from `at` on and returns how many bytes there were; fewer only at the end of the
    /// file.
    fn read_into(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let read = self.read(at, out.len())?;
        out[..read.len()].copy_from_slice(&read);
        Ok(read.len())
    }
    /// As [`DiskFile::read_into`], of what is in memory: it waits for no device, and stops at the
    /// first byte that is not there.
    fn read_at_hand(&self, at: u64, out: &mut [u8]) -> usize {
        let _ = (at, out);
        0
    }
    /// Makes the content durable. After a failure no sync of this file succeeds again.
    fn sync(&self) -> io::Result<()>;
    /// Bytes of the file.
    fn size(&self) -> io::Result<u64>;
}

/// Creates `path` and its missing ancestors, each durable before the next.
pub fn create_dirs(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if disk.stat(path).is_ok() {
        return Ok(());
    }
    create_dirs(disk, parent(path))?;
    create_durable_dir(disk, path)
}

/// Creates the directory `path` and makes its name durable. One that is there already may have been
/// made by a process that was killed before it could.
///
/// A name whose sync failed is taken away again, so that the next attempt makes a new one, whose sync
/// means something.
pub fn create_durable_dir(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    disk.create_dir(path)?;
    disk.sync_dir(parent(path)).inspect_err(|_| {
        // What cannot be removed is not empty, or the disk takes no changes: see who calls.
        let _ = disk.remove_dir(path);
    })
}

/// The directory that holds the entry of `path`.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
