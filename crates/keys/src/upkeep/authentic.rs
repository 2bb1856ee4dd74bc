//! The metadata under the root key: every record carries a tag that nobody makes without it, so who
//! can write the data folder and has not the root key can make no policy, identity, key, bucket or
//! object record, nor say that an object is not encrypted (docs/adr/0008-authentic-metadata.md).
//!
//! What says that a store is so is the root check ([`material::root_check`]), which is sealed under
//! the root key itself. A store whose check is of the first kind was written before there were tags:
//! it is adopted by [`adopt`], when its operator asks, and never by itself: a copy of such a check may lie
//! in the free space of the store that it was replaced in. Without any check nothing is adopted, and what
//! carries no tag is refused.

use std::sync::Arc;

use arqueta_kms::{Error, RootKey, RootKeyError, RootSecret};
use arqueta_seal::TagKey;
use arqueta_store::{Authentic, Batch, Damages, Entry, MetaStore, Scan, Tagger};
use async_trait::async_trait;

use crate::key::material::{self, RootCheck};
use crate::schema;

/// Purpose of the key of the tags.
const METADATA: &[u8] = b"arqueta/1/metadata";

/// What carries no tag: the root check and the record's head, which prove themselves and are read
/// before the root key is there, and small bodies, which are sealed like large ones.
const BARE: &[&[u8]] = &[schema::ROOT, b"audit/head", b"i/"];

/// Records that [`is_under`] looks at.
const SAMPLE: usize = 1000;

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

/// Puts `meta` under the root key, which is made for a store that never had one. What is not authentic
/// is refused from then on, and noted in `damages`.
///
/// # Errors
/// [`Error::RootKey`] if the store has a root key and `root` keeps none or another one, and for a store
/// from before there were tags ([`RootKeyError::Untagged`]); [`Error::Store`].
pub async fn authenticate(
    meta: Arc<dyn MetaStore>,
    root: &dyn RootKey,
    damages: Arc<Damages>,
) -> Result<Authenticated, Error> {
    let (secret, check) = crate::service::unlock(&*meta, root).await?;
    if material::root_checked(&secret, &check) == Some(RootCheck::Untagged) {
        return Err(RootKeyError::Untagged.into());
    }
    let store = over(meta, &secret, damages);
    Ok(Authenticated { meta: Arc::new(store), root: Arc::new(Unlocked(secret)) })
}

/// Tags the records of a store from before there were tags, and returns how many; `None` for a store
/// whose records have theirs. Interrupted, the next call finishes. Who calls it vouches for all that is
/// there.
///
/// # Errors
/// As [`authenticate`]; [`RootKeyError::Nothing`] where there is no key service.
pub async fn adopt(meta: Arc<dyn MetaStore>, root: &dyn RootKey) -> Result<Option<u64>, Error> {
    if !is_initialized(&*meta).await? {
        return Err(RootKeyError::Nothing.into());
    }
    let (secret, check) = crate::service::unlock(&*meta, root).await?;
    if material::root_checked(&secret, &check) != Some(RootCheck::Untagged) {
        return Ok(None);
    }
    let records = over(meta.clone(), &secret, Arc::default()).adopt().await?;
    // Last, so that a store which says that it is tagged is.
    let tagged = material::root_check(&secret);
    meta.commit(Batch::default().unchanged(schema::ROOT, Some(check)).put(schema::ROOT, tagged)).await?;
    Ok(Some(records))
}

/// Whether there is a key service in `meta`.
///
/// # Errors
/// [`Error::Store`].
pub async fn is_initialized(meta: &dyn MetaStore) -> Result<bool, Error> {
    Ok(meta.get(schema::ROOT).await?.is_some())
}

/// Whether what lies in `meta` was written under `root`, as far as its first records tell; also if there
/// are none.
pub(crate) async fn is_under(meta: &dyn MetaStore, root: &RootSecret) -> Result<bool, arqueta_store::Error> {
    let page = over(meta, root, Arc::default()).page(Scan::prefix(b"", SAMPLE)).await?;
    let tagged = |entry: &Entry| !BARE.iter().any(|bare| entry.key.starts_with(bare));
    let mut tagged = page.iter().filter(|entry| tagged(entry)).peekable();
    Ok(tagged.peek().is_none() || tagged.any(|entry| entry.value.is_some()))
}

/// `meta` with its tags under `root`.
pub(crate) fn over<S: MetaStore>(meta: S, root: &RootSecret, damages: Arc<Damages>) -> Authentic<S> {
    Authentic::new(meta, MetadataTagger::new(root), BARE, damages)
}
