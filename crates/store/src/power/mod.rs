//! Simulated power loss (feature `testing`).
//!
//! A [`Recorder`] is a disk in memory. Stores opened on it write one ordered log of file
//! operations; [`Recorder::crash`] gives the disk as it might be found after the power went at
//! any point of that log. Only what was synced is sure to be there: file content by a sync of the
//! file, names by a sync of their directory.
//!
//! The model is harsher than a journaling file system: pages of one file survive independently of
//! each other and of the file's length, and a rename may have removed the old name without having
//! made the new one. It knows no torn sectors within a 4 KiB page.

mod crash;
mod dice;
mod sim;
mod tape;
mod trouble;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::dice::Dice;
use self::sim::SimDisk;
use self::tape::{Image, Op, Tape};
pub use self::trouble::Trouble;
use crate::database::Databases as _;
use crate::embedded::Tuning;
use crate::{Error, FsBlobs, RedbOptions, RedbStore};

/// Where the metadata lives on a recorder, and in an exported folder.
const META: &str = "meta.redb";
/// Where the copy of its first page lies.
const HEAD: &str = "meta.head";
/// Where its journal lives.
const JOURNAL: &str = "meta.journal";
/// Where the blobs live on a recorder, and in an exported folder.
const BLOBS: &str = "blobs";

/// Small sizes, so that a short test sees every turn of the metadata.
const SMALL: Tuning = Tuning {
    journal: arqueta_journal::Options { segment_bytes: 48 << 10, spares: 2 },
    checkpoint_bytes: 96 << 10,
    limit_bytes: 384 << 10,
    waiting_bytes: 1 << 20,
    in_line: false,
};

/// What becomes of writes that were not synced when the power went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All are lost.
    Everything,
    /// Each page is found in any of the states it had since the last sync; of the directory
    /// changes a random number of first ones is kept.
    Random,
}

/// Syncs that a disk may lie about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncs {
    /// Of the metadata's file.
    Metadata,
    /// Of blobs' content.
    BlobFiles,
    /// Of the directories that name blobs.
    BlobFolders,
}

/// What was asked of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Syncs of segments of the metadata's journal, and bytes written to them.
    pub journal: (usize, usize),
    /// The same of the metadata's database file and of the copy of its first page.
    pub database: (usize, usize),
    /// The same of all other files.
    pub others: (usize, usize),
    /// Syncs of folders.
    pub folders: usize,
}

/// A disk in memory that remembers every operation. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    tape: Arc<Mutex<Tape>>,
}

