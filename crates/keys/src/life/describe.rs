//! What a caller is told of keys.

use arqueta_call::Kms;
use arqueta_kms::{Algorithms, Caller, Error, KeySpec, KeyState};
use arqueta_model::Region;

use super::import;
use crate::api::{
    DescribeKeyRequest, DescribeKeyResponse, EpochSeconds, KeyListEntry, KeyMetadata, ListKeysRequest,
    ListKeysResponse, MultiRegionConfiguration, MultiRegionKey,
};
use crate::call::{Call, finish};
use crate::decide::access::authorize_account;
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::key::link::Link;
use crate::page::page;
use crate::schema::{Lifecycle, MultiRegion, Origin, VersionRecord};
use crate::{Embedded, limits};

/// Keys of other accounts, shared by AWS's Resource Access Manager.
const SHARED: &str = "OTHER_ACCOUNTS_VIA_RAM";

/// `DescribeKey`.
///
/// # Errors
/// As the API names them.
pub async fn describe_key(
    service: &Embedded,
    caller: &Caller,
    request: DescribeKeyRequest,
) -> Result<DescribeKeyResponse, Error> {
    let mut call = Call::new(caller, Kms::DescribeKey).with("keyId", request.key_id.as_str());
    let outcome = admit(service, &mut call, &request.key_id, Names::Aliases, Ask::new(caller, Kms::DescribeKey)).await;
    let outcome = outcome.map(|key| DescribeKeyResponse { key_metadata: metadata(&key) });
    finish(service, call, outcome).await
}

/// `ListKeys`: the caller's account's keys.
///
/// # Errors
/// As the API names them.
pub async fn list_keys(
    service: &Embedded,
    caller: &Caller,
    request: ListKeysRequest,
) -> Result<ListKeysResponse, Error> {
    let call =
        Call::new(caller, Kms::ListKeys).maybe("limit", request.limit).maybe("marker", request.marker.as_deref());
    let outcome = list_keys_in(service, caller, &request).await;
    finish(service, call, outcome).await
}

async fn list_keys_in(
    service: &Embedded,
    caller: &Caller,
    request: &ListKeysRequest,
) -> Result<ListKeysResponse, Error> {
    service.up_to_date().await?;
    authorize_account(service, Ask::new(caller, Kms::ListKeys), "*")?;
    for owner in &request.resource_owners {
        limits::member_of(owner, "resourceOwners", &["SELF", SHARED])?;
        if owner == SHARED {
            return Err(limits::unsupported(&format!("ResourceOwners {SHARED}")));
        }
    }
    let now = service.state.clock.now();
    let directory = service.state.directory();
    let keys = directory.keys.get(&caller.identity.principal.account).into_iter().flatten();
    let listed = keys
        .filter(|(_, key)| !key.is_owned() && !key.is_gone(now))
        .map(|(id, key)| (id.as_str(), KeyListEntry { key_id: id.clone(), key_arn: key.arn.as_str().to_owned() }));
    let page = page(listed, request.limit, (100, 1000), request.marker.as_deref())?;
    Ok(ListKeysResponse { truncated: page.next.is_some(), keys: page.items, next_marker: page.next })
}

/// What AWS tells of a key.
pub(crate) fn metadata(key: &Key) -> KeyMetadata {
    let record = &key.record;
    let imported = record.versions.iter().filter(|version| version.imported.is_some() && !version.is_pending());
    let expires = imported.clone().filter_map(VersionRecord::expires).min();
    KeyMetadata {
        aws_account_id: record.account.as_str().to_owned(),
        key_id: record.id.clone(),
        arn: key.arn.as_str().to_owned(),
        creation_date: EpochSeconds(record.created),
        enabled: key.state() == KeyState::Enabled,
        description: record.description.clone(),
        key_usage: record.usage,
        key_state: key.state(),
        deletion_date: match record.lifecycle {
            Lifecycle::PendingDeletion { at } => Some(EpochSeconds(at)),
            _ => None,
        },
        origin: record.origin.name().to_owned(),
        expiration_model: imported.clone().any(VersionRecord::is_here).then(|| import::expiration_model(expires)),
        valid_to: expires.map(EpochSeconds),
        key_manager: record.manager,
        customer_master_key_spec: record.spec,
        key_spec: record.spec,
        algorithms: Algorithms::of(record.spec, record.usage).into(),
        multi_region: record.multi_region.is_some(),
        multi_region_configuration: record.multi_region.as_ref().map(|regions| configuration(key, regions)),
        pending_deletion_window_in_days: match record.lifecycle {
            Lifecycle::PendingReplicaDeletion { window_days } => Some(window_days),
            _ => None,
        },
        custom_key_store_id: record.custom_key_store.clone(),
        cloud_hsm_cluster_id: key.store().map(Link::cluster_id),
        current_key_material_id: (record.spec == KeySpec::SYMMETRIC_DEFAULT && record.origin != Origin::CloudHsm)
            .then(|| record.current().map(|number| record.versions[number].id.clone()))
            .flatten(),
    }
}

/// The keys of a multi-Region key, as this one knows them.
fn configuration(key: &Key, regions: &MultiRegion) -> MultiRegionConfiguration {
    let member = |region: &Region| MultiRegionKey {
        arn: key.record.arn(region).as_str().to_owned(),
        region: region.as_str().to_owned(),
    };
    let primary = regions.primary.as_str() == key.arn.region();
    MultiRegionConfiguration {
        multi_region_key_type: if primary { "PRIMARY" } else { "REPLICA" },
        primary_key: member(&regions.primary),
        replica_keys: regions.replicas.iter().map(member).collect(),
    }
}
