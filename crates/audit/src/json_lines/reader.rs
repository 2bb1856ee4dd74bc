//! Reading the record back.

use std::io::{self, BufRead as _, Read as _};
use std::path::{Path, PathBuf};

use arqueta_model::Timestamp;
use serde::Deserialize;

use super::files::{self, LINE, Name};
use super::lines::Lines;
use super::{Mark, is_announcement};
use crate::chain::Seal;
use crate::{Error, Event};

/// What a line of the record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// What happened.
    Event(Event),
    /// What was about to happen ([`crate::AuditSink::announce`]).
    Announced(Event),
}

#[derive(Deserialize)]
struct Announcement {
    announced: Event,
}

/// The entries of a folder in the order in which they were recorded, which is time order up to
/// the duration of concurrent calls. Holds one line in memory. Reads block: use it on a blocking
/// thread.
///
/// A last line without its newline is being written right now, or was torn; it is left out. Lines
/// that are no entry, or longer than any, are left out too and counted ([`Entries::skipped`]): one
/// such line must not hide all that follow. Whether they were tampered with, [`crate::verify`] tells.
#[derive(Debug)]
pub struct Entries {
    folder: PathBuf,
    /// Files still to be read, last one first.
    rest: Vec<Name>,
    current: Option<(Name, Lines)>,
    line: Vec<u8>,
    following: bool,
    /// A later file is there: the present one has grown for the last time.
    complete: bool,
    /// Behind the last line that was read.
    mark: Mark,
    /// Where reading ends.
    end: Option<Mark>,
    /// In the middle of a line that is too long.
    overlong: bool,
    skipped: u64,
}

impl Entries {
    /// The entries in `folder`, beginning with the UTC day of `since`.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn open(folder: impl AsRef<Path>, since: Option<Timestamp>) -> Result<Self, Error> {
        let folder = folder.as_ref().to_owned();
        let first = since.map(files::day).unwrap_or_default();
        let mut rest = files::list(&folder)?;
        rest.retain(|name| name.day >= first);
        rest.reverse();
        Ok(Self::over(folder, rest))
    }

    /// The entries in `folder`, beginning with the UTC day `first`, as files have it in their names.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub(crate) fn since_day(folder: PathBuf, first: &str) -> Result<Self, Error> {
        let mut rest = files::list(&folder)?;
        rest.retain(|name| &*name.day >= first);
        rest.reverse();
        Ok(Self::over(folder, rest))
    }

    /// The entries in `folder` that begin at `from` or after it and before `to`.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn between(folder: impl AsRef<Path>, from: &Mark, to: &Mark) -> Result<Self, Error> {
        let folder = folder.as_ref().to_owned();
        let mut rest = files::list(&folder)?;
        rest.retain(|name| *name >= from.file() && *name <= to.file());
        rest.reverse();
        let mut entries = Self { mark: from.clone(), end: Some(to.clone()), ..Self::over(folder, rest) };
        if entries.rest.last() == Some(&from.file()) && entries.open_next()? {
            entries.mark = from.clone();
            // A file that was cut since then ends before this place, and is read as at its end.
            let lines = Lines::open(&entries.folder, &from.file(), from.offset)?;
            entries.current = Some((from.file(), lines));
        }
        Ok(entries)
    }

    /// The place behind the last line that was read.
    #[must_use]
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// How many lines were left out so far because they could not be read.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn over(folder: PathBuf, rest: Vec<Name>) -> Self {
        Self {
            folder,
            rest,
            current: None,
            line: Vec::new(),
            following: false,
            complete: false,
            mark: Mark::default(),
            end: None,
            overlong: false,
            skipped: 0,
        }
    }

    /// Goes on where the record goes on: after `None`, asking again may give more.
    #[must_use]
    pub fn following(mut self) -> Self {
        self.following = true;
        self
    }

    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if self.current.is_none() && !self.open_next()? {
                return Ok(None);
            }
            if self.end.as_ref().is_some_and(|end| self.mark >= *end) {
                return Ok(None);
            }
            let Some((name, reader)) = &mut self.current else { return Ok(None) };
            let room = LINE - self.line.len() as u64;
            let read = reader.by_ref().take(room).read_until(b'\n', &mut self.line);
            if let Err(error) = read {
                if !reader.is_damage(&error) {
                    return Err(error);
                }
                // The rest of a compressed file that cannot be read hides no other file.
                self.skipped += 1;
                self.line.clear();
                (self.current, self.complete, self.overlong) = (None, false, false);
                continue;
            }
            if self.line.last() == Some(&b'\n') {
                self.mark.offset += self.line.len() as u64;
                self.line.pop();
                let line = std::mem::take(&mut self.line);
                if std::mem::take(&mut self.overlong) {
                    self.skipped += 1;
                    continue;
                }
                return Ok(Some(line));
            }
            if self.line.len() as u64 >= LINE {
                self.mark.offset += self.line.len() as u64;
                self.line.clear();
                self.overlong = true;
                continue;
            }
            if self.following && !self.complete {
                let name = name.clone();
                self.rest.extend(later(&self.folder, &name)?);
                if self.rest.is_empty() {
                    return Ok(None);
                }
                // It may have grown between the read and the look.
                self.complete = true;
                continue;
            }
            self.line.clear();
            (self.current, self.complete, self.overlong) = (None, false, false);
        }
    }

    fn open_next(&mut self) -> io::Result<bool> {
        if self.rest.is_empty() && self.following {
            self.rest = later(&self.folder, &Name::before_all())?;
        }
        let Some(name) = self.rest.pop() else { return Ok(false) };
        self.complete = !self.rest.is_empty();
        let file = Lines::open(&self.folder, &name, 0)?;
        self.mark = Mark::start_of(&name);
        self.current = Some((name, file));
        Ok(true)
    }
}

