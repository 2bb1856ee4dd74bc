//! Making, describing, changing and deleting custom key stores.

use arqueta_call::Kms;
use arqueta_kms::{Error, HolderError, TokenCluster};
use arqueta_seal::message;

use super::{entry, invalid_state, keys_in, new_id, password_aad, store_of, too_few_tokens};
use crate::Embedded;
use crate::api::{
    CreateCustomKeyStoreRequest, CreateCustomKeyStoreResponse, DeleteCustomKeyStoreRequest,
    DescribeCustomKeyStoresRequest, DescribeCustomKeyStoresResponse, Empty, UpdateCustomKeyStoreRequest,
};
use crate::call::{Call, Operation};
use crate::decide::access::authorize_account;
use crate::decide::ask::Ask;
use crate::key::link::Store;
use crate::limits::{invalid, refused};
use crate::page::page;
use crate::schema::{Connection, StoreRecord};
use crate::state::change::Change;

/// `CreateCustomKeyStore`, of type `AWS_CLOUDHSM`. The store is disconnected at first.
impl Operation for CreateCustomKeyStoreRequest {
    type Answer = CreateCustomKeyStoreResponse;
    const OPERATION: Kms = Kms::CreateCustomKeyStore;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        service.up_to_date().await?;
        let cluster_id = self.cloud_hsm_cluster_id.as_str();
        authorize_account(service, Ask::new(call.caller, Kms::CreateCustomKeyStore), "*")?;
        check_cluster(service, cluster_id)?;
        if !cluster_of(service, cluster_id)?.trusts(&self.trust_anchor_certificate) {
            let message = format!("The certificate is not the trust anchor of the cluster '{cluster_id}'.");
            return Err(refused("IncorrectTrustAnchorException", message));
        }
        let turn = service.turn().await?;
        let (account, id) = (&call.caller.identity.principal.account, new_id());
        check_unused(service, account, None, Some(&self.custom_key_store_name), Some(cluster_id))?;
        let password =
            message::seal(service.state.root.expose(), &password_aad(account, &id), self.key_store_password.expose());
        let record = StoreRecord {
            account: account.clone(),
            id: id.clone(),
            name: self.custom_key_store_name,
            cluster: self.cloud_hsm_cluster_id,
            trust_anchor: self.trust_anchor_certificate,
            password,
            created: service.state.clock.now(),
            connection: Connection::Disconnected,
        };
        service.commit(turn, vec![Change::Store(record)]).await?;
        Ok(CreateCustomKeyStoreResponse { custom_key_store_id: id })
    }
}

/// `DescribeCustomKeyStores`: the account's.
impl Operation for DescribeCustomKeyStoresRequest {
    type Answer = DescribeCustomKeyStoresResponse;
    const OPERATION: Kms = Kms::DescribeCustomKeyStores;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        service.up_to_date().await?;
        authorize_account(service, Ask::new(call.caller, Kms::DescribeCustomKeyStores), "*")?;
        let account = &call.caller.identity.principal.account;
        let stores = match (&self.custom_key_store_id, &self.custom_key_store_name) {
            (Some(_), Some(_)) => {
                return Err(invalid("You can specify CustomKeyStoreId or CustomKeyStoreName, but not both."));
            }
            (Some(id), None) => vec![store_of(service, account, id)?],
            (None, name) => {
                let directory = service.state.directory();
                let all = directory.stores.get(account).into_iter().flat_map(|stores| stores.values());
                all.filter(|store| name.as_ref().is_none_or(|name| store.record.name == *name)).cloned().collect()
            }
        };
        if let (Some(name), true) = (&self.custom_key_store_name, stores.is_empty()) {
            let message = format!("Custom key store '{name}' is not found.");
            return Err(refused("CustomKeyStoreNotFoundException", message));
        }
        let listed = stores.iter().map(|store| (store.record.id.as_str(), entry(store)));
        let page = page(listed, self.limit.unwrap_or(100), self.marker.as_deref());
        Ok(DescribeCustomKeyStoresResponse { custom_key_stores: page.items, next_marker: page.next })
    }
}

