//! Custom key stores.

use std::fmt;

use arqueta_model::Timestamp;
use zeroize::Zeroizing;

/// A password. Wiped on drop, never shown.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// `CreateCustomKeyStore`, of type `AWS_CLOUDHSM`.
#[derive(Debug)]
pub struct CreateCustomKeyStoreRequest {
    /// Unique in the account.
    pub custom_key_store_name: String,
    /// A cluster of the configuration.
    pub cloud_hsm_cluster_id: String,
    /// The cluster's trust anchor, in PEM.
    pub trust_anchor_certificate: String,
    /// The PIN of the cluster's tokens.
    pub key_store_password: Password,
}

/// Answer to [`CreateCustomKeyStoreRequest`].
#[derive(Debug, Clone)]
pub struct CreateCustomKeyStoreResponse {
    /// Id within the account.
    pub custom_key_store_id: String,
}

/// `DescribeCustomKeyStores`.
#[derive(Debug, Clone, Default)]
pub struct DescribeCustomKeyStoresRequest {
    /// This one only.
    pub custom_key_store_id: Option<String>,
    /// The one of this name only.
    pub custom_key_store_name: Option<String>,
    /// Most that are answered; 100 if absent.
    pub limit: Option<usize>,
    /// `next_marker` of the page before: what follows it.
    pub marker: Option<String>,
}

/// Answer to [`DescribeCustomKeyStoresRequest`].
#[derive(Debug, Clone)]
pub struct DescribeCustomKeyStoresResponse {
    /// In the order of their ids.
    pub custom_key_stores: Vec<CustomKeyStoresListEntry>,
    /// The last one's id, where there are more.
    pub next_marker: Option<String>,
}

/// What AWS tells of a custom key store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomKeyStoresListEntry {
    /// Id.
    pub custom_key_store_id: String,
    /// Name.
    pub custom_key_store_name: String,
    /// The cluster that it stands for.
    pub cloud_hsm_cluster_id: String,
    /// As given at creation.
    pub trust_anchor_certificate: String,
    /// `CONNECTED`, `CONNECTING`, `FAILED` or `DISCONNECTED`.
    pub connection_state: String,
    /// Why the connection failed.
    pub connection_error_code: Option<String>,
    /// When it was created.
    pub creation_date: Timestamp,
    /// `AWS_CLOUDHSM`.
    pub custom_key_store_type: String,
}

macro_rules! names_one_store {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub struct $name {
            /// Its id.
            pub custom_key_store_id: String,
        }
    )+};
}

names_one_store!(
    /// `ConnectCustomKeyStore`.
    ConnectCustomKeyStoreRequest,
    /// `DisconnectCustomKeyStore`.
    DisconnectCustomKeyStoreRequest,
    /// `DeleteCustomKeyStore`.
    DeleteCustomKeyStoreRequest,
);

/// `UpdateCustomKeyStore`.
#[derive(Debug, Default)]
pub struct UpdateCustomKeyStoreRequest {
    /// Its id.
    pub custom_key_store_id: String,
    /// 1 to 256 characters, unique in the account.
    pub new_custom_key_store_name: Option<String>,
    /// The PIN of the cluster's tokens. 7 to 32 characters.
    pub key_store_password: Option<Password>,
    /// Another cluster that holds the same keys.
    pub cloud_hsm_cluster_id: Option<String>,
}

/// An answer that says nothing but that it happened.
#[derive(Debug, Clone, Copy)]
pub struct Empty {}
