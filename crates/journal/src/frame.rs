//! One frame: what is written and synced at once.
//!
//! ```text
//!  0  magic      u32 LE   "AQF1"
//!  4  length     u32 LE   bytes of the payload
//!  8  sequence   u64 LE   one more than the frame's before
//! 16  previous   u64 LE   checksum of the frame before
//! 24  kind       u32 LE   0: records; 1: the journal goes on in another segment
//! 28  zero       u32
//! 32  checksum   u64 LE   CRC-64/NVME of journal id ‖ segment number ‖ bytes 0..32 ‖ payload
//! 40  payload, then zeros up to a multiple of 4,096
//! ```
//! A payload of records is a run of `kind u16 LE ‖ length u32 LE ‖ body`.
//!
//! Frames begin at multiples of a block, so no byte of an acknowledged frame is written again.
//! The checksum covers the journal and the segment, so a frame that an earlier use of the file
//! left behind, or one copied from elsewhere, is no frame here.

use bytes::{BufMut, Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, Digest};

/// Unit of writing: no block holds bytes of two frames.
pub(crate) const BLOCK: usize = 4096;
/// Bytes before the payload.
pub(crate) const HEADER: usize = 40;
const SUMMED: usize = 32;
const MAGIC: u32 = u32::from_le_bytes(*b"AQF1");
/// Bytes before a record's body.
const RECORD_HEADER: usize = 6;

/// What tells one journal from another: random, chosen once.
pub type JournalId = [u8; 16];

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Records,
    /// The payload is the number of the segment that follows.
    Continues,
}

/// Where a frame stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) journal: &'a JournalId,
    pub(crate) segment: u64,
}

/// A frame being filled.
#[derive(Debug, Clone)]
pub struct Frame {
    bytes: BytesMut,
}

impl Default for Frame {
    fn default() -> Self {
        Self { bytes: BytesMut::zeroed(HEADER) }
    }
}

impl Frame {
    /// Adds a record; `fill` appends its body.
    pub fn record(&mut self, kind: u16, fill: impl FnOnce(&mut BytesMut)) {
        let at = self.bytes.len();
        self.bytes.put_u16_le(kind);
        self.bytes.put_u32_le(0);
        fill(&mut self.bytes);
        let length = self.bytes.len() - at - RECORD_HEADER;
        // A frame beyond 4 GiB is refused when it is sealed.
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        self.bytes[at + 2..at + RECORD_HEADER].copy_from_slice(&length);
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER
    }

    pub(crate) fn continues(segment: u64) -> Self {
        let mut frame = Self::default();
        frame.bytes.put_u64_le(segment);
        frame
    }

    /// Bytes that the frame takes up on the medium.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len().next_multiple_of(BLOCK)
    }

    /// The finished bytes and their checksum; `None` if the payload is too long.
    pub(crate) fn seal(mut self, place: Place<'_>, sequence: u64, previous: u64, kind: Kind) -> Option<(Bytes, u64)> {
        let length = u32::try_from(self.bytes.len() - HEADER).ok()?;
        let kind: u32 = match kind {
            Kind::Records => 0,
            Kind::Continues => 1,
        };
        let mut head = &mut self.bytes[..SUMMED];
        head.put_u32_le(MAGIC);
        head.put_u32_le(length);
        head.put_u64_le(sequence);
        head.put_u64_le(previous);
        head.put_u32_le(kind);
        head.put_u32_le(0);
        let sum = checksum(place, &self.bytes);
        self.bytes[SUMMED..HEADER].copy_from_slice(&sum.to_le_bytes());
        let size = self.size();
        self.bytes.resize(size, 0);
        Some((self.bytes.freeze(), sum))
    }
}

/// A frame as found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) sequence: u64,
    pub(crate) previous: u64,
    pub(crate) checksum: u64,
    pub(crate) kind: Kind,
    pub(crate) payload: &'a [u8],
}

