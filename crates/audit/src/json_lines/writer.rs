//! The thread that writes: gather, write, sync once, answer all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arqueta_model::Clock;
use tokio::sync::mpsc;

use super::Answer;
use super::files::{self, Name};
use crate::chain::Seal;
use crate::{Error, Head, Sealer};

/// Bounds of one group, so that the first waiter is not held up by an endless stream of others.
const GROUP_APPENDS: usize = 2048;
const GROUP_BYTES: usize = 4 << 20;

/// What the writer is asked for.
pub(super) enum Message {
    /// A line that waits to become durable. An empty one is a flush.
    Append { line: Vec<u8>, answer: Answer },
    /// Seal from now on.
    Seal { sealer: Arc<dyn Sealer>, known: Option<Head>, answer: Answer },
}

pub(super) struct Writer {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    file_size: u64,
    name: Name,
    current: Current,
    /// Whether this writer has written anything yet.
    begun: bool,
    chain: Option<Chain>,
    shown: Arc<Mutex<Option<Head>>>,
}

struct Chain {
    sealer: Arc<dyn Sealer>,
    head: Head,
}

enum Current {
    /// No file of this name yet.
    None,
    /// Open for appending; the first `length` bytes are durable.
    Open { file: File, length: u64 },
    /// A write or sync failed. Bytes beyond `length` were answered as not recorded and must go
    /// before anything else is written; and since a failed sync may not be repeated on the same
    /// file (the kernel may have dropped the pages), writing goes on in a new one.
    Failed { length: u64 },
}

impl Writer {
    pub(super) fn open(
        folder: &Path,
        clock: Arc<dyn Clock>,
        file_size: u64,
        shown: Arc<Mutex<Option<Head>>>,
    ) -> Result<Self, Error> {
        files::make_folder(folder)?;
        let names = files::list(folder)?;
        let mut length = 0;
        for name in &names {
            length = files::repair(&name.path(folder))?;
        }
        let (name, current) = match names.last() {
            Some(last) => {
                let file = OpenOptions::new().append(true).open(last.path(folder))?;
                (last.clone(), Current::Open { file, length })
            }
            None => (Name::first_of(clock.now()), Current::None),
        };
        Ok(Self { folder: folder.to_owned(), clock, file_size, name, current, begun: false, chain: None, shown })
    }

