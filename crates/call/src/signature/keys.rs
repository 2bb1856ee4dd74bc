//! Signing keys, derived once per (access key, day, region, service).

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use s3s_sigv4::AmzDate;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Most keys held at once; each is some hundred bytes.
const CAPACITY: u64 = 10_000;
/// How long an unused key is held. A key is of no use after its day.
const IDLE: Duration = Duration::from_secs(3600);

/// A derived signing key: good for one access key, day, region and service.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// Derives the key from a secret access key.
    #[must_use]
    pub fn derive(secret: &[u8], date: &AmzDate, region: &str, service: &str) -> Self {
        Self(s3s_sigv4::derive_signing_key(secret, date, region, service))
    }

    /// The signature of a text, in hexadecimal digits.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        hex::encode(s3s_sigv4::calculate_signature_with_key(text, &self.0))
    }

    /// Whether `stated` is the signature of `text`; compared in constant time.
    #[must_use]
    pub fn is_signature(&self, text: &str, stated: &str) -> bool {
        same(&self.sign(text), stated)
    }

    #[cfg(test)]
    fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(32 bytes)")
    }
}

/// Whether two signatures are the same, in constant time.
pub(super) fn same(computed: &str, stated: &str) -> bool {
    computed.as_bytes().ct_eq(stated.as_bytes()).into()
}

/// Derived signing keys by name. Clones share what they hold.
///
/// A hit never proves that an access key is still good: the caller resolves the credential first,
/// each time. An access key's secret never changes, so neither does a derived key.
#[derive(Clone)]
pub struct SigningKeys {
    derived: Cache<String, Arc<SigningKey>>,
}

impl SigningKeys {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self { derived: Cache::builder().max_capacity(CAPACITY).time_to_idle(IDLE).build() }
    }

    /// The key for a scope, derived from `secret` if it is not held.
    #[must_use]
    pub fn key(
        &self,
        access_key_id: &str,
        secret: &[u8],
        date: &AmzDate,
        region: &str,
        service: &str,
    ) -> Arc<SigningKey> {
        let day = date.fmt_date();
        // No part of a scope has a slash: it would have been read as another scope.
        let name = [access_key_id, day.as_str(), region, service].join("/");
        self.derived.get_with(name, || Arc::new(SigningKey::derive(secret, date, region, service)))
    }
}

impl Default for SigningKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKeys({} held)", self.derived.entry_count())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_published_derivation_example() {
        let date = AmzDate::parse("20150830T123600Z").unwrap();
        let key = SigningKey::derive(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &date, "us-east-1", "iam");
        assert_eq!(hex::encode(key.bytes()), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    #[test]
    fn each_part_of_the_scope_has_its_own_key() {
        let keys = SigningKeys::new();
        let day = AmzDate::parse("20150830T123600Z").unwrap();
        let next = AmzDate::parse("20150831T123600Z").unwrap();
        let all = [
            keys.key("A", b"a", &day, "r", "kms"),
            keys.key("B", b"b", &day, "r", "kms"),
            keys.key("A", b"a", &next, "r", "kms"),
            keys.key("A", b"a", &day, "q", "kms"),
            keys.key("A", b"a", &day, "r", "sts"),
        ];
        for (i, one) in all.iter().enumerate() {
            for other in &all[i + 1..] {
                assert_ne!(one.bytes(), other.bytes());
            }
        }
        assert!(Arc::ptr_eq(&all[0], &keys.key("A", b"a", &day, "r", "kms")), "held, not derived again");
    }

    #[test]
    fn debug_shows_no_key() {
        let date = AmzDate::parse("20150830T123600Z").unwrap();
        assert_eq!(format!("{:?}", SigningKey::derive(b"s", &date, "r", "s")), "SigningKey(32 bytes)");
    }
}
