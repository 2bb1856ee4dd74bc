//! Content on its way out: bodies of a record's parts, opened, in order, over any range.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arqueta_envelope::{ObjectCipher, PartOpener};
use arqueta_store::{BlobStore, BlobStream, MetaStore};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::api::ObjectStream;
use crate::record::{Blob, Content, Manifest, ManifestPart, Place};
use crate::{Engine, Error, schema};

/// Opened chunks that may wait for a slow client.
const AHEAD: usize = 1;

/// A stretch of one part.
struct Piece {
    part: ManifestPart,
    place: Place,
    range: Range<u64>,
}

/// Why content cannot be read: for good, or because it was replaced while it was being found.
pub(crate) enum Unreadable {
    /// A body that the record names is gone. If the record is, too, the reader starts over.
    Gone,
    Failed(Error),
}

impl From<Error> for Unreadable {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<arqueta_store::Error> for Unreadable {
    fn from(error: arqueta_store::Error) -> Self {
        match error {
            arqueta_store::Error::NoSuchBlob => Self::Gone,
            // Not as long as its record says: it was cut, or something was appended.
            arqueta_store::Error::OutOfRange | arqueta_store::Error::Damaged { .. } => Self::Failed(Error::Integrity),
            error => Self::Failed(error.into()),
        }
    }
}

impl Engine {
    /// The bytes `range` of an object whose manifest has been verified. Small bodies are opened
    /// whole before this returns; of larger ones the first is found.
    pub(crate) async fn content(
        &self,
        content: &Content,
        manifest: &Manifest,
        cipher: Option<Arc<ObjectCipher>>,
        range: Range<u64>,
    ) -> Result<ObjectStream, Unreadable> {
        let mut pieces = pieces(content, manifest, &range)?;
        let source = Source { meta: self.meta.clone(), blobs: self.blobs.clone(), cipher };
        let Some(first) = pieces.pop_front() else { return Ok(futures::stream::empty().boxed()) };
        if pieces.is_empty() && matches!(first.place.blob, Blob::Inline(_)) {
            let body = source.inline(&first).await?;
            return Ok(futures::stream::once(async move { Ok(body) }).boxed());
        }
        let opened = source.open(first).await?;
        let expected = range.end - range.start;
        let later = pieces.iter().filter_map(|piece| match piece.place.blob {
            Blob::File(id) => Some(id),
            Blob::Inline(_) => None,
        });
        let held = self.readers.hold(later.collect());
        let (chunks, received) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let _held = held;
            if let Err(error) = source.send_all(opened, pieces, &chunks).await {
                // Nobody listens any more if this fails.
                let _ = chunks.send(Err(error)).await;
            }
        });
        Ok(delivered(received, expected))
    }
}

/// Which stretches of which parts make up `range`.
fn pieces(content: &Content, manifest: &Manifest, range: &Range<u64>) -> Result<VecDeque<Piece>, Error> {
    if content.places.len() != manifest.parts.len() {
        return Err(Error::Integrity);
    }
    let mut start = 0;
    let mut pieces = VecDeque::new();
    for (part, place) in manifest.parts.iter().zip(&content.places) {
        let end = start + part.size;
        let wanted = range.start.max(start)..range.end.min(end);
        // An empty object is still opened: its one empty part says that it is empty.
        if !wanted.is_empty() || (manifest.parts.len() == 1 && part.size == 0) {
            pieces.push_back(Piece {
                part: part.clone(),
                place: *place,
                range: wanted.start - start..wanted.end - start,
            });
        }
        start = end;
    }
    Ok(pieces)
}

struct Source {
    meta: Arc<dyn MetaStore>,
    blobs: Arc<dyn BlobStore>,
    cipher: Option<Arc<ObjectCipher>>,
}

/// A piece whose stored bytes are at hand.
struct Opened {
    stored: BlobStream,
    opening: Opening,
    expected: u64,
}

/// Stored bytes to plaintext.
enum Opening {
    Sealed(Box<PartOpener>),
    Plain,
}

impl Source {
    /// A small body, whole.
    async fn inline(&self, piece: &Piece) -> Result<Bytes, Unreadable> {
        let mut opened = self.open_inline(piece).await?;
        let mut out = BytesMut::new();
        while let Some(stored) = opened.stored.next().await {
            out.extend_from_slice(&opened.opening.push(stored?)?);
        }
        opened.opening.finish()?;
        if out.len() as u64 == opened.expected { Ok(out.freeze()) } else { Err(Error::Integrity.into()) }
    }

    async fn open(&self, piece: Piece) -> Result<Opened, Unreadable> {
        let Blob::File(id) = piece.place.blob else { return self.open_inline(&piece).await };
        let (opening, ranges) = self.opening(&piece)?;
        let mut stored: Option<BlobStream> = None;
        for range in ranges {
            let next = self.blobs.read(id, piece.place.sealed_size, range).await?;
            stored = Some(match stored {
                None => next,
                Some(before) => before.chain(next).boxed(),
            });
        }
        let stored = stored.unwrap_or_else(|| futures::stream::empty().boxed());
        Ok(Opened { stored, opening, expected: piece.range.end - piece.range.start })
    }

