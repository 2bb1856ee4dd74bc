//! Making, describing, changing and deleting custom key stores.

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error, HolderError, TokenCluster};
use arqueta_seal::message;
use serde_json::json;

use super::{entry, invalid_state, keys_in, new_id, password_aad, store_of, too_few_tokens};
use crate::Embedded;
use crate::api::{
    CreateCustomKeyStoreRequest, CreateCustomKeyStoreResponse, DeleteCustomKeyStoreRequest,
    DescribeCustomKeyStoresRequest, DescribeCustomKeyStoresResponse, Empty, Password, UpdateCustomKeyStoreRequest,
};
use crate::call::{Call, finish};
use crate::decide::access::authorize_account;
use crate::decide::ask::Ask;
use crate::key::link::Store;
use crate::limits::{self, invalid, refused, unsupported};
use crate::page::page;
use crate::schema::{Connection, StoreRecord};
use crate::state::change::Change;

/// CloudTrail's words in the place of a secret.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// `CreateCustomKeyStore`, of type `AWS_CLOUDHSM`. The store is disconnected at first.
///
/// # Errors
/// As the API names them.
pub async fn create_custom_key_store(
    service: &Embedded,
    caller: &Caller,
    request: CreateCustomKeyStoreRequest,
) -> Result<CreateCustomKeyStoreResponse, Error> {
    let mut call = Call::new(caller, Kms::CreateCustomKeyStore)
        .with("customKeyStoreName", request.custom_key_store_name.as_str())
        .maybe("cloudHsmClusterId", request.cloud_hsm_cluster_id.as_deref())
        .maybe("trustAnchorCertificate", request.trust_anchor_certificate.as_deref())
        .maybe("customKeyStoreType", request.custom_key_store_type.as_deref())
        .maybe("keyStorePassword", request.key_store_password.as_ref().map(|_| HIDDEN));
    let outcome = create_store_in(service, &mut call, request).await;
    finish(service, call, outcome).await
}

async fn create_store_in(
    service: &Embedded,
    call: &mut Call<'_>,
    request: CreateCustomKeyStoreRequest,
) -> Result<CreateCustomKeyStoreResponse, Error> {
    service.up_to_date().await?;
    check_name(&request.custom_key_store_name, "customKeyStoreName")?;
    let kind = request.custom_key_store_type.as_deref().unwrap_or("AWS_CLOUDHSM");
    limits::member_of(kind, "customKeyStoreType", &["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"])?;
    if kind != "AWS_CLOUDHSM" {
        return Err(unsupported(&format!("CustomKeyStoreType {kind}")));
    }
    if let Some(member) = request.proxy.named() {
        return Err(invalid(format!("{member} is not a parameter of an AWS CloudHSM key store.")));
    }
    let cluster_id = required(request.cloud_hsm_cluster_id, "CloudHsmClusterId")?;
    let trust_anchor = required(request.trust_anchor_certificate, "TrustAnchorCertificate")?;
    let password = required(request.key_store_password, "KeyStorePassword")?;
    check_cluster_id(&cluster_id)?;
    check_password(&password)?;
    limits::length(&trust_anchor, "trustAnchorCertificate", 1, 5000)?;
    authorize_account(service, Ask::new(call.caller, Kms::CreateCustomKeyStore), "*")?;
    check_cluster(service, &cluster_id)?;
    if !cluster_of(service, &cluster_id)?.trusts(&trust_anchor) {
        let message = format!("The certificate is not the trust anchor of the cluster '{cluster_id}'.");
        return Err(refused("IncorrectTrustAnchorException", message));
    }
    let turn = service.turn().await?;
    let (account, id) = (&call.caller.identity.principal.account, new_id());
    check_unused(service, account, None, Some(&request.custom_key_store_name), Some(&cluster_id))?;
    let password = message::seal(service.state.root.expose(), &password_aad(account, &id), password.expose());
    let record = StoreRecord {
        account: account.clone(),
        id: id.clone(),
        name: request.custom_key_store_name,
        cluster: cluster_id,
        trust_anchor,
        password,
        created: service.state.clock.now(),
        connection: Connection::Disconnected,
    };
    service.commit(turn, vec![Change::Store(record)]).await?;
    call.answers(json!({ "customKeyStoreId": id }));
    Ok(CreateCustomKeyStoreResponse { custom_key_store_id: id })
}

/// `DescribeCustomKeyStores`: the account's.
///
/// # Errors
/// As the API names them.
pub async fn describe_custom_key_stores(
    service: &Embedded,
    caller: &Caller,
    request: DescribeCustomKeyStoresRequest,
) -> Result<DescribeCustomKeyStoresResponse, Error> {
    let call = Call::new(caller, Kms::DescribeCustomKeyStores)
        .maybe("customKeyStoreId", request.custom_key_store_id.as_deref())
        .maybe("customKeyStoreName", request.custom_key_store_name.as_deref());
    let outcome = describe_stores_in(service, caller, &request).await;
    finish(service, call, outcome).await
}

