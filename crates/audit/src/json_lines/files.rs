//! Names and repair of the record's files.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use arqueta_model::Timestamp;
use rustix::fs::FallocateFlags;

use super::reader::LINE;
use crate::Sealer;
use crate::chain::Seal;

/// Longest group that is read into memory, in bytes: above what the writer puts into one.
pub(super) const GROUP: u64 = 64 << 20;

/// `events-<day>-<number>.jsonl`. Names order by day, then number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// `2026-11-21`, UTC.
    pub(super) day: String,
    /// Counts the files of a day from zero.
    pub(super) number: u32,
}

impl Name {
    pub(super) fn first_of(at: Timestamp) -> Self {
        Self { day: day(at), number: 0 }
    }

    pub(super) fn next(&self) -> Self {
        Self { day: self.day.clone(), number: self.number + 1 }
    }

    /// Orders before every file.
    pub(super) fn before_all() -> Self {
        Self { day: String::new(), number: 0 }
    }

    pub(super) fn file_name(&self) -> String {
        format!("events-{}-{:03}.jsonl", self.day, self.number)
    }

    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(self.file_name())
    }

    fn parse(text: &str) -> Option<Self> {
        let (day, number) = text.strip_prefix("events-")?.strip_suffix(".jsonl")?.rsplit_once('-')?;
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let bytes = day.as_bytes();
        let dated = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' && digits(&day.replace('-', ""));
        (dated && number.len() >= 3 && digits(number))
            .then(|| Some(Self { day: day.to_owned(), number: number.parse().ok()? }))?
    }
}

/// The UTC day of `at`.
pub(super) fn day(at: Timestamp) -> String {
    at.rfc3339().chars().take(10).collect()
}

/// The record's files in time order. Other files in the folder are not the record's business.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.extend(entry?.file_name().to_str().and_then(Name::parse));
    }
    names.sort_unstable();
    Ok(names)
}

/// Makes the folder and those above it, durably.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = match folder.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    make_folder(above)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(above)?.sync_all()
}

/// Makes a file that must not exist yet; its name is durable when this returns.
pub(super) fn create(folder: &Path, name: &Name) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(name.path(folder))?;
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        // Its name may not be durable; without this the next attempt would find it in its way.
        let _ = std::fs::remove_file(name.path(folder));
        return Err(error);
    }
    Ok(file)
}

/// How a file ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// The last seal that is one, and where its line ends.
    pub(super) good: Option<(Seal, u64)>,
    /// How many lines behind it look like seals and are none.
    pub(super) bad: usize,
    /// Length of the file.
    pub(super) length: u64,
}

/// Finds the last seal of a file that `sealer` made over what stands before it. Reads the file
/// once, and again only what the last seals are made over.
pub(super) fn tail(folder: &Path, name: &Name, sealer: &dyn Sealer) -> io::Result<Tail> {
    let mut file = File::open(name.path(folder))?;
    let seals = seals(&mut file)?;
    let length = file.metadata()?.len();
    for (bad, at) in seals.iter().rev().enumerate() {
        let (Some(seal), true) = (at.seal, at.line - at.group <= GROUP) else { continue };
        let mut group = vec![0; usize::try_from(at.line - at.group).map_err(io::Error::other)?];
        file.seek(SeekFrom::Start(at.group))?;
        file.read_exact(&mut group)?;
        if seal.covers(sealer, &name.file_name(), &group) {
            return Ok(Tail { good: Some((seal, at.end)), bad, length });
        }
    }
    Ok(Tail { good: None, bad: seals.len(), length })
}

/// A line that is meant to be a seal.
struct At {
    seal: Option<Seal>,
    /// Where its group begins, where its line does, and where that ends.
    group: u64,
    line: u64,
    end: u64,
}

fn seals(file: &mut File) -> io::Result<Vec<At>> {
    let mut reader = BufReader::new(file);
    let (mut line, mut seals) = (Vec::new(), Vec::new());
    let (mut group, mut start, mut end) = (0, 0, 0);
    loop {
        let read = (&mut reader).take(LINE - line.len() as u64).read_until(b'\n', &mut line)? as u64;
        end += read;
        match line.strip_suffix(b"\n") {
            Some(whole) if Seal::is_seal(whole) => {
                seals.push(At { seal: Seal::parse(whole), group, line: start, end });
                (group, start) = (end, end);
            }
            Some(_) => start = end,
            None if read == 0 => return Ok(seals),
            // Too long for a line, so for a seal; what is left of it is none either.
            None if line.len() as u64 >= LINE => start = end,
            None => continue,
        }
        line.clear();
    }
}

