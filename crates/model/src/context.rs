//! Encryption context: the key-value pairs that a key service authenticates beside a ciphertext
//! (AWS KMS Developer Guide, "Encryption context").

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Arn;

/// The pair that S3 itself adds to every context: `aws:s3:arn`. Callers may not set it.
pub const BUCKET_CONTEXT_KEY: &str = "aws:s3:arn";

/// Why a context cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// A caller tried to set the pair that S3 adds itself.
    #[error("the encryption context key {BUCKET_CONTEXT_KEY} is reserved")]
    Reserved,
    /// Keys and values together exceed [`EncryptionContext::MAX_BYTES`].
    #[error("the encryption context is larger than {} bytes", EncryptionContext::MAX_BYTES)]
    TooLarge,
}

/// An encryption context: case-sensitive pairs in the order of their keys' bytes. Clones share them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EncryptionContext(Arc<BTreeMap<String, String>>);

impl EncryptionContext {
    /// Largest total of key and value bytes accepted. AWS bounds the request, not the context;
    /// 8 KiB keeps a context within one HTTP header.
    pub const MAX_BYTES: usize = 8192;

    /// A context of a caller's own pairs.
    ///
    /// # Errors
    /// [`ContextError::TooLarge`].
    pub fn new(pairs: BTreeMap<String, String>) -> Result<Self, ContextError> {
        let size: usize = pairs.iter().map(|(k, v)| k.len() + v.len()).sum();
        if size > Self::MAX_BYTES { Err(ContextError::TooLarge) } else { Ok(Self(Arc::new(pairs))) }
    }

    /// This context joined to the pair that S3 adds: the bucket's ARN with a bucket key, the
    /// object's without one.
    ///
    /// # Errors
    /// [`ContextError::Reserved`] if the caller set that pair itself, whatever its value.
    pub fn with_s3_arn(&self, arn: &Arn) -> Result<Self, ContextError> {
        if self.0.contains_key(BUCKET_CONTEXT_KEY) {
            return Err(ContextError::Reserved);
        }
        let mut pairs = BTreeMap::clone(&self.0);
        pairs.insert(BUCKET_CONTEXT_KEY.to_owned(), arn.as_str().to_owned());
        Ok(Self(Arc::new(pairs)))
    }

    /// The pairs, ordered by key.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The value of `key`.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The injective byte form used as AAD: number of pairs, then length-prefixed key and value
    /// of each in key order, every number a big-endian u32. `{"ab":"c"}` and `{"a":"bc"}` differ.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + self.0.iter().map(|(k, v)| 8 + k.len() + v.len()).sum::<usize>());
        let number = |out: &mut Vec<u8>, n: usize| {
            out.extend_from_slice(&u32::try_from(n).expect("a context is bounded by MAX_BYTES").to_be_bytes());
        };
        number(&mut out, self.0.len());
        for (key, value) in &*self.0 {
            for text in [key, value] {
                number(&mut out, text.len());
                out.extend_from_slice(text.as_bytes());
            }
        }
        out
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        EncryptionContext::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()).unwrap()
    }

    #[test]
    fn moving_a_byte_between_key_and_value_changes_the_canonical_form() {
        assert_ne!(context(&[("ab", "c")]).canonical(), context(&[("a", "bc")]).canonical());
        assert_ne!(context(&[("a", "b"), ("c", "d")]).canonical(), context(&[("a", "bcd")]).canonical());
    }

    #[test]
    fn a_caller_cannot_set_the_pair_of_s3() {
        let arn = Arn::new("s3", "", "", "bucket");
        assert_eq!(context(&[(BUCKET_CONTEXT_KEY, arn.as_str())]).with_s3_arn(&arn), Err(ContextError::Reserved));
    }

    #[test]
    fn a_context_beyond_the_limit_is_refused() {
        let pairs = BTreeMap::from([("k".to_owned(), "v".repeat(EncryptionContext::MAX_BYTES))]);
        assert_eq!(EncryptionContext::new(pairs), Err(ContextError::TooLarge));
    }

    proptest! {
        #[test]
        fn canonical_form_is_injective(
            a in proptest::collection::btree_map(".{0,6}", ".{0,6}", 0..4),
            b in proptest::collection::btree_map(".{0,6}", ".{0,6}", 0..4),
        ) {
            let (x, y) = (EncryptionContext::new(a.clone()).unwrap(), EncryptionContext::new(b.clone()).unwrap());
            prop_assert_eq!(x.canonical() == y.canonical(), a == b);
        }
    }
}
