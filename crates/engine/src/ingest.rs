//! A body on its way in: checked, sealed, stored, in one pass.
//!
//! Plaintext of an encrypted body leaves this module only as sealed bytes.

use std::sync::Arc;

use arqueta_envelope::{ObjectCipher, Out as _, PartSealer};
use arqueta_model::{BlobId, PartId};
use arqueta_store::{BLOCK, Batch, BlobWriter, Member};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{Stream, StreamExt};

use crate::api::{ChecksumAlgorithm, ChecksumRequest, ChecksumValue};
use crate::buffers::{Buffer, CHUNK, FULL, LARGE, LARGE_CHUNK};
use crate::checksum::{Digests, Hasher, Md5, Wanted};
use crate::in_flight::Claim;
use crate::record::{Blob, Place};
use crate::space::Booking;
use crate::state::State;
use crate::{BodyError, Error, schema};

/// Most plaintext sealed at once where many bodies come in: so much does an incoming piece add to
/// what is pending.
const PIECE: usize = 64 * 1024;

/// The same where there is room: all that a connection reads at a time, so that segments that are
/// whole in it are sealed from where they lie.
const LARGE_PIECE: usize = 128 * 1024;

/// Room beside a chunk for what one more piece adds, and one sealed segment before it.
const BESIDE: usize = 80 * 1024;

/// What sealing adds to a small body, and some.
const SEALING: usize = 256;

/// What is written at once, of a share of the memory of all bodies that come in.
const fn chunk(share: usize) -> usize {
    match share {
        LARGE_CHUNK.. => LARGE_CHUNK,
        CHUNK.. => CHUNK,
        less => less,
    }
}

/// Room for a chunk and for what one more piece adds. Sealed bytes come a segment at a time, which is
/// a piece: a smaller chunk is flushed with its first one.
const fn room(chunk: usize) -> usize {
    match chunk {
        LARGE_CHUNK => LARGE,
        CHUNK => FULL,
        chunk if chunk > PIECE => chunk + BESIDE,
        _ => BESIDE,
    }
}

/// What a body must be and what it becomes.
pub(crate) struct Intake {
    /// Seals it; `None` stores it as it is.
    pub cipher: Option<Arc<ObjectCipher>>,
    /// Its declared length.
    pub size: Option<u64>,
    /// Its declared MD5.
    pub md5: Option<[u8; 16]>,
    /// Whether the MD5 is needed for an ETag.
    pub md5_wanted: bool,
    /// Its checksum.
    pub checksum: ChecksumRequest,
    /// One more that is computed beside it.
    pub beside: Option<ChecksumAlgorithm>,
    /// Its space.
    pub booking: Booking,
}

/// A body that is stored, though nothing refers to it yet.
pub(crate) struct Stowed {
    /// Names its sealed stream.
    pub part: PartId,
    /// Size of the plaintext in bytes.
    pub size: u64,
    /// Where it lies.
    pub place: Place,
    /// The sealed body, if it is to travel in the metadata commit.
    pub body: Option<Bytes>,
    /// Its MD5, where it was computed.
    pub md5: Option<[u8; 16]>,
    /// Its checksum.
    pub checksum: ChecksumValue,
    /// The one that was asked for beside it.
    pub beside: Option<ChecksumValue>,
    /// Keeps its file from the sweeper.
    claim: Option<Claim>,
}

impl Stowed {
    /// The writes that make the body belong to a record written in the same batch.
    pub fn keep(&self, batch: Batch) -> Batch {
        match (self.place.blob, &self.body) {
            (Blob::Inline(id), Some(body)) => batch.put(schema::inline(id), body.clone()),
            (Blob::Inline(_), None) => batch,
            (Blob::File(id), _) => batch.put(schema::referenced(id), Bytes::new()),
        }
    }

    /// Its record is committed, or never will be: the sweeper may judge its file by the records.
    /// Not to be called while that is unknown.
    pub fn settle(&self) {
        if let Some(claim) = &self.claim {
            claim.settle();
        }
    }
}

