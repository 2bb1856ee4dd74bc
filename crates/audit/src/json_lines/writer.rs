//! The thread that writes: gather, write, sync once, answer all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arqueta_model::Clock;
use tokio::sync::mpsc;

use super::files::{self, Name};
use super::queue::{Answer, Cut, Early, GROUP_BYTES, Message, gather};
#[cfg(any(test, feature = "testing"))]
use super::queue::{Group, Watch};
use super::tail::{Tail, tail};
use crate::chain::Seal;
use crate::health::Health;
use crate::{Error, Head, Sealer};

/// More than that a crash cannot leave behind the last good seal: one group, and its seal.
const TORN: u64 = 2 * GROUP_BYTES as u64;

/// What others see and say of the writer's work.
pub(super) struct Seen {
    pub(super) head: Arc<Mutex<Option<Head>>>,
    /// Number of the last seal that is known to be kept elsewhere.
    pub(super) kept: Arc<AtomicU64>,
    /// The file that is written.
    pub(super) file: Arc<Mutex<Option<Arc<File>>>>,
    pub(super) health: Health,
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
    seen: Seen,
    /// Kept for its memory.
    bytes: Vec<u8>,
    /// Appends of the last group.
    before: usize,
    #[cfg(any(test, feature = "testing"))]
    pub(super) watch: Option<Watch>,
}

struct Chain {
    sealer: Arc<dyn Sealer>,
    head: Head,
    /// What the last seal says is kept elsewhere.
    kept: u64,
}

enum Current {
    /// No file of this name yet.
    None,
    /// Open for appending; the first `length` bytes are durable, and there is room up to
    /// `reserved`.
    Open { file: Arc<File>, length: u64, reserved: u64 },
    /// A write or sync failed. Bytes beyond `length` were answered as not recorded and must go
    /// before anything else is written; and since a failed sync may not be repeated on the same
    /// file (the kernel may have dropped the pages), writing goes on in a new one.
    Failed { length: u64 },
}

impl Writer {
    pub(super) fn open(folder: &Path, clock: Arc<dyn Clock>, file_size: u64, seen: Seen) -> Result<Self, Error> {
        files::make_folder(folder)?;
        let names = files::list(folder)?;
        let mut length = 0;
        for name in names.iter().filter(|name| name.path(folder).exists()) {
            length = files::repair(&name.path(folder))?;
        }
        let (name, current) = match names.last() {
            Some(last) if !last.path(folder).exists() => (last.next(), Current::None),
            Some(last) => {
                let file = Arc::new(OpenOptions::new().append(true).open(last.path(folder))?);
                (last.clone(), Current::Open { file, length, reserved: 0 })
            }
            None => (Name::first_of(clock.now()), Current::None),
        };
        Ok(Self {
            folder: folder.to_owned(),
            clock,
            file_size,
            name,
            current,
            begun: false,
            chain: None,
            seen,
            bytes: Vec::new(),
            before: 1,
            #[cfg(any(test, feature = "testing"))]
            watch: None,
        })
    }

