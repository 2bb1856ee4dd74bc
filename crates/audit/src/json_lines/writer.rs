//! The thread that writes: gather, write, sync once, answer all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arqueta_model::Clock;
use tokio::sync::{mpsc, oneshot};

use super::files::{self, Name};
use crate::Error;

/// Bounds of one group, so that the first waiter is not held up by an endless stream of others.
const GROUP_APPENDS: usize = 2048;
const GROUP_BYTES: usize = 4 << 20;

/// One line that waits to become durable. An empty one is a flush.
pub(super) struct Append {
    pub(super) line: Vec<u8>,
    pub(super) answer: oneshot::Sender<Result<(), Error>>,
}

pub(super) struct Writer {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    file_size: u64,
    name: Name,
    current: Current,
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
    pub(super) fn open(folder: &Path, clock: Arc<dyn Clock>, file_size: u64) -> Result<Self, Error> {
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
        Ok(Self { folder: folder.to_owned(), clock, file_size, name, current })
    }

    /// Serves until the queue is closed and empty.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Append>) {
        let mut group = Vec::new();
        let mut bytes = Vec::new();
        while let Some(first) = queue.blocking_recv() {
            bytes.clear();
            bytes.extend_from_slice(&first.line);
            group.push(first.answer);
            while group.len() < GROUP_APPENDS && bytes.len() < GROUP_BYTES {
                let Ok(append) = queue.try_recv() else { break };
                bytes.extend_from_slice(&append.line);
                group.push(append.answer);
            }
            // A flush alone has nothing to do: everything before it was synced before it was answered.
            let outcome = if bytes.is_empty() { Ok(()) } else { self.write(&bytes) };
            if let Err(error) = &outcome {
                tracing::error!(%error, events = group.len(), "audit events cannot be recorded");
            }
            for answer in group.drain(..) {
                // A waiter that went away no longer needs its answer.
                let _ = answer.send(outcome.as_ref().copied().map_err(|error| Error::Io(same(error))));
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.make_room()?;
        if matches!(self.current, Current::None) {
            self.current = Current::Open { file: files::create(&self.folder, &self.name)?, length: 0 };
        }
        let Current::Open { file, length } = &mut self.current else {
            return Err(io::Error::other("the audit file is not open"));
        };
        let written = file.write_all(bytes).and_then(|()| file.sync_data());
        match written {
            Ok(()) => *length += bytes.len() as u64,
            Err(_) => self.current = Current::Failed { length: *length },
        }
        if matches!(self.current, Current::Failed { .. }) {
            // Now if possible, otherwise before the next write.
            let _ = self.clean_up();
        }
        written
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
        let file = OpenOptions::new().write(true).open(self.name.path(&self.folder))?;
        if file.metadata()?.len() > length {
            file.set_len(length)?;
            file.sync_all()?;
        }
        (self.name, self.current) = (self.name.next(), Current::None);
        Ok(())
    }
}

/// The same error again, for the next waiter.
fn same(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