/// Files after `name`, last one first.
fn later(folder: &Path, name: &Name) -> io::Result<Vec<Name>> {
    let mut names = files::list(folder)?;
    names.retain(|other| other > name);
    names.reverse();
    Ok(names)
}

impl Iterator for Entries {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.line() {
                Ok(line) => line?,
                Err(error) => return Some(Err(error.into())),
            };
            if Seal::is_seal(&line) {
                continue;
            }
            match entry(&line) {
                Ok(entry) => return Some(Ok(entry)),
                Err(_) => self.skipped += 1,
            }
        }
    }
}

/// The event that a line is; none for a seal, an announcement and what cannot be read.
pub(super) fn event(line: &[u8]) -> Option<Event> {
    match Seal::is_seal(line) || is_announcement(line) {
        true => None,
        false => serde_json::from_slice(line).ok(),
    }
}

fn entry(line: &[u8]) -> Result<Entry, serde_json::Error> {
    if is_announcement(line) {
        return serde_json::from_slice::<Announcement>(line).map(|line| Entry::Announced(line.announced));
    }
    serde_json::from_slice(line).map(Entry::Event)
}

/// The events among the [`Entries`] of a folder.
#[derive(Debug)]
pub struct Events(Entries);

impl Events {
    /// The events in `folder`, beginning with the UTC day of `since`.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn open(folder: impl AsRef<Path>, since: Option<Timestamp>) -> Result<Self, Error> {
        Entries::open(folder, since).map(Self)
    }

    /// The events among [`Entries::between`].
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn between(folder: impl AsRef<Path>, from: &Mark, to: &Mark) -> Result<Self, Error> {
        Entries::between(folder, from, to).map(Self)
    }

    /// The place behind the last line that was read.
    #[must_use]
    pub fn mark(&self) -> &Mark {
        self.0.mark()
    }

    /// As [`Entries::skipped`].
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.0.skipped()
    }
}

impl Iterator for Events {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.find_map(|entry| match entry {
            Ok(Entry::Event(event)) => Some(Ok(event)),
            Ok(Entry::Announced(_)) => None,
            Err(error) => Some(Err(error)),
        })
    }
}
