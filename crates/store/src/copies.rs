//! Copies of many small things, several to an allocation.

use bytes::{Bytes, BytesMut};

/// Bytes of an allocation. Whoever keeps one entry of a page keeps as much, at most.
const CHUNK: usize = 32 << 10;
/// What an entry of a page is taken to need, key and value.
const ENTRY: usize = 512;

/// What a page copies out of a store: thousands of keys and values would be as many allocations.
pub(crate) struct Copies {
    chunk: BytesMut,
    /// Bytes of the next chunk.
    next: usize,
}

impl Copies {
    /// For about so many entries.
    pub(crate) fn of(entries: usize) -> Self {
        Self { chunk: BytesMut::new(), next: entries.saturating_mul(ENTRY).clamp(ENTRY, CHUNK) }
    }

    /// A copy of `bytes`.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.len() > self.next / 2 {
            return Bytes::copy_from_slice(bytes);
        }
        if self.chunk.capacity() < bytes.len() {
            self.chunk = BytesMut::with_capacity(self.next);
        }
        self.chunk.extend_from_slice(bytes);
        self.chunk.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_what_was_copied_whatever_their_sizes() {
        for entries in [0, 1, 2, 1000, usize::MAX] {
            let mut copies = Copies::of(entries);
            let sizes = [0, 1, 255, 256, 257, 511, 512, 513, 16_384, 16_385, 40_000];
            let all: Vec<Vec<u8>> = (0..200u8).map(|n| vec![n; sizes[usize::from(n) % sizes.len()]]).collect();
            let made: Vec<Bytes> = all.iter().map(|bytes| copies.copy(bytes)).collect();
            assert!(made.iter().zip(&all).all(|(made, all)| made == all));
        }
    }

    #[test]
    fn a_page_is_a_few_allocations() {
        let mut copies = Copies::of(1000);
        let starts: Vec<_> = (0..1000).map(|_| copies.copy(&[1; 400]).as_ptr() as usize).collect();
        let apart = starts.windows(2).filter(|pair| pair[1].abs_diff(pair[0]) != 400).count();
        assert!(apart <= 1000 * 400 / (CHUNK - 400), "{apart}");
    }
}
