//! Memory that is read into, used again and again.
//!
//! A fresh buffer of a chunk's size is a fresh mapping: the kernel clears its pages and they are
//! faulted in one by one, which costs more than the read. So chunks' memory comes back here once
//! nobody looks at it any more.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Most bytes read at once. Of a file that is not in memory one chunk is read ahead while the one
/// before is used.
pub(super) const CHUNK: usize = 256 << 10;
/// Sizes in bytes: a body of 128 KiB as it is stored, and whole chunks.
const SIZES: [usize; 2] = [144 << 10, CHUNK];
/// Bytes of each size kept while nobody needs them.
const KEPT: usize = 4 << 20;
/// What is smaller is allocated: in a large buffer it would be memory for nothing.
const SMALL: usize = 64 << 10;

/// The buffers. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(Arc<[Mutex<Vec<Vec<u8>>>; 2]>);

impl Memory {
    /// A chunk of at most `len` bytes: what `read` fills of them, by its count.
    pub(super) fn fill(&self, len: usize, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<Bytes> {
        let class = SIZES.iter().position(|size| len <= *size).filter(|_| len > SMALL);
        let Some(class) = class else {
            let mut buffer = vec![0; len];
            let filled = read(&mut buffer)?;
            buffer.truncate(filled);
            return Ok(buffer.into());
        };
        let kept = self.0[class].lock().unwrap_or_else(PoisonError::into_inner).pop();
        let buffer = kept.unwrap_or_else(|| vec![0; SIZES[class]]);
        let mut lent = Lent { buffer, filled: 0, class, home: self.clone() };
        lent.filled = read(&mut lent.buffer[..len])?;
        Ok(Bytes::from_owner(lent))
    }
}

/// A buffer that somebody looks at.
struct Lent {
    buffer: Vec<u8>,
    filled: usize,
    class: usize,
    home: Memory,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut kept = self.home.0[self.class].lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT / SIZES[self.class] {
            kept.push(std::mem::take(&mut self.buffer));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(byte: u8) -> impl FnOnce(&mut [u8]) -> io::Result<usize> {
        move |out| {
            out.fill(byte);
            Ok(out.len())
        }
    }

    #[test]
    fn memory_comes_back_once_nobody_looks_at_it_and_shows_nothing_of_before() {
        let memory = Memory::default();
        for len in [SMALL + 1, SIZES[0], SIZES[0] + 1, SIZES[1]] {
            let first = memory.fill(len, of(1)).unwrap();
            let (at, part) = (first.as_ptr(), first.slice(3..7));
            drop(first);
            let second = memory.fill(len, of(2)).unwrap();
            assert_ne!(second.as_ptr(), at, "somebody still looks at it");
            assert_eq!(&part[..], [1; 4]);
            drop((part, second));
            let again = memory.fill(len, |out| {
                out[..10].fill(3);
                Ok(10)
            });
            assert_eq!(again.unwrap()[..], [3; 10], "{len}");
        }
        assert_eq!(memory.fill(SMALL, of(9)).unwrap(), vec![9; SMALL]);
        assert!(memory.fill(SIZES[1], |_| Err(io::ErrorKind::Other.into())).is_err());
        let kept = |class: usize| memory.0[class].lock().unwrap().len();
        assert_eq!((kept(0), kept(1)), (2, 2));
    }
}
