//! The lines of a file, plain or compressed.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::files::Name;
use super::pack::is_damage;

const BUFFER: usize = 64 * 1024;

/// What a file holds, from some place on.
pub(super) struct Lines {
    reader: Box<dyn BufRead + Send>,
    packed: bool,
}

impl Lines {
    /// Reads a file from `offset` of what it holds. One that ends before is at its end.
    pub(super) fn open(folder: &Path, name: &Name, offset: u64) -> io::Result<Self> {
        match File::open(name.path(folder)) {
            Ok(mut file) => {
                file.seek(SeekFrom::Start(offset))?;
                Ok(Self { reader: Box::new(BufReader::with_capacity(BUFFER, file)), packed: false })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = BufReader::with_capacity(BUFFER, File::open(name.packed(folder))?);
                let mut reader = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file));
                io::copy(&mut (&mut reader).take(offset), &mut io::sink())?;
                Ok(Self { reader: Box::new(reader), packed: true })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a failure says that what is there is no compressed file, rather than that the disk
    /// cannot read it.
    pub(super) fn is_damage(&self, error: &io::Error) -> bool {
        self.packed && is_damage(error)
    }
}

impl Read for Lines {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.reader.read(bytes)
    }
}

impl BufRead for Lines {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("packed", &self.packed).finish_non_exhaustive()
    }
}
