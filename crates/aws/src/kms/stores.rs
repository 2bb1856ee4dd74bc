//! Shapes of custom key stores.

use arqueta_keys::api::{
    CreateCustomKeyStoreRequest, CreateCustomKeyStoreResponse, DescribeCustomKeyStoresRequest, Empty, Password,
    UpdateCustomKeyStoreRequest,
};
use arqueta_kms::Error;
use serde::{Deserialize, Deserializer, Serializer};
use serde_json::{Value, json};

use super::limits;
use super::parameters::{limit, marker};
use super::shape::{Shape, Told};
use super::wire::{Wire, answers};

const CLOUD_HSM: &str = "AWS_CLOUDHSM";
/// CloudTrail's words in the place of a secret.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// `KeyStorePassword`.
pub(super) struct Secret(Password);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Password::new(text)))
    }
}

impl Secret {
    /// 7 to 32 characters.
    fn checked(self) -> Result<Password, Error> {
        match self.0.len() {
            7..=32 => Ok(self.0),
            _ => Err(limits::constraint_unseen("keyStorePassword", "Member must have length between 7 and 32")),
        }
    }
}

/// Parameters of external key stores. Refused by name.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Proxy {
    xks_proxy_uri_endpoint: Option<Value>,
    xks_proxy_uri_path: Option<Value>,
    xks_proxy_vpc_endpoint_service_name: Option<Value>,
    xks_proxy_vpc_endpoint_service_owner: Option<Value>,
    xks_proxy_authentication_credential: Option<Value>,
    xks_proxy_connectivity: Option<Value>,
}

