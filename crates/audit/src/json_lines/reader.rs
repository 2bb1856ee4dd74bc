//! Reading the record back.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use arqueta_model::Timestamp;

use super::files::{self, Name};
use crate::{Error, Event};

/// Longest line that is read, in bytes; the writer's events are far below it.
const LINE: u64 = 4 << 20;

/// The events of a folder in the order in which they were recorded, which is time order up to
/// the duration of concurrent calls. Holds one line in memory. Reads block: use it on a blocking
/// thread.
///
/// A last line without its newline is being written right now, or was torn; it is left out.
#[derive(Debug)]
pub struct Events {
    folder: PathBuf,
    /// Files still to be read, last one first.
    rest: Vec<Name>,
    current: Option<BufReader<File>>,
}

impl Events {
    /// The events in `folder`, beginning with the UTC day of `since`.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn open(folder: impl AsRef<Path>, since: Option<Timestamp>) -> Result<Self, Error> {
        let folder = folder.as_ref().to_owned();
        let first = since.map(files::day).unwrap_or_default();
        let mut rest = files::list(&folder)?;
        rest.retain(|name| name.day >= first);
        rest.reverse();
        Ok(Self { folder, rest, current: None })
    }

    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let Some(reader) = &mut self.current else {
                let Some(name) = self.rest.pop() else { return Ok(None) };
                self.current = Some(BufReader::new(File::open(name.path(&self.folder))?));
                continue;
            };
            let mut line = Vec::new();
            reader.take(LINE).read_until(b'\n', &mut line)?;
            if line.pop() == Some(b'\n') {
                return Ok(Some(line));
            }
            if line.len() as u64 + 1 >= LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an audit line is too long"));
            }
            self.current = None;
        }
    }
}

impl Iterator for Events {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.line().transpose()?;
        Some(line.and_then(|line| serde_json::from_slice(&line).map_err(io::Error::from)).map_err(Error::Io))
    }
}
