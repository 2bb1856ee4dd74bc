//! Compression of files that have grown for the last time.
//!
//! `events-….jsonl` becomes `events-….jsonl.gz`: gzip (RFC 1952), in members of about 128 KiB of
//! whole lines each. Any gzip reader reads it whole, and a reader that knows where members begin
//! reads one alone. Seals are made over the lines and the name without `.gz`, so they stay good.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::files::{self, GROUP, Name};
use crate::Error;

/// Least size of the lines of a member, in bytes, if there are as many.
pub(super) const MEMBER: usize = 128 * 1024;

/// Compresses every file of the record but the last one, which grows. Blocks; reads what it wrote
/// before it removes anything.
///
/// # Errors
/// [`Error::Io`]: what is not compressed yet stays as it is.
pub fn pack(folder: impl AsRef<Path>) -> Result<u64, Error> {
    let folder = folder.as_ref();
    let names = files::list(folder)?;
    let mut packed = 0;
    for name in names.iter().rev().skip(1) {
        let plain = name.path(folder);
        // Not what somebody linked there.
        if std::fs::symlink_metadata(&plain).is_ok_and(|found| found.is_file()) {
            pack_one(folder, name)?;
            packed += 1;
        }
    }
    Ok(packed)
}

fn pack_one(folder: &Path, name: &Name) -> io::Result<()> {
    let (plain, whole) = (name.path(folder), name.packed(folder));
    let temporary = folder.join(format!(".{}.gz", name.file_name()));
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    compress(BufReader::new(File::open(&plain)?), &file)?;
    file.sync_all()?;
    let read = MultiGzDecoder::new(BufReader::new(File::open(&temporary)?));
    if !same(BufReader::new(File::open(&plain)?), BufReader::new(read))? {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "what was compressed does not read back"));
    }
    std::fs::rename(&temporary, &whole)?;
    File::open(folder)?.sync_all()?;
    // A crash before this leaves both; the plain one is read, and compressed again.
    std::fs::remove_file(&plain)?;
    File::open(folder)?.sync_all()
}

fn compress(mut plain: BufReader<File>, mut out: &File) -> io::Result<()> {
    let mut block = Vec::new();
    loop {
        block.clear();
        while block.len() < MEMBER && plain.read_until(b'\n', &mut block)? > 0 {}
        if block.is_empty() {
            return Ok(());
        }
        let mut member = GzEncoder::new(Vec::new(), Compression::default());
        member.write_all(&block)?;
        out.write_all(&member.finish()?)?;
    }
}

/// Whether two readers give the same.
fn same(mut one: impl io::BufRead, mut other: impl io::BufRead) -> io::Result<bool> {
    loop {
        let length = {
            let (left, right) = (one.fill_buf()?, other.fill_buf()?);
            let length = left.len().min(right.len());
            if length == 0 {
                return Ok(left.is_empty() && right.is_empty());
            }
            if left[..length] != right[..length] {
                return Ok(false);
            }
            length
        };
        one.consume(length);
        other.consume(length);
    }
}

/// Whether a failure says that what is there is no compressed file, rather than that the disk cannot
/// read it.
pub(super) fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// Reads one member of a compressed file. One that holds more than any group is none that was written
/// here: a few kilobytes can hold gigabytes.
pub(super) fn member(reader: &mut BufReader<File>, into: &mut Vec<u8>) -> io::Result<()> {
    member_within(GROUP, reader, into)
}

fn member_within(most: u64, reader: &mut BufReader<File>, into: &mut Vec<u8>) -> io::Result<()> {
    if flate2::bufread::GzDecoder::new(reader).take(most + 1).read_to_end(into)? as u64 > most {
        into.clear();
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a compressed member is larger than any group"));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_any_size_takes_bounded_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("planted.gz");
        let most = 1 << 20;
        for (size, is_read) in [(most, true), (2 * most, false)] {
            let mut planted = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
            io::copy(&mut io::repeat(b'x').take(size), &mut planted).unwrap();
            planted.finish().unwrap();
            let mut lines = Vec::new();
            let read = member_within(most, &mut BufReader::new(File::open(&path).unwrap()), &mut lines);
            assert_eq!((read.is_ok(), lines.is_empty()), (is_read, !is_read));
            assert!(read.err().is_none_or(|error| is_damage(&error)));
        }
    }
}
