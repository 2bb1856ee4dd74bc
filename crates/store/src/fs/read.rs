//! Reading a range of one blob.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use arqueta_model::BlobId;
use bytes::Bytes;
use futures::StreamExt;
use tokio::task::JoinHandle;

use super::{Folder, blocking, stopped};
use crate::share::Member;
use crate::{BlobStream, Error};
use arqueta_journal::disk::DiskFile;

/// Most bytes read at once. One chunk is read ahead while the one before is used.
pub(super) const CHUNK: usize = 256 << 10;

/// Opens a blob and reads the first chunk of `range` in one visit to the blocking pool.
pub(super) async fn open(folder: Arc<Folder>, id: BlobId, size: u64, range: Range<u64>) -> Result<BlobStream, Error> {
    let (source, first) = blocking(move || {
        let file = folder.disk.open(&folder.path(id)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NoSuchBlob,
            _ => error.into(),
        })?;
        if file.size()? != size {
            return Err(Error::wrong_size(id));
        }
        if range.start > range.end || range.end > size {
            return Err(Error::OutOfRange);
        }
        let member = folder.readers.join();
        let mut source = Source { file, id, next: range.start, end: range.end, member };
        let first = source.read();
        Ok((source, first))
    })
    .await?;
    let ahead = source.read_ahead();
    let rest = futures::stream::unfold(ahead, |ahead| async {
        let (source, chunk) = match ahead?.await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Some((Err(error), None)),
            Err(error) => return Some((Err(stopped(&error)), None)),
        };
        Some((Ok(chunk), source.read_ahead()))
    });
    let first = match first {
        Ok(chunk) if chunk.is_empty() => None,
        first => Some(first),
    };
    Ok(futures::stream::iter(first).chain(rest).boxed())
}

/// What is left to read.
struct Source {
    file: Arc<dyn DiskFile>,
    id: BlobId,
    next: u64,
    end: u64,
    member: Member,
}

impl Source {
    /// The next chunk, whole; empty at the end. After an error nothing is left.
    fn read(&mut self) -> Result<Bytes, Error> {
        let left = self.end - self.next;
        let most = self.member.bytes();
        let len = usize::try_from(left).map_or(most, |left| left.min(most));
        let read = self.file.read(self.next, len);
        self.next += len as u64;
        match read {
            Ok(bytes) if bytes.len() == len => Ok(bytes.into()),
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

    fn read_ahead(mut self) -> Option<JoinHandle<Result<(Self, Bytes), Error>>> {
        if self.next == self.end {
            return None;
        }
        Some(tokio::task::spawn_blocking(move || {
            let chunk = self.read()?;
            Ok((self, chunk))
        }))
    }
}
