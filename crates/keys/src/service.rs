//! The service itself, and how it is opened.

use std::fmt;
use std::sync::Arc;

use arqueta_audit::AuditSink;
use arqueta_kms::{Clusters, Error, Holders, RootKey, RootKeyError, RootSecret};
use arqueta_model::{AccountId, Clock, Region};
use arqueta_store::{Batch, MetaStore};
use bytes::Bytes;

use crate::decide::quotas::Quotas;
use crate::key::homes::Registry;
use crate::key::material;
use crate::schema;
use crate::state::State;
use crate::state::directory::Directory;

/// How to open the service.
#[derive(Clone)]
pub struct Config {
    /// Account that the service-owned key is kept under.
    pub account: AccountId,
    /// The one region served.
    pub region: Region,
    /// What seals key material at rest.
    pub root: Arc<dyn RootKey>,
    /// Who holds material outside this service. Names are stored with the keys: keep them.
    pub holders: Holders,
    /// Clusters of tokens that custom key stores can be made for.
    pub clusters: Clusters,
    /// Which of `holders` makes the material of new symmetric keys, the AWS-managed and the
    /// service-owned ones included; this service itself if absent.
    pub home: Option<String>,
    /// Requests a second that an account may make.
    pub quotas: Quotas,
}

impl Config {
    /// A service that keeps all material itself and has no quotas.
    #[must_use]
    pub fn new(account: AccountId, region: Region, root: Arc<dyn RootKey>) -> Self {
        let (holders, clusters) = (Holders::new(), Clusters::new());
        Self { account, region, root, holders, clusters, home: None, quotas: Quotas::default() }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Config");
        shown.field("account", &self.account).field("region", &self.region).field("home", &self.home);
        shown.finish_non_exhaustive()
    }
}

/// The key service inside the gateway. Cheap to clone; clones are the same service.
#[derive(Clone)]
pub struct Embedded {
    pub(crate) state: Arc<State>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("region", &self.state.region).finish_non_exhaustive()
    }
}

impl Embedded {
    /// Opens the service over its records in `meta`, which it alone changes.
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
        let service = Self { state: Arc::new(state) };
        service.ensure_owned().await?;
        service.restore_usage().await?;
        Ok(service)
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
