//! Names and repair of the record's files.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use arqueta_model::Timestamp;
use rustix::fs::FallocateFlags;

/// Longest line that is read, in bytes; the writer's lines ([`crate::bounds::LINE`]) are far below it.
pub(super) const LINE: u64 = 4 << 20;
/// Longest group that is read into memory, in bytes: above what the writer puts into one.
pub(super) const GROUP: u64 = 64 << 20;

/// `events-<day>-<number>.jsonl`. Names order by day, then number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// Where it lies once it is compressed.
    pub(super) fn packed(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.gz", self.file_name()))
    }

    /// Where its index lies.
    pub(super) fn index(&self, folder: &Path) -> PathBuf {
        folder.join(format!("events-{}-{:03}.index", self.day, self.number))
    }

    /// Of a file, compressed or not.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix(".gz").unwrap_or(text);
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
    // A crash may leave a file beside its compressed form.
    names.dedup();
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
            "events-2026-11-21-001.jsonl.gz.gz",
            "events-2026-11-21-001.index",
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
