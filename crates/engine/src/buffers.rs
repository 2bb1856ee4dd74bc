//! Buffers of bodies under way, used again and again.
//!
//! A fresh buffer of this size is a fresh mapping: its pages are zeroed and faulted in one by one,
//! which costs more than the cipher does. So full-size buffers go back to where they came from once
//! nobody reads them any more, wherever that is: in the store, or in the connection.

use std::sync::{Arc, Mutex, PoisonError};

use arqueta_store::BLOCK;
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// Most bytes of a body that are read or written at once.
pub(crate) const CHUNK: usize = 256 << 10;
/// Room in bytes of the buffers that are kept: for a body of 128 KiB with what sealing adds, and for
/// a chunk and what one incoming piece adds.
const SIZES: [usize; 2] = [144 << 10, FULL];
pub(crate) const FULL: usize = CHUNK + (136 << 10);
/// Bytes of each size kept while nobody needs them.
const KEPT: usize = 8 << 20;
/// What is smaller is allocated: a small body in a large buffer is memory for nothing.
const SMALL: usize = 96 << 10;

/// The buffers. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffers(Arc<[Mutex<Vec<BytesMut>>; 2]>);

impl Buffers {
    /// An empty buffer with room for `capacity` bytes. One that is large begins on a block's
    /// boundary, from where a file takes it without another copy.
    pub fn take(&self, capacity: usize) -> BytesMut {
        match class_of(capacity) {
            None => BytesMut::with_capacity(capacity),
            Some(class) => {
                let kept = self.0[class].lock().unwrap_or_else(PoisonError::into_inner).pop();
                kept.unwrap_or_else(|| aligned(SIZES[class]))
            }
        }
    }

    /// What a buffer holds. The buffer comes back once the last reader is done.
    pub fn freeze(&self, buffer: BytesMut) -> Bytes {
        let class = SIZES.iter().position(|size| (*size..size + BLOCK).contains(&buffer.capacity()));
        match class.filter(|_| starts_block(&buffer)) {
            Some(class) => Bytes::from_owner(Lent { buffer, class, home: self.clone() }),
            None => buffer.freeze(),
        }
    }

    fn put_back(&self, class: usize, mut buffer: BytesMut) {
        buffer.clear();
        let mut kept = self.0[class].lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT / SIZES[class] {
            kept.push(buffer);
        }
    }
}

fn class_of(capacity: usize) -> Option<usize> {
    SIZES.iter().position(|size| capacity <= *size).filter(|_| capacity > SMALL)
}

fn starts_block(buffer: &BytesMut) -> bool {
    buffer.as_ptr().align_offset(BLOCK) == 0
}

/// A buffer that begins on a block's boundary, with room for `size` bytes and less than a block
/// beside.
fn aligned(size: usize) -> BytesMut {
    let mut buffer = BytesMut::with_capacity(size + BLOCK - 1);
    let before = buffer.as_ptr().align_offset(BLOCK);
    if before < BLOCK {
        buffer.put_bytes(0, before);
        buffer.advance(before);
    }
    buffer
}

/// A buffer that somebody reads.
struct Lent {
    buffer: BytesMut,
    class: usize,
    home: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
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
        for capacity in [SMALL + 1, SIZES[0], FULL] {
            let mut buffer = buffers.take(capacity);
            assert!(starts_block(&buffer) && buffer.capacity() >= capacity);
            buffer.extend_from_slice(b"sealed");
            let at = buffer.as_ptr();
            let read = buffers.freeze(buffer);
            let part = read.slice(2..);
            drop(read);
            assert_eq!(&part[..], b"aled");
            assert_ne!(buffers.take(capacity).as_ptr(), at, "somebody still reads it");
            drop(part);
            let again = buffers.take(capacity);
            assert_eq!((again.as_ptr(), again.len()), (at, 0));
        }
    }

    #[test]
    fn what_is_small_or_outgrew_its_buffer_is_no_buffer_of_ours() {
        let buffers = Buffers::default();
        assert_eq!(buffers.take(100).capacity(), 100, "a small body has a small buffer");
        for capacity in [100, SMALL + 1, FULL] {
            let mut buffer = buffers.take(capacity);
            let grown = vec![7; FULL + 2 * BLOCK];
            buffer.extend_from_slice(&grown);
            assert_eq!(buffers.freeze(buffer), grown);
        }
        assert!(buffers.0.iter().all(|kept| kept.lock().is_ok_and(|kept| kept.is_empty())));
    }
}
