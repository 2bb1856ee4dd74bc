//! What cryptographic operations take and give, and the answers they share.

use std::sync::Arc;

use arqueta_kms::{Error, KeyState};
use zeroize::Zeroizing;

use super::ciphertext::Parsed;
use crate::key::Key;

/// A plaintext with the key that sealed or opened it.
pub(crate) struct Opened {
    pub plaintext: Zeroizing<Vec<u8>>,
    pub key: Arc<Key>,
    /// Of symmetric keys.
    pub material_id: Option<String>,
}

/// A ciphertext with the key that sealed it.
pub(crate) struct Sealed {
    pub bytes: Vec<u8>,
    pub key: Arc<Key>,
    /// Of symmetric keys.
    pub material_id: Option<String>,
}

/// The answer for a key without the material that a call needs.
pub(crate) fn no_material(key: &Key) -> Error {
    Error::InvalidState { key: key.arn.clone(), state: KeyState::PendingImport }
}

/// Whether a ciphertext says that it is under `key`.
pub(crate) fn is_under(key: &Key, parsed: &Parsed<'_>) -> bool {
    key.record.account == parsed.account && key.record.id == parsed.key_id
}

/// AWS's one answer to a ciphertext whose key is not there or is another account's secret.
pub(crate) fn not_for_you() -> Error {
    Error::Denied {
        message: "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.".to_owned(),
    }
}
