//! Buffers of bodies under way, used again and again.
//!
//! A fresh buffer of this size is a fresh mapping: its pages are zeroed and faulted in one by one,
//! which costs more than the cipher does. So full-size buffers go back to where they came from once
//! nobody reads them any more, wherever that is: in the store, or in the connection.

use std::sync::{Arc, Mutex, PoisonError};

use arqueta_envelope::Out;
use arqueta_store::BLOCK;
use bytes::Bytes;

/// Most bytes of a body that are read at once, and written where many bodies come in.
pub(crate) const CHUNK: usize = 256 << 10;
/// Most bytes written at once where few bodies come in: each write is a visit to another thread and
/// to the disk, and what they cost hardly grows with the bytes.
pub(crate) const LARGE_CHUNK: usize = 1 << 20;
/// Room in bytes of the buffers that are kept: for a body of 128 KiB with what sealing adds, and for
/// a chunk of either size and what one incoming piece adds.
const SIZES: [usize; 3] = [144 << 10, FULL, LARGE];
pub(crate) const FULL: usize = CHUNK + BESIDE;
pub(crate) const LARGE: usize = LARGE_CHUNK + BESIDE;
const BESIDE: usize = 136 << 10;
/// Bytes of each size kept while nobody needs them.
const KEPT: usize = 8 << 20;
/// What is smaller is allocated: a small body in a large buffer is memory for nothing.
const SMALL: usize = 96 << 10;

/// The buffers. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffers(Arc<[Mutex<Vec<Buffer>>; SIZES.len()]>);

impl Buffers {
    /// An empty buffer with room for `capacity` bytes. One that is large begins on a block's
    /// boundary, from where a file takes it without another copy.
    pub fn take(&self, capacity: usize) -> Buffer {
        match SIZES.iter().position(|size| capacity <= *size).filter(|_| capacity > SMALL) {
            None => Buffer { memory: Vec::with_capacity(capacity), ..Buffer::default() },
            Some(class) => {
                let kept = self.0[class].lock().unwrap_or_else(PoisonError::into_inner).pop();
                kept.unwrap_or_else(|| Buffer::aligned(SIZES[class]))
            }
        }
    }

    /// What a buffer holds. The buffer comes back once the last reader is done.
    pub fn freeze(&self, buffer: Buffer) -> Bytes {
        match SIZES.iter().position(|size| buffer.is_of(*size)) {
            Some(class) => Bytes::from_owner(Lent { buffer, class, home: self.clone() }),
            None => buffer.into(),
        }
    }

    fn put_back(&self, class: usize, mut buffer: Buffer) {
        buffer.filled = 0;
        let mut kept = self.0[class].lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT / SIZES[class] {
            kept.push(buffer);
        }
    }
}

/// Bytes that are appended to. What lies behind them is left of what the memory held before: it is
/// overwritten before it is shown, and so needs no clearing.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    memory: Vec<u8>,
    /// Where the bytes begin.
    start: usize,
    /// How many there are.
    filled: usize,
}

impl Buffer {
    /// One that begins on a block's boundary, with room for `size` bytes.
    fn aligned(size: usize) -> Self {
        let memory = vec![0; size + BLOCK - 1];
        let start = memory.as_ptr().align_offset(BLOCK).min(BLOCK - 1);
        Self { memory, start, filled: 0 }
    }

    /// Whether it is one of that size that never grew.
    fn is_of(&self, size: usize) -> bool {
        self.memory.len() == size + BLOCK - 1 && self.as_ref().as_ptr().align_offset(BLOCK) == 0
    }

    fn end(&self) -> usize {
        self.start + self.filled
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[self.start..self.end()]
    }
}

impl Out for Buffer {
    fn len(&self) -> usize {
        self.filled
    }

    fn reserve(&mut self, more: usize) {
        let wanted = self.end() + more;
        self.memory.reserve(wanted.saturating_sub(self.memory.len()));
    }

    fn extend_from_slice(&mut self, bytes: &[u8]) {
        let (now, later) = bytes.split_at(bytes.len().min(self.memory.len() - self.end()));
        let end = self.end();
        self.memory[end..end + now.len()].copy_from_slice(now);
        self.memory.extend_from_slice(later);
        self.filled += bytes.len();
    }

    fn grow(&mut self, count: usize) -> &mut [u8] {
        let (from, to) = (self.end(), self.end() + count);
        if to > self.memory.len() {
            self.memory.resize(to, 0);
        }
        self.filled += count;
        &mut self.memory[from..to]
    }

    fn truncate(&mut self, len: usize) {
        self.filled = self.filled.min(len);
    }
}

impl From<Buffer> for Bytes {
    fn from(mut buffer: Buffer) -> Self {
        buffer.memory.truncate(buffer.end());
        let whole = Self::from(buffer.memory);
        if buffer.start == 0 { whole } else { whole.slice(buffer.start..) }
    }
}

/// A buffer that somebody reads.
struct Lent {
    buffer: Buffer,
    class: usize,
    home: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_ref()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.put_back(self.class, std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_buffer_begins_on_a_block_and_comes_back_once_nobody_reads_it() {
        let buffers = Buffers::default();
        for capacity in [SMALL + 1, SIZES[0], FULL, FULL + 1, LARGE] {
            let mut buffer = buffers.take(capacity);
            let at = buffer.as_ref().as_ptr();
            assert_eq!(at.align_offset(BLOCK), 0);
            buffer.extend_from_slice(b"sealed");
            buffer.grow(capacity - 6).fill(7);
            assert_eq!((buffer.as_ref().as_ptr(), buffer.len()), (at, capacity), "there was room");
            let read = buffers.freeze(buffer);
            let part = read.slice(2..8);
            drop(read);
            assert_eq!(&part[..], b"aled\x07\x07");
            assert_ne!(buffers.take(capacity).as_ref().as_ptr(), at, "somebody still reads it");
            drop(part);
            let again = buffers.take(capacity);
            assert_eq!((again.as_ref().as_ptr(), again.as_ref()), (at, &[][..]), "what it held is not shown");
        }
    }

    #[test]
    fn what_is_small_or_outgrew_its_buffer_is_no_buffer_of_ours() {
        let buffers = Buffers::default();
        assert_eq!(buffers.take(100).memory.capacity(), 100, "a small body has a small buffer");
        for capacity in [100, SMALL + 1, FULL] {
            for by_growing in [false, true] {
                let mut buffer = buffers.take(capacity);
                let grown = vec![7; LARGE + 2 * BLOCK];
                buffer.extend_from_slice(b"be");
                match by_growing {
                    true => buffer.grow(grown.len()).fill(7),
                    false => buffer.extend_from_slice(&grown),
                }
                buffer.extend_from_slice(b"hind");
                assert_eq!(buffers.freeze(buffer), [b"be", &grown[..], b"hind"].concat());
            }
        }
        assert!(buffers.0.iter().all(|kept| kept.lock().is_ok_and(|kept| kept.is_empty())));
    }

    #[test]
    fn a_buffer_is_written_on_from_where_it_was_cut() {
        let buffers = Buffers::default();
        for capacity in [0, 10, FULL] {
            let mut buffer = buffers.take(capacity);
            buffer.extend_from_slice(b"0123456789");
            buffer.truncate(20);
            buffer.truncate(4);
            buffer.reserve(8);
            buffer.extend_from_slice(b"ab");
            buffer.grow(2).copy_from_slice(b"cd");
            assert_eq!(buffers.freeze(buffer), b"0123abcd"[..], "{capacity}");
        }
    }
}
