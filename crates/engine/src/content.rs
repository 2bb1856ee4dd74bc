//! Content on its way out: bodies of a record's parts, opened, in order, over any range.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arqueta_envelope::{ObjectCipher, PartOpener};
use arqueta_store::{BlobStore, BlobStream, MetaStore};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::api::ObjectStream;
use crate::buffers::Buffers;
use crate::readers::Held;
use crate::record::{Blob, Content, Manifest, ManifestPart, Place};
use crate::state::State;
use crate::{Error, name_of, schema};

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

impl Unreadable {
    /// For who cannot start over.
    fn into_error(self) -> Error {
        match self {
            Self::Gone => Error::Store(arqueta_store::Error::NoSuchBlob),
            Self::Failed(error) => error,
        }
    }
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

impl State {
    /// The bytes `range` of an object whose manifest has been verified. A single small body is
    /// opened whole before this returns; of larger ones the first is found. From here to the end
    /// of the stream the reader sees this version: its files are held, and what of it lies in the
    /// metadata (the last part of an upload, at most) is at hand.
    ///
    /// The stream does nothing that it is not asked for, so a slow client holds the piece that is
    /// on its way to it and the one that is read ahead, and nothing else.
    pub(crate) async fn content(
        &self,
        record: &Bytes,
        content: &Content,
        manifest: &Manifest,
        cipher: Option<Arc<ObjectCipher>>,
        range: Range<u64>,
    ) -> Result<ObjectStream, Unreadable> {
        let mut pieces = pieces(content, manifest, &range)?;
        let (meta, blobs, buffers) = (self.meta.clone(), self.blobs.clone(), self.buffers.clone());
        let source = Source { record: record.clone(), meta, blobs, buffers, cipher };
        let Some(first) = pieces.pop_front() else { return Ok(futures::stream::empty().boxed()) };
        if pieces.is_empty() && matches!(first.place.blob, Blob::Inline(_)) {
            let blob = first.place.blob;
            let body = source.inline(first).await.inspect_err(|unreadable| source.tell(blob, unreadable))?;
            return Ok(futures::stream::once(async move { Ok(body) }).boxed());
        }
        pieces.push_front(first);
        let files = pieces.iter().filter_map(|piece| match piece.place.blob {
            Blob::File(id) => Some(id),
            Blob::Inline(_) => None,
        });
        // From here on none of them is removed; or one is being removed, and then all of them are.
        let held = self.readers.hold(files.collect()).ok_or(Unreadable::Gone)?;
        let mut found = VecDeque::with_capacity(pieces.len());
        for piece in pieces {
            found.push_back(source.find(piece).await?);
        }
        let Some(first) = found.pop_front() else { return Err(Error::Integrity.into()) };
        let blob = first.piece.place.blob;
        let opened = source.open(first).await.inspect_err(|unreadable| source.tell(blob, unreadable))?;
        let missing = range.end - range.start;
        Ok(delivered(Delivery { source, blob, opened: Some(opened), sent: 0, waiting: found, missing, _held: held }))
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
    /// Key of the record that names the bodies, for the log.
    record: Bytes,
    meta: Arc<dyn MetaStore>,
    blobs: Arc<dyn BlobStore>,
    buffers: Buffers,
    cipher: Option<Arc<ObjectCipher>>,
}

/// A piece and its body, if that is in the metadata.
struct Found {
    piece: Piece,
    inline: Option<Bytes>,
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
    async fn inline(&self, piece: Piece) -> Result<Bytes, Unreadable> {
        let mut opened = self.open(self.find(piece).await?).await?;
        let mut out = BytesMut::new();
        while let Some(stored) = opened.stored.next().await {
            out.extend_from_slice(&opened.opening.push(stored?, &self.buffers)?);
        }
        opened.opening.finish()?;
        if out.len() as u64 == opened.expected { Ok(out.freeze()) } else { Err(Error::Integrity.into()) }
    }

