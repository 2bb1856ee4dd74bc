//! Secrets of the gateway's other parts, sealed under the root key: IAM's access keys and session
//! tokens. Those parts never see the key.

use arqueta_audit::Sealer;
use arqueta_kms::RootSecret;
use arqueta_seal::{TagKey, message};
use zeroize::Zeroizing;

use crate::Embedded;

/// Keeps these messages apart from key material under the same root key.
const DOMAIN: &[u8] = b"arqueta/1/secret\0";

/// Purpose of the key that seals the record.
const RECORD: &[u8] = b"arqueta/1/record";

/// Seals the record under a key derived from the root key, so that who can write its files, and
/// has not the root key, cannot write them anew.
#[derive(Debug)]
pub struct RecordSealer(TagKey);

impl RecordSealer {
    /// The sealer under `root`.
    #[must_use]
    pub fn new(root: &RootSecret) -> Self {
        Self(TagKey::derive(root.expose(), RECORD))
    }
}

impl Sealer for RecordSealer {
    fn tag(&self, pieces: &[&[u8]]) -> [u8; 32] {
        self.0.tag(pieces)
    }
}

impl Embedded {
    /// What seals the record.
    #[must_use]
    pub fn record_sealer(&self) -> RecordSealer {
        RecordSealer::new(&self.state.root)
    }

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
