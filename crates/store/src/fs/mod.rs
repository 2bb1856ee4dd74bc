//! [`BlobStore`] on a local directory.
//!
//! ```text
//! <dir>/lock                    held while open
//! <dir>/tmp/<id>.<n>            being written; removed when abandoned and at start
//! <dir>/<h>/<hh>/<id>           finished; fanned out by the first three hex digits of the id
//! ```
//!
//! A blob is written, synced, renamed into place and its directory synced, in this order, so it
//! is whole whenever its name is there. Every step runs on the blocking pool: syncs of different
//! blobs overlap, which is worth a factor of forty on a busy disk (docs/adr/0003).

mod memory;
mod names;
mod read;
mod write;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arqueta_model::BlobId;
use async_trait::async_trait;

use crate::share::Share;
use crate::{BlobEntry, BlobStore, BlobStream, BlobWriter, Error};
use arqueta_journal::OsDisk;
use arqueta_journal::disk::{DirLock, Disk, create_dirs};

/// Blobs as files of one directory.
///
/// Cloning shares it. Memory: at most twice 256 KiB for each blob being written or
/// read, and less for each where many are: see [`Share`].
#[derive(Debug, Clone)]
pub struct FsBlobs {
    folder: Arc<Folder>,
}

/// What the chunks of all readers are meant to take, in bytes, and the batches of all writers.
const BUDGET: usize = 16 << 20;

#[derive(Debug)]
struct Folder {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    names: names::Names,
    next_temporary: AtomicU64,
    /// Bounds the memory of the chunks of all readers.
    readers: Share,
    /// Where it comes from.
    memory: memory::Memory,
    /// Memory of the batches of all writers.
    writers: Share,
    _lock: DirLock,
}

impl FsBlobs {
    /// Opens the store in `dir`, creating it if need be, and removes what unfinished writes left
    /// behind. Blocks; call it at start.
    ///
    /// # Errors
    /// [`Error::InUse`] while another process has it open, [`Error::Full`], [`Error::Io`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_on(Arc::new(OsDisk), dir.as_ref())
    }

    pub(crate) fn open_on(disk: Arc<dyn Disk>, root: &Path) -> Result<Self, Error> {
        create_dirs(&*disk, root)?;
        let lock = disk.lock(&root.join("lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Error::InUse { path: root.to_owned() },
            _ => error.into(),
        })?;
        let temporary = root.join("tmp");
        create_dirs(&*disk, &temporary)?;
        for name in disk.list(&temporary)? {
            disk.remove(&temporary.join(name))?;
        }
        let folder = Folder {
            disk,
            root: root.to_owned(),
            names: names::Names::default(),
            next_temporary: AtomicU64::new(0),
            readers: Share::new(BUDGET, memory::CHUNK),
            memory: memory::Memory::default(),
            writers: Share::new(BUDGET, write::BATCH),
            _lock: lock,
        };
        Ok(Self { folder: Arc::new(folder) })
    }
}

impl FsBlobs {
    /// Where a finished blob lies in a store in `root`.
    #[must_use]
    pub fn path_in(root: &Path, id: BlobId) -> PathBuf {
        let name = id.to_string();
        root.join(&name[..1]).join(&name[1..3]).join(name)
    }
}

impl Folder {
    fn path(&self, id: BlobId) -> PathBuf {
        FsBlobs::path_in(&self.root, id)
    }

    fn temporary_path(&self, id: BlobId) -> PathBuf {
        let n = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        self.root.join("tmp").join(format!("{id}.{n}"))
    }

    fn list(&self, after: Option<BlobId>, limit: usize) -> io::Result<Vec<BlobEntry>> {
        let after = after.map(|id| id.to_string());
        // A directory is skipped when everything in it sorts before `after`.
        let from = |at: Range<usize>| after.as_ref().map_or("", |after| &after[at]).to_owned();
        let mut page = Vec::new();
        for top in self.disk.list(&self.root)? {
            if !is_hex(&top, 1) || top < from(0..1) {
                continue;
            }
            for leaf in self.disk.list(&self.root.join(&top))? {
                if !is_hex(&leaf, 2) || (top == from(0..1) && leaf < from(1..3)) {
                    continue;
                }
                let dir = self.root.join(&top).join(&leaf);
                for name in self.disk.list(&dir)? {
                    if page.len() >= limit {
                        return Ok(page);
                    }
                    let fresh = after.as_ref().is_none_or(|after| name > *after);
                    let Some(id) = name.parse().ok().filter(|_| fresh) else { continue };
                    match self.disk.stat(&dir.join(&name)) {
                        Ok(stat) => page.push(BlobEntry { id, size: stat.size, finished: stat.modified }),
                        // Deleted since it was listed.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(page)
    }
}

fn is_hex(name: &str, len: usize) -> bool {
    name.len() == len && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Runs file operations on the blocking pool.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(stopped(&error)))
}

/// The pool is shut down, or an operation panicked.
fn stopped(error: &tokio::task::JoinError) -> Error {
    if error.is_cancelled() { Error::Closed } else { Error::Io(io::Error::other("a file operation panicked")) }
}

#[async_trait]
impl BlobStore for FsBlobs {
    async fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, Error> {
        Ok(Box::new(write::Writer::new(self.folder.clone(), id)))
    }

    async fn read(&self, id: BlobId, size: u64, range: Range<u64>) -> Result<BlobStream, Error> {
        read::open(self.folder.clone(), id, size, range).await
    }

    /// Not synced: a crash may bring the blob back, for the sweep of orphans to find.
    async fn delete(&self, id: BlobId) -> Result<(), Error> {
        let folder = self.folder.clone();
        blocking(move || match folder.disk.remove(&folder.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        })
        .await
    }

    async fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobEntry>, Error> {
        let folder = self.folder.clone();
        blocking(move || Ok(folder.list(after, limit)?)).await
    }
}

#[cfg(test)]
mod tests;
