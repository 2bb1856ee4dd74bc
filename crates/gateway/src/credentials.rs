//! Root credentials: from the environment, or made at the first start.

use arqueta_iam::{RootKey, Secret, SecretSealer};
use arqueta_keys::Embedded;
use zeroize::Zeroizing;

use crate::Error;

const ACCESS_KEY: &str = "ARQUETA_ROOT_ACCESS_KEY_ID";
const SECRET_KEY: &str = "ARQUETA_ROOT_SECRET_ACCESS_KEY";
/// The variables that hold the root credentials.
pub const VARIABLES: [&str; 2] = [ACCESS_KEY, SECRET_KEY];

/// The root credentials that the environment gives, if it does. Never from a file or the command
/// line, which other people can read.
///
/// # Errors
/// [`Error::Config`] when only one of the two variables is set.
pub fn from_environment() -> Result<Option<RootKey>, Error> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (variable(ACCESS_KEY), variable(SECRET_KEY)) {
        (Some(access_key_id), Some(secret)) => Ok(Some(RootKey { access_key_id, secret: Secret::new(secret) })),
        (None, None) => Ok(None),
        _ => Err(Error::Config(format!("set both {ACCESS_KEY} and {SECRET_KEY}, or neither"))),
    }
}

/// Seals IAM's secrets under the root key, which stays in the key service.
pub struct KeyServiceSealer(pub Embedded);

impl SecretSealer for KeyServiceSealer {
    fn seal(&self, context: &[u8], plaintext: &[u8]) -> Vec<u8> {
        self.0.seal_secret(context, plaintext)
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.open_secret(context, sealed)
    }
}
