//! What a caller is told of keys.

use arqueta_call::Kms;
use arqueta_kms::{Algorithms, Error, KeySpec, KeyState};
use arqueta_model::Region;

use super::import;
use crate::Embedded;
use crate::api::{
    DescribeKeyRequest, DescribeKeyResponse, KeyListEntry, KeyMetadata, ListKeysRequest, ListKeysResponse,
    MultiRegionConfiguration, MultiRegionKey,
};
use crate::call::{Call, Operation};
use crate::decide::access::authorize_account;
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::key::link::Link;
use crate::page::page;
use crate::schema::{Lifecycle, MultiRegion, Origin, VersionRecord};

/// `DescribeKey`.
impl Operation for DescribeKeyRequest {
    type Answer = DescribeKeyResponse;
    const OPERATION: Kms = Kms::DescribeKey;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let ask = Ask::new(call.caller, Kms::DescribeKey);
        let key = admit(service, call, &self.key_id, Names::Aliases, ask).await?;
        Ok(DescribeKeyResponse { key_metadata: metadata(&key) })
    }
}

/// `ListKeys`: the caller's account's keys.
impl Operation for ListKeysRequest {
    type Answer = ListKeysResponse;
    const OPERATION: Kms = Kms::ListKeys;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let caller = call.caller;
        service.up_to_date().await?;
        authorize_account(service, Ask::new(caller, Kms::ListKeys), "*")?;
        let now = service.state.clock.now();
        let directory = service.state.directory();
        let keys = directory.keys.get(&caller.identity.principal.account).into_iter().flatten();
        let listed = keys
            .filter(|(_, key)| !key.is_owned() && !key.is_gone(now))
            .map(|(id, key)| (id.as_str(), KeyListEntry { key_id: id.clone(), key_arn: key.arn.as_str().to_owned() }));
        let page = page(listed, self.limit.unwrap_or(100), self.marker.as_deref());
        Ok(ListKeysResponse { keys: page.items, next_marker: page.next })
    }
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
        creation_date: record.created,
        enabled: key.state() == KeyState::Enabled,
        description: record.description.clone(),
        key_usage: record.usage,
        key_state: key.state(),
        deletion_date: match record.lifecycle {
            Lifecycle::PendingDeletion { at } => Some(at),
            _ => None,
        },
        origin: record.origin.name().to_owned(),
        expiration_model: imported.clone().any(VersionRecord::is_here).then(|| import::expiration_model(expires)),
        valid_to: expires,
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
