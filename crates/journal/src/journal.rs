//! The writing end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, create_dirs, parent};
use crate::error::Error;
use crate::frame::{BLOCK, Frame, JournalId, Kind, Place};
use crate::position::Position;
use crate::replay;
use crate::segment::{Found, Header, Segment};

/// Segments in use by a journal that keeps stopping before it gives up making more.
const MOST_SEGMENTS: usize = 256;

/// How a journal is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bytes of a segment's file, rounded up to a block. A frame that does not fit gets a longer
    /// segment of its own.
    pub segment_bytes: u64,
    /// Unneeded files kept for later use; more are removed.
    pub spares: usize,
}

/// A log in a folder of its own. Not shared: one thread writes it.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    id: JournalId,
    options: Options,
    segments: Vec<Segment>,
    /// The highest name of a segment of another journal: it stays, and new files are named after it.
    foreign: Option<u32>,
    /// The highest number ever given to a segment.
    last_number: u64,
    current: Option<Current>,
    /// Where the segment begins that was begun and is not yet where replays begin.
    begun: Option<Position>,
    stopped: Option<Arc<io::Error>>,
    found: Names,
}

/// Of names that were there when the journal was opened. The process before may have been killed
/// between making one and syncing it.
#[derive(Debug)]
enum Names {
    Unsynced,
    Durable,
    /// Their sync failed, and a second one would say nothing of what the first has lost.
    Lost(Arc<io::Error>),
}

#[derive(Debug)]
struct Current {
    file: Arc<dyn DiskFile>,
    size: u64,
    next: Position,
}

