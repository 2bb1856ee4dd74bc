//! Whether the record is what was written.

use std::fmt;
use std::io::{self, BufRead as _, Read as _};
use std::path::Path;

use super::anchor::{self, Anchors};
use super::files::{self, GROUP, LINE, Name};
use super::is_announcement;
use super::lines::Lines;
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
    /// Number of the last group that was removed and is vouched for by an anchor; 0 if none was.
    pub pruned: u64,
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
    /// A compressed file that cannot be read from some line on.
    Unreadable {
        /// Name of the file.
        file: String,
        /// The first line that is not there.
        line: u64,
    },
    /// The metadata knows an earlier end of the record than it had kept: it was put back to what it
    /// had been.
    OlderMetadata {
        /// Number of the group that it had kept as the end.
        kept: u64,
        /// The number that it keeps.
        found: u64,
    },
    /// Something that vouches for nothing stands among the statements about what was removed.
    Anchor {
        /// Its line, from 1.
        line: u64,
    },
    /// What was wrong with what was removed since.
    Removed {
        /// What was told then.
        finding: String,
    },
    /// Under the name of a file that was removed there is another one.
    Reappeared {
        /// Name of the file.
        file: String,
    },
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
            Self::Unreadable { file, line } => write!(f, "{file}: cannot be read from line {line} on"),
            Self::Anchor { line } => {
                write!(f, "line {line} of the statements about what was removed is none that was made here")
            }
            Self::Removed { finding } => write!(f, "removed since: {finding}"),
            Self::Reappeared { file } => write!(f, "{file}: was removed, and is there again with other contents"),
            Self::OlderMetadata { kept, found } => {
                write!(f, "the metadata was put back: it had noted group {kept}, and knows the record up to {found}")
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
    let anchors = Anchors::read(folder, sealer)?;
    let removed = anchors.digests();
    let mut check = Check { known: head, ..Check::new(sealer, anchors.head()) };
    check.report.findings.extend(anchors.bad.iter().map(|&line| Finding::Anchor { line }));
    check.report.findings.extend(anchors.findings().map(|text| Finding::Removed { finding: text.to_owned() }));
    for name in files::list(folder)? {
        match removed.get(&*name.file_name()) {
            None => check.file(folder, &name)?,
            // Its removal is still to be finished.
            Some(stated) if anchor::digest(folder, &name)? == **stated => {}
            Some(_) => check.report.findings.push(Finding::Reappeared { file: name.file_name() }),
        }
    }
    Ok(check.end())
}

/// A record being read.
pub(super) struct Check<'a> {
    sealer: &'a dyn Sealer,
    known: Option<Head>,
    /// The latest end that the metadata is known to have kept.
    kept: u64,
    report: Report,
    /// If the last group is not what was sealed: which finding it is, and the end before it.
    last_altered: Option<(usize, Head)>,
}

impl<'a> Check<'a> {
    /// Of what follows `head`.
    pub(super) fn new(sealer: &'a dyn Sealer, head: Head) -> Self {
        let report = Report { head, pruned: head.sequence, ..Report::default() };
        Self { sealer, known: None, kept: 0, report, last_altered: None }
    }

    /// How many events were good so far.
    pub(super) fn events(&self) -> u64 {
        self.report.events
    }

    /// What was found, of a part of the record.
    pub(super) fn stop(self) -> Report {
        self.report
    }

    /// Reads the next file.
    pub(super) fn file(&mut self, folder: &Path, name: &Name) -> io::Result<()> {
        self.report.files += 1;
        let mut reader = Lines::open(folder, name, 0)?;
        let name = &*name.file_name();
        let (mut group, mut events, mut first, mut number) = (Vec::new(), 0, 1, 0);
        loop {
            let start = group.len();
            let room = LINE.min(GROUP - start as u64);
            let read = reader.by_ref().take(room).read_until(b'\n', &mut group);
            match read {
                Err(error) if reader.is_damage(&error) => {
                    let file = name.to_owned();
                    self.report.findings.push(Finding::Unreadable { file, line: number + 1 });
                    return Ok(());
                }
                read => read?,
            };
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
        self.kept = self.kept.max(seal.kept);
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
            Some(known) if known.sequence < self.kept => {
                let (kept, found) = (self.kept, known.sequence);
                self.report.findings.push(Finding::OlderMetadata { kept, found });
            }
            Some(_) => {}
        }
        self.report
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
