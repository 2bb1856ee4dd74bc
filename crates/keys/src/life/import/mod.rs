//! Key material that its owner brings (KMS Developer Guide, "Importing key material").
//!
//! A key of origin `EXTERNAL` starts without material. Its owner asks for a public key, wraps the
//! material under it, and hands it in with the token that came with the public key. The material
//! may expire or be deleted; then exactly the same may be imported again.

pub(crate) mod material;
pub(crate) mod parameters;
pub(crate) mod wrapping;

use arqueta_kms::{Error, KeyState};
use arqueta_model::Timestamp;

use crate::key::Key;
use crate::key::fitness::unfit_origin;
use crate::schema::Origin;

/// A key that material can be imported into.
fn importable(key: &Key) -> Result<(), Error> {
    if key.record.origin != Origin::External {
        return Err(unfit_origin(key));
    }
    match key.state() {
        KeyState::Enabled | KeyState::Disabled | KeyState::PendingImport => Ok(()),
        state => Err(Error::InvalidState { key: key.arn.clone(), state }),
    }
}

/// The name of whether material expires.
pub(crate) const fn expiration_model(expires: Option<Timestamp>) -> &'static str {
    match expires {
        Some(_) => "KEY_MATERIAL_EXPIRES",
        None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }
}
