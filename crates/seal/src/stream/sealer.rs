use bytes::BytesMut;

use crate::Error;
use crate::aead::{Aead, TAG_LEN};
use crate::kdf;
use crate::out::Out;

use super::geometry::{FIRST_PLAIN_LEN, HEADER_LEN, PLAIN_LEN, SEGMENT_LEN};
use super::{PREFIX_LEN, SALT_LEN, StreamKey};

/// Seals one stream.
pub struct Sealer<A> {
    key: Box<StreamKey<A>>,
    header: [u8; HEADER_LEN],
    /// Number of the segment that `pending` becomes. One past `u32::MAX` when all are used up.
    segment: u64,
    /// Plaintext of the next segment. A full one waits: only what follows tells whether it is
    /// the last, which its nonce says (F-14).
    pending: BytesMut,
}

impl<A: Aead> Sealer<A> {
    /// A stream under input key `ikm`, bound to `aad`, with a fresh salt and nonce prefix.
    #[must_use]
    pub fn new(ikm: &[u8; 32], aad: &[u8]) -> Self {
        Self::with_header(ikm, aad, &kdf::random(), &kdf::random())
    }

    /// A stream with a given salt and prefix: for comparing backends, never for storing, since
    /// the same salt twice under one key and AAD gives up both plaintexts.
    pub(crate) fn with_header(ikm: &[u8; 32], aad: &[u8], salt: &[u8; SALT_LEN], prefix: &[u8; PREFIX_LEN]) -> Self {
        let mut header = [HEADER_LEN as u8; HEADER_LEN];
        header[1..=SALT_LEN].copy_from_slice(salt);
        header[1 + SALT_LEN..].copy_from_slice(prefix);
        let key = Box::new(StreamKey::derive(ikm, aad, salt, prefix));
        Self { key, header, segment: 0, pending: BytesMut::new() }
    }

    /// Takes more plaintext and appends the segments that are complete to `out`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] once the segment counter is used up (F-16).
    pub fn push(&mut self, mut plain: &[u8], out: &mut impl Out) -> Result<(), Error> {
        while !plain.is_empty() {
            let capacity = if self.segment == 0 { FIRST_PLAIN_LEN } else { PLAIN_LEN };
            let (fits, rest) = plain.split_at(plain.len().min(capacity - self.pending.len()));
            plain = rest;
            if !rest.is_empty() {
                self.seal_pending(fits, false, room(rest), out)?;
                continue;
            }
            if self.segment > 0 {
                // More will come: as much as there is room for, instead of twice what there is now.
                self.pending.reserve(capacity - self.pending.len());
            }
            self.pending.extend_from_slice(fits);
        }
        Ok(())
    }

    /// Seals the last segment, which is empty only if the whole plaintext is.
    ///
    /// # Errors
    /// [`Error::TooLarge`], as for [`Sealer::push`].
    pub fn finish(mut self, out: &mut impl Out) -> Result<(), Error> {
        let room = self.pending.len() + TAG_LEN;
        self.seal_pending(&[], true, room, out)
    }

    /// Seals what waits and what ends the segment, which is not copied to it.
    fn seal_pending(&mut self, end: &[u8], last: bool, room: usize, out: &mut impl Out) -> Result<(), Error> {
        let mut pending = std::mem::take(&mut self.pending);
        self.seal([&pending, end], last, room, out)?;
        pending.clear();
        self.pending = pending;
        Ok(())
    }

    /// Seals one segment, which is two pieces, from where they lie to the end of `out`, after the header if
    /// it is the first. `room` is what the segments at hand will take.
    fn seal(&mut self, plain: [&[u8]; 2], last: bool, room: usize, out: &mut impl Out) -> Result<(), Error> {
        if self.segment == 0 {
            out.reserve(HEADER_LEN + room);
            out.extend_from_slice(&self.header);
        } else {
            out.reserve(room);
        }
        let nonce = self.next_nonce(last)?;
        self.key.aead.seal_into(&nonce, &[], plain, out.grow(plain[0].len() + plain[1].len() + TAG_LEN));
        Ok(())
    }

    fn next_nonce(&mut self, last: bool) -> Result<[u8; 12], Error> {
        let segment = u32::try_from(self.segment).map_err(|_| Error::TooLarge)?;
        self.segment += 1;
        Ok(self.key.nonce(segment, last))
    }

    /// As if `segment` segments had been sealed already.
    #[cfg(test)]
    pub(super) fn skip_to(&mut self, segment: u64) {
        self.segment = segment;
    }
}

/// What this segment, which is full, and those that `rest` fills will take.
fn room(rest: &[u8]) -> usize {
    SEGMENT_LEN * (1 + rest.len() / PLAIN_LEN)
}