impl<'a> Found<'a> {
    /// The frame that `bytes` begin with, if it is a whole one of this place.
    pub(crate) fn at(bytes: &'a [u8], place: Place<'_>) -> Option<Self> {
        let head = bytes.get(..HEADER)?;
        if u32_at(head, 0) != MAGIC {
            return None;
        }
        let length = usize::try_from(u32_at(head, 4)).ok()?;
        let payload = bytes.get(HEADER..HEADER.checked_add(length)?)?;
        let kind = match u32_at(head, 24) {
            0 => Kind::Records,
            1 => Kind::Continues,
            _ => return None,
        };
        let sum = u64_at(head, SUMMED);
        let whole = checksum(place, &bytes[..HEADER + length]) == sum;
        whole.then(|| Self { sequence: u64_at(head, 8), previous: u64_at(head, 16), checksum: sum, kind, payload })
    }

    /// Bytes that the frame takes up on the medium.
    pub(crate) fn size(&self) -> usize {
        (HEADER + self.payload.len()).next_multiple_of(BLOCK)
    }

    /// The segment that follows.
    pub(crate) fn continuation(&self) -> Option<u64> {
        (self.kind == Kind::Continues && self.payload.len() == 8).then(|| u64_at(self.payload, 0))
    }
}

/// The records of a payload. An entry that does not parse ends it with `None`: the checksum held,
/// so that is a fault of the writer, not of the medium.
pub fn records(payload: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((head, after)) = rest.split_at_checked(RECORD_HEADER) else {
            rest = &[];
            return Some(None);
        };
        let kind = u16::from_le_bytes([head[0], head[1]]);
        let split = usize::try_from(u32_at(head, 2)).ok().and_then(|length| after.split_at_checked(length));
        rest = split.map_or(&[][..], |(_, rest)| rest);
        Some(split.map(|(body, _)| (kind, body)))
    })
}

fn checksum(place: Place<'_>, frame: &[u8]) -> u64 {
    let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
    digest.update(place.journal);
    digest.update(&place.segment.to_le_bytes());
    digest.update(&frame[..SUMMED]);
    digest.update(&frame[HEADER..]);
    digest.finalize()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were taken"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were taken"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ID: JournalId = [7; 16];

    fn sealed() -> Bytes {
        let mut frame = Frame::default();
        frame.record(3, |body| body.extend_from_slice(b"hello"));
        frame.record(4, |_| {});
        frame.seal(Place { journal: &ID, segment: 9 }, 5, 6, Kind::Records).unwrap().0
    }

    #[test]
    fn a_frame_comes_back() {
        let bytes = sealed();
        assert_eq!(bytes.len(), BLOCK);
        let found = Found::at(&bytes, Place { journal: &ID, segment: 9 }).unwrap();
        assert_eq!((found.sequence, found.previous, found.kind, found.size()), (5, 6, Kind::Records, BLOCK));
        let found: Vec<_> = records(found.payload).map(Option::unwrap).collect();
        assert_eq!(found, [(3, &b"hello"[..]), (4, b"")]);
    }

    #[test]
    fn every_flipped_bit_and_every_other_place_is_noticed() {
        let bytes = sealed();
        let used = HEADER + 2 * RECORD_HEADER + 5;
        for bit in 0..used * 8 {
            let mut damaged = bytes.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Found::at(&damaged, Place { journal: &ID, segment: 9 }).is_none(), "bit {bit}");
        }
        assert!(Found::at(&bytes, Place { journal: &ID, segment: 8 }).is_none());
        assert!(Found::at(&bytes, Place { journal: &[8; 16], segment: 9 }).is_none());
        for end in 0..used {
            assert!(Found::at(&bytes[..end], Place { journal: &ID, segment: 9 }).is_none(), "cut at {end}");
        }
    }

    #[test]
    fn records_that_do_not_parse_end_the_payload() {
        for bad in [&[1][..], &[1, 0, 9, 0, 0, 0, 1], &[1, 0, 255, 255, 255, 255]] {
            assert_eq!(records(bad).collect::<Vec<_>>(), [None], "{bad:?}");
        }
        assert_eq!(records(&[]).count(), 0);
    }
}
