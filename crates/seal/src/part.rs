//! Sealing and opening of one part: one stream, or two within each other for DSSE-KMS.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use zeroize::Zeroizing;

use crate::aead::Preferred;
use crate::out::Out;
use crate::{Error, stream};

type Sealer = stream::Sealer<Preferred>;
type Opener = stream::Opener<Preferred>;

/// Seals one part. Push plaintext in pieces of any size, then finish.
pub struct PartSealer {
    inner: Sealer,
    outer: Option<Outer<Sealer>>,
}

/// The second layer of DSSE-KMS, and the bytes on their way to it.
struct Outer<L> {
    layer: L,
    between: BytesMut,
}

impl<L> Outer<L> {
    fn new(layer: L) -> Self {
        Self { layer, between: BytesMut::new() }
    }
}

impl PartSealer {
    /// Of one or two layers, inner first.
    pub(crate) fn new(mut layers: impl Iterator<Item = Sealer>) -> Self {
        let inner = layers.next().expect("a cipher has at least one layer");
        Self { inner, outer: layers.next().map(Outer::new) }
    }

    /// Takes more plaintext and appends the sealed bytes that are complete to `out`. A segment that
    /// is whole in `plain` is sealed from there, without a copy.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond [`stream::MAX_PLAIN`] bytes; the part is then to be abandoned.
    pub fn push(&mut self, plain: &[u8], out: &mut impl Out) -> Result<(), Error> {
        let Some(outer) = &mut self.outer else { return self.inner.push(plain, out) };
        self.inner.push(plain, &mut outer.between)?;
        outer.layer.push(&outer.between, out)?;
        outer.between.clear();
        Ok(())
    }

    /// Appends what remains. Without this the stream has no end and does not open.
    ///
    /// # Errors
    /// [`Error::TooLarge`], as for [`PartSealer::push`].
    pub fn finish(self, out: &mut impl Out) -> Result<(), Error> {
        let Some(mut outer) = self.outer else { return self.inner.finish(out) };
        self.inner.finish(&mut outer.between)?;
        outer.layer.push(&outer.between, out)?;
        outer.layer.finish(out)
    }
}

/// Opens a range of one part.
///
/// Read the sealed bytes [`head`](Self::head) (when there is one) and then
/// [`sealed_range`](Self::sealed_range), push them in that order in pieces of any size, then
/// finish. What `out` receives is authenticated and is exactly the range asked for, in order; it
/// is *all* of it only once `finish` has returned `Ok`.
pub struct PartOpener {
    inner: Opener,
    outer: Option<Outer<Opener>>,
}

impl PartOpener {
    /// Of one or two layers' keys, inner first.
    pub(crate) fn new(
        keys: &[Zeroizing<[u8; 32]>],
        aad: &[u8],
        plain_size: u64,
        range: Range<u64>,
    ) -> Result<Self, Error> {
        let (inner_key, outer_key) = match keys {
            [inner] => (inner, None),
            [inner, outer] => (inner, Some(outer)),
            _ => unreachable!("a cipher has one layer or two"),
        };
        let inner = Opener::new(inner_key, aad, plain_size, 0, range)?;
        let outer = match outer_key {
            None => None,
            Some(key) => {
                let lead = inner.head().map_or(0, |head| head.end);
                let size = stream::sealed_size(plain_size);
                Some(Outer::new(Opener::new(key, aad, size, lead, inner.sealed_range())?))
            }
        };
        Ok(Self { inner, outer })
    }

    fn outermost(&self) -> &Opener {
        self.outer.as_ref().map_or(&self.inner, |outer| &outer.layer)
    }

    /// Sealed bytes to be read and pushed before [`sealed_range`](Self::sealed_range): the
    /// stream's beginning, which a range in the middle needs for its keys (40 bytes; 64 KiB for
    /// DSSE-KMS). `None` where `sealed_range` begins there itself.
    #[must_use]
    pub fn head(&self) -> Option<Range<u64>> {
        self.outermost().head()
    }

    /// Sealed bytes to be read and pushed. Empty only for an empty range.
    #[must_use]
    pub fn sealed_range(&self) -> Range<u64> {
        self.outermost().sealed_range()
    }

    /// Takes more sealed bytes and appends the plaintext that is authenticated to `out`.
    ///
    /// # Errors
    /// [`Error::Authentication`]; nothing of the failing segment was appended, and every later
    /// call fails too.
    pub fn push(&mut self, sealed: Bytes, out: &mut impl Out) -> Result<(), Error> {
        let Some(outer) = &mut self.outer else { return self.inner.push(sealed, out) };
        outer.layer.push(sealed, &mut outer.between)?;
        self.inner.push(outer.between.split().freeze(), out)
    }

    /// Ends the part.
    ///
    /// # Errors
    /// [`Error::Authentication`] unless every segment of the range was pushed and authenticated:
    /// a source that ended early is never taken for the end of the part.
    pub fn finish(self, _out: &mut BytesMut) -> Result<(), Error> {
        if let Some(outer) = self.outer {
            outer.layer.finish()?;
        }
        self.inner.finish()
    }
}