async fn describe_stores_in(
    service: &Embedded,
    caller: &Caller,
    request: &DescribeCustomKeyStoresRequest,
) -> Result<DescribeCustomKeyStoresResponse, Error> {
    service.up_to_date().await?;
    authorize_account(service, Ask::new(caller, Kms::DescribeCustomKeyStores), "*")?;
    let account = &caller.identity.principal.account;
    let stores = match (&request.custom_key_store_id, &request.custom_key_store_name) {
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
    if let (Some(name), true) = (&request.custom_key_store_name, stores.is_empty()) {
        let message = format!("Custom key store '{name}' is not found.");
        return Err(refused("CustomKeyStoreNotFoundException", message));
    }
    let listed = stores.iter().map(|store| (store.record.id.as_str(), entry(store)));
    let page = page(listed, request.limit, (100, 1000), request.marker.as_deref())?;
    Ok(DescribeCustomKeyStoresResponse {
        truncated: page.next.is_some(),
        custom_key_stores: page.items,
        next_marker: page.next,
    })
}

/// `UpdateCustomKeyStore`, of a disconnected store. Another cluster must hold the store's keys.
///
/// # Errors
/// As the API names them.
pub async fn update_custom_key_store(
    service: &Embedded,
    caller: &Caller,
    request: UpdateCustomKeyStoreRequest,
) -> Result<Empty, Error> {
    let call = Call::new(caller, Kms::UpdateCustomKeyStore)
        .with("customKeyStoreId", request.custom_key_store_id.as_str())
        .maybe("newCustomKeyStoreName", request.new_custom_key_store_name.as_deref())
        .maybe("cloudHsmClusterId", request.cloud_hsm_cluster_id.as_deref())
        .maybe("keyStorePassword", request.key_store_password.as_ref().map(|_| HIDDEN));
    let outcome = update_store_in(service, caller, request).await;
    finish(service, call, outcome).await
}

async fn update_store_in(
    service: &Embedded,
    caller: &Caller,
    request: UpdateCustomKeyStoreRequest,
) -> Result<Empty, Error> {
    if let Some(member) = request.proxy.named() {
        return Err(invalid(format!("{member} is not a parameter of an AWS CloudHSM key store.")));
    }
    let turn = service.turn().await?;
    authorize_account(service, Ask::new(caller, Kms::UpdateCustomKeyStore), "*")?;
    let account = &caller.identity.principal.account;
    let store = store_of(service, account, &request.custom_key_store_id)?;
    if store.link.state() != "DISCONNECTED" {
        return Err(invalid_state(&store, "must be disconnected to be changed"));
    }
    let (name, cluster_id) = (request.new_custom_key_store_name, request.cloud_hsm_cluster_id);
    if let Some(name) = &name {
        check_name(name, "newCustomKeyStoreName")?;
    }
    check_unused(service, account, Some(&store.record.id), name.as_deref(), cluster_id.as_deref())?;
    let mut record = store.record.clone();
    if let Some(cluster_id) = cluster_id {
        check_cluster_id(&cluster_id)?;
        check_cluster(service, &cluster_id)?;
        check_related(service, &store, &cluster_id).await?;
        record.cluster = cluster_id;
    }
    if let Some(password) = request.key_store_password {
        check_password(&password)?;
        let aad = password_aad(account, &record.id);
        record.password = message::seal(service.state.root.expose(), &aad, password.expose());
    }
    record.name = name.unwrap_or(record.name);
    service.commit(turn, vec![Change::Store(record)]).await?;
    Ok(Empty {})
}

/// `DeleteCustomKeyStore`: of an empty, disconnected store. The cluster is left as it is.
///
/// # Errors
/// As the API names them.
pub async fn delete_custom_key_store(
    service: &Embedded,
    caller: &Caller,
    request: DeleteCustomKeyStoreRequest,
) -> Result<Empty, Error> {
    let call =
        Call::new(caller, Kms::DeleteCustomKeyStore).with("customKeyStoreId", request.custom_key_store_id.as_str());
    let outcome = async {
        let turn = service.turn().await?;
        authorize_account(service, Ask::new(caller, Kms::DeleteCustomKeyStore), "*")?;
        let store = store_of(service, &caller.identity.principal.account, &request.custom_key_store_id)?;
        if !keys_in(service, &store.record).is_empty() {
            let message = format!("Custom key store '{}' contains KMS keys.", store.record.id);
            return Err(refused("CustomKeyStoreHasCMKsException", message));
        }
        if store.link.state() != "DISCONNECTED" {
            return Err(invalid_state(&store, "must be disconnected to be deleted"));
        }
        service.commit(turn, vec![Change::DropStore(store)]).await?;
        Ok(Empty {})
    };
    let outcome = outcome.await;
    finish(service, call, outcome).await
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

fn required<T>(value: Option<T>, member: &str) -> Result<T, Error> {
    value.ok_or_else(|| invalid(format!("{member} is required for an AWS CloudHSM key store.")))
}

fn check_name(name: &str, member: &str) -> Result<(), Error> {
    limits::length(name, member, 1, 256)
}

fn check_cluster_id(id: &str) -> Result<(), Error> {
    const PATTERN: &str = "cluster-[2-7a-zA-Z]{11,16}";
    limits::length(id, "cloudHsmClusterId", 19, 24)?;
    let fits = id
        .strip_prefix("cluster-")
        .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphabetic() || ('2'..='7').contains(&c)));
    limits::pattern(id, "cloudHsmClusterId", PATTERN, |_| fits)
}

fn check_password(password: &Password) -> Result<(), Error> {
    match password.expose().len() {
        7..=32 => Ok(()),
        _ => Err(invalid(
            "1 validation error detected: Value at 'keyStorePassword' failed to satisfy constraint: Member must have length between 7 and 32",
        )),
    }
}
