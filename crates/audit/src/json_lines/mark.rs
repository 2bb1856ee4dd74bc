use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::{self, Name};
use super::lines::Lines;
use crate::Error;

/// A place in the record, between two lines. Places order as the lines do; the default lies before
/// the first one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Mark {
    day: String,
    number: u32,
    pub(super) offset: u64,
}

impl Mark {
    /// The end of the record in `folder` now. Events before it may not be durable until the sink
    /// has been flushed after this.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn end(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let Some(last) = files::list(folder)?.pop() else { return Ok(Self::default()) };
        let offset = match std::fs::metadata(last.path(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                io::copy(&mut Lines::open(folder, &last, 0)?, &mut io::sink())?
            }
            found => found?.len(),
        };
        Ok(Self { offset, ..Self::start_of(&last) })
    }

    pub(super) fn start_of(file: &Name) -> Self {
        Self { day: file.day.clone(), number: file.number, offset: 0 }
    }

    pub(super) fn file(&self) -> Name {
        Name { day: self.day.clone(), number: self.number }
    }
}
