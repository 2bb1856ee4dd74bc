//! A sealer for tests: it authenticates like a real one and hides nothing from an attacker.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::SecretSealer;

/// Keyed by one byte; deterministic but for a counter.
#[derive(Debug, Default)]
pub struct TestSealer {
    key: u8,
    sealed: std::sync::atomic::AtomicU64,
}

impl TestSealer {
    /// Another key: does not open what the default one sealed.
    #[must_use]
    pub fn with_key(key: u8) -> Self {
        Self { key, sealed: Default::default() }
    }

    fn tag(&self, context: &[u8], body: &[u8]) -> [u8; 32] {
        let length = u64::try_from(context.len()).unwrap_or(u64::MAX).to_be_bytes();
        Sha256::digest([&[self.key][..], &length, context, body].concat()).into()
    }
}

impl SecretSealer for TestSealer {
    fn seal(&self, context: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let nonce = self.sealed.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_be_bytes();
        let masked: Vec<u8> = plaintext.iter().map(|byte| byte ^ 0xA5).collect();
        let body = [&nonce[..], &masked].concat();
        [&self.tag(context, &body)[..], &body].concat()
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (tag, body) = sealed.split_at_checked(32)?;
        let masked = body.get(8..)?;
        (tag == self.tag(context, body)).then(|| Zeroizing::new(masked.iter().map(|byte| byte ^ 0xA5).collect()))
    }
}
