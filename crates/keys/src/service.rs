//! The service itself, and how it is opened.

use std::sync::Arc;

use arqueta_audit::AuditSink;
use arqueta_kms::{Error, RootKey, RootKeyError, RootSecret};
use arqueta_model::Clock;
use arqueta_store::{Batch, MetaStore};
use bytes::Bytes;

use crate::config::Config;
use crate::key::homes::Registry;
use crate::key::material;
use crate::life::usage::restore_usage;
use crate::own::managed::ensure_owned;
use crate::schema;
use crate::state::directory::Directory;
use crate::state::{Embedded, State};

impl Embedded {
    /// Opens the handle over its records in `meta`, which it alone changes.
    ///
    /// # Errors
    /// [`Error::RootKey`] if keys exist and the root key is missing or another one;
    /// [`Error::Store`] if the records cannot be read.
    pub async fn open(
        meta: Arc<dyn MetaStore>,
        audit: Arc<dyn AuditSink>,
        clock: Arc<dyn Clock>,
        config: Config,
    ) -> Result<Self, Error> {
        let (root, _) = unlock(&*meta, &*config.root).await?;
        let homes = Arc::new(Registry::new(config.holders.clone(), Arc::new(config.clusters.clone())));
        let directory = Directory::load(&*meta, &config.region, &homes).await?;
        let state = State::new((meta, audit, clock), config, homes, root, directory);
        let handle = Self { state: Arc::new(state) };
        ensure_owned(&handle).await?;
        restore_usage(&handle).await?;
        Ok(handle)
    }
}

/// The root key, checked against the store, and what it was checked by. A new one is made only for a
/// store that never had one.
pub(crate) async fn unlock(meta: &dyn MetaStore, protector: &dyn RootKey) -> Result<(RootSecret, Bytes), Error> {
    if let Some(check) = meta.get(schema::ROOT).await? {
        let root = protector.unlock().await?;
        return if material::is_root(&root, &check) { Ok((root, check)) } else { Err(RootKeyError::Wrong.into()) };
    }
    let root = protector.create().await?;
    let check = Bytes::from(material::root_check(&root));
    meta.commit(Batch::default().unchanged(schema::ROOT, None).put(schema::ROOT, check.clone())).await?;
    Ok((root, check))
}
