//! [`Disk`] on the operating system's file systems.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use arqueta_model::Timestamp;
use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, ResolveFlags};
use rustix::io::{Errno, ReadWriteFlags};

use crate::direct::{Direct, LARGE};
use crate::disk::{DirLock, Disk, DiskFile, Stat};

/// Most chunks of one system call (`IOV_MAX` of Linux).
const MOST_CHUNKS: usize = 1024;

/// The real thing.
#[derive(Debug)]
pub struct OsDisk;

/// An open file. Written from one end to the other, so the way past the page cache is a state.
#[derive(Debug)]
struct OsFile {
    file: File,
    direct: Mutex<Option<Direct>>,
    /// Written anywhere, so never past the page cache.
    in_place: bool,
    syncs: Latch,
}

/// Makes the first failure the last outcome. The kernel tells of pages that it could not write, and
/// dropped, once; the next sync of the same file would succeed without them.
#[derive(Debug, Default)]
struct Latch(AtomicBool);

impl Latch {
    fn run(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.0.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier sync of this file failed"));
        }
        sync().inspect_err(|_| self.0.store(true, Ordering::Release))
    }
}

impl OsFile {
    fn new(file: File) -> Arc<Self> {
        Arc::new(Self { file, direct: Mutex::default(), in_place: false, syncs: Latch::default() })
    }
}

impl Disk for OsDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(OsFile::new(file))
    }

    fn edit(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Arc::new(OsFile { file, direct: Mutex::default(), in_place: true, syncs: Latch::default() }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(OsFile::new(File::open(path)?))
    }

    fn open_at_hand(&self, path: &Path) -> io::Result<Option<Arc<dyn DiskFile>>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        match rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED) {
            Ok(file) => Ok(Some(OsFile::new(file.into()))),
            Err(Errno::NOENT) => Err(Errno::NOENT.into()),
            // Not in the cache, or a kernel that does not know how to ask for that.
            Err(_) => Ok(None),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Some network file systems lack the flag; a link refuses to replace as well.
            Err(Errno::INVAL | Errno::NOSYS) => {
                fs::hard_link(from, to)?;
                fs::remove_file(from)
            }
            renamed => Ok(renamed?),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created,
        }
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
        let mut names: Vec<String> = names.filter_map(io::Result::transpose).collect::<io::Result<_>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let metadata = fs::metadata(path)?;
        let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        Ok(Stat { size: metadata.len(), modified })
    }

    fn lock(&self, path: &Path) -> io::Result<DirLock> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl DiskFile for OsFile {
    fn write(&self, at: u64, chunks: &[Bytes]) -> io::Result<()> {
        let mut direct = self.direct.lock().unwrap_or_else(PoisonError::into_inner);
        if at == 0 && !self.in_place && chunks.iter().map(Bytes::len).sum::<usize>() >= LARGE {
            *direct = Direct::start(&self.file);
        }
        match &mut *direct {
            Some(direct) if direct.end() == at => direct.append(&self.file, chunks),
            Some(_) => Err(io::Error::other("a file is written from its start to its end")),
            None => write_cached(&self.file, at, chunks),
        }
    }

    fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let from = at + bytes.len() as u64;
            match rustix::io::pread(&self.file, spare_capacity(&mut bytes), from) {
                Err(Errno::INTR) => {}
                got if got? == 0 => break,
                _ => {}
            }
        }
        // The allocator may have rounded the capacity up.
        bytes.truncate(len);
        Ok(bytes)
    }

    fn read_into(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < out.len() {
            match rustix::io::pread(&self.file, &mut out[done..], at + done as u64) {
                Err(Errno::INTR) => {}
                Ok(0) => break,
                read => done += read?,
            }
        }
        Ok(done)
    }

    fn read_at_hand(&self, at: u64, out: &mut [u8]) -> usize {
        let mut done = 0;
        while done < out.len() {
            let rest = &mut [IoSliceMut::new(&mut out[done..])];
            match rustix::io::preadv2(&self.file, rest, at + done as u64, ReadWriteFlags::NOWAIT) {
                Err(Errno::INTR) => {}
                // Whatever else is wrong is told by the read that may wait.
                Err(_) | Ok(0) => break,
                Ok(read) => done += read,
            }
        }
        done
    }

    fn sync(&self) -> io::Result<()> {
        self.syncs.run(|| {
            if let Some(direct) = self.direct.lock().unwrap_or_else(PoisonError::into_inner).take() {
                direct.finish(&self.file)?;
            }
            self.file.sync_data()
        })
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

/// Through the page cache.
fn write_cached(file: &File, mut at: u64, chunks: &[Bytes]) -> io::Result<()> {
    for some in chunks.chunks(MOST_CHUNKS) {
        let mut slices: Vec<_> = some.iter().map(|chunk| IoSlice::new(chunk)).collect();
        let mut rest = &mut slices[..];
        // Drops leading empty slices: a call that writes nothing must mean an error.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let written = match rustix::io::pwritev(file, rest, at) {
                Err(Errno::INTR) => continue,
                written => written?,
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            at += written as u64;
            IoSlice::advance_slices(&mut rest, written);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_sync_is_never_followed_by_one_that_succeeds() {
        let latch = Latch::default();
        latch.run(|| Ok(())).unwrap();
        assert_eq!(
            latch.run(|| Err(io::ErrorKind::StorageFull.into())).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
        latch.run(|| panic!("the file is not asked again")).unwrap_err();
    }

    #[test]
    fn a_large_file_whose_tail_was_lost_stays_unsynced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        drop(File::create_new(&path).unwrap());
        // Takes no writes, so what the buffer still holds at the sync cannot leave it.
        let file = OsFile::new(File::open(&path).unwrap());
        if file.write(0, &[Bytes::from(vec![1; LARGE])]).is_err() || file.direct.lock().unwrap().is_none() {
            // A file system without writes past its cache.
            return;
        }
        file.sync().unwrap_err();
        file.sync().unwrap_err();
    }
}
