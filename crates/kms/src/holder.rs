//! Key material that is held outside this service: in the tokens of a cluster, or by another key
//! service. What stays here is the key itself: its name, policy, grants, states and record.
//!
//! The service's ciphertext (`crypt/ciphertext.rs` of `keys`) stays the outer form; what a holder
//! returns is its message. A holder decides nothing about callers: it is asked only after the
//! service has authorized the call.

use std::collections::BTreeMap;
use std::sync::Arc;

use arqueta_model::{EncryptionContext, KeyArn, RequestId};
use async_trait::async_trait;
use zeroize::Zeroizing;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Most bytes that a holder's ciphertext may have, so that the service's own header still fits
/// what the KMS API takes (6,144).
pub const MAX_HELD_CIPHERTEXT: usize = 5_970;

/// Why a holder did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HolderError {
    /// It cannot be reached or failed; the call may be repeated.
    #[error("the holder of the key is unavailable")]
    Unavailable(#[source] Source),
    /// It asks for fewer calls; the call may be repeated.
    #[error("the holder of the key asks for fewer calls")]
    Throttled,
    /// It knows this service, and refuses. Repeating does not help.
    #[error("the holder of the key denied the call")]
    Denied(#[source] Source),
    /// It holds no key of this name that can be used.
    #[error("the holder has no such key")]
    UnknownKey,
    /// The ciphertext is not what it sealed under this key with this additional data. One opaque case.
    #[error("the ciphertext is not valid")]
    NotAuthentic,
}

impl HolderError {
    /// An outage, with what was seen of it.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::Unavailable(source.into())
    }

    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Throttled)
    }
}

/// One use of a held key.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// The key's name at its holder, as [`KeyHolder::create`] answered it.
    pub name: &'a str,
    /// The request that it is for, so that the holder's own record can name it.
    pub request: &'a RequestId,
    /// The caller's encryption context, for the holder's own policies and record. What binds a
    /// ciphertext is the additional data, which covers it.
    pub context: &'a EncryptionContext,
}

/// Keeps symmetric key material outside this service and uses it there. One contract suite
/// (`testing::holder_contract`), every adapter.
///
/// Implementations bound their own time and concurrency: a call ends, one way or the other,
/// within seconds, and never blocks the runtime.
#[async_trait]
pub trait KeyHolder: Send + Sync {
    /// Makes new material for `key` and answers the name it has there: at most 1,024 bytes of
    /// visible ASCII. Each call makes another one.
    ///
    /// # Errors
    /// [`HolderError::Unavailable`], [`HolderError::Throttled`], [`HolderError::Denied`].
    async fn create(&self, key: &KeyArn) -> Result<String, HolderError>;

    /// Whether a key that exists there under this name can serve.
    ///
    /// # Errors
    /// [`HolderError::UnknownKey`] if not.
    async fn adopt(&self, name: &str) -> Result<(), HolderError>;

    /// Seals `plaintext` (1 to 4,096 bytes), bound to `aad`. Never the same ciphertext twice, at
    /// most [`MAX_HELD_CIPHERTEXT`] bytes.
    ///
    /// # Errors
    /// Any but [`HolderError::NotAuthentic`].
    async fn encrypt(&self, of: &Use<'_>, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, HolderError>;

    /// Opens what [`Self::encrypt`] sealed.
    ///
    /// # Errors
    /// [`HolderError::NotAuthentic`] for damage, another key and other additional data alike.
    async fn decrypt(&self, of: &Use<'_>, ciphertext: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, HolderError>;

    /// Destroys a key. One that is not there is destroyed already.
    ///
    /// # Errors
    /// As [`Self::create`].
    async fn destroy(&self, name: &str) -> Result<(), HolderError>;

    /// Whether it can be used now, as far as is known without waiting.
    fn is_available(&self) -> bool;
}

/// Material that exists at a holder.
#[derive(Debug, Clone, Copy)]
pub struct Adopted<'a> {
    /// Name of the holder.
    pub holder: &'a str,
    /// Name of the key there.
    pub name: &'a str,
}

/// Holders by the name that key records know them by.
pub type Holders = BTreeMap<String, Arc<dyn KeyHolder>>;

/// A holder that is a cluster of tokens, as custom key stores know it.
#[async_trait]
pub trait TokenCluster: KeyHolder {
    /// How many tokens it is made of.
    fn tokens(&self) -> usize;

    /// How many of them can be used now, as far as is known without waiting.
    fn working(&self) -> usize;

    /// Whether this is the password that the cluster is used with. Compared in constant time and
    /// never tried at a token: tokens lock themselves after a few wrong ones.
    fn accepts(&self, password: &[u8]) -> bool;

    /// Whether this certificate (PEM) is the cluster's trust anchor.
    fn trusts(&self, certificate: &str) -> bool;

    /// 1 to 1,024 bytes of a token's own generator.
    ///
    /// # Errors
    /// As [`KeyHolder::create`].
    async fn random(&self, size: usize) -> Result<Zeroizing<Vec<u8>>, HolderError>;
}

/// Clusters by the id that users give (`cluster-…`).
pub type Clusters = BTreeMap<String, Arc<dyn TokenCluster>>;
