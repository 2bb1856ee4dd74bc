//! Errors of a disk that keeps its power.

use std::io;

use rustix::io::Errno;

/// What becomes of operations that change the disk: writes, syncs, new lengths and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trouble {
    /// They work.
    #[default]
    None,
    /// They are refused, as on a file system that has become read-only.
    ReadOnly,
    /// After so many that work, one fails. A write that fails has written its first half.
    Once(usize),
    /// As [`Trouble::Once`], and what a sync that fails covers is lost: later syncs succeed without it.
    /// So Linux does where it cannot write a page back.
    Dropping(usize),
    /// After so many that work, all fail.
    From(usize),
    /// After so many that work, one does not begin: the process has no descriptor left for it.
    Descriptors(usize),
}

impl Trouble {
    /// Whether the next sync loses what it covers.
    pub(super) fn drops(self) -> bool {
        self == Self::Dropping(0)
    }

    /// Counts one operation. An error, if it fails.
    pub(super) fn strike(&mut self) -> io::Result<()> {
        let (now, next) = match *self {
            Self::None => (Ok(()), Self::None),
            Self::ReadOnly => (Err(io::ErrorKind::ReadOnlyFilesystem.into()), Self::ReadOnly),
            Self::Once(0) | Self::Dropping(0) => (Err(broken()), Self::None),
            Self::From(0) => (Err(broken()), Self::From(0)),
            Self::Descriptors(0) => (Err(io::Error::from_raw_os_error(Errno::MFILE.raw_os_error())), Self::None),
            Self::Descriptors(left) => (Ok(()), Self::Descriptors(left - 1)),
            Self::Once(left) => (Ok(()), Self::Once(left - 1)),
            Self::Dropping(left) => (Ok(()), Self::Dropping(left - 1)),
            Self::From(left) => (Ok(()), Self::From(left - 1)),
        };
        *self = next;
        now
    }
}

fn broken() -> io::Error {
    io::Error::other("the disk failed, as told")
}
