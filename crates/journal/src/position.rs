use crate::frame::u64_at;

/// Where the next frame goes: all that a replay must know to begin there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The segment's number.
    pub segment: u64,
    /// The byte in it.
    pub offset: u64,
    /// The frame's sequence number.
    pub sequence: u64,
    /// The checksum of the frame before.
    pub previous: u64,
}

impl Position {
    /// Bytes of an encoded position.
    pub const SIZE: usize = 32;

    /// As bytes, to be kept with what was applied.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let numbers = [self.segment, self.offset, self.sequence, self.previous];
        for (slot, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// What [`Position::encode`] made.
    #[must_use]
    pub fn decode(bytes: &[u8; Self::SIZE]) -> Self {
        let [segment, offset, sequence, previous] = [0, 8, 16, 24].map(|at| u64_at(bytes, at));
        Self { segment, offset, sequence, previous }
    }
}
