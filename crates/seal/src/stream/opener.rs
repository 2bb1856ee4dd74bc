use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};
use zeroize::Zeroizing;

use crate::Error;
use crate::aead::{Aead, TAG_LEN};
use crate::out::Out;

use super::geometry::{HEADER_LEN, MAX_PLAIN, SEGMENT_LEN, last_segment, plain_of, sealed_of, segment_of};
use super::{SALT_LEN, StreamKey};

/// Opens a range of one stream, and optionally the plaintext's first bytes before it.
pub struct Opener<A> {
    plain_size: u64,
    /// How many of the plaintext's first bytes are wanted beside `range` and apart from it.
    lead: u64,
    range: Range<u64>,
    expects: Expects<A>,
    /// Sealed bytes of a header or segment that is not complete yet.
    pending: BytesMut,
}

enum Expects<A> {
    Header {
        ikm: Box<Zeroizing<[u8; 32]>>,
        aad: Vec<u8>,
    },
    Segment {
        key: Box<StreamKey<A>>,
        number: u64,
    },
    End,
    /// Something did not authenticate; nothing opens any more.
    Failed,
}

impl<A: Aead> Opener<A> {
    /// Opens the plaintext bytes `range` of a stream whose plaintext is `plain_size` bytes long.
    /// With `lead`, the plaintext's first `lead` bytes, which must lie in the first segment, come
    /// before them; it is ignored when `range` begins in that segment itself, or is empty.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::TooLarge`].
    pub fn new(ikm: &[u8; 32], aad: &[u8], plain_size: u64, lead: u64, range: Range<u64>) -> Result<Self, Error> {
        if plain_size > MAX_PLAIN {
            return Err(Error::TooLarge);
        }
        if range.start > range.end || range.end > plain_size || lead > plain_of(0, plain_size).end {
            return Err(Error::OutOfRange);
        }
        // An empty part still has one segment, which tells that it is empty.
        let nothing = range.is_empty() && plain_size > 0;
        let expects = if nothing {
            Expects::End
        } else {
            let mut key = Box::new(Zeroizing::new([0; 32]));
            key.copy_from_slice(ikm);
            Expects::Header { ikm: key, aad: aad.to_vec() }
        };
        let lead = if nothing || segment_of(range.start) == 0 { 0 } else { lead };
        Ok(Self { plain_size, lead, range, expects, pending: BytesMut::new() })
    }

    /// Sealed bytes to push first: the header, and the whole first segment when `lead` needs it.
    /// `None` when [`sealed_range`](Self::sealed_range) begins with the header itself.
    #[must_use]
    pub fn head(&self) -> Option<Range<u64>> {
        match (self.sealed_range().start, self.lead) {
            (0, _) => None,
            (_, 0) => Some(0..HEADER_LEN as u64),
            _ => Some(sealed_of(0, 0, self.plain_size)),
        }
    }

    /// Sealed bytes to push after [`head`](Self::head).
    #[must_use]
    pub fn sealed_range(&self) -> Range<u64> {
        if self.range.is_empty() && self.plain_size > 0 {
            return 0..0;
        }
        sealed_of(self.first(), self.last(), self.plain_size)
    }

    /// Takes more sealed bytes and appends the wanted plaintext that is authenticated to `out`.
    ///
    /// # Errors
    /// [`Error::Authentication`], then and at every later call.
    pub fn push(&mut self, mut sealed: Bytes, out: &mut impl Out) -> Result<(), Error> {
        while !sealed.is_empty() {
            let wanted = match &self.expects {
                Expects::Header { .. } => HEADER_LEN,
                Expects::Segment { number, .. } => self.sealed_len(*number),
                // More bytes than were asked for, or bytes after a failure.
                Expects::End | Expects::Failed => {
                    self.expects = Expects::Failed;
                    return Err(Error::Authentication);
                }
            };
            if self.pending.is_empty() && sealed.len() >= wanted {
                let piece = sealed.split_to(wanted);
                self.take(&piece, out)?;
                continue;
            }
            let missing = wanted - self.pending.len();
            let more = sealed.len().min(missing);
            self.pending.reserve(missing);
            self.pending.extend_from_slice(&sealed[..more]);
            sealed.advance(more);
            if self.pending.len() == wanted {
                let mut piece = std::mem::take(&mut self.pending);
                self.take(&piece, out)?;
                piece.clear();
                self.pending = piece;
            }
        }
        Ok(())
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// [`Error::Authentication`] unless all that was wanted has been opened.
    pub fn finish(self) -> Result<(), Error> {
        if matches!(self.expects, Expects::End) { Ok(()) } else { Err(Error::Authentication) }
    }

    /// Handles one complete header or segment. A failure leaves [`Expects::Failed`] behind.
    fn take(&mut self, piece: &[u8], out: &mut impl Out) -> Result<(), Error> {
        self.expects = match std::mem::replace(&mut self.expects, Expects::Failed) {
            Expects::Header { ikm, aad } => {
                let (&length, rest) = piece.split_first().expect("a header is not empty");
                let (salt, prefix) = rest.split_first_chunk::<SALT_LEN>().expect("a header holds a salt");
                let prefix = prefix.try_into().expect("a header ends with the nonce prefix");
                if usize::from(length) != HEADER_LEN {
                    return Err(Error::Authentication);
                }
                let key = Box::new(StreamKey::derive(&ikm, &aad, salt, prefix));
                Expects::Segment { key, number: if self.lead > 0 { 0 } else { self.first() } }
            }
            Expects::Segment { key, number } => {
                self.open(&key, number, piece, out)?;
                match number {
                    0 if self.lead > 0 => Expects::Segment { key, number: self.first() },
                    _ if number == self.last() => Expects::End,
                    _ => Expects::Segment { key, number: number + 1 },
                }
            }
            Expects::End | Expects::Failed => return Err(Error::Authentication),
        };
        Ok(())
    }

    /// Opens one segment in `out` and leaves there what of it is wanted.
    fn open(&self, key: &StreamKey<A>, number: u64, sealed: &[u8], out: &mut impl Out) -> Result<(), Error> {
        let (body, tag) = sealed.split_last_chunk::<TAG_LEN>().ok_or(Error::Authentication)?;
        let segment = u32::try_from(number).map_err(|_| Error::Authentication)?;
        let nonce = key.nonce(segment, number == last_segment(self.plain_size));
        let plain = plain_of(number, self.plain_size);
        let kept = if number == 0 && self.lead > 0 {
            0..self.lead
        } else {
            plain.start.max(self.range.start)..plain.end.min(self.range.end)
        };
        let (from, to) = ((kept.start - plain.start) as usize, (kept.end - plain.start) as usize);
        let at = out.len();
        let segment = out.grow(body.len());
        let opened = key.aead.open_into(&nonce, &[], body, segment, tag);
        if opened.is_ok() && from > 0 {
            segment.copy_within(from..to, 0);
        }
        out.truncate(if opened.is_ok() { at + to - from } else { at });
        opened
    }

    fn first(&self) -> u64 {
        segment_of(self.range.start)
    }

    fn last(&self) -> u64 {
        last_segment(self.range.end)
    }

    /// Sealed bytes of segment `number`, the header not counted.
    fn sealed_len(&self, number: u64) -> usize {
        let range = sealed_of(number, number, self.plain_size);
        let len = (range.end - range.start) as usize;
        debug_assert!(len <= SEGMENT_LEN);
        if number == 0 { len - HEADER_LEN } else { len }
    }
}