impl State {
    /// Takes a body in. Dropping the future abandons what was written so far.
    ///
    /// # Errors
    /// Those of the body itself; [`Error::EntityTooLarge`], [`Error::IncompleteBody`],
    /// [`Error::BadDigest`], [`Error::ChecksumMismatch`]; failures of the store.
    pub(crate) async fn take_in<S>(&self, mut body: S, intake: Intake) -> Result<Stowed, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send + Unpin,
    {
        let limit = self.config.put_limit;
        if intake.size.is_some_and(|size| size > limit) {
            return Err(Error::EntityTooLarge { limit });
        }
        let part = PartId::random();
        let mut hasher =
            Hasher::new([intake.checksum.algorithm()].into_iter().chain(intake.beside).collect::<Wanted>());
        let mut md5 = (intake.md5_wanted || intake.md5.is_some()).then(Md5::default);
        let mut sealing = Sealing::new(intake.cipher.as_deref(), part);
        let mut spool = Spool::new(self, intake.size, intake.booking);
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            hasher.update(&chunk);
            if hasher.size() > limit {
                return Err(Error::EntityTooLarge { limit });
            }
            if intake.size.is_some_and(|size| hasher.size() > size) {
                return Err(BodyError::TooLarge.into());
            }
            if let Some(md5) = &mut md5 {
                md5.update(&chunk).await;
            }
            for piece in chunk.chunks(spool.piece()) {
                sealing.push(piece, &mut spool.pending)?;
                spool.flush_full().await?;
            }
        }
        if intake.size.is_some_and(|size| hasher.size() < size) {
            return Err(Error::IncompleteBody);
        }
        sealing.finish(&mut spool.pending)?;
        let md5 = match md5 {
            Some(md5) => Some(md5.finish().await),
            None => None,
        };
        if let Some((stated, computed)) = intake.md5.zip(md5).filter(|(stated, computed)| stated != computed) {
            let [stated, computed] = [stated, computed].map(|md5| STANDARD.encode(md5));
            return Err(Error::BadDigest { stated, computed });
        }
        let size = hasher.size();
        let digests = hasher.finish();
        let beside = intake.beside.and_then(|algorithm| digests.value(algorithm));
        let checksum = checked(intake.checksum, &digests)?;
        let (place, body, claim) = spool.finish().await?;
        Ok(Stowed { part, size, place, body, md5, checksum, beside, claim })
    }

    /// Removes the file of a body that certainly no record refers to. A failure leaves it to the
    /// sweeper.
    pub(crate) async fn abandon(&self, stowed: &Stowed) {
        if let Blob::File(id) = stowed.place.blob
            && let Err(error) = self.blobs.delete(id).await
        {
            tracing::warn!(%id, %error, "an abandoned blob is left to the sweeper");
        }
        stowed.settle();
    }
}

/// The checksum of the whole body, held against the declared one.
fn checked(request: ChecksumRequest, digests: &Digests) -> Result<ChecksumValue, Error> {
    let algorithm = request.algorithm();
    let declared = match request {
        ChecksumRequest::Default | ChecksumRequest::Compute(_) => None,
        ChecksumRequest::Declared(value) => Some(value),
        ChecksumRequest::Trailer(_, value) => {
            let missing = || Error::request("The trailer that was announced is missing.");
            Some(value()?.ok_or_else(missing)?)
        }
    };
    let mismatch = |stated: Option<ChecksumValue>, computed: Option<ChecksumValue>| {
        let [stated, computed] = [stated, computed].map(|value| value.map(|v| v.to_string()).unwrap_or_default());
        Error::ChecksumMismatch { algorithm, stated, computed }
    };
    let computed = digests.value(algorithm).ok_or_else(|| mismatch(declared, None))?;
    if declared.is_some_and(|declared| declared != computed) {
        return Err(mismatch(declared, Some(computed)));
    }
    Ok(computed)
}

