//! Whether the record is what was written.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use super::files::{self, GROUP};
use super::is_announcement;
use super::reader::LINE;
use crate::chain::Seal;
use crate::{Error, Head, Sealer};

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Files read.
    pub files: u64,
    /// Groups whose seal is good.
    pub groups: u64,
    /// Events in those.
    pub events: u64,
    /// Where the chain ends.
    pub head: Head,
    /// What is wrong, in the order of the record. None: nothing is.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong with the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Lines are not the ones that were sealed, or the seal is not the one that was made.
    Altered {
        /// Name of the file.
        file: String,
        /// First line of the group, from 1.
        first: u64,
        /// The line of its seal.
        last: u64,
    },
    /// Groups that were written are not there.
    Missing {
        /// Number of the first one.
        from: u64,
        /// Number of the last one.
        to: u64,
        /// The file before whose line they are missing; `None` for the end of the record.
        before: Option<(String, u64)>,
    },
    /// A group stands where another one was, or there is a second one of its number.
    Misplaced {
        /// Name of the file.
        file: String,
        /// The line of its seal.
        line: u64,
        /// Its number.
        sequence: u64,
    },
    /// Nothing tells where the chain ends, so nothing shows that its end is still there.
    NoHead,
    /// Lines that no seal follows: left by a crash, which the next start cuts off, or added.
    Unsealed {
        /// Name of the file.
        file: String,
        /// The first of them, from 1.
        first: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { file, first, last } => {
                write!(f, "{file}: lines {first} to {last} are not what was recorded")
            }
            Self::Missing { from, to, before: Some((file, line)) } => {
                write!(f, "{file}: before line {line}, {} removed ({from} to {to})", groups(*from, *to))
            }
            Self::Missing { from, to, before: None } => {
                write!(f, "the end of the record was removed: {} missing ({from} to {to})", groups(*from, *to))
            }
            Self::Misplaced { file, line, sequence } => {
                write!(f, "{file}: the group that ends at line {line} (number {sequence}) does not belong there")
            }
            Self::NoHead => write!(f, "the metadata does not know where the record ends"),
            Self::Unsealed { file, first } => {
                write!(f, "{file}: nothing vouches for what stands from line {first} on (left by a crash, or added)")
            }
        }
    }
}

fn groups(from: u64, to: u64) -> String {
    match to - from + 1 {
        1 => "one group was".to_owned(),
        several => format!("{several} groups were"),
    }
}

/// Reads the whole record in `folder` and compares it with its chain and with `head`, the end of
/// the chain as it was kept elsewhere. Groups beyond `head` are fine as long as they follow it.
/// Blocks; holds one group in memory.
///
/// # Errors
/// [`Error::Io`] if the record cannot be read. What is wrong with it is a [`Finding`].
pub fn verify(folder: impl AsRef<Path>, sealer: &dyn Sealer, head: Option<Head>) -> Result<Report, Error> {
    let folder = folder.as_ref();
    let mut check = Check { sealer, known: head, report: Report::default(), last_altered: None };
    for name in files::list(folder)? {
        check.report.files += 1;
        check.file(&name.path(folder), &name.file_name())?;
    }
    Ok(check.end())
}

struct Check<'a> {
    sealer: &'a dyn Sealer,
    known: Option<Head>,
    report: Report,
    /// If the last group is not what was sealed: which finding it is, and the end before it.
    last_altered: Option<(usize, Head)>,
}

impl Check<'_> {
    fn file(&mut self, path: &Path, name: &str) -> io::Result<()> {
        let mut reader = BufReader::new(File::open(path)?);
        let (mut group, mut events, mut first, mut number) = (Vec::new(), 0, 1, 0);
        loop {
            let start = group.len();
            let room = LINE.min(GROUP - start as u64);
            (&mut reader).take(room).read_until(b'\n', &mut group)?;
            let line = &group[start..];
            if line.is_empty() {
                break;
            }
            number += 1;
            let whole = line.strip_suffix(b"\n");
            let Some(line) = whole.filter(|line| Seal::is_seal(line)) else {
                events += u64::from(!is_announcement(line));
                continue;
            };
            let seal = Seal::parse(line);
            group.truncate(start);
            match seal.filter(|seal| seal.covers(self.sealer, name, &group)) {
                Some(seal) => self.good(&seal, name, number, events),
                None => self.altered(seal, name, first, number),
            }
            (events, first) = (0, number + 1);
            group.clear();
        }
        if !group.is_empty() {
            self.report.findings.push(Finding::Unsealed { file: name.to_owned(), first });
        }
        Ok(())
    }

    /// A group that is what was sealed; whether it belongs here is another question.
    fn good(&mut self, seal: &Seal, file: &str, line: u64, events: u64) {
        self.last_altered = None;
        self.report.groups += 1;
        self.report.events += events;
        let Head { sequence, tag } = self.report.head;
        let follows = seal.sequence == sequence + 1;
        let forked = self.known.is_some_and(|known| known.sequence == seal.sequence && known.tag != seal.tag);
        if seal.sequence <= sequence || forked || (follows && seal.previous != tag) {
            self.report.findings.push(Finding::Misplaced { file: file.to_owned(), line, sequence: seal.sequence });
        } else if !follows {
            let before = Some((file.to_owned(), line));
            self.report.findings.push(Finding::Missing { from: sequence + 1, to: seal.sequence - 1, before });
        }
        if seal.sequence > sequence {
            self.report.head = seal.head();
        }
    }

    /// The group counts as the next one, so that one edit is one finding.
    fn altered(&mut self, seal: Option<Seal>, file: &str, first: u64, last: u64) {
        self.last_altered = Some((self.report.findings.len(), self.report.head));
        self.report.findings.push(Finding::Altered { file: file.to_owned(), first, last });
        let next = self.report.head.sequence + 1;
        if let Some(seal) = seal.filter(|seal| seal.sequence == next) {
            self.report.head = seal.head();
        }
    }

    /// A group at the very end, beyond what is known to have been sealed, can be one that a crash
    /// tore: nothing vouches for it, and the next start cuts it off.
    fn name_torn(&mut self) {
        let Some((at, before)) = self.last_altered else { return };
        if self.known.is_some_and(|known| before.sequence >= known.sequence)
            && let Some(Finding::Altered { file, first, .. }) = self.report.findings.get(at)
        {
            self.report.findings[at] = Finding::Unsealed { file: file.clone(), first: *first };
            self.report.head = before;
        }
    }

    fn end(mut self) -> Report {
        self.name_torn();
        let last = self.report.head.sequence;
        match self.known {
            None => self.report.findings.push(Finding::NoHead),
            Some(known) if known.sequence > last => {
                self.report.findings.push(Finding::Missing { from: last + 1, to: known.sequence, before: None });
            }
            Some(_) => {}
        }
        self.report
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
