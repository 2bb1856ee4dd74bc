//! The reading end: whole frames in order, and the difference between a torn tail and damage.
//!
//! One frame at a time is on its way: a frame is written only after the one before was synced. So
//! where a frame does not read and a later one of the same segment does, or a segment was begun
//! that is later by more than the frame which names it, the missing one had been durable. And a
//! segment that nothing names is begun by a start, whose frames are taken only once replays begin
//! in it: a frame there, and a replay that ends before, are of two different states.

use std::path::Path;
use std::sync::Arc;

use crate::disk::Disk;
use crate::error::Error;
use crate::frame::{BLOCK, Found, HEADER, JournalId, Place};
use crate::position::Position;
use crate::segment::{Header, Segment};

/// As [`crate::Journal::replay`].
pub(crate) fn run<E: From<Error>>(
    disk: &dyn Disk,
    folder: &Path,
    journal: &JournalId,
    segments: &[Segment],
    from: Position,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<Position, E> {
    let reader = Reader { disk, folder, journal, segments };
    let mut next = from;
    if from.segment == 0 {
        reader.unused(&from)?;
        return Ok(from);
    }
    let mut open = reader.segment(from.segment)?;
    loop {
        let Some(found) = open.frame(journal, &next) else {
            reader.tail(&open, &next)?;
            return Ok(next);
        };
        let size = found.size() as u64;
        // A frame with the number 2^64-1 would have been refused when it was written.
        let sequence = next.sequence.checked_add(1).ok_or_else(|| open.damaged(&next))?;
        if let Some(number) = found.continuation() {
            let previous = found.checksum;
            let after = reader.segment(number)?;
            let position = Position { segment: number, offset: BLOCK as u64, sequence, previous };
            if (after.header.first, after.header.previous) != (sequence, previous) {
                return Err(after.damaged(&position).into());
            }
            (open, next) = (after, position);
        } else {
            visit(found.sequence, found.payload)?;
            next = Position { offset: next.offset + size, sequence, previous: found.checksum, ..next };
        }
    }
}

struct Reader<'a> {
    disk: &'a dyn Disk,
    folder: &'a Path,
    journal: &'a JournalId,
    segments: &'a [Segment],
}

/// A segment in memory.
struct Open<'a> {
    path: &'a Path,
    header: Header,
    content: Vec<u8>,
}

impl Reader<'_> {
    fn segment(&self, number: u64) -> Result<Open<'_>, Error> {
        let found = self.segments.iter().find_map(|it| Some((it, it.header.filter(|it| it.number == number)?)));
        let (segment, header) = found.ok_or_else(|| Error::Missing { folder: self.folder.to_owned(), number })?;
        self.read(segment, header)
    }

    fn read<'a>(&self, segment: &'a Segment, header: Header) -> Result<Open<'a>, Error> {
        let read = || {
            let file = self.disk.open(&segment.path)?;
            file.read(0, usize::try_from(header.size).unwrap_or(usize::MAX))
        };
        let content = read().map_err(|error| Error::Unreadable(Arc::new(error)))?;
        Ok(Open { path: &segment.path, header, content })
    }

    /// Whether the frames may end at `next`: nothing durable came after it.
    fn tail(&self, open: &Open<'_>, next: &Position) -> Result<(), Error> {
        // A file never gets shorter by losing power: its length was durable before its use.
        if (open.content.len() as u64) < open.header.size || open.later_frame(self.journal, next) {
            return Err(open.damaged(next));
        }
        for (segment, header) in self.later(next) {
            // Begun when the frame before its first, which names it, was the next to be written.
            let named = next.sequence.saturating_add(1);
            if header.first > named || header.first == named && self.used(segment, header)? {
                return Err(open.damaged(next));
            }
        }
        self.unused(next)
    }

    /// That no frame is in a segment after the one of `next`.
    fn unused(&self, next: &Position) -> Result<(), Error> {
        for (segment, header) in self.later(next) {
            if self.used(segment, header)? {
                return Err(Error::Ahead { path: segment.path.clone(), first: header.first });
            }
        }
        Ok(())
    }

    fn later(&self, next: &Position) -> impl Iterator<Item = (&Segment, Header)> {
        let after = next.segment;
        let all = self.segments.iter().filter_map(|it| Some((it, it.header?)));
        all.filter(move |(_, header)| header.number > after)
    }

    /// Whether any whole frame of this use of the segment is in it.
    fn used(&self, segment: &Segment, header: Header) -> Result<bool, Error> {
        let after = self.read(segment, header)?;
        let mut blocks = (BLOCK..after.content.len().saturating_sub(HEADER)).step_by(BLOCK);
        Ok(blocks.any(|at| after.at(self.journal, at as u64).is_some_and(|found| found.sequence >= header.first)))
    }
}

impl Open<'_> {
    fn at(&self, journal: &JournalId, offset: u64) -> Option<Found<'_>> {
        let bytes = self.content.get(usize::try_from(offset).ok()?..)?;
        Found::at(bytes, Place { journal, segment: self.header.number })
    }

    /// The frame that belongs at `next`.
    fn frame(&self, journal: &JournalId, next: &Position) -> Option<Found<'_>> {
        let chained = |found: &Found<'_>| found.sequence == next.sequence && found.previous == next.previous;
        self.at(journal, next.offset).filter(chained)
    }

    /// Whether a whole frame of this segment stands at `next` or behind it. At `next` it is one
    /// that does not follow from the frame before.
    fn later_frame(&self, journal: &JournalId, next: &Position) -> bool {
        let from = usize::try_from(next.offset).unwrap_or(usize::MAX);
        let blocks = (from..self.content.len().saturating_sub(HEADER)).step_by(BLOCK);
        let mut found = blocks.filter_map(|at| self.at(journal, at as u64));
        found.any(|found| found.sequence >= next.sequence)
    }

    fn damaged(&self, next: &Position) -> Error {
        Error::Damaged { path: self.path.to_owned(), offset: next.offset, sequence: next.sequence }
    }
}