    /// Takes what may be gone later: what lies in the metadata goes with its record.
    async fn find(&self, piece: Piece) -> Result<Found, Unreadable> {
        let inline = match piece.place.blob {
            Blob::File(_) => None,
            Blob::Inline(id) => Some(self.meta.get(&schema::inline(id)).await?.ok_or(Unreadable::Gone)?),
        };
        Ok(Found { piece, inline })
    }

    async fn open(&self, found: Found) -> Result<Opened, Unreadable> {
        let Found { piece, inline } = found;
        let (opening, ranges) = self.opening(&piece)?;
        let expected = piece.range.end - piece.range.start;
        let stored = match (piece.place.blob, inline) {
            (Blob::File(id), None) => {
                let mut stored: Option<BlobStream> = None;
                for range in ranges {
                    let next = self.blobs.read(id, piece.place.sealed_size, range).await?;
                    stored = Some(match stored {
                        None => next,
                        Some(before) => before.chain(next).boxed(),
                    });
                }
                stored.unwrap_or_else(|| futures::stream::empty().boxed())
            }
            (Blob::Inline(_), Some(body)) => {
                let slices = ranges.into_iter().map(|range| slice(&body, &range)).collect::<Result<Vec<_>, _>>()?;
                futures::stream::iter(slices.into_iter().map(Ok)).boxed()
            }
            _ => return Err(Error::Integrity.into()),
        };
        Ok(Opened { stored, opening, expected })
    }

    /// Names the body that is not what it was, and the object it belongs to.
    fn tell(&self, blob: Blob, unreadable: &Unreadable) {
        if let Unreadable::Failed(error @ (Error::Integrity | Error::Damaged { .. } | Error::Store(_))) = unreadable {
            tracing::error!(record = %name_of(&self.record), ?blob, %error, "a stored body cannot be read");
        }
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
}

impl Opening {
    /// The plaintext that the next stored bytes complete.
    fn push(&mut self, stored: Bytes, buffers: &Buffers) -> Result<Bytes, Error> {
        match self {
            Self::Plain => Ok(stored),
            Self::Sealed(opener) => {
                let mut out = buffers.take(stored.len());
                opener.push(stored, &mut out).map_err(|_| Error::Integrity)?;
                Ok(buffers.freeze(out))
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

/// Content under way.
struct Delivery {
    source: Source,
    /// The body of the opened piece.
    blob: Blob,
    opened: Option<Opened>,
    /// Bytes delivered of the opened piece.
    sent: u64,
    waiting: VecDeque<Found>,
    /// Bytes that are still to come, of all pieces.
    missing: u64,
    _held: Held,
}

impl Delivery {
    /// The next bytes; `None` at the end. After an error there is nothing more.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let Some(opened) = &mut self.opened else {
                let Some(found) = self.waiting.pop_front() else {
                    return if self.missing == 0 { Ok(None) } else { Err(Error::Integrity) };
                };
                self.sent = 0;
                self.blob = found.piece.place.blob;
                self.opened = Some(self.source.open(found).await.map_err(Unreadable::into_error)?);
                continue;
            };
            if let Some(stored) = opened.stored.next().await {
                let plain = opened.opening.push(stored?, &self.source.buffers)?;
                self.sent += plain.len() as u64;
                self.missing = self.missing.checked_sub(plain.len() as u64).ok_or(Error::Integrity)?;
                if !plain.is_empty() {
                    return Ok(Some(plain));
                }
            } else if let Some(opened) = self.opened.take() {
                opened.opening.finish()?;
                if self.sent != opened.expected {
                    return Err(Error::Integrity);
                }
            }
        }
    }
}

/// Content as a stream that ends with its last byte or with an error.
fn delivered(delivery: Delivery) -> ObjectStream {
    futures::stream::unfold(Some(delivery), |delivery| async move {
        let mut delivery = delivery?;
        match delivery.next().await {
            Ok(Some(plain)) => Some((Ok(plain), Some(delivery))),
            Ok(None) => None,
            Err(error) => {
                let failed = Unreadable::Failed(error);
                delivery.source.tell(delivery.blob, &failed);
                Some((Err(failed.into_error()), None))
            }
        }
    })
    .boxed()
}
