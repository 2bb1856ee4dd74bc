//! Custom key stores.

use arqueta_model::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::names::STORES;

/// A custom key store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoreRecord {
    pub account: AccountId,
    pub id: String,
    pub name: String,
    /// Name of the cluster in the configuration.
    pub cluster: String,
    pub trust_anchor: String,
    /// Sealed under the root key.
    #[serde(with = "serde_bytes")]
    pub password: Vec<u8>,
    pub created: Timestamp,
    pub connection: Connection,
}

/// How connecting a custom key store ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Connection {
    Disconnected,
    Connected,
    Failed(ConnectionError),
}

/// Why a custom key store could not be connected (`ConnectionErrorCode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ConnectionError {
    InvalidCredentials,
    ClusterNotFound,
    InsufficientHsms,
    InternalError,
}

impl ConnectionError {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::InvalidCredentials => "INVALID_CREDENTIALS",
            Self::ClusterNotFound => "CLUSTER_NOT_FOUND",
            Self::InsufficientHsms => "INSUFFICIENT_CLOUDHSM_HSMS",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }
}

impl StoreRecord {
    pub(crate) fn store_key(&self) -> String {
        format!("{STORES}{}/{}", self.account, self.id)
    }
}
