//! Reading a range of one blob.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use arqueta_model::BlobId;
use bytes::Bytes;
use futures::StreamExt;
use tokio::task::JoinHandle;

use super::memory::Memory;
use super::{Folder, blocking, stopped};
use crate::share::Member;
use crate::{BlobStream, Error};
use arqueta_journal::disk::DiskFile;

/// Opens a blob and reads the first chunk of `range`: at once where all of that is in memory, else in
/// one visit to the blocking pool.
pub(super) async fn open(folder: Arc<Folder>, id: BlobId, size: u64, range: Range<u64>) -> Result<BlobStream, Error> {
    let found = folder.disk.open_at_hand(&folder.path(id)).map_err(of_open)?;
    let (first, rest) = match found.map(|file| Source::new(&folder, file, id, size, range.clone())).transpose()? {
        Some(mut source) => match source.at_hand() {
            Some(chunk) => (Ok(chunk), source.rest(true)),
            None => waited(blocking(move || Ok(source.first())).await?),
        },
        None => {
            let open = move || {
                let file = folder.disk.open(&folder.path(id)).map_err(of_open)?;
                Ok(Source::new(&folder, file, id, size, range)?.first())
            };
            waited(blocking(open).await?)
        }
    };
    let first = match first {
        Ok(chunk) if chunk.is_empty() => None,
        first => Some(first),
    };
    Ok(futures::stream::iter(first).chain(futures::stream::unfold(rest, next)).boxed())
}

fn waited((first, source): (Result<Bytes, Error>, Source)) -> (Result<Bytes, Error>, Rest) {
    (first, source.rest(false))
}

fn of_open(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::NoSuchBlob,
        _ => error.into(),
    }
}

/// What follows the chunks that were handed out.
enum Rest {
    Over,
    /// So far everything was in memory. The next chunk is looked for there once it is wanted: until
    /// then it would only take room.
    AtHand(Source),
    /// It comes from the device.
    Ahead(JoinHandle<Result<(Source, Bytes), Error>>),
}

async fn next(rest: Rest) -> Option<(Result<Bytes, Error>, Rest)> {
    let task = match rest {
        Rest::Over => return None,
        Rest::AtHand(mut source) => match source.at_hand() {
            Some(chunk) => return Some((Ok(chunk), source.rest(true))),
            None => source.ahead(),
        },
        Rest::Ahead(task) => task,
    };
    match task.await {
        Ok(Ok((source, chunk))) => Some((Ok(chunk), source.rest(false))),
        Ok(Err(error)) => Some((Err(error), Rest::Over)),
        Err(error) => Some((Err(stopped(&error)), Rest::Over)),
    }
}

/// What is left to read.
struct Source {
    file: Arc<dyn DiskFile>,
    id: BlobId,
    next: u64,
    end: u64,
    member: Member,
    memory: Memory,
}

impl Source {
    fn new(folder: &Folder, file: Arc<dyn DiskFile>, id: BlobId, size: u64, range: Range<u64>) -> Result<Self, Error> {
        if file.size()? != size {
            return Err(Error::wrong_size(id));
        }
        if range.start > range.end || range.end > size {
            return Err(Error::OutOfRange);
        }
        let (member, memory) = (folder.readers.join(), folder.memory.clone());
        Ok(Self { file, id, next: range.start, end: range.end, member, memory })
    }

    /// Bytes of the next chunk.
    fn chunk(&self) -> usize {
        let most = self.member.bytes();
        usize::try_from(self.end - self.next).map_or(most, |left| left.min(most))
    }

    /// The next chunk, if all of it is in memory; empty at the end.
    fn at_hand(&mut self) -> Option<Bytes> {
        let len = self.chunk();
        let read = self.memory.fill(len, |out| Ok(self.file.read_at_hand(self.next, out))).ok();
        let chunk = read.filter(|chunk| chunk.len() == len)?;
        self.next += len as u64;
        Some(chunk)
    }

    /// The next chunk, whole; empty at the end. After an error nothing is left.
    fn read(&mut self) -> Result<Bytes, Error> {
        let len = self.chunk();
        let read = self.memory.fill(len, |out| self.file.read_into(self.next, out));
        self.next += len as u64;
        match read {
            Ok(chunk) if chunk.len() == len => Ok(chunk),
            Ok(_) => {
                self.next = self.end;
                Err(Error::Damaged { what: format!("blob {} ends early", self.id) })
            }
            Err(error) => {
                self.next = self.end;
                Err(error.into())
            }
        }
    }

    /// The first chunk and what is left after it, for who may wait.
    fn first(mut self) -> (Result<Bytes, Error>, Self) {
        let first = self.read();
        (first, self)
    }

    fn ahead(mut self) -> JoinHandle<Result<(Self, Bytes), Error>> {
        tokio::task::spawn_blocking(move || {
            let chunk = self.read()?;
            Ok((self, chunk))
        })
    }

    /// What follows, `at_hand` if everything was in memory so far.
    fn rest(self, at_hand: bool) -> Rest {
        match self.next == self.end {
            true => Rest::Over,
            false if at_hand => Rest::AtHand(self),
            false => Rest::Ahead(self.ahead()),
        }
    }
}
