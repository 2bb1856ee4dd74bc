//! Where sealed and opened bytes go.

use bytes::BytesMut;

/// Bytes that are appended to.
pub trait Out {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sees to it that `more` bytes can follow without another allocation.
    fn reserve(&mut self, more: usize);

    /// Appends `bytes`.
    fn extend_from_slice(&mut self, bytes: &[u8]);

    /// Appends `count` bytes, of whatever content: the caller writes all of them, or takes them away
    /// again. Memory that is used again need not be cleared for it, which costs as much as sealing.
    fn grow(&mut self, count: usize) -> &mut [u8];

    /// Takes away what is behind the first `len` bytes.
    fn truncate(&mut self, len: usize);
}

impl Out for BytesMut {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn reserve(&mut self, more: usize) {
        Self::reserve(self, more);
    }

    fn extend_from_slice(&mut self, bytes: &[u8]) {
        Self::extend_from_slice(self, bytes);
    }

    fn grow(&mut self, count: usize) -> &mut [u8] {
        let at = Self::len(self);
        self.resize(at + count, 0);
        &mut self[at..]
    }

    fn truncate(&mut self, len: usize) {
        Self::truncate(self, len);
    }
}