/// `UpdateCustomKeyStore`, of a disconnected store. Another cluster must hold the store's keys.
impl Operation for UpdateCustomKeyStoreRequest {
    type Answer = Empty;
    const OPERATION: Kms = Kms::UpdateCustomKeyStore;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let turn = service.turn().await?;
        authorize_account(service, Ask::new(call.caller, Kms::UpdateCustomKeyStore), "*")?;
        let account = &call.caller.identity.principal.account;
        let store = store_of(service, account, &self.custom_key_store_id)?;
        if store.link.state() != "DISCONNECTED" {
            return Err(invalid_state(&store, "must be disconnected to be changed"));
        }
        let (name, cluster_id) = (self.new_custom_key_store_name, self.cloud_hsm_cluster_id);
        check_unused(service, account, Some(&store.record.id), name.as_deref(), cluster_id.as_deref())?;
        let mut record = store.record.clone();
        if let Some(cluster_id) = cluster_id {
            check_cluster(service, &cluster_id)?;
            check_related(service, &store, &cluster_id).await?;
            record.cluster = cluster_id;
        }
        if let Some(password) = self.key_store_password {
            let aad = password_aad(account, &record.id);
            record.password = message::seal(service.state.root.expose(), &aad, password.expose());
        }
        record.name = name.unwrap_or(record.name);
        service.commit(turn, vec![Change::Store(record)]).await?;
        Ok(Empty {})
    }
}

/// `DeleteCustomKeyStore`: of an empty, disconnected store. The cluster is left as it is.
impl Operation for DeleteCustomKeyStoreRequest {
    type Answer = Empty;
    const OPERATION: Kms = Kms::DeleteCustomKeyStore;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let turn = service.turn().await?;
        authorize_account(service, Ask::new(call.caller, Kms::DeleteCustomKeyStore), "*")?;
        let store = store_of(service, &call.caller.identity.principal.account, &self.custom_key_store_id)?;
        if !keys_in(service, &store.record).is_empty() {
            let message = format!("Custom key store '{}' contains KMS keys.", store.record.id);
            return Err(refused("CustomKeyStoreHasCMKsException", message));
        }
        if store.link.state() != "DISCONNECTED" {
            return Err(invalid_state(&store, "must be disconnected to be deleted"));
        }
        service.commit(turn, vec![Change::DropStore(store)]).await?;
        Ok(Empty {})
    }
}

pub(super) fn cluster_of<'a>(service: &'a Embedded, id: &str) -> Result<&'a dyn TokenCluster, Error> {
    let found = service.state.clusters.get(id).map(|cluster| &**cluster);
    found.ok_or_else(|| refused("CloudHsmClusterNotFoundException", format!("The cluster '{id}' is not found.")))
}

/// A cluster that a store can be made for.
fn check_cluster(service: &Embedded, id: &str) -> Result<(), Error> {
    let cluster = cluster_of(service, id)?;
    if cluster.tokens() < 2 {
        return Err(too_few_tokens(id));
    }
    if !cluster.is_available() {
        let message = format!("The cluster '{id}' is not active.");
        return Err(refused("CloudHsmClusterNotActiveException", message));
    }
    Ok(())
}

fn check_unused(
    service: &Embedded,
    account: &arqueta_model::AccountId,
    own: Option<&str>,
    name: Option<&str>,
    cluster: Option<&str>,
) -> Result<(), Error> {
    let directory = service.state.directory();
    let stores = directory.stores.get(account).into_iter().flat_map(|stores| stores.values());
    for store in stores.filter(|store| Some(store.record.id.as_str()) != own) {
        if Some(store.record.name.as_str()) == name {
            let message = format!("The custom key store name '{}' is in use.", store.record.name);
            return Err(refused("CustomKeyStoreNameInUseException", message));
        }
        if Some(store.record.cluster.as_str()) == cluster {
            let message = format!("The cluster '{}' is in use by another custom key store.", store.record.cluster);
            return Err(refused("CloudHsmClusterInUseException", message));
        }
    }
    Ok(())
}

/// Refuses a cluster that does not hold every key of the store.
async fn check_related(service: &Embedded, store: &Store, cluster_id: &str) -> Result<(), Error> {
    let keys = keys_in(service, &store.record);
    let cluster = cluster_of(service, cluster_id)?;
    for held in keys.iter().flat_map(|key| key.versions.iter()).filter_map(|version| version.held.as_ref()) {
        match cluster.adopt(&held.name).await {
            Ok(()) => {}
            Err(HolderError::UnknownKey) => {
                let message = format!("The cluster '{cluster_id}' is not related to '{}'.", store.record.cluster);
                return Err(refused("CloudHsmClusterNotRelatedException", message));
            }
            Err(error) => return Err(Error::Unavailable(error.into())),
        }
    }
    Ok(())
}
