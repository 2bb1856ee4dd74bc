//! What a key is fit for: by its state, its usage, its spec and its origin.

use arqueta_call::Kms;
use arqueta_kms::{Algorithms, EncryptionAlgorithm, Error, KeyState, KeyUsage};
use arqueta_model::EncryptionContext;

use super::Key;
use crate::limits::{invalid, refused};
use crate::schema::{Lifecycle, Origin};

/// A key that can encrypt and decrypt.
pub(crate) fn usable(key: &Key) -> Result<(), Error> {
    in_service(key)?;
    match key.state() {
        KeyState::Unavailable if key.record.origin != Origin::CloudHsm => {
            Err(Error::Unavailable(format!("the holder of {} is away", key.arn).into()))
        }
        state @ KeyState::Unavailable => Err(Error::InvalidState { key: key.arn.clone(), state }),
        _ => Ok(()),
    }
}

/// A key that its administrators let be used, whether or not its holder can be reached.
pub(crate) fn in_service(key: &Key) -> Result<(), Error> {
    if let Lifecycle::Updating { enabled: true } = key.record.lifecycle {
        // A primary on the move goes on working.
        return Ok(());
    }
    match key.record.lifecycle.state() {
        KeyState::Enabled if key.store().is_some_and(|store| !store.is_connected()) => {
            Err(Error::InvalidState { key: key.arn.clone(), state: KeyState::Unavailable })
        }
        KeyState::Enabled => Ok(()),
        KeyState::Disabled => Err(Error::Disabled { key: key.arn.clone() }),
        state => Err(Error::InvalidState { key: key.arn.clone(), state }),
    }
}

/// A key that can be administered.
pub(crate) fn not_pending_deletion(key: &Key) -> Result<(), Error> {
    match key.state() {
        state @ (KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) => {
            Err(Error::InvalidState { key: key.arn.clone(), state })
        }
        _ => Ok(()),
    }
}

/// AWS's answer to an operation that keys of this origin do not have.
pub(crate) fn unfit_origin(key: &Key) -> Error {
    let message = format!("{} origin is {} which is not valid for this operation.", key.arn, key.record.origin.name());
    refused("UnsupportedOperationException", message)
}

/// Refuses a key that was made for something else.
pub(crate) fn used_for(key: &Key, usage: KeyUsage, operation: Kms) -> Result<(), Error> {
    if key.record.usage == usage {
        return Ok(());
    }
    let message =
        format!("{} key usage is {} which is not valid for {}.", key.arn, key.record.usage.name(), operation.name());
    Err(Error::InvalidKeyUsage { message })
}

/// The answer to an algorithm that a key of this spec does not have.
pub(crate) fn incompatible(algorithm: &str, key: &Key) -> Error {
    Error::InvalidKeyUsage {
        message: format!("Algorithm {algorithm} is incompatible with key spec {}.", key.record.spec.name()),
    }
}

/// Refuses a key that is not for encryption, an algorithm that it does not have, and a context
/// that nothing would authenticate.
pub(crate) fn fits(
    key: &Key,
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
    operation: Kms,
) -> Result<(), Error> {
    used_for(key, KeyUsage::EncryptDecrypt, operation)?;
    if !Algorithms::of(key.record.spec, key.record.usage).encryption.contains(&algorithm) {
        return Err(incompatible(algorithm.name(), key));
    }
    if algorithm != EncryptionAlgorithm::SYMMETRIC_DEFAULT && !context.is_empty() {
        return Err(invalid("EncryptionContext is not supported with asymmetric keys."));
    }
    Ok(())
}

/// A state in which nobody changes anything by hand.
pub(crate) fn in_motion(lifecycle: Lifecycle) -> bool {
    matches!(lifecycle, Lifecycle::Creating | Lifecycle::Updating { .. })
}

/// Whether a key's former primary waits for its heir.
pub(crate) fn handing_over(lifecycle: Lifecycle) -> bool {
    matches!(lifecycle, Lifecycle::Updating { .. })
}
