//! ReplicateKey.

use arqueta_call::Kms;
use arqueta_kms::Error;
use arqueta_model::Region;

use super::outbox::run_at_once;
use super::shared::Shared;
use crate::Embedded;
use crate::api::{ReplicateKeyRequest, ReplicateKeyResponse, Tag};
use crate::call::{Call, Operation};
use crate::decide::access::authorize_account;
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::lockout::check_lockout;
use crate::decide::primary::primary_of;
use crate::decide::principals::identified;
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::key::fitness::usable;
use crate::life::describe::metadata;
use crate::life::tags;
use crate::limits::{refused, unsupported};
use crate::own::managed::default_policy;
use crate::schema::{Creation, Errand, ErrandRecord, KeyRecord, Lifecycle};
use crate::state::change::Change;

/// `ReplicateKey`. The replica is `Creating` until its Region has heard of it and has the
/// material; where that Region is down it comes later, by itself.
/// A Region that is not in the configuration is `UnsupportedOperationException`.
impl Operation for ReplicateKeyRequest {
    type Answer = ReplicateKeyResponse;
    const OPERATION: Kms = Kms::ReplicateKey;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let to = self.replica_region;
        tags::room(self.tags.len())?;
        let turn = service.turn().await?;
        let regions = [to.to_string()];
        let conditions = [("kms:ReplicaRegion", &regions[..])];
        let ask = Ask::new(call.caller, Kms::ReplicateKey).conditions(&conditions);
        let key = admit(service, call, &self.key_id, Names::Keys, ask).await?;
        may_create_in(service, call, &to, &self.tags)?;
        replicable(service, &key, &to)?;
        let policy = self.policy.unwrap_or_else(|| default_policy(&key.record.account));
        // The other Region gives it the ids that its principals have there.
        identified(service, &policy).await?;
        let principal = call.caller.identity.principal.clone();
        let creation = Creation {
            policy,
            description: self.description,
            tags: self.tags,
            principal,
            source_ip: call.caller.request.source_ip,
            user_agent: call.caller.request.user_agent.to_string(),
        };
        let mut record = key.record.clone();
        let edition = {
            let regions = record.multi_region.as_mut().ok_or_else(|| unsupported("Replication of this key"))?;
            regions.replicas.insert(to.clone());
            regions.edition = regions.edition.next();
            regions.edition
        };
        let replica = replica_seen_from_here(service, &record, &to, &creation)?;
        if !self.bypass_policy_lockout_safety_check {
            check_lockout(service, call.caller, &replica.record)?;
        }
        let answer = answer(&replica);
        let (account, key_id) = (record.account.clone(), record.id.clone());
        let errand =
            ErrandRecord { to: to.clone(), account, key_id, edition, errand: Errand::Create(Box::new(creation)) };
        // In this order: the key's change tells every replica, this one more than the others.
        service.commit(turn, vec![Change::Key(record), Change::Errand(errand)]).await?;
        let service = service.clone();
        call.afterwards(async move { run_at_once(&service, &to).await });
        Ok(answer)
    }
}

/// The caller's own rights to create a key in the other Region. Identity policies hold
/// wherever their account is.
fn may_create_in(
    service: &Embedded,
    call: &Call<'_>,
    to: &Region,
    wanted: &std::collections::BTreeMap<String, String>,
) -> Result<(), Error> {
    let mut conditions = tags::conditions(wanted);
    conditions.push(("kms:MultiRegion".to_owned(), vec!["true".to_owned()]));
    conditions.push(("kms:MultiRegionKeyType".to_owned(), vec!["REPLICA".to_owned()]));
    let conditions = tags::borrowed(&conditions);
    authorize_account(service, Ask::new(call.caller, Kms::CreateKey).conditions(&conditions).within(to), "*")?;
    if wanted.is_empty() {
        return Ok(());
    }
    authorize_account(service, Ask::new(call.caller, Kms::TagResource).conditions(&conditions).within(to), "*")
}

/// Whether `key` can have a replica in `to`.
fn replicable(service: &Embedded, key: &Key, to: &Region) -> Result<(), Error> {
    let regions = primary_of(service, key)?;
    usable(key)?;
    if regions.all().any(|region| region == to) {
        let arn = key.record.arn(to);
        return Err(refused("AlreadyExistsException", format!("{arn} already exists")));
    }
    if service.state.neighbours.get(to).is_none() {
        return Err(unsupported(&format!("Region {to}")));
    }
    Ok(())
}

/// The replica as its Region will have it.
fn replica_seen_from_here(
    service: &Embedded,
    primary: &KeyRecord,
    to: &Region,
    creation: &Creation,
) -> Result<Key, Error> {
    let mut record = primary.clone();
    record.created = service.state.clock.now();
    record.lifecycle = Lifecycle::Creating;
    record.policy.clone_from(&creation.policy);
    record.description.clone_from(&creation.description);
    record.tags.clone_from(&creation.tags);
    if let Some(regions) = &record.multi_region {
        record.versions = Shared::bare(&record, regions).versions;
    }
    Key::new(to, &service.state.homes, record, bytes::Bytes::new(), None)
}

fn answer(replica: &Key) -> ReplicateKeyResponse {
    let tag = |(name, value): (&String, &String)| Tag { tag_key: name.clone(), tag_value: value.clone() };
    ReplicateKeyResponse {
        replica_key_metadata: metadata(replica),
        replica_policy: replica.record.policy.clone(),
        replica_tags: replica.record.tags.iter().map(tag).collect(),
    }
}