impl Recorder {
    /// An empty disk without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the disk to so many bytes, in pages of 4 KiB, or lifts the limit. What is beyond a
    /// new limit stays; writes to fresh pages then fail with `StorageFull`.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.tape().set_capacity(bytes);
    }

    /// Opens the metadata store on this disk.
    ///
    /// # Errors
    /// As [`RedbStore::open`].
    pub fn meta(&self) -> Result<RedbStore, Error> {
        self.meta_with(SMALL)
    }

    /// [`Recorder::meta`] without threads of its own: whoever commits does all the work. On a
    /// runtime of one thread the same calls then give the same recording.
    ///
    /// # Errors
    /// As [`RedbStore::open`].
    pub fn meta_in_line(&self) -> Result<RedbStore, Error> {
        self.meta_with(Tuning { in_line: true, ..SMALL })
    }

    /// [`Recorder::meta`] with the sizes that a gateway has.
    ///
    /// # Errors
    /// As [`RedbStore::open`].
    pub fn full_size_meta(&self) -> Result<RedbStore, Error> {
        self.meta_with(Tuning::default())
    }

    /// [`Recorder::full_size_meta`] without threads of its own. If not `journaled`, every commit is
    /// followed by a checkpoint, as if there were no journal.
    ///
    /// # Errors
    /// As [`RedbStore::open`].
    pub fn full_size_meta_in_line(&self, journaled: bool) -> Result<RedbStore, Error> {
        let usual = Tuning { in_line: true, ..Tuning::default() };
        self.meta_with(if journaled { usual } else { Tuning { checkpoint_bytes: 0, ..usual } })
    }

    /// Whether any write held these bytes, wherever it went.
    #[must_use]
    pub fn wrote(&self, bytes: &[u8]) -> bool {
        let held = |written: &[u8]| {
            let mut starts = (0..written.len()).filter(|at| written[*at] == bytes[0]);
            starts.any(|at| written[at..].starts_with(bytes))
        };
        self.tape().log().iter().any(|op| matches!(op, Op::Write(_, _, written) if held(written)))
    }

    fn meta_with(&self, tuning: Tuning) -> Result<RedbStore, Error> {
        RedbStore::open_on(Arc::new(SimDisk(self.tape.clone())), Path::new(META), RedbOptions::default(), tuning)
    }

    /// Changes a byte of the metadata's file, as a medium that decays does.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn damage(&self, at: u64, flipped: u8) -> io::Result<()> {
        self.flip(META, at, flipped)
    }

    /// [`Recorder::damage`] of the copies of its first page.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn damage_copy(&self, at: u64, flipped: u8) -> io::Result<()> {
        self.flip(HEAD, at, flipped)
    }

    fn flip(&self, name: &str, at: u64, flipped: u8) -> io::Result<()> {
        let file = SimDisk(self.tape.clone()).database(Path::new(name))?;
        let mut byte = [0];
        file.read(at, &mut byte)?;
        file.write(at, &[byte[0] ^ flipped])?;
        file.sync_data()
    }

    /// Makes operations fail from here on, or work again.
    pub fn set_trouble(&self, trouble: Trouble) {
        self.tape().set_trouble(trouble);
    }

    /// What was asked of the disk since the position `since`. What a checkpoint writes is there
    /// when it is done, which is when the store was closed at the latest.
    #[must_use]
    pub fn spent(&self, since: usize) -> Spent {
        let tape = self.tape();
        let journal = tape.created_below(Path::new(JOURNAL));
        let named = |name: &str| tape.live().names.get(Path::new(name)).copied();
        let database = [named(META), named(HEAD)];
        let mut sum = Spent { folders: tape.folder_syncs(since), ..Spent::default() };
        for (id, (syncs, bytes)) in tape.spent(since) {
            let part = match id {
                id if journal.contains(&id) => &mut sum.journal,
                id if database.contains(&Some(id)) => &mut sum.database,
                _ => &mut sum.others,
            };
            *part = (part.0 + syncs, part.1 + bytes);
        }
        sum
    }

    /// Opens the blob store on this disk.
    ///
    /// # Errors
    /// As [`FsBlobs::open`].
    pub fn blobs(&self) -> Result<FsBlobs, Error> {
        FsBlobs::open_on(Arc::new(SimDisk(self.tape.clone())), Path::new(BLOBS))
    }

    /// Operations recorded so far. Whatever was acknowledged before this was read must be found
    /// after every crash at this position or later.
    #[must_use]
    pub fn position(&self) -> usize {
        self.tape().position()
    }

    /// The disk as found after the power went right after the first `at` operations. The same
    /// `seed` gives the same disk.
    #[must_use]
    pub fn crash(&self, at: usize, loss: Loss, seed: u64) -> Self {
        let image = crash::image(&self.tape(), at, loss, &mut Dice::new(seed));
        Self::from(image)
    }

    /// The disk after the process was killed right after the first `at` operations: everything is there,
    /// and what was not synced is still not durable.
    #[must_use]
    pub fn killed(&self, at: usize) -> Self {
        Self { tape: Arc::new(Mutex::new(self.tape().until(at))) }
    }

    /// The same recording with these syncs left out, as on a disk that lies about them: a test of
    /// power loss must find it out. Positions are others.
    #[must_use]
    pub fn ignoring(&self, syncs: Syncs) -> Self {
        let mut tape = self.tape().clone();
        let blobs = tape.created_below(Path::new(BLOBS));
        tape.forget(|op| match (syncs, op) {
            (Syncs::Metadata, Op::Sync(id)) => !blobs.contains(id),
            (Syncs::BlobFiles, Op::Sync(id)) => blobs.contains(id),
            (Syncs::BlobFolders, Op::SyncDir(path)) => path.starts_with(BLOBS),
            _ => false,
        });
        Self { tape: Arc::new(Mutex::new(tape)) }
    }

    /// Writes the disk's files below `dir`, for a process that reads a real folder.
    ///
    /// # Errors
    /// Those of writing files.
    pub fn export(&self, dir: &Path) -> io::Result<()> {
        self.tape().live().export(dir)
    }

    /// A disk with the files directly in `dir`, all of them durable.
    ///
    /// # Errors
    /// Those of reading files.
    pub fn import(dir: &Path) -> io::Result<Self> {
        Ok(Self::from(Image::import(dir)?))
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Image> for Recorder {
    fn from(image: Image) -> Self {
        Self { tape: Arc::new(Mutex::new(Tape::new(image))) }
    }
}

#[cfg(test)]
mod tests;
