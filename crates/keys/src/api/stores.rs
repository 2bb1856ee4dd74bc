//! Custom key stores.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::EpochSeconds;

/// A password. Wiped on drop, never shown.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
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

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Parameters of external key stores. Refused by name.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProxyParameters {
    xks_proxy_uri_endpoint: Option<Value>,
    xks_proxy_uri_path: Option<Value>,
    xks_proxy_vpc_endpoint_service_name: Option<Value>,
    xks_proxy_vpc_endpoint_service_owner: Option<Value>,
    xks_proxy_authentication_credential: Option<Value>,
    xks_proxy_connectivity: Option<Value>,
}

impl ProxyParameters {
    /// The first one that was given.
    pub(crate) fn named(&self) -> Option<&'static str> {
        let all = [
            ("XksProxyUriEndpoint", &self.xks_proxy_uri_endpoint),
            ("XksProxyUriPath", &self.xks_proxy_uri_path),
            ("XksProxyVpcEndpointServiceName", &self.xks_proxy_vpc_endpoint_service_name),
            ("XksProxyVpcEndpointServiceOwner", &self.xks_proxy_vpc_endpoint_service_owner),
            ("XksProxyAuthenticationCredential", &self.xks_proxy_authentication_credential),
            ("XksProxyConnectivity", &self.xks_proxy_connectivity),
        ];
        all.into_iter().find(|(_, value)| value.is_some()).map(|(name, _)| name)
    }
}

/// `CreateCustomKeyStore`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateCustomKeyStoreRequest {
    /// 1 to 256 characters, unique in the account.
    pub custom_key_store_name: String,
    /// `cluster-` and 11 to 16 of `2-7a-zA-Z`: a cluster of the configuration.
    pub cloud_hsm_cluster_id: Option<String>,
    /// The cluster's trust anchor, in PEM. 1 to 5,000 characters.
    pub trust_anchor_certificate: Option<String>,
    /// The PIN of the cluster's tokens. 7 to 32 characters.
    pub key_store_password: Option<Password>,
    /// `AWS_CLOUDHSM`, or absent.
    pub custom_key_store_type: Option<String>,
    /// Not supported.
    #[serde(flatten)]
    pub proxy: ProxyParameters,
}

/// Answer to [`CreateCustomKeyStoreRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateCustomKeyStoreResponse {
    /// Id within the account.
    pub custom_key_store_id: String,
}

/// `DescribeCustomKeyStores`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeCustomKeyStoresRequest {
    /// This one only.
    pub custom_key_store_id: Option<String>,
    /// The one of this name only.
    pub custom_key_store_name: Option<String>,
    /// 1 to 1,000; 100 if absent.
    pub limit: Option<i64>,
    /// `next_marker` of the page before.
    pub marker: Option<String>,
}

/// Answer to [`DescribeCustomKeyStoresRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeCustomKeyStoresResponse {
    /// In the order of their ids.
    pub custom_key_stores: Vec<CustomKeyStoresListEntry>,
    /// Present when truncated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// Whether there are more.
    pub truncated: bool,
}

/// What AWS tells of a custom key store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_error_code: Option<String>,
    /// When it was created.
    pub creation_date: EpochSeconds,
    /// `AWS_CLOUDHSM`.
    pub custom_key_store_type: String,
}

macro_rules! names_one_store {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
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
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdateCustomKeyStoreRequest {
    /// Its id.
    pub custom_key_store_id: String,
    /// 1 to 256 characters, unique in the account.
    pub new_custom_key_store_name: Option<String>,
    /// The PIN of the cluster's tokens. 7 to 32 characters.
    pub key_store_password: Option<Password>,
    /// Another cluster that holds the same keys.
    pub cloud_hsm_cluster_id: Option<String>,
    /// Not supported.
    #[serde(flatten)]
    pub proxy: ProxyParameters,
}

/// An answer that says nothing but that it happened.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Empty {}