impl Journal {
    /// Opens the journal `id` in `folder`, which is created if need be. It takes no frames before
    /// [`Journal::begin`] and [`Journal::resume`]; until then it can be replayed.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    pub fn open(disk: Arc<dyn Disk>, folder: &Path, id: JournalId, options: Options) -> Result<Self, Error> {
        let unreadable = |error| Error::Unreadable(Arc::new(error));
        create_dirs(&*disk, folder).map_err(unreadable)?;
        let (mut segments, mut foreign) = (Vec::new(), None);
        for name in disk.list(folder).map_err(unreadable)? {
            let Some(index) = index_of(&name) else { continue };
            let path = folder.join(name);
            match Segment::look(&*disk, path.clone(), &id).map_err(unreadable)? {
                Found::Segment(segment) => segments.push(segment),
                Found::Foreign => foreign = foreign.max(Some(index)),
                // Was being allocated: its name may be one whose sync failed. Where it cannot be removed it
                // stays, unused.
                Found::Unfinished => {
                    if disk.remove(&path).is_err() {
                        foreign = foreign.max(Some(index));
                    }
                }
            }
        }
        let last_number = segments.iter().filter_map(|it| it.header).map(|it| it.number).max().unwrap_or(0);
        let options = Options { segment_bytes: options.segment_bytes.next_multiple_of(BLOCK as u64), ..options };
        let stopped = Some(Arc::new(io::Error::other("the journal was not begun")));
        Ok(Self {
            disk,
            folder: folder.to_owned(),
            id,
            options,
            segments,
            foreign,
            last_number,
            current: None,
            begun: None,
            stopped,
            found: Names::Unsynced,
        })
    }

    /// Hands every whole frame from `from` on to `visit`, oldest first, as sequence and payload
    /// (see [`crate::records`]). Returns where the frames end. A frame that was being written when
    /// the power went is cut off there.
    ///
    /// # Errors
    /// [`Error::Damaged`] and [`Error::Missing`] for frames that had been made durable,
    /// [`Error::Ahead`] for a position older than where replays begin, [`Error::Unreadable`], or
    /// what `visit` returns.
    pub fn replay<E: From<Error>>(
        &self,
        from: Position,
        visit: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<Position, E> {
        replay::run(&*self.disk, &self.folder, &self.id, &self.segments, from, visit)
    }

    /// Prepares a fresh segment for the frame `sequence`, whose predecessor has the checksum
    /// `previous`. Nothing before it will ever be continued: what a failed write may have left is
    /// cut off once the returned position is where replays begin. Frames are taken after
    /// [`Journal::resume`], which the caller calls when that is durable.
    ///
    /// # Errors
    /// [`Error::NoRoom`], [`Error::Stopped`], [`Error::TooLarge`].
    pub fn begin(&mut self, sequence: u64, previous: u64) -> Result<Position, Error> {
        // That very segment may already be where replays begin: whoever asks again gets it again.
        if let Some(begun) = self.begun.filter(|begun| (begun.sequence, begun.previous) == (sequence, previous)) {
            return Ok(begun);
        }
        if self.segments.iter().filter(|it| it.header.is_some()).count() >= MOST_SEGMENTS {
            return Err(Error::NoRoom(Arc::new(io::Error::other("too many segments wait for a checkpoint"))));
        }
        self.current = None;
        self.settle_names()?;
        let (file, size, number) = self.start_segment(0, sequence, previous)?;
        let next = Position { segment: number, offset: BLOCK as u64, sequence, previous };
        self.current = Some(Current { file, size, next });
        self.begun = Some(next);
        Ok(next)
    }

    /// Takes frames again. Call it only when the position that [`Journal::begin`] returned is
    /// durably where replays begin.
    pub fn resume(&mut self) {
        if self.begun.take().is_some() {
            self.stopped = None;
        }
    }

    /// Writes a frame and syncs it: when this returns, it is durable. One write and one sync,
    /// where the segment has room. Returns where the next frame goes.
    ///
    /// # Errors
    /// [`Error::NoRoom`] and [`Error::TooLarge`] leave the journal as it was. After
    /// [`Error::Stopped`] it is unknown whether the frame is there, and no other is taken.
    pub fn append(&mut self, frame: Frame) -> Result<Position, Error> {
        self.check()?;
        let size = frame.size() as u64;
        let current = self.current.as_ref().expect("a journal that has not stopped was begun");
        // The last block is kept for the frame that names the next segment.
        if current.next.offset + size + BLOCK as u64 > current.size {
            self.roll(size)?;
        }
        self.write(frame, Kind::Records)?;
        self.position().ok_or(Error::TooLarge)
    }

    /// Where the next frame goes, if the journal was begun.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.current.as_ref().map(|current| current.next)
    }

    /// Gives up the segments before the one of `from`: their frames are no longer needed.
    pub fn release(&mut self, from: &Position) {
        for segment in &mut self.segments {
            if segment.header.is_some_and(|header| header.number < from.segment) {
                segment.header = None;
            }
        }
        let mut spares = 0;
        let (size, most) = (self.options.segment_bytes, self.options.spares);
        let disk = &self.disk;
        self.segments.retain(|segment| {
            if segment.header.is_some() {
                return true;
            }
            spares += 1;
            // Kept if it cannot be removed: a later release tries again.
            segment.size == size && spares <= most || disk.remove(&segment.path).is_err()
        });
    }

    /// Gives up the segments after the one of `end`, where [`Journal::replay`] found that the frames
    /// end: they were begun by starts that came no further and hold nothing. They are used again,
    /// and so keep the numbers that were given away from being given twice.
    pub fn discard_after(&mut self, end: &Position) {
        for segment in &mut self.segments {
            if segment.header.is_some_and(|header| header.number > end.segment) {
                segment.header = None;
            }
        }
    }

    /// Bytes of the files whose frames may still be needed.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.segments.iter().filter(|it| it.header.is_some()).map(|it| it.size).sum()
    }

    /// Why no frames are taken, if none are.
    #[must_use]
    pub fn stopped(&self) -> Option<&Arc<io::Error>> {
        self.stopped.as_ref()
    }

    fn settle_names(&mut self) -> Result<(), Error> {
        match &self.found {
            Names::Durable => return Ok(()),
            Names::Lost(error) => return Err(Error::Stopped(error.clone())),
            Names::Unsynced => {}
        }
        let synced = self.disk.sync_dir(parent(&self.folder)).and_then(|()| self.disk.sync_dir(&self.folder));
        match synced {
            Ok(()) => self.found = Names::Durable,
            // Nothing was asked of the disk.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => return Err(self.stop(error)),
            Err(error) => {
                let error = Arc::new(error);
                (self.found, self.stopped) = (Names::Lost(error.clone()), Some(error.clone()));
                return Err(Error::Stopped(error));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        match &self.stopped {
            Some(error) => Err(Error::Stopped(error.clone())),
            None => Ok(()),
        }
    }

    /// Remembers an error of the medium. From here on nobody knows what it holds.
    fn stop(&mut self, error: io::Error) -> Error {
        let error = Arc::new(error);
        self.stopped = Some(error.clone());
        Error::Stopped(error)
    }

    /// Writes and syncs one frame at the current position.
    fn write(&mut self, frame: Frame, kind: Kind) -> Result<(), Error> {
        let current = self.current.as_mut().expect("only a journal that was begun writes");
        let next = current.next;
        let place = Place { journal: &self.id, segment: next.segment };
        let after = next.sequence.checked_add(1).ok_or(Error::TooLarge)?;
        let (bytes, checksum) = frame.seal(place, next.sequence, next.previous, kind).ok_or(Error::TooLarge)?;
        let length = bytes.len() as u64;
        if let Err(error) = current.file.write(next.offset, &[bytes]).and_then(|()| current.file.sync()) {
            return Err(self.stop(error));
        }
        current.next = Position { offset: next.offset + length, sequence: after, previous: checksum, ..next };
        Ok(())
    }

    /// Goes on in another segment, which can hold a frame of `size`. Its header is durable before
    /// the frame that names it, so that a named segment is always there.
    fn roll(&mut self, size: u64) -> Result<(), Error> {
        let next = self.position().expect("only a journal that was begun rolls");
        let number = self.last_number.checked_add(1).ok_or(Error::TooLarge)?;
        let closing = Frame::continues(number);
        let place = Place { journal: &self.id, segment: next.segment };
        let sealed = closing.clone().seal(place, next.sequence, next.previous, Kind::Continues);
        let (_, checksum) = sealed.ok_or(Error::TooLarge)?;
        let first = next.sequence.checked_add(1).ok_or(Error::TooLarge)?;
        let (file, length, number) = self.start_segment(size, first, checksum)?;
        self.write(closing, Kind::Continues)?;
        let next = Position { segment: number, offset: BLOCK as u64, sequence: first, previous: checksum };
        self.current = Some(Current { file, size: length, next });
        Ok(())
    }

    /// A spare file, or a new one, under the next number.
    fn start_segment(&mut self, frame: u64, first: u64, previous: u64) -> Result<(Arc<dyn DiskFile>, u64, u64), Error> {
        let wanted = frame.checked_add(2 * BLOCK as u64).ok_or(Error::TooLarge)?.max(self.options.segment_bytes);
        let spare = self.segments.iter().position(|it| it.header.is_none() && it.size >= wanted);
        let at = match spare {
            Some(at) => at,
            None => {
                let used = self.segments.iter().filter_map(|it| index_of(it.path.file_name()?.to_str()?)).max();
                let used = used.max(self.foreign);
                let path = self.folder.join(name_of(used.map_or(0, |used| used + 1)));
                let made = Segment::allocate(&*self.disk, path, wanted);
                self.segments.push(made.map_err(|error| Error::NoRoom(Arc::new(error)))?);
                self.segments.len() - 1
            }
        };
        let number = self.last_number.checked_add(1).ok_or(Error::TooLarge)?;
        self.last_number = number;
        let size = self.segments[at].size;
        let header = Header { journal: self.id, number, first, previous, size };
        let disk = self.disk.clone();
        let file = self.segments[at].start(&*disk, header).map_err(|error| self.stop(error))?;
        Ok((file, size, number))
    }
}

fn name_of(index: u32) -> String {
    format!("{index:06}.seg")
}

fn index_of(name: &str) -> Option<u32> {
    name.strip_suffix(".seg").filter(|digits| digits.len() >= 6)?.parse().ok()
}
