//! Who holds material outside this service.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use arqueta_kms::{Clusters, HolderError, Holders, KeyHolder, Use};
use arqueta_model::KeyArn;
use async_trait::async_trait;
use zeroize::Zeroizing;

use super::link::Link;
use crate::schema::StoreRecord;

/// Every holder that key records may name: those of the configuration, and custom key stores,
/// which come and go.
pub(crate) struct Registry {
    configured: Holders,
    clusters: Arc<Clusters>,
    stores: RwLock<BTreeMap<String, Arc<Link>>>,
}

impl Registry {
    pub(crate) fn new(configured: Holders, clusters: Arc<Clusters>) -> Self {
        Self { configured, clusters, stores: RwLock::default() }
    }

    /// The one link of a custom key store, as `record` has it now.
    pub(crate) fn link(&self, record: &StoreRecord) -> Arc<Link> {
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        let link = stores
            .entry(record.id.clone())
            .or_insert_with(|| Arc::new(Link::new(self.clusters.clone(), record)))
            .clone();
        link.follow(record);
        link
    }

    pub(crate) fn unlink(&self, id: &str) {
        self.stores.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// The holder of this name. One that is not configured any more holds its keys all the same,
    /// out of reach.
    pub(crate) fn get(&self, name: &str) -> Home {
        if let Some(link) = self.stores.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Home { holder: link.clone(), store: Some(link.clone()) };
        }
        let missing = || Arc::new(Missing { name: name.to_owned() });
        Home { holder: self.configured.get(name).cloned().unwrap_or_else(|| missing()), store: None }
    }
}

/// The holder of a version's material.
#[derive(Clone)]
pub(crate) struct Home {
    pub holder: Arc<dyn KeyHolder>,
    /// If it is a custom key store.
    pub store: Option<Arc<Link>>,
}

impl Home {
    pub(crate) fn is_available(&self) -> bool {
        self.holder.is_available()
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").field("available", &self.is_available()).finish()
    }
}

/// Stands for a holder that the configuration does not name.
struct Missing {
    name: String,
}

impl Missing {
    fn error<T>(&self) -> Result<T, HolderError> {
        Err(HolderError::unavailable(format!("the configuration has no key holder `{}`", self.name)))
    }
}

#[async_trait]
impl KeyHolder for Missing {
    async fn create(&self, _: &KeyArn) -> Result<String, HolderError> {
        self.error()
    }

    async fn adopt(&self, _: &str) -> Result<(), HolderError> {
        self.error()
    }

    async fn encrypt(&self, _: &Use<'_>, _: &[u8], _: &[u8]) -> Result<Vec<u8>, HolderError> {
        self.error()
    }

    async fn decrypt(&self, _: &Use<'_>, _: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, HolderError> {
        self.error()
    }

    async fn destroy(&self, _: &str) -> Result<(), HolderError> {
        self.error()
    }

    fn is_available(&self) -> bool {
        false
    }
}
