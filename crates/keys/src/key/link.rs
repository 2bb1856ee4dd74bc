//! The connection of a custom key store to its cluster, as a holder of keys.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use arqueta_kms::{Clusters, HolderError, KeyHolder, TokenCluster, Use};
use arqueta_model::KeyArn;
use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::schema::{Connection, StoreRecord};

/// A custom key store and its connection.
#[derive(Debug)]
pub(crate) struct Store {
    pub record: StoreRecord,
    pub link: Arc<Link>,
}

/// One custom key store. All keys in it share the link, so that connecting and disconnecting
/// takes effect on all of them at once.
pub(crate) struct Link {
    clusters: Arc<Clusters>,
    now: RwLock<Now>,
}

#[derive(Debug, Clone)]
struct Now {
    cluster: String,
    connection: Connection,
    /// Being connected: not stored, so that a restart leaves the store as it was before.
    connecting: bool,
}

impl Link {
    pub(crate) fn new(clusters: Arc<Clusters>, record: &StoreRecord) -> Self {
        let now = Now { cluster: record.cluster.clone(), connection: record.connection, connecting: false };
        Self { clusters, now: RwLock::new(now) }
    }

    /// Takes over what was stored.
    pub(crate) fn follow(&self, record: &StoreRecord) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        *now = Now { cluster: record.cluster.clone(), connection: record.connection, connecting: false };
    }

    pub(crate) fn set_connecting(&self) {
        self.now.write().unwrap_or_else(PoisonError::into_inner).connecting = true;
    }

    fn now(&self) -> Now {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Name of the cluster.
    pub(crate) fn cluster_id(&self) -> String {
        self.now().cluster
    }

    /// The AWS name of the connection's state.
    pub(crate) fn state(&self) -> &'static str {
        match self.now() {
            Now { connecting: true, .. } => "CONNECTING",
            Now { connection: Connection::Connected, .. } => "CONNECTED",
            Now { connection: Connection::Disconnected, .. } => "DISCONNECTED",
            Now { connection: Connection::Failed(_), .. } => "FAILED",
        }
    }

    /// Whether its administrators let it be used, whether or not its cluster can be reached.
    pub(crate) fn is_connected(&self) -> bool {
        self.state() == "CONNECTED"
    }

    /// The cluster, while the store is connected to it.
    pub(crate) fn cluster(&self) -> Result<Arc<dyn TokenCluster>, HolderError> {
        if !self.is_connected() {
            return Err(HolderError::unavailable("the custom key store is not connected"));
        }
        let cluster = self.clusters.get(&self.now().cluster).cloned();
        cluster.ok_or_else(|| HolderError::unavailable("the configuration does not have the cluster"))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("now", &self.now()).finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyHolder for Link {
    async fn create(&self, key: &KeyArn) -> Result<String, HolderError> {
        self.cluster()?.create(key).await
    }

    async fn adopt(&self, name: &str) -> Result<(), HolderError> {
        self.cluster()?.adopt(name).await
    }

    async fn encrypt(&self, of: &Use<'_>, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, HolderError> {
        self.cluster()?.encrypt(of, plaintext, aad).await
    }

    async fn decrypt(&self, of: &Use<'_>, ciphertext: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, HolderError> {
        self.cluster()?.decrypt(of, ciphertext, aad).await
    }

    async fn destroy(&self, name: &str) -> Result<(), HolderError> {
        self.cluster()?.destroy(name).await
    }

    fn is_available(&self) -> bool {
        self.cluster().is_ok_and(|cluster| cluster.is_available())
    }
}
