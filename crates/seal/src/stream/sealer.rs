use bytes::BytesMut;

use crate::Error;
use crate::aead::{Aead, TAG_LEN};
use crate::kdf;

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
    pub fn push(&mut self, mut plain: &[u8], out: &mut BytesMut) -> Result<(), Error> {
        while !plain.is_empty() {
            let capacity = if self.segment == 0 { FIRST_PLAIN_LEN } else { PLAIN_LEN };
            if self.pending.is_empty() && plain.len() > capacity {
                let (whole, rest) = plain.split_at(capacity);
                self.seal(whole, false, SEGMENT_LEN * (1 + rest.len() / PLAIN_LEN), out)?;
                plain = rest;
                continue;
            }
            let (fits, rest) = plain.split_at(plain.len().min(capacity - self.pending.len()));
            if self.segment > 0 {
                // More will come: as much as there is room for, instead of twice what there is now.
                self.pending.reserve(capacity - self.pending.len());
            }
            self.pending.extend_from_slice(fits);
            plain = rest;
            if !plain.is_empty() {
                self.seal_pending(false, out)?;
            }
        }
        Ok(())
    }

    /// Seals the last segment, which is empty only if the whole plaintext is.
    ///
    /// # Errors
    /// [`Error::TooLarge`], as for [`Sealer::push`].
    pub fn finish(mut self, out: &mut BytesMut) -> Result<(), Error> {
        self.seal_pending(true, out)
    }

    fn seal_pending(&mut self, last: bool, out: &mut BytesMut) -> Result<(), Error> {
        let mut pending = std::mem::take(&mut self.pending);
        self.seal(&pending, last, pending.len() + TAG_LEN, out)?;
        pending.clear();
        self.pending = pending;
        Ok(())
    }

    /// Seals one segment from where it lies to the end of `out`, after the header if it is the first.
    /// `room` is what the segments at hand will take.
    fn seal(&mut self, plain: &[u8], last: bool, room: usize, out: &mut BytesMut) -> Result<(), Error> {
        if self.segment == 0 {
            out.reserve(HEADER_LEN + room);
            out.extend_from_slice(&self.header);
        } else {
            out.reserve(room);
        }
        let nonce = self.next_nonce(last)?;
        let at = out.len();
        out.resize(at + plain.len() + TAG_LEN, 0);
        let (body, tag) = out[at..].split_at_mut(plain.len());
        tag.copy_from_slice(&self.key.aead.seal_into(&nonce, &[], plain, body));
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