    /// Serves until the queue is closed and empty.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut group = Vec::new();
        let mut bytes = Vec::new();
        let mut next = queue.blocking_recv();
        while let Some(message) = next.take() {
            match message {
                Message::Seal { sealer, known, answer } => {
                    // A caller that went away no longer needs its answer.
                    let _ = answer.send(self.begin_chain(sealer, known).map_err(Error::Io));
                }
                Message::Append { line, answer } => {
                    bytes.clear();
                    bytes.extend_from_slice(&line);
                    group.push(answer);
                    next = gather(&mut queue, &mut group, &mut bytes);
                    self.commit(&mut bytes, &mut group);
                }
            }
            if next.is_none() {
                next = queue.blocking_recv();
            }
        }
    }

    fn commit(&mut self, bytes: &mut Vec<u8>, group: &mut Vec<Answer>) {
        // A flush alone has nothing to do: everything before it was synced before it was answered.
        let outcome = if bytes.is_empty() { Ok(()) } else { self.write(bytes) };
        if let Err(error) = &outcome {
            tracing::error!(%error, events = group.len(), "audit events cannot be recorded");
        }
        for answer in group.drain(..) {
            // A waiter that went away no longer needs its answer.
            let _ = answer.send(outcome.as_ref().copied().map_err(|error| Error::Io(same(error))));
        }
    }

    fn write(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.make_room()?;
        if matches!(self.current, Current::None) {
            self.current = Current::Open { file: files::create(&self.folder, &self.name)?, length: 0 };
        }
        let Current::Open { file, length } = &mut self.current else {
            return Err(io::Error::other("the audit file is not open"));
        };
        self.begun = true;
        let seal =
            self.chain.as_ref().map(|chain| Seal::next(&*chain.sealer, chain.head, &self.name.file_name(), bytes));
        if let Some(seal) = seal {
            bytes.extend_from_slice(&seal.line());
        }
        let written = file.write_all(bytes).and_then(|()| file.sync_data()).and_then(|()| still_there(file));
        match written {
            Ok(()) => {
                *length += bytes.len() as u64;
                self.advance(seal);
            }
            Err(_) => self.current = Current::Failed { length: *length },
        }
        if matches!(self.current, Current::Failed { .. }) {
            // Now if possible, otherwise before the next write.
            let _ = self.clean_up();
        }
        written
    }

    fn advance(&mut self, seal: Option<Seal>) {
        if let (Some(chain), Some(seal)) = (&mut self.chain, seal) {
            chain.head = seal.head();
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(chain.head);
        }
    }

    /// Goes on with the chain from the end of the record or from where it is known to have ended,
    /// whichever is later.
    fn begin_chain(&mut self, sealer: Arc<dyn Sealer>, known: Option<Head>) -> io::Result<()> {
        let mut last = None;
        for name in files::list(&self.folder)?.iter().rev() {
            last = files::last_seal(&name.path(&self.folder))?.map(|(seal, end)| (name.clone(), seal, end));
            if last.is_some() {
                break;
            }
        }
        let found = last.as_ref().map(|(_, seal, _)| seal.head());
        let head = [found, known].into_iter().flatten().max_by_key(|head| head.sequence);
        if let Some(known) = known
            && found.is_none_or(|found| found.sequence < known.sequence)
        {
            let found = found.unwrap_or_default().sequence;
            tracing::error!(
                found,
                known = known.sequence,
                "THE END OF THE AUDIT RECORD IS MISSING: run `arqueta audit verify`"
            );
        }
        if head.is_some() {
            self.cut_unsealed(last.map(|(name, _, end)| (name, end)))?;
        } else if matches!(self.current, Current::Open { length, .. } if length > 0) {
            // Nothing vouches for what an unsealed record holds; the chain begins beside it.
            (self.name, self.current) = (self.name.next(), Current::None);
        }
        let head = head.unwrap_or_default();
        self.chain = Some(Chain { sealer, head });
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
        Ok(())
    }

    /// Cuts off the lines at the end of the last file that a crash left without their seal.
    fn cut_unsealed(&mut self, last: Option<(Name, u64)>) -> io::Result<()> {
        let Current::Open { length, .. } = &mut self.current else { return Ok(()) };
        let end = last.filter(|(name, _)| *name == self.name).map_or(0, |(_, end)| end);
        if *length <= end {
            return Ok(());
        }
        if self.begun {
            (self.name, self.current) = (self.name.next(), Current::None);
            return Ok(());
        }
        let path = self.name.path(&self.folder);
        tracing::warn!(file = %path.display(), bytes = *length - end, "cut off audit lines that were never acknowledged");
        files::cut(&path, end)?;
        *length = end;
        Ok(())
    }

    /// Moves on to the next file when the day has changed, the file is full or it has failed.
    fn make_room(&mut self) -> io::Result<()> {
        if matches!(self.current, Current::Failed { .. }) {
            self.clean_up()?;
        }
        let today = Name::first_of(self.clock.now());
        let full = matches!(self.current, Current::Open { length, .. } if length >= self.file_size);
        // A clock that steps back does not reopen an earlier day: files stay in append order.
        if today.day > self.name.day {
            (self.name, self.current) = (today, Current::None);
        } else if full {
            (self.name, self.current) = (self.name.next(), Current::None);
        }
        Ok(())
    }

    fn clean_up(&mut self) -> io::Result<()> {
        let Current::Failed { length } = self.current else { return Ok(()) };
        match files::cut(&self.name.path(&self.folder), length) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        (self.name, self.current) = (self.name.next(), Current::None);
        Ok(())
    }
}

/// Adds what else waits to the group. What does not belong into it is returned.
fn gather(queue: &mut mpsc::Receiver<Message>, group: &mut Vec<Answer>, bytes: &mut Vec<u8>) -> Option<Message> {
    while group.len() < GROUP_APPENDS && bytes.len() < GROUP_BYTES {
        match queue.try_recv().ok()? {
            Message::Append { line, answer } => {
                bytes.extend_from_slice(&line);
                group.push(answer);
            }
            other => return Some(other),
        }
    }
    None
}

/// What was written to a file that somebody removed is lost with it.
fn still_there(file: &File) -> io::Result<()> {
    match file.metadata()?.nlink() {
        0 => Err(io::Error::other("the audit file was removed while it was written")),
        _ => Ok(()),
    }
}

/// The same error again, for the next waiter.
fn same(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
