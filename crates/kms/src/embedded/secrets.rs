//! Secrets of the gateway's other parts, sealed under the root key: IAM's access keys and session
//! tokens. Those parts never see the key.

use arqueta_seal::message;
use zeroize::Zeroizing;

use super::Embedded;

/// Keeps these messages apart from key material under the same root key.
const DOMAIN: &[u8] = b"arqueta/1/secret\0";

impl Embedded {
    /// Seals `plaintext` under the root key, bound to `context`. Two calls give different bytes.
    #[must_use]
    pub fn seal_secret(&self, context: &[u8], plaintext: &[u8]) -> Vec<u8> {
        message::seal(self.state.root.expose(), &[DOMAIN, context].concat(), plaintext)
    }

    /// Opens what [`Self::seal_secret`] returned for the same `context`; `None` for anything else.
    #[must_use]
    pub fn open_secret(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        message::open(self.state.root.expose(), &[DOMAIN, context].concat(), sealed).ok()
    }
}
