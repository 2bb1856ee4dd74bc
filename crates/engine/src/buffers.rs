//! Buffers of bodies under way, used again and again.
//!
//! A fresh buffer of this size is a fresh mapping: its pages are zeroed and faulted in one by one,
//! which costs more than the cipher does. So full-size buffers go back to where they came from once
//! nobody reads them any more, wherever that is: in the store, or in the connection.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

/// Most bytes of a body that are read or written at once.
pub(crate) const CHUNK: usize = 256 << 10;
/// Capacity of the buffers that are kept, in bytes: a chunk and what one incoming piece adds.
pub(crate) const FULL: usize = CHUNK + (80 << 10);
/// Buffers kept while nobody needs them.
const KEPT: usize = 32;

/// The buffers. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<BytesMut>>>);

impl Buffers {
    /// An empty buffer with room for `capacity` bytes.
    pub fn take(&self, capacity: usize) -> BytesMut {
        // Only for what fills most of one: a small body in a large buffer is memory for nothing.
        if !(FULL / 2..=FULL).contains(&capacity) {
            return BytesMut::with_capacity(capacity);
        }
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| BytesMut::with_capacity(FULL))
    }

    /// What a buffer holds. The buffer comes back once the last reader is done.
    pub fn freeze(&self, buffer: BytesMut) -> Bytes {
        match buffer.capacity() {
            FULL => Bytes::from_owner(Lent { buffer, home: self.clone() }),
            _ => buffer.freeze(),
        }
    }

    fn put_back(&self, mut buffer: BytesMut) {
        buffer.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}

/// A buffer that somebody reads.
struct Lent {
    buffer: BytesMut,
    home: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.put_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_buffer_comes_back_once_nobody_reads_it() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(FULL);
        buffer.extend_from_slice(b"sealed");
        let at = buffer.as_ptr();
        let read = buffers.freeze(buffer);
        let part = read.slice(2..);
        drop(read);
        assert_eq!(&part[..], b"aled");
        assert_ne!(buffers.take(FULL).as_ptr(), at, "somebody still reads it");
        drop(part);
        let again = buffers.take(FULL);
        assert_eq!((again.as_ptr(), again.len()), (at, 0));
        assert_eq!(buffers.take(100).capacity(), 100, "a small body has a small buffer");
    }
}
