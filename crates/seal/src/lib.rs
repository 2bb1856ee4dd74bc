//! The byte format: streaming AEAD, key derivation, zeroizing key types. Synchronous, no I/O.
//!
//! **Purpose.** Everything that decides which bytes an object is stored as: the sealed stream of
//! a part ([`PartSealer`], [`PartOpener`]), the wrapped body key ([`BodyKey::wrap`]), the manifest
//! tag, the ETag of objects whose ETag is not an MD5, and the key service's own messages
//! ([`message`]). `docs/format.md` is the normative text; `F-n` in this crate cites its clauses.
//!
//! **Refuses to do** I/O, caching, authorization and key storage. It never opens a format version
//! it does not know, never releases a byte of a segment that does not authenticate, and never
//! says why something did not authenticate.
//!
//! **Invariants.**
//! - A (key, nonce) pair seals once: every stream and every wrapped key draws a fresh 256-bit
//!   salt, from which its AES key is derived; within a stream the segment counter cannot wrap.
//! - Every backend writes identical bytes ([`aead`]).
//! - [`PartOpener::finish`] succeeds only after every segment of its range was authenticated, so
//!   a source that ends early, even at a segment boundary, is an error.
//! - Nothing secret is `Clone`, `Serialize` or shown by `Debug`; keys are wiped when dropped.
//!
//! **Threat notes.** The attacker reads and writes everything stored. What he can do is destroy,
//! or put back an older record of the same object whole (docs/threats.md); what he cannot do
//! is read, forge, truncate, reorder, duplicate, or move bytes between parts, objects, names,
//! buckets and modes. AES-GCM does not commit to its key: keys here are never chosen by one party
//! for another, except SSE-C, where the customer would deceive only himself.
//!
//! ```
//! use arqueta_model::{ObjectId, PartId};
//! use arqueta_seal::{BodyKey, ObjectCipher};
//! use bytes::BytesMut;
//!
//! let cipher = ObjectCipher::new(ObjectId::random(), vec![BodyKey::random()]);
//! let (part, mut sealed, mut opened) = (PartId::random(), BytesMut::new(), BytesMut::new());
//! let mut sealer = cipher.sealer(part);
//! sealer.push(b"body", &mut sealed)?;
//! sealer.finish(&mut sealed)?;
//! let mut opener = cipher.opener(part, 4, 0..4)?;
//! opener.push(sealed.freeze(), &mut opened)?;
//! opener.finish(&mut opened)?;
//! assert_eq!(&opened[..], b"body");
//! # Ok::<(), arqueta_seal::Error>(())
//! ```

pub mod aead;
pub mod message;
pub mod stream;

mod cipher;
mod error;
mod kdf;
mod keys;
mod out;
mod part;
mod tag;
mod wrap;

pub use cipher::ObjectCipher;
pub use error::Error;
pub use keys::{BodyKey, SourceKey};
pub use out::Out;
pub use part::{PartOpener, PartSealer};
pub use tag::TagKey;
pub use wrap::{WrapAad, WrapName, WrappedBodyKey};

/// The format version that this crate writes (F-1).
pub const FORMAT_VERSION: u8 = 1;

/// Refuses format versions that this crate cannot read (F-2).
///
/// # Errors
/// [`Error::UnknownFormat`].
pub const fn require_format(version: u8) -> Result<(), Error> {
    if version == FORMAT_VERSION { Ok(()) } else { Err(Error::UnknownFormat(version)) }
}
