//! What cryptographic operations take and give, and the answers they share.

use std::collections::BTreeMap;
use std::sync::Arc;

use arqueta_kms::{Error, KeyState};
use arqueta_model::EncryptionContext;
use zeroize::Zeroizing;

use super::ciphertext::Parsed;
use crate::api::Blob;
use crate::call::Call;
use crate::key::Key;
use crate::limits::{self, unsupported};

/// Bytes of the longest plaintext, message and data key.
pub(crate) const MAX_PLAINTEXT: usize = 4096;

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

pub(crate) fn noted(
    call: &mut Call<'_>,
    name: &str,
    pairs: &BTreeMap<String, String>,
) -> Result<EncryptionContext, Error> {
    let context = EncryptionContext::new(pairs.clone()).map_err(|error| limits::invalid(error.to_string()))?;
    call.notes_context(name, &context);
    Ok(context)
}

pub(crate) fn blob(bytes: &Blob, member: &str, max: usize) -> Result<(), Error> {
    let bound = |words: &str, bound: usize| {
        Err(limits::constraint_unseen(member, &format!("Member must have length {words} than or equal to {bound}")))
    };
    match bytes.len() {
        0 => bound("greater", 1),
        length if length > max => bound("less", max),
        _ => Ok(()),
    }
}

pub(crate) fn refuse_recipient(given: bool) -> Result<(), Error> {
    if given { Err(unsupported("Recipient")) } else { Ok(()) }
}

pub(crate) const ALGORITHM: &str = "SYMMETRIC_DEFAULT";
