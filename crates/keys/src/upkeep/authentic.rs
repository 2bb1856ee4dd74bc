//! The metadata under the root key: every record carries a tag that nobody makes without it, so who
//! can write the data folder and has not the root key can make no policy, identity, key, bucket or
//! object record, nor say that an object is not encrypted (docs/adr/0008-authentic-metadata.md).
//!
//! What says that a store is so is the root check ([`material::root_check`]), which is sealed under
//! the root key itself. A store whose check is of the first kind was written before there were tags:
//! it is adopted once. Without any check nothing is adopted, and what carries no tag is refused.

use std::sync::Arc;

use arqueta_kms::{Error, RootKey, RootKeyError, RootSecret};
use arqueta_seal::TagKey;
use arqueta_store::{Authentic, Batch, Damages, MetaStore, Tagger};
use async_trait::async_trait;

use crate::key::material::{self, RootCheck};
use crate::schema;

/// Purpose of the key of the tags.
const METADATA: &[u8] = b"arqueta/1/metadata";

/// What carries no tag: the root check and the record's head, which prove themselves and are read
/// before the root key is there, and small bodies, which are sealed like large ones.
const BARE: &[&[u8]] = &[schema::ROOT, b"audit/head", b"i/"];

/// Tags under a key derived from the root key.
pub(crate) struct MetadataTagger(TagKey);

impl MetadataTagger {
    fn new(root: &RootSecret) -> Arc<Self> {
        Arc::new(Self(TagKey::derive(root.expose(), METADATA)))
    }
}

impl Tagger for MetadataTagger {
    fn tag(&self, pieces: &[&[u8]]) -> [u8; 32] {
        self.0.tag(pieces)
    }
}

/// A root key that is open: what protects it need not be asked again.
struct Unlocked(RootSecret);

#[async_trait]
impl RootKey for Unlocked {
    async fn unlock(&self) -> Result<RootSecret, RootKeyError> {
        Ok(RootSecret::from_bytes(self.0.expose()))
    }

    async fn create(&self) -> Result<RootSecret, RootKeyError> {
        self.unlock().await
    }
}

/// A store whose records are authentic, and the root key that makes them so.
pub struct Authenticated {
    /// The store.
    pub meta: Arc<dyn MetaStore>,
    /// The root key, open, for [`crate::Config::root`].
    pub root: Arc<dyn RootKey>,
}

/// Puts `meta` under the root key, which is made for a store that never had one. A store from before
/// there were tags gets them now; interrupted, the next call finishes. What is not authentic is
/// refused from then on, and noted in `damages`.
///
/// # Errors
/// [`Error::RootKey`] if the store has a root key and `root` keeps none or another one;
/// [`Error::Store`].
pub async fn authenticate(
    meta: Arc<dyn MetaStore>,
    root: &dyn RootKey,
    damages: Arc<Damages>,
) -> Result<Authenticated, Error> {
    let (secret, check) = crate::service::unlock(&*meta, root).await?;
    let store = over(meta.clone(), &secret, damages);
    if material::root_checked(&secret, &check) == Some(RootCheck::Untagged) {
        let records = store.adopt().await?;
        // Last, so that a store which says that it is tagged is.
        let tagged = material::root_check(&secret);
        meta.commit(Batch::default().unchanged(schema::ROOT, Some(check)).put(schema::ROOT, tagged)).await?;
        tracing::info!(records, "the metadata of an earlier version carries authentication tags from now on");
    }
    Ok(Authenticated { meta: Arc::new(store), root: Arc::new(Unlocked(secret)) })
}

/// Whether there is a key service in `meta`.
///
/// # Errors
/// [`Error::Store`].
pub async fn is_initialized(meta: &dyn MetaStore) -> Result<bool, Error> {
    Ok(meta.get(schema::ROOT).await?.is_some())
}

/// `meta` with its tags under `root`.
pub(crate) fn over<S: MetaStore>(meta: S, root: &RootSecret, damages: Arc<Damages>) -> Authentic<S> {
    Authentic::new(meta, MetadataTagger::new(root), BARE, damages)
}