/// Cuts a file to `length`, durably: also where it was cut before and only the sync failed, since
/// what was cut off is back after a power failure otherwise.
pub(super) fn cut(path: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    if file.metadata()?.len() > length {
        file.set_len(length)?;
    }
    file.sync_all()
}

/// Removes an empty file, durably.
pub(super) fn remove(folder: &Path, name: &Name) -> io::Result<()> {
    std::fs::remove_file(name.path(folder))?;
    File::open(folder)?.sync_all()
}

/// Keeps the bytes of a file from `from` on beside the record, durably, before they are cut off.
pub(super) fn set_aside(folder: &Path, name: &Name, from: u64) -> io::Result<()> {
    let mut file = File::open(name.path(folder))?;
    file.seek(SeekFrom::Start(from))?;
    let beside = folder.join(format!("torn-{}-{:03}-{from}.bin", name.day, name.number));
    let mut kept = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(beside)?;
    io::copy(&mut file, &mut kept)?;
    kept.sync_all()?;
    File::open(folder)?.sync_all()
}

/// Room behind the end of the present file that no one else can take, in bytes: what is recorded on
/// a full disk goes there.
const RESERVE: u64 = 8 << 20;

/// Sees to it that at least half of [`RESERVE`] is kept behind `length`; `until` is where the room
/// that was asked for before ends. Answers where it ends now.
///
/// # Errors
/// That the file system is full, or that it cannot keep room.
pub(super) fn reserve(file: &File, length: u64, until: u64) -> io::Result<u64> {
    if until >= length + RESERVE / 2 {
        return Ok(until);
    }
    // The length of the file stays: readers and a crash see only what was written.
    rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, length, RESERVE)?;
    Ok(length + RESERVE)
}

/// Gives back what [`reserve`] kept behind the end of a file that has grown for the last time.
pub(super) fn release(file: &File, length: u64) {
    // Room that stays taken until the next start harms nobody.
    let _ = file.set_len(length);
}

/// Cuts a file after its last newline. Returns its length.
pub(super) fn repair(path: &Path) -> io::Result<u64> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut end = length;
    let mut chunk = [0; 4096];
    while end > 0 {
        let size = end.min(chunk.len() as u64);
        let part = &mut chunk[..usize::try_from(size).expect("a chunk fits memory")];
        file.seek(SeekFrom::Start(end - size))?;
        file.read_exact(part)?;
        if let Some(newline) = part.iter().rposition(|&b| b == b'\n') {
            end = end - size + newline as u64 + 1;
            break;
        }
        end -= size;
    }
    if end != length {
        tracing::warn!(file = %path.display(), bytes = length - end, "cut off a torn audit line that was never acknowledged");
        file.set_len(end)?;
        file.sync_all()?;
    }
    Ok(end)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_order_by_day_and_number_even_beyond_three_digits() {
        let mut names: Vec<_> =
            ["events-2026-11-21-1000.jsonl", "events-2026-11-21-999.jsonl", "events-2026-11-20-001.jsonl"]
                .iter()
                .map(|n| Name::parse(n).unwrap())
                .collect();
        names.sort();
        assert_eq!(names.iter().map(|n| n.number).collect::<Vec<_>>(), [1, 999, 1000]);
    }

    #[test]
    fn foreign_names_are_not_ours() {
        for name in [
            "events-2026-11-21.jsonl",
            "events-2026-11-21-1.jsonl",
            "events-2026-1-21-001.jsonl",
            "x",
            "events-2026-11-21-0a1.jsonl",
            "events-2026-11-21-001.jsonl.gz",
        ] {
            assert_eq!(Name::parse(name), None, "{name}");
        }
    }

    #[test]
    fn repair_cuts_exactly_the_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let long = "x".repeat(10_000);
        for (before, after) in [
            ("", ""),
            ("a\n", "a\n"),
            ("a\nb", "a\n"),
            ("torn", ""),
            (&*format!("a\n{long}"), "a\n"),
            (&*format!("{long}\n{long}"), &*format!("{long}\n")),
        ] {
            std::fs::write(&path, before).unwrap();
            assert_eq!(repair(&path).unwrap(), after.len() as u64);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }
}