/// Plaintext to stored bytes, sealed or as they are.
struct Sealing(Option<PartSealer>);

impl Sealing {
    fn new(cipher: Option<&ObjectCipher>, part: PartId) -> Self {
        Self(cipher.map(|cipher| cipher.sealer(part)))
    }

    fn push(&mut self, plain: &[u8], out: &mut Buffer) -> Result<(), Error> {
        match &mut self.0 {
            Some(sealer) => sealer.push(plain, out).map_err(|_| Error::EntityTooLarge { limit: u64::MAX }),
            None => {
                out.extend_from_slice(plain);
                Ok(())
            }
        }
    }

    fn finish(self, out: &mut Buffer) -> Result<(), Error> {
        match self.0 {
            Some(sealer) => sealer.finish(out).map_err(|_| Error::EntityTooLarge { limit: u64::MAX }),
            None => Ok(()),
        }
    }
}

/// Stored bytes on their way: kept while they are few, a file once they are many.
struct Spool<'a> {
    state: &'a State,
    pending: Buffer,
    file: Option<File>,
    booking: Booking,
    /// Its share of the memory of all bodies that come in.
    member: Member,
}

/// A file being written. Its claim goes last: until then the sweeper leaves the file alone.
struct File {
    id: BlobId,
    writer: Box<dyn BlobWriter>,
    claim: Claim,
}

impl<'a> Spool<'a> {
    fn new(state: &'a State, size: Option<u64>, booking: Booking) -> Self {
        let member = state.intake.join();
        let most = room(chunk(member.bytes()));
        let size = size.and_then(|size| usize::try_from(size).ok());
        let room = size.map_or(0, |size| size.saturating_add(SEALING).min(most));
        Self { state, pending: state.buffers.take(room), file: None, booking, member }
    }

    /// Most plaintext to be sealed before the next flush.
    fn piece(&self) -> usize {
        if self.chunk() >= CHUNK { LARGE_PIECE } else { PIECE }
    }

    fn chunk(&self) -> usize {
        chunk(self.member.bytes())
    }

    async fn flush_full(&mut self) -> Result<(), Error> {
        if self.pending.len() < self.chunk().max(self.state.config.inline_limit + 1) {
            return Ok(());
        }
        let mut next = self.state.buffers.take(room(self.chunk()));
        // Whole blocks, so that the file takes what follows from where it lies, too.
        let blocks = self.pending.len() / BLOCK * BLOCK;
        next.extend_from_slice(&self.pending.as_ref()[blocks..]);
        self.pending.truncate(blocks);
        self.flush(next).await
    }

    /// Hands what is pending to the file and goes on in `next`.
    async fn flush(&mut self, next: Buffer) -> Result<(), Error> {
        let file = match &mut self.file {
            Some(file) => file,
            empty => {
                let id = BlobId::random();
                let claim = self.state.in_flight.claim(id, self.state.clock.clone());
                empty.insert(File { id, writer: self.state.noticing(self.state.blobs.create(id).await)?, claim })
            }
        };
        let full = std::mem::replace(&mut self.pending, next);
        self.booking.arrived(full.len());
        self.state.noticing(file.writer.write(self.state.buffers.freeze(full)).await)?;
        Ok(())
    }

    async fn finish(mut self) -> Result<(Place, Option<Bytes>, Option<Claim>), Error> {
        if self.file.is_none() && self.pending.len() <= self.state.config.inline_limit {
            let place = Place { blob: Blob::Inline(BlobId::random()), sealed_size: self.pending.len() as u64 };
            return Ok((place, Some(self.pending.into()), None));
        }
        if !self.pending.is_empty() {
            self.flush(Buffer::default()).await?;
        }
        let File { id, writer, mut claim } = self.file.expect("a body beyond the inline limit has been flushed");
        let sealed_size = self.state.noticing(writer.finish().await)?;
        claim.stored();
        Ok((Place { blob: Blob::File(id), sealed_size }, None, Some(claim)))
    }
}
