//! The byte format: streaming AEAD, key derivation, zeroizing key types. Synchronous, no I/O.

mod keys;

pub use keys::SourceKey;
