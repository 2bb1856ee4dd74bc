//! Space kept back for what must go on when the disk fills up: deletes, and the record of what is
//! done.
//!
//! Two marks. Below the *low-water mark* new bodies are refused, while everything else goes on. When
//! that does not help, because others fill the disk, the *reserve* is given up: a file of some size
//! that is nothing but space. It is made again once there is room.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::FallocateFlags;

/// The file in the data folder that is the reserve.
const RESERVE: &str = "reserve";

/// Whether there is room, as far as the use cases need to know. [`Headroom`] asks a file system.
pub trait Room: Send + Sync {
    /// Whether a new body of `bytes` may come in.
    fn admits(&self, bytes: u64) -> bool;

    /// Gives up the reserve, for a change that frees space and found none. Whether it may help to
    /// try that change again.
    fn give_up(&self) -> bool;
}

/// How much is kept back. Small file systems keep less: a fiftieth and a twentieth of all at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomLimits {
    /// Bytes of the reserve; 0 for none.
    pub reserve: u64,
    /// Free bytes below which new bodies are refused; 0 never refuses.
    pub low_water: u64,
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self { reserve: 16 << 20, low_water: 256 << 20 }
    }
}

/// What is known of the space under a data folder.
#[derive(Debug)]
pub struct Headroom {
    folder: PathBuf,
    limits: RoomLimits,
    /// Free bytes at the last look, less what came in since.
    free: AtomicU64,
    /// Whether the reserve is there.
    kept: AtomicBool,
    refusing: AtomicBool,
}

impl Headroom {
    /// Looks at the file system of `folder`, and makes the reserve where there is room for it.
    ///
    /// # Errors
    /// If the file system cannot be looked at.
    pub fn open(folder: impl Into<PathBuf>, limits: RoomLimits) -> io::Result<Self> {
        let folder = folder.into();
        let (_, total) = space(&folder)?;
        let limits =
            RoomLimits { reserve: limits.reserve.min(total / 50), low_water: limits.low_water.min(total / 20) };
        let kept = AtomicBool::new(std::fs::metadata(folder.join(RESERVE)).is_ok_and(|found| found.len() > 0));
        let headroom = Self { folder, limits, free: AtomicU64::new(0), kept, refusing: AtomicBool::new(false) };
        headroom.look()?;
        Ok(headroom)
    }

    /// Looks again: to be called every second or so. Gives up the reserve when little more than
    /// nothing is left, and makes it again when there is room.
    ///
    /// # Errors
    /// If the file system cannot be looked at. That a reserve cannot be made is only told.
    pub fn look(&self) -> io::Result<()> {
        let (free, _) = space(&self.folder)?;
        self.free.store(free, Ordering::Release);
        let (kept, RoomLimits { reserve, low_water }) = (self.has_reserve(), self.limits);
        if kept && free < reserve / 4 {
            self.give_up();
        } else if !kept && reserve > 0 && free >= low_water.saturating_add(reserve.saturating_mul(2)) {
            match make(&self.folder.join(RESERVE), reserve) {
                Ok(()) => self.kept.store(true, Ordering::Release),
                Err(error) => tracing::warn!(%error, "no space can be reserved for deletes on a full disk"),
            }
        }
        let refusing = !self.admits(0);
        if refusing != self.refusing.swap(refusing, Ordering::AcqRel) {
            match refusing {
                true => tracing::error!(free, low_water, "the disk is nearly full: new bodies are refused"),
                false => tracing::warn!(free, low_water, "there is room again: new bodies are taken"),
            }
        }
        Ok(())
    }

    /// Whether the reserve is there.
    #[must_use]
    pub fn has_reserve(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    /// What is kept back on this file system.
    #[must_use]
    pub const fn limits(&self) -> RoomLimits {
        self.limits
    }
}

impl Room for Headroom {
    fn admits(&self, bytes: u64) -> bool {
        let left = |free: u64| free.checked_sub(bytes).filter(|left| *left >= self.limits.low_water);
        self.limits.low_water == 0 || self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, left).is_ok()
    }

    fn give_up(&self) -> bool {
        if self.kept.swap(false, Ordering::AcqRel) {
            match std::fs::remove_file(self.folder.join(RESERVE)) {
                Ok(()) => tracing::warn!("the disk is full: the reserve was given up for deletes and the record"),
                Err(error) => tracing::error!(%error, "the reserve cannot be given up"),
            }
        }
        self.limits.reserve > 0
    }
}

/// Free bytes and all bytes of the file system under `folder`.
fn space(folder: &Path) -> io::Result<(u64, u64)> {
    let found = rustix::fs::statvfs(folder)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok((bytes(found.f_bavail), bytes(found.f_blocks)))
}

/// Space without content; a file system that cannot keep such has no reserve.
fn make(path: &Path, bytes: u64) -> io::Result<()> {
    let file = File::create(path)?;
    let made = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes);
    if made.is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(made?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_made_given_up_and_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let limits = RoomLimits { reserve: 1 << 20, low_water: 0 };
        let headroom = Headroom::open(dir.path(), limits).unwrap();
        let reserved = || std::fs::metadata(dir.path().join(RESERVE)).map(|found| found.len()).ok();
        assert_eq!((headroom.has_reserve(), reserved()), (true, Some(1 << 20)));
        assert!(headroom.give_up() && headroom.give_up(), "who comes second tries again, too");
        assert_eq!((headroom.has_reserve(), reserved()), (false, None));
        headroom.look().unwrap();
        assert_eq!((headroom.has_reserve(), reserved()), (true, Some(1 << 20)));
        let again = Headroom::open(dir.path(), limits).unwrap();
        assert!(again.has_reserve(), "that of an earlier start is found");
    }

    #[test]
    fn below_the_low_water_mark_nothing_comes_in() {
        let dir = tempfile::tempdir().unwrap();
        let headroom = Headroom::open(dir.path(), RoomLimits { reserve: 0, low_water: 1 << 20 }).unwrap();
        assert!(!headroom.has_reserve() && !headroom.give_up(), "there is none");
        let free = headroom.free.load(Ordering::Acquire);
        assert!(headroom.admits(0) && !headroom.admits(free));
        assert!(headroom.admits(free - (2 << 20)) && headroom.admits(1 << 20));
        assert!(!headroom.admits(1), "what came in is counted before the next look");
        headroom.look().unwrap();
        assert!(headroom.admits(1));
        let none = Headroom::open(dir.path(), RoomLimits { reserve: 0, low_water: 0 }).unwrap();
        assert!(none.admits(u64::MAX));
    }
}