    async fn open_inline(&self, piece: &Piece) -> Result<Opened, Unreadable> {
        let Blob::Inline(id) = piece.place.blob else { return Err(Error::Integrity.into()) };
        let body = self.meta.get(&schema::inline(id)).await?.ok_or(Unreadable::Gone)?;
        let (opening, ranges) = self.opening(piece)?;
        let slices = ranges.into_iter().map(|range| slice(&body, &range)).collect::<Result<Vec<_>, _>>()?;
        let stored = futures::stream::iter(slices.into_iter().map(Ok)).boxed();
        Ok(Opened { stored, opening, expected: piece.range.end - piece.range.start })
    }

    /// How to open a piece and which stored bytes that takes.
    fn opening(&self, piece: &Piece) -> Result<(Opening, Vec<Range<u64>>), Error> {
        let stored_size = self.cipher.as_ref().map_or(piece.part.size, |cipher| cipher.sealed_size(piece.part.size));
        if stored_size != piece.place.sealed_size {
            return Err(Error::Integrity);
        }
        let Some(cipher) = &self.cipher else { return Ok((Opening::Plain, vec![piece.range.clone()])) };
        let opener =
            cipher.opener(piece.part.id, piece.part.size, piece.range.clone()).map_err(|_| Error::Integrity)?;
        let ranges = opener.head().into_iter().chain([opener.sealed_range()]).collect();
        Ok((Opening::Sealed(Box::new(opener)), ranges))
    }

    /// Sends everything, piece after piece; the next one is found only when the one before is done.
    async fn send_all(
        &self,
        first: Opened,
        mut pieces: VecDeque<Piece>,
        chunks: &mpsc::Sender<Result<Bytes, Error>>,
    ) -> Result<(), Error> {
        let mut next = Some(first);
        while let Some(opened) = next {
            if !send(opened, chunks).await? {
                return Ok(());
            }
            next = match pieces.pop_front() {
                None => None,
                Some(piece) => Some(self.open(piece).await.map_err(|unreadable| match unreadable {
                    Unreadable::Gone => Error::Store(arqueta_store::Error::NoSuchBlob),
                    Unreadable::Failed(error) => error,
                })?),
            };
        }
        Ok(())
    }
}

/// Sends one piece; `false` if nobody listens any more.
async fn send(mut opened: Opened, chunks: &mpsc::Sender<Result<Bytes, Error>>) -> Result<bool, Error> {
    let mut sent = 0;
    while let Some(stored) = opened.stored.next().await {
        let plain = opened.opening.push(stored?)?;
        sent += plain.len() as u64;
        if !plain.is_empty() && chunks.send(Ok(plain)).await.is_err() {
            return Ok(false);
        }
    }
    opened.opening.finish()?;
    if sent == opened.expected { Ok(true) } else { Err(Error::Integrity) }
}

impl Opening {
    /// The plaintext that the next stored bytes complete.
    fn push(&mut self, stored: Bytes) -> Result<Bytes, Error> {
        match self {
            Self::Plain => Ok(stored),
            Self::Sealed(opener) => {
                let mut out = BytesMut::with_capacity(stored.len());
                opener.push(stored, &mut out).map_err(|_| Error::Integrity)?;
                Ok(out.freeze())
            }
        }
    }

    fn finish(self) -> Result<(), Error> {
        match self {
            Self::Plain => Ok(()),
            Self::Sealed(opener) => {
                let mut rest = BytesMut::new();
                opener.finish(&mut rest).map_err(|_| Error::Integrity)?;
                if rest.is_empty() { Ok(()) } else { Err(Error::Integrity) }
            }
        }
    }
}

fn slice(body: &Bytes, range: &Range<u64>) -> Result<Bytes, Error> {
    let at = |offset: u64| usize::try_from(offset).ok().filter(|at| *at <= body.len()).ok_or(Error::Integrity);
    Ok(body.slice(at(range.start)?..at(range.end)?))
}

/// The receiving end. A sender that vanishes is an error, not the end of the object.
fn delivered(received: mpsc::Receiver<Result<Bytes, Error>>, expected: u64) -> ObjectStream {
    futures::stream::unfold(Some((received, expected)), |state| async move {
        let (mut received, missing) = state?;
        match received.recv().await {
            Some(Ok(chunk)) => {
                let missing = missing.saturating_sub(chunk.len() as u64);
                Some((Ok(chunk), Some((received, missing))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None if missing > 0 => Some((Err(Error::Integrity), None)),
            None => None,
        }
    })
    .boxed()
}
