//! What keys do: the cryptographic operations.

pub(crate) mod agreement;
pub(crate) mod ciphers;
pub(crate) mod ciphertext;
pub(crate) mod mac;
pub(crate) mod opened;
pub(crate) mod pairs;
pub(crate) mod private;
pub(crate) mod sealing;
pub(crate) mod signing;
pub(crate) mod symmetric;
