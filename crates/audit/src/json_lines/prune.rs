//! Removing the beginning of the record, so that `verify` knows that it was meant.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use arqueta_model::Timestamp;

use super::anchor::{Anchor, Anchors, Removed, digest};
use super::files::{self, Name};
use super::mark::Mark;
use super::verify::Check;
use crate::{Error, Sealer};

/// What to remove.
#[derive(Debug, Clone)]
pub struct Prune {
    /// Files of days before the UTC day of this moment.
    pub before: Timestamp,
    /// What lies from here on is still to be delivered and stays.
    pub undelivered: Option<Mark>,
    /// Where files are copied to first; made if it is not there.
    pub archive: Option<PathBuf>,
    /// Now.
    pub at: Timestamp,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// How many files.
    pub files: u64,
    /// How many events.
    pub events: u64,
    /// Number of the last group.
    pub sequence: u64,
    /// What was wrong with them; `verify` goes on telling it.
    pub findings: Vec<String>,
}

/// Removes the oldest files of the record, after a statement that vouches for what they were.
/// Blocks. A crash at any point leaves files, or files and the statement about them; the next call
/// removes the latter. The last file is never removed.
///
/// # Errors
/// [`Error::Io`], also if a copy in the archive is not what the record held.
pub fn prune(folder: impl AsRef<Path>, sealer: &dyn Sealer, wish: &Prune) -> Result<Option<Pruned>, Error> {
    let folder = folder.as_ref();
    let mut anchors = Anchors::read(folder, sealer)?;
    let names = files::list(folder)?;
    remove_stated(folder, &names, &anchors)?;
    let known = anchors.digests();
    let (day, undelivered) = (files::day(wish.before), wish.undelivered.as_ref().map(Mark::file));
    let old = |name: &&Name| name.day < day && undelivered.as_ref().is_none_or(|first| *name < first);
    let closed = &names[..names.len().saturating_sub(1)];
    let go: Vec<_> =
        closed.iter().filter(|name| !known.contains_key(&*name.file_name())).take_while(old).cloned().collect();
    if go.is_empty() {
        return Ok(None);
    }
    let mut check = Check::new(sealer, anchors.head());
    let mut removed = Vec::new();
    for name in &go {
        let before = check.events();
        check.file(folder, name)?;
        let sha256 = digest(folder, name)?;
        if let Some(archive) = &wish.archive {
            copy(folder, name, archive, &sha256)?;
        }
        removed.push(Removed { name: name.file_name(), sha256, events: check.events() - before });
    }
    let report = check.stop();
    let findings: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    let pruned = Pruned {
        files: report.files,
        events: report.events,
        sequence: report.head.sequence,
        findings: findings.clone(),
    };
    let anchor = Anchor {
        sequence: report.head.sequence,
        tag: report.head.tag,
        previous: anchors.proof,
        at: wish.at.rfc3339(),
        archive: wish.archive.as_ref().map(|path| path.display().to_string()),
        files: removed,
        findings,
    };
    anchors.add(folder, sealer, anchor)?;
    remove_stated(folder, &go, &anchors)?;
    Ok(Some(pruned))
}

/// Removes the files about which there is a statement, if they are what it says.
fn remove_stated(folder: &Path, names: &[Name], anchors: &Anchors) -> Result<(), Error> {
    let known = anchors.digests();
    let mut any = false;
    for name in names {
        let Some(stated) = known.get(&*name.file_name()) else { continue };
        if digest(folder, name)? != **stated {
            continue;
        }
        for path in [name.path(folder), name.packed(folder), name.index(folder)] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => any = true,
            }
        }
    }
    if any {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Copies a file as it is, durably, and reads the copy.
fn copy(folder: &Path, name: &Name, archive: &Path, sha256: &str) -> Result<(), Error> {
    files::make_folder(archive)?;
    let plain = name.path(folder);
    let (from, to) = match plain.exists() {
        true => (plain, name.path(archive)),
        false => (name.packed(folder), name.packed(archive)),
    };
    let mut kept = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&to)?;
    io::copy(&mut File::open(from)?, &mut kept)?;
    kept.sync_all()?;
    File::open(archive)?.sync_all()?;
    if digest(archive, name)? == sha256 {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is not what was copied", to.display())).into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
