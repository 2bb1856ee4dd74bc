//! Space kept back for what must go on when the disk fills up: deletes, and the record of what is
//! done.
//!
//! Two marks. Below the *low-water mark* new bodies are refused, while everything else goes on. When
//! that does not help, because others fill the disk, the *reserve* is given up: a file of some size
//! that is nothing but space. It is made again once there is room.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::FallocateFlags;

/// Free bytes that are some, where nothing has to stay.
const SOME: u64 = 1 << 20;

/// The file in the data folder that is the reserve.
const RESERVE: &str = "reserve";

/// Whether there is room, as far as the use cases need to know. [`Headroom`] asks a file system.
///
/// A length that was declared is *booked* until its bytes have arrived, or will not come.
pub trait Room: Send + Sync {
    /// Whether a new body of `bytes` may come in for `who`; they are booked then.
    fn book(&self, who: &str, bytes: u64) -> bool;

    /// So many bytes of a body for `who` are stored now: what was booked for them is space in use.
    fn arrived(&self, who: &str, bytes: u64);

    /// So many bytes that were booked for `who` will not come.
    fn give_back(&self, who: &str, bytes: u64);

    /// Gives up the reserve, for a change that frees space and found none. Whether it may help to
    /// try that change again.
    fn give_up(&self) -> bool;

    /// A write found no space: what is left is looked at now, so that the next body is refused
    /// before it is read.
    fn ran_out(&self);

    /// Why new bodies do not come in now; `None` where they do.
    fn shortage(&self) -> Option<Shortage>;
}

/// Too little space for new bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Shortage {
    /// So many bytes are free, which is less than has to stay.
    #[error("{free} bytes are free; new bodies are refused until {until} are")]
    Low {
        /// Free bytes.
        free: u64,
        /// Free bytes from which on bodies are taken.
        until: u64,
    },
    /// The last write found no space, whatever the file system says: a quota, perhaps.
    #[error("a write found no space, and {free} bytes are free")]
    RanOut {
        /// Free bytes.
        free: u64,
    },
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
    space: Mutex<Space>,
    /// Whether the reserve is there.
    kept: AtomicBool,
    /// Whether it was given up and there was no room for it since: what is free then is for deletes
    /// and the record, and not for bodies.
    given_up: AtomicBool,
    /// Whether a write found no space since a look found some.
    ran_out: AtomicBool,
    refusing: AtomicBool,
}

/// Free space, and what is spoken for.
#[derive(Debug, Default)]
struct Space {
    /// Free bytes at the last look, less what came in since.
    free: u64,
    /// Bytes that bodies under way have declared and not sent yet.
    booked: u64,
    /// The same by whose they are, where there are any.
    by: HashMap<Box<str>, u64>,
}

