//! Custom key stores: an account's name for a cluster of tokens that holds its keys
//! (KMS Developer Guide, "AWS CloudHSM key stores").

pub(crate) mod administer;
pub(crate) mod connect;

use std::sync::Arc;

use arqueta_kms::{Error, HolderError};
use arqueta_model::{AccountId, ObjectId};
use zeroize::Zeroizing;

use crate::Embedded;
use crate::api::CustomKeyStoresListEntry;
use crate::key::link::Store;
use crate::limits::{self, refused};
use crate::schema::{Connection, KeyRecord, StoreRecord};

/// The custom key store of this id in an account.
pub(crate) fn store_of(service: &Embedded, account: &AccountId, id: &str) -> Result<Arc<Store>, Error> {
    limits::length(id, "customKeyStoreId", 1, 64)?;
    let found = service.state.directory().stores.get(account).and_then(|stores| stores.get(id)).cloned();
    found.ok_or_else(|| refused("CustomKeyStoreNotFoundException", format!("Custom key store '{id}' is not found.")))
}

/// A custom key store that new keys can be made in: connected, to a cluster with two or more
/// working tokens.
pub(crate) fn store_for_new_key(service: &Embedded, account: &AccountId, id: &str) -> Result<Arc<Store>, Error> {
    let store = store_of(service, account, id)?;
    let cluster = store.link.cluster().map_err(|_| not_connected(&store))?;
    if cluster.working() < 2 {
        return Err(too_few_tokens(&store.record.cluster));
    }
    Ok(store)
}

/// Random bytes of the tokens behind a custom key store.
pub(crate) async fn store_random(
    service: &Embedded,
    account: &AccountId,
    id: &str,
    size: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let store = store_of(service, account, id)?;
    let cluster = store.link.cluster().map_err(|_| not_connected(&store))?;
    cluster.random(size).await.map_err(|error| match error {
        HolderError::Throttled => Error::Throttled,
        _ => not_connected(&store),
    })
}

/// Keys whose material a custom key store holds, those that wait for deletion too.
fn keys_in(service: &Embedded, store: &StoreRecord) -> Vec<KeyRecord> {
    let directory = service.state.directory();
    let keys = directory.keys.get(&store.account).into_iter().flat_map(|keys| keys.values());
    let held = keys.filter(|key| key.record.custom_key_store.as_deref() == Some(&store.id));
    held.map(|key| key.record.clone()).collect()
}

/// What AWS tells of a custom key store.
fn entry(store: &Store) -> CustomKeyStoresListEntry {
    let record = &store.record;
    let state = store.link.state();
    CustomKeyStoresListEntry {
        custom_key_store_id: record.id.clone(),
        custom_key_store_name: record.name.clone(),
        cloud_hsm_cluster_id: record.cluster.clone(),
        trust_anchor_certificate: record.trust_anchor.clone(),
        connection_state: state.to_owned(),
        connection_error_code: match record.connection {
            Connection::Failed(code) if state == "FAILED" => Some(code.name().to_owned()),
            _ => None,
        },
        creation_date: record.created,
        custom_key_store_type: "AWS_CLOUDHSM".to_owned(),
    }
}

/// A fresh custom key store id.
fn new_id() -> String {
    let random = ObjectId::random().to_string();
    format!("cks-{}", &random[..17])
}

/// What the sealed password of a store is bound to.
fn password_aad(account: &AccountId, id: &str) -> Vec<u8> {
    [b"arqueta/1/store-password", account.as_str().as_bytes(), id.as_bytes()].concat()
}

fn invalid_state(store: &Store, words: &str) -> Error {
    refused("CustomKeyStoreInvalidStateException", format!("Custom key store '{}' {words}.", store.record.id))
}

fn not_connected(store: &Store) -> Error {
    invalid_state(store, "is not connected to its cluster")
}

fn too_few_tokens(cluster: &str) -> Error {
    let message = format!("The cluster '{cluster}' must have at least two active HSMs.");
    refused("CloudHsmClusterInvalidConfigurationException", message)
}
