//! The recorder as a disk.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_model::Timestamp;
use bytes::Bytes;
use redb::StorageBackend;

use super::tape::{FileId, Tape};
use crate::database::Databases;
use arqueta_journal::disk::{DirLock, Disk, DiskFile, Stat, parent};

fn usize_of(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

/// The recorder as a [`Disk`].
#[derive(Debug)]
pub(super) struct SimDisk(pub(super) Arc<Mutex<Tape>>);

impl SimDisk {
    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, id: FileId) -> SimFile {
        SimFile { tape: self.0.clone(), id }
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let id = self.tape().create(path)?;
        Ok(Arc::new(self.file(id)))
    }

    fn edit(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let id = self.tape().named(path)?;
        Ok(Arc::new(self.file(id)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.tape().rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.tape().remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.tape().create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.tape().remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.tape().sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let tape = self.tape();
        let entries = tape.live().names.keys().chain(&tape.live().dirs).filter(|entry| parent(entry) == path);
        let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.file_name()?.to_str()?.to_owned())).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let mut tape = self.tape();
        let modified = Timestamp::from_millis(0);
        if path == Path::new(".") || tape.live().dirs.contains(path) {
            return Ok(Stat { size: 0, modified });
        }
        let id = tape.named(path)?;
        Ok(Stat { size: tape.content(id).len() as u64, modified })
    }

    fn lock(&self, _path: &Path) -> io::Result<DirLock> {
        // No other process can see this disk.
        Ok(Box::new(()))
    }
}

impl Databases for SimDisk {
    fn database(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        let id = {
            let mut tape = self.tape();
            tape.named(path).or_else(|_| tape.create(path))?
        };
        Ok(Box::new(self.file(id)))
    }
}

/// An open file of the recorder.
#[derive(Debug)]
struct SimFile {
    tape: Arc<Mutex<Tape>>,
    id: FileId,
}

impl SimFile {
    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskFile for SimFile {
    fn write(&self, at: u64, chunks: &[Bytes]) -> io::Result<()> {
        let mut at = usize_of(at)?;
        for chunk in chunks {
            self.tape().write(self.id, at, chunk.clone())?;
            at += chunk.len();
        }
        Ok(())
    }

    fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        Ok(self.tape().read(self.id, usize_of(at)?, len))
    }

    fn sync(&self) -> io::Result<()> {
        self.tape().sync(self.id)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.tape().content(self.id).len() as u64)
    }
}

/// No locks: no other process can see this disk.
impl StorageBackend for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.size()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let found = DiskFile::read(self, offset, out.len())?;
        if found.len() < out.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out.copy_from_slice(&found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.tape().set_len(self.id, usize_of(len)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        DiskFile::write(self, offset, &[Bytes::copy_from_slice(data)])
    }
}