impl Space {
    /// Takes up to `bytes` off what is booked for `who`.
    fn unbook(&mut self, who: &str, bytes: u64) {
        let Some(own) = self.by.get_mut(who) else { return };
        let less = bytes.min(*own);
        *own -= less;
        self.booked = self.booked.saturating_sub(less);
        if *own == 0 {
            self.by.remove(who);
        }
    }
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
        let headroom = Self::of(folder, limits);
        headroom.look()?;
        Ok(headroom)
    }

    /// What an earlier start left in the folder.
    fn of(folder: PathBuf, limits: RoomLimits) -> Self {
        let found = std::fs::metadata(folder.join(RESERVE)).map(|found| found.len()).ok();
        let kept = AtomicBool::new(found.is_some_and(|bytes| bytes > 0));
        // An earlier start gave it up, and no room for it was found since.
        let given_up = AtomicBool::new(found == Some(0) && limits.reserve > 0);
        let [ran_out, refusing] = [(); 2].map(|()| AtomicBool::new(false));
        Self { folder, limits, space: Mutex::default(), kept, given_up, ran_out, refusing }
    }

    /// Looks again: to be called every second or so. Gives up the reserve when little more than
    /// nothing is left, and makes it again when there is room.
    ///
    /// # Errors
    /// If the file system cannot be looked at. That a reserve cannot be made is only told.
    pub fn look(&self) -> io::Result<()> {
        let (free, _) = space(&self.folder)?;
        if free >= self.limits.low_water.max(SOME) {
            self.ran_out.store(false, Ordering::Release);
        }
        self.judge(free);
        Ok(())
    }

    /// Acts on what is free. Changes are told once, not with each body that is refused.
    fn judge(&self, free: u64) {
        self.space().free = free;
        let (kept, reserve) = (self.has_reserve(), self.limits.reserve);
        if kept && free < reserve / 4 {
            self.give_up();
        } else if !kept && reserve > 0 && free >= self.enough() {
            match make(&self.folder.join(RESERVE), reserve) {
                Ok(()) => self.kept.store(true, Ordering::Release),
                Err(error) => tracing::warn!(%error, "no space can be reserved for deletes on a full disk"),
            }
            self.given_up.store(false, Ordering::Release);
        }
        let shortage = self.shortage();
        if shortage.is_some() != self.refusing.swap(shortage.is_some(), Ordering::AcqRel) {
            match shortage {
                Some(shortage) => tracing::error!(%shortage, "the disk is full, or nearly so"),
                None => tracing::warn!(free, "there is room again: new bodies are taken"),
            }
        }
    }

    /// Free bytes from which on the reserve can be made and leaves room for bodies.
    const fn enough(&self) -> u64 {
        self.limits.low_water.saturating_add(self.limits.reserve.saturating_mul(2))
    }

    fn space(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Nobody has more than half of the room booked, but for a first body, which may need more: who
    /// declares much and sends nothing does not shut the others out.
    fn book(&self, who: &str, bytes: u64) -> bool {
        if self.given_up.load(Ordering::Acquire) {
            return false;
        }
        if self.limits.low_water == 0 {
            return true;
        }
        let mut space = self.space();
        let Some(room) = space.free.checked_sub(self.limits.low_water) else { return false };
        let own = space.by.get(who).copied().unwrap_or(0);
        let fits = space.booked.checked_add(bytes).is_some_and(|booked| booked <= room);
        let is_fair = own == 0 || own.saturating_add(bytes) <= room / 2;
        if fits && is_fair && bytes > 0 {
            space.booked += bytes;
            *space.by.entry(who.into()).or_default() += bytes;
        }
        fits && is_fair
    }

    fn arrived(&self, who: &str, bytes: u64) {
        let mut space = self.space();
        space.free = space.free.saturating_sub(bytes);
        space.unbook(who, bytes);
    }

    fn give_back(&self, who: &str, bytes: u64) {
        self.space().unbook(who, bytes);
    }

    fn give_up(&self) -> bool {
        if self.kept.swap(false, Ordering::AcqRel) {
            self.given_up.store(true, Ordering::Release);
            // The empty file says so to the next start.
            match OpenOptions::new().write(true).open(self.folder.join(RESERVE)).and_then(|file| file.set_len(0)) {
                Ok(()) => tracing::warn!("the disk is full: the reserve was given up for deletes and the record"),
                Err(error) => tracing::error!(%error, "the reserve cannot be given up"),
            }
        }
        self.limits.reserve > 0
    }

    fn ran_out(&self) {
        self.ran_out.store(true, Ordering::Release);
        match space(&self.folder) {
            Ok((free, _)) => self.judge(free),
            Err(error) => tracing::warn!(%error, "the space under the data folder cannot be told"),
        }
    }

    fn shortage(&self) -> Option<Shortage> {
        let free = self.space().free;
        if self.given_up.load(Ordering::Acquire) {
            return Some(Shortage::Low { free, until: self.enough() });
        }
        match self.limits.low_water {
            until if free < until => Some(Shortage::Low { free, until }),
            _ => self.ran_out.load(Ordering::Acquire).then_some(Shortage::RanOut { free }),
        }
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
        assert_eq!((headroom.has_reserve(), reserved()), (false, Some(0)));
        assert!(headroom.shortage().is_some(), "what is left is not for bodies");
        headroom.look().unwrap();
        assert_eq!((headroom.has_reserve(), reserved()), (true, Some(1 << 20)));
        assert_eq!(headroom.shortage(), None);
        let again = Headroom::open(dir.path(), limits).unwrap();
        assert!(again.has_reserve(), "that of an earlier start is found");
    }

    #[test]
    fn below_the_low_water_mark_nothing_comes_in() {
        let dir = tempfile::tempdir().unwrap();
        let headroom = Headroom::open(dir.path(), RoomLimits { reserve: 0, low_water: 1 << 20 }).unwrap();
        assert!(!headroom.has_reserve() && !headroom.give_up(), "there is none");
        let low = 1 << 20;
        let set = |free: u64| headroom.space().free = low + free;
        set(100);
        assert!(headroom.book("ann", 60) && !headroom.book("bob", 60), "what is declared is counted");
        assert!(headroom.book("bob", 40) && !headroom.book("eve", 1) && headroom.book("eve", 0));
        headroom.arrived("ann", 50);
        headroom.give_back("bob", 40);
        let left = |space: &Space| (space.free, space.booked);
        assert_eq!(left(&headroom.space()), (low + 50, 10));
        assert!(headroom.book("eve", 40) && !headroom.book("eve", 1));
        headroom.give_back("ann", 10);
        headroom.give_back("eve", 40);
        let is_empty = |space: &Space| space.by.is_empty() && space.booked == 0;
        assert!(is_empty(&headroom.space()), "nothing is left of who is gone");
        set(0);
        assert!(headroom.book("ann", 0) && !headroom.book("ann", 1));
        headroom.space().free = low - 1;
        assert!(!headroom.book("ann", 0), "below the mark");
        headroom.look().unwrap();
        assert!(headroom.book("ann", 1));
        let none = Headroom::open(dir.path(), RoomLimits { reserve: 0, low_water: 0 }).unwrap();
        assert!(none.book("ann", u64::MAX));
    }

    #[test]
    fn while_the_reserve_is_gone_what_is_free_is_not_for_bodies() {
        let dir = tempfile::tempdir().unwrap();
        let headroom = Headroom::open(dir.path(), RoomLimits { reserve: 1 << 20, low_water: 1 << 20 }).unwrap();
        assert!(headroom.book("ann", 1) && headroom.shortage().is_none());
        headroom.judge((1 << 18) - 1);
        assert!(!headroom.has_reserve() && !headroom.book("ann", 0));
        let little = (3 << 20) - 1;
        headroom.judge(little);
        assert!(!headroom.book("ann", 0), "the reserve's own space is free now");
        let told = headroom.shortage();
        assert_eq!(told, Some(Shortage::Low { free: little, until: 3 << 20 }));
        assert_eq!(told.unwrap().to_string(), "3145727 bytes are free; new bodies are refused until 3145728 are");
        headroom.judge(3 << 20);
        assert!(headroom.has_reserve() && headroom.book("ann", 1) && headroom.shortage().is_none());
    }

    #[test]
    fn a_reserve_that_was_given_up_is_remembered_by_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let limits = RoomLimits { reserve: 1 << 20, low_water: 1 << 20 };
        drop(Headroom::open(dir.path(), limits).unwrap());
        let headroom = Headroom::open(dir.path(), limits).unwrap();
        headroom.give_up();
        drop(headroom);
        let again = Headroom::of(dir.path().into(), limits);
        again.judge((3 << 20) - 1);
        assert!(!again.book("ann", 0) && again.shortage().is_some(), "what is free is for deletes");
        again.judge(3 << 20);
        assert!(again.has_reserve() && again.book("ann", 1));
        std::fs::remove_file(dir.path().join(RESERVE)).unwrap();
        let fresh = Headroom::of(dir.path().into(), limits);
        fresh.judge((3 << 20) - 1);
        assert!(fresh.book("ann", 0), "a folder that never had one gave none up");
    }

    #[test]
    fn a_write_that_found_no_space_is_told_until_a_look_finds_some() {
        let dir = tempfile::tempdir().unwrap();
        let headroom = Headroom::open(dir.path(), RoomLimits { reserve: 0, low_water: 1 << 20 }).unwrap();
        headroom.space().free = 0;
        assert!(!headroom.book("ann", 0));
        headroom.ran_out();
        assert!(headroom.book("ann", 1), "looked at again at once");
        assert!(matches!(headroom.shortage(), Some(Shortage::RanOut { free: 1.. })));
        headroom.look().unwrap();
        assert_eq!(headroom.shortage(), None);
    }

    #[test]
    fn who_declares_much_and_sends_nothing_leaves_half_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let headroom = Headroom::open(dir.path(), RoomLimits { reserve: 0, low_water: 1 << 20 }).unwrap();
        let low = headroom.limits.low_water;
        headroom.space().free = low + 1000;
        let taken = (0..100).filter(|_| headroom.book("eve", 100)).count();
        assert_eq!(taken, 5);
        assert!(headroom.book("ann", 400), "others find room");
        headroom.look().unwrap();
        assert_eq!(headroom.space().by["eve"], 500, "a look forgets nothing that is under way");
        headroom.give_back("eve", 500);
        headroom.give_back("ann", 400);
        headroom.space().free = low + 1000;
        assert!(headroom.book("ann", 900), "one body may need more than half");
    }
}