    /// Serves until the queue is closed and empty.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut next = queue.blocking_recv();
        while let Some(message) = next.take() {
            next = self.serve(message, &mut queue).or_else(|| queue.blocking_recv());
        }
    }

    /// Does what is asked, and what waits and belongs to it. Returns what was found there and does not.
    pub(super) fn serve(&mut self, message: Message, queue: &mut mpsc::Receiver<Message>) -> Option<Message> {
        match message {
            Message::Seal { sealer, known, over_older, answer } => {
                // A caller that went away no longer needs its answer.
                let _ = answer.send(self.begin_chain(sealer, known, over_older));
            }
            Message::Note { answer } => {
                let outcome = self.guarded(Self::note);
                let _ = answer.send(outcome.map_err(Error::Io));
            }
            Message::Ready { answer } => {
                let outcome = self.guarded(Self::probe);
                if self.seen.health.note(outcome.as_ref().copied()) {
                    tell(&outcome);
                }
                let _ = answer.send(outcome.map_err(Error::Io));
            }
            Message::Append { line, answer, early } => {
                let (mut group, mut early) = (vec![answer], early.into_iter().collect());
                let mut bytes = std::mem::take(&mut self.bytes);
                bytes.clear();
                bytes.extend_from_slice(&line);
                let next = gather(queue, (&mut group, &mut early), &mut bytes, self.before);
                self.before = group.len();
                self.append(group, early, &mut bytes);
                self.bytes = bytes;
                return next;
            }
        }
        None
    }

    /// Writes what waits together, and answers it.
    fn append(&mut self, group: Vec<Answer>, mut early: Vec<Early>, bytes: &mut Vec<u8>) {
        #[cfg(any(test, feature = "testing"))]
        let awaited = early.len() < group.len();
        let outcome = self.guarded(|writer| match bytes.is_empty() {
            true => writer.look(),
            false => writer.write(bytes, &mut early),
        });
        #[cfg(any(test, feature = "testing"))]
        self.watched(&outcome, bytes.len(), awaited);
        // Whoever is left was not even written.
        drop(early);
        let news = self.seen.health.note(outcome.as_ref().copied());
        for answer in group {
            // A waiter that went away no longer needs its answer.
            let _ = answer.send(outcome.as_ref().copied().map_err(|error| Error::Io(same(error))));
        }
        if news {
            tell(&outcome);
        }
    }

    /// Tells who watches of a group of so many bytes.
    #[cfg(any(test, feature = "testing"))]
    fn watched(&self, outcome: &io::Result<()>, bytes: usize, awaited: bool) {
        if let (Some(watch), Ok(()), Current::Open { length, .. }) = (&self.watch, outcome, &self.current) {
            let (from, to) = (*length - bytes as u64, *length);
            watch(Group { file: self.name.path(&self.folder), from, to, awaited });
        }
    }

    /// Writes a group. A panic fails the group and not the thread: without it nothing would be
    /// recorded any more, and so nothing administered.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        let work = std::panic::AssertUnwindSafe(|| work(self));
        std::panic::catch_unwind(work).unwrap_or_else(|_| {
            if let Current::Open { length, .. } = self.current {
                self.current = Current::Failed { length };
            }
            Err(io::Error::other("the writer of the record panicked"))
        })
    }

    /// A flush has nothing to do, since what came before it was synced before it was answered. While
    /// the record is failing it finds out whether it could go on.
    fn look(&mut self) -> io::Result<()> {
        if self.seen.health.failure().is_none() {
            return Ok(());
        }
        self.ready()?;
        let Current::Open { file, length, reserved } = &mut self.current else { return Ok(()) };
        // An empty file proves nothing on a full disk.
        match files::reserve(file, *length, *reserved) {
            Ok(until) => *reserved = until,
            Err(error) if full(&error) => return Err(error),
            Err(_) => {}
        }
        file.sync_all()
    }

    /// A file to append to.
    fn ready(&mut self) -> io::Result<()> {
        self.make_room()?;
        if matches!(self.current, Current::None) {
            let file = Arc::new(files::create(&self.folder, &self.name)?);
            self.current = Current::Open { file, length: 0, reserved: 0 };
        }
        let Current::Open { file, .. } = &self.current else { return Ok(()) };
        *self.seen.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(file));
        Ok(())
    }

    /// Whether a line could be written, without a sync if nothing speaks against it.
    fn probe(&mut self) -> io::Result<()> {
        if self.seen.health.failure().is_some() {
            return self.look();
        }
        self.ready()?;
        let Current::Open { file, length, reserved } = &mut self.current else { return Ok(()) };
        match files::reserve(file, *length, *reserved) {
            Ok(until) => *reserved = until,
            Err(error) if full(&error) => return Err(error),
            Err(_) => {}
        }
        let there = still_there(file);
        if there.is_err() {
            self.current = Current::Failed { length: *length };
            // What comes next finds out whether there can be another one.
            self.ready()?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &mut Vec<u8>, early: &mut Vec<Early>) -> io::Result<()> {
        self.ready()?;
        let Current::Open { file, length, reserved } = &mut self.current else {
            return Err(io::Error::other("the audit file is not open"));
        };
        // Where no room can be kept, the record goes on with what there is.
        *reserved = files::reserve(file, *length, *reserved).unwrap_or(*reserved);
        self.begun = true;
        let kept = self.seen.kept.load(Ordering::Acquire);
        let name = self.name.file_name();
        let seal = self.chain.as_ref().map(|chain| Seal::next(&*chain.sealer, chain.head, kept, &name, bytes));
        if let Some(seal) = seal {
            bytes.extend_from_slice(&seal.line());
        }
        let written = (&**file).write_all(bytes).and_then(|()| still_there(file));
        let written = written.and_then(|()| {
            for told in early.drain(..) {
                // A waiter that went away no longer needs its answer.
                let _ = told.send(());
            }
            file.sync_data().and_then(|()| still_there(file))
        });
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
            (chain.head, chain.kept) = (seal.head(), seal.kept);
            *self.seen.head.lock().unwrap_or_else(PoisonError::into_inner) = Some(chain.head);
        }
    }

    /// Seals what is kept elsewhere, if that is later than what the last seal says.
    fn note(&mut self) -> io::Result<Option<Head>> {
        let kept = self.seen.kept.load(Ordering::Acquire);
        if self.chain.as_ref().is_none_or(|chain| chain.kept >= kept) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.write(&mut bytes, &mut Vec::new())?;
        #[cfg(any(test, feature = "testing"))]
        self.watched(&Ok(()), bytes.len(), true);
        Ok(self.chain.as_ref().map(|chain| chain.head))
    }

    /// Goes on with the chain from the end of the record or from where it is known to have ended,
    /// whichever is later. Answers what a crash had left at the end and was cut off.
    fn begin_chain(
        &mut self,
        sealer: Arc<dyn Sealer>,
        known: Option<Head>,
        over_older: bool,
    ) -> Result<Option<Cut>, Error> {
        let names = files::list(&self.folder)?;
        let (mut end, mut kept, mut behind, mut bad) = (None, 0, Vec::new(), 0);
        for name in names.iter().rev() {
            let Tail { good, bad: more, length } = tail(&self.folder, name, &*sealer)?;
            bad += more;
            if let Some((seal, at)) = good {
                (end, kept) = (Some(seal.head()), seal.kept);
                behind.push((name.clone(), at, length));
                break;
            }
            behind.push((name.clone(), 0, length));
        }
        behind.retain(|(_, at, length)| length > at);
        let found = known.unwrap_or_default().sequence;
        if found < kept && !over_older {
            return Err(Error::OlderMetadata { kept, found });
        }
        let gone = known.filter(|known| known.sequence > end.unwrap_or_default().sequence);
        if let Some(known) = gone {
            let found = end.unwrap_or_default().sequence;
            tracing::error!(
                found,
                known = known.sequence,
                "THE END OF THE AUDIT RECORD IS MISSING: run `arqueta audit verify`"
            );
        }
        let sealed = end.is_some() || known.is_some();
        let cut = match &behind[..] {
            // One group at most is under way at any time, it is the last thing in the record, and
            // none that is known to have been sealed can be it.
            [(name, at, length)] if gone.is_none() && sealed && bad <= 1 && length - at <= TORN => {
                self.cut_torn(name, *at, *length)?
            }
            [] => None,
            _ if !sealed => {
                self.go_beside();
                None
            }
            // Nothing vouches for it, and no crash explains it: it stays, for `verify` to name.
            _ => {
                tracing::error!("THE END OF THE AUDIT RECORD IS NOT WHAT WAS SEALED: run `arqueta audit verify`");
                self.go_beside();
                None
            }
        };
        let head = [end, known].into_iter().flatten().max_by_key(|head| head.sequence).unwrap_or_default();
        // What it is now was read from there.
        self.seen.kept.store(found, Ordering::Release);
        self.chain = Some(Chain { sealer, head, kept });
        *self.seen.head.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
        Ok(cut)
    }

    /// The chain goes on in a file of its own.
    fn go_beside(&mut self) {
        if matches!(self.current, Current::Open { length, .. } if length > 0) {
            (self.name, self.current) = (self.name.next(), Current::None);
        }
    }

    /// Cuts off what a crash left behind the last seal: a group that was never acknowledged. A copy
    /// of it stays beside the record.
    fn cut_torn(&mut self, name: &Name, at: u64, length: u64) -> io::Result<Option<Cut>> {
        if self.begun || *name != self.name {
            self.go_beside();
            return Ok(None);
        }
        let cut = Cut { file: name.file_name(), at, bytes: length - at };
        files::set_aside(&self.folder, name, at)?;
        files::cut(&name.path(&self.folder), at)?;
        tracing::warn!(file = cut.file, bytes = cut.bytes, "cut off audit lines that were never acknowledged");
        if let Current::Open { length, .. } = &mut self.current {
            *length = at;
        }
        Ok(Some(cut))
    }

    /// Moves on to the next file when the day has changed, the file is full or it has failed.
    fn make_room(&mut self) -> io::Result<()> {
        if matches!(self.current, Current::Failed { .. }) {
            self.clean_up()?;
        }
        let today = Name::first_of(self.clock.now());
        // A clock that steps back does not reopen an earlier day: files stay in append order.
        let next = match &self.current {
            _ if today.day > self.name.day => today,
            Current::Open { length, .. } if *length >= self.file_size => self.name.next(),
            _ => return Ok(()),
        };
        if let Current::Open { file, length, .. } = &self.current {
            // Before the next one asks for as much.
            files::release(file, *length);
        }
        (self.name, self.current) = (next, Current::None);
        Ok(())
    }

    /// Undoes what was answered as not recorded, and leaves the file: the kernel may have dropped
    /// pages of it.
    fn clean_up(&mut self) -> io::Result<()> {
        let Current::Failed { length } = self.current else { return Ok(()) };
        let undone = match length {
            // Or a full disk would fill up with empty files.
            0 => files::remove(&self.folder, &self.name),
            length => files::cut(&self.name.path(&self.folder), length),
        };
        match undone {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let next = if length == 0 { self.name.clone() } else { self.name.next() };
        (self.name, self.current) = (next, Current::None);
        Ok(())
    }
}

/// Says so when the record becomes unwritable or writable, once each: a full disk may hold the log,
/// too.
fn tell(outcome: &io::Result<()>) {
    match outcome {
        Ok(()) => tracing::warn!("audit events can be recorded again"),
        Err(error) => tracing::error!(%error, "audit events cannot be recorded"),
    }
}

/// Whether there is no room, rather than no way to ask for some.
fn full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What was written to a file that somebody removed is lost with it.
pub(super) fn still_there(file: &File) -> io::Result<()> {
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