impl Proxy {
    fn refused(&self) -> Result<(), Error> {
        let all = [
            ("XksProxyUriEndpoint", &self.xks_proxy_uri_endpoint),
            ("XksProxyUriPath", &self.xks_proxy_uri_path),
            ("XksProxyVpcEndpointServiceName", &self.xks_proxy_vpc_endpoint_service_name),
            ("XksProxyVpcEndpointServiceOwner", &self.xks_proxy_vpc_endpoint_service_owner),
            ("XksProxyAuthenticationCredential", &self.xks_proxy_authentication_credential),
            ("XksProxyConnectivity", &self.xks_proxy_connectivity),
        ];
        match all.into_iter().find(|(_, value)| value.is_some()) {
            Some((member, _)) => {
                Err(limits::invalid(format!("{member} is not a parameter of an AWS CloudHSM key store.")))
            }
            None => Ok(()),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CreateCustomKeyStore {
    custom_key_store_name: String,
    cloud_hsm_cluster_id: Option<String>,
    trust_anchor_certificate: Option<String>,
    key_store_password: Option<Secret>,
    custom_key_store_type: Option<String>,
    #[serde(flatten)]
    proxy: Proxy,
}

impl Shape for CreateCustomKeyStore {
    type Request = CreateCustomKeyStoreRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("customKeyStoreName", self.custom_key_store_name.as_str());
        told.maybe("cloudHsmClusterId", self.cloud_hsm_cluster_id.as_deref());
        told.maybe("trustAnchorCertificate", self.trust_anchor_certificate.as_deref());
        told.maybe("customKeyStoreType", self.custom_key_store_type.as_deref());
        told.maybe("keyStorePassword", self.key_store_password.as_ref().map(|_| HIDDEN));
        limits::length(&self.custom_key_store_name, "customKeyStoreName", 1, 256)?;
        let kind = self.custom_key_store_type.as_deref().unwrap_or(CLOUD_HSM);
        limits::member_of(kind, "customKeyStoreType", &[CLOUD_HSM, "EXTERNAL_KEY_STORE"])?;
        if kind != CLOUD_HSM {
            return Err(limits::unsupported(&format!("CustomKeyStoreType {kind}")));
        }
        self.proxy.refused()?;
        let cloud_hsm_cluster_id = required(self.cloud_hsm_cluster_id, "CloudHsmClusterId")?;
        let trust_anchor_certificate = required(self.trust_anchor_certificate, "TrustAnchorCertificate")?;
        let key_store_password = required(self.key_store_password, "KeyStorePassword")?;
        cluster_id(&cloud_hsm_cluster_id)?;
        let key_store_password = key_store_password.checked()?;
        limits::length(&trust_anchor_certificate, "trustAnchorCertificate", 1, 5000)?;
        Ok(CreateCustomKeyStoreRequest {
            custom_key_store_name: self.custom_key_store_name,
            cloud_hsm_cluster_id,
            trust_anchor_certificate,
            key_store_password,
        })
    }

    fn elements(answer: &CreateCustomKeyStoreResponse) -> Value {
        json!({ "customKeyStoreId": answer.custom_key_store_id })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DescribeCustomKeyStores {
    custom_key_store_id: Option<String>,
    custom_key_store_name: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

impl Shape for DescribeCustomKeyStores {
    type Request = DescribeCustomKeyStoresRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.maybe("customKeyStoreId", self.custom_key_store_id.as_deref());
        told.maybe("customKeyStoreName", self.custom_key_store_name.as_deref());
        let (limit, marker) = (limit(self.limit, 1000)?, marker(self.marker.as_deref())?);
        let (custom_key_store_id, custom_key_store_name) = (self.custom_key_store_id, self.custom_key_store_name);
        Ok(DescribeCustomKeyStoresRequest { custom_key_store_id, custom_key_store_name, limit, marker })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpdateCustomKeyStore {
    custom_key_store_id: String,
    new_custom_key_store_name: Option<String>,
    key_store_password: Option<Secret>,
    cloud_hsm_cluster_id: Option<String>,
    #[serde(flatten)]
    proxy: Proxy,
}

impl Shape for UpdateCustomKeyStore {
    type Request = UpdateCustomKeyStoreRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("customKeyStoreId", self.custom_key_store_id.as_str());
        told.maybe("newCustomKeyStoreName", self.new_custom_key_store_name.as_deref());
        told.maybe("cloudHsmClusterId", self.cloud_hsm_cluster_id.as_deref());
        told.maybe("keyStorePassword", self.key_store_password.as_ref().map(|_| HIDDEN));
        self.proxy.refused()?;
        if let Some(name) = &self.new_custom_key_store_name {
            limits::length(name, "newCustomKeyStoreName", 1, 256)?;
        }
        self.cloud_hsm_cluster_id.as_deref().map_or(Ok(()), cluster_id)?;
        Ok(UpdateCustomKeyStoreRequest {
            custom_key_store_id: self.custom_key_store_id,
            new_custom_key_store_name: self.new_custom_key_store_name,
            key_store_password: self.key_store_password.map(Secret::checked).transpose()?,
            cloud_hsm_cluster_id: self.cloud_hsm_cluster_id,
        })
    }
}

/// Requests that name one store and say no more.
macro_rules! of_one_store {
    ($($name:ident => $request:ident),+ $(,)?) => {$(
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub(super) struct $name {
            custom_key_store_id: String,
        }

        impl Shape for $name {
            type Request = arqueta_keys::api::$request;

            fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
                told.with("customKeyStoreId", self.custom_key_store_id.as_str());
                Ok(Self::Request { custom_key_store_id: self.custom_key_store_id })
            }
        }
    )+};
}

of_one_store! {
    ConnectCustomKeyStore => ConnectCustomKeyStoreRequest,
    DeleteCustomKeyStore => DeleteCustomKeyStoreRequest,
    DisconnectCustomKeyStore => DisconnectCustomKeyStoreRequest,
}

answers! {
    CreateCustomKeyStoreResponse { "CustomKeyStoreId": custom_key_store_id }
    DescribeCustomKeyStoresResponse { "CustomKeyStores": custom_key_stores } + page(next_marker)
    CustomKeyStoresListEntry {
        "CustomKeyStoreId": custom_key_store_id,
        "CustomKeyStoreName": custom_key_store_name,
        "CloudHsmClusterId": cloud_hsm_cluster_id,
        "TrustAnchorCertificate": trust_anchor_certificate,
        "ConnectionState": connection_state,
        "ConnectionErrorCode": connection_error_code,
        "CreationDate": creation_date,
        "CustomKeyStoreType": custom_key_store_type,
    }
}

/// `{}`.
impl Wire for Empty {
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serde::ser::SerializeMap::end(to.serialize_map(Some(0))?)
    }
}

fn required<T>(value: Option<T>, member: &str) -> Result<T, Error> {
    value.ok_or_else(|| limits::invalid(format!("{member} is required for an AWS CloudHSM key store.")))
}

fn cluster_id(id: &str) -> Result<(), Error> {
    const PATTERN: &str = "cluster-[2-7a-zA-Z]{11,16}";
    limits::length(id, "cloudHsmClusterId", 19, 24)?;
    let fits = id
        .strip_prefix("cluster-")
        .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphabetic() || ('2'..='7').contains(&c)));
    limits::pattern(id, "cloudHsmClusterId", PATTERN, |_| fits)
}
