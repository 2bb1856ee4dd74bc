//! ReplicateKey.

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error};
use arqueta_model::Region;
use serde_json::json;

use super::outbox::run_at_once;
use super::shared::Shared;
use crate::Embedded;
use crate::api::{ReplicateKeyRequest, ReplicateKeyResponse, Tag};
use crate::call::{Call, finish};
use crate::decide::access::authorize_account;
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::lockout::{MAX_POLICY, check_lockout};
use crate::decide::primary::primary_of;
use crate::decide::principals::identified;
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::key::fitness::usable;
use crate::life::change::MAX_DESCRIPTION;
use crate::life::describe::metadata;
use crate::life::tags;
use crate::limits::{self, refused, unsupported};
use crate::own::managed::default_policy;
use crate::schema::{Creation, Errand, ErrandRecord, KeyRecord, Lifecycle};
use crate::state::change::Change;

/// `ReplicateKey`. The replica is `Creating` until its Region has heard of it and has the
/// material; where that Region is down it comes later, by itself.
///
/// # Errors
/// As the API names them; `UnsupportedOperationException` for a Region that is not in the
/// configuration.
pub async fn replicate_key(
    service: &Embedded,
    caller: &Caller,
    request: ReplicateKeyRequest,
) -> Result<ReplicateKeyResponse, Error> {
    let mut call = Call::new(caller, Kms::ReplicateKey)
        .with("keyId", request.key_id.as_str())
        .with("replicaRegion", request.replica_region.as_str())
        .with("bypassPolicyLockoutSafetyCheck", request.bypass_policy_lockout_safety_check)
        .maybe("policy", request.policy.as_deref())
        .maybe("description", request.description.as_deref())
        .maybe("tags", (!request.tags.is_empty()).then(|| json!(request.tags)));
    let outcome = replicate_in(service, &mut call, request).await;
    let (answer, to) = finish(service, call, outcome).await?;
    run_at_once(service, &to).await;
    Ok(answer)
}

async fn replicate_in(
    service: &Embedded,
    call: &mut Call<'_>,
    request: ReplicateKeyRequest,
) -> Result<(ReplicateKeyResponse, Region), Error> {
    let to = region(&request.replica_region, "replicaRegion")?;
    let description = request.description.unwrap_or_default();
    limits::length(&description, "description", 0, MAX_DESCRIPTION)?;
    let wanted = tags::checked(request.tags)?;
    let turn = service.turn().await?;
    let regions = [to.to_string()];
    let conditions = [("kms:ReplicaRegion", &regions[..])];
    let ask = Ask::new(call.caller, Kms::ReplicateKey).conditions(&conditions);
    let key = admit(service, call, &request.key_id, Names::Keys, ask).await?;
    may_create_in(service, call, &to, &wanted)?;
    replicable(service, &key, &to)?;
    let policy = request.policy.unwrap_or_else(|| default_policy(&key.record.account));
    limits::length(&policy, "policy", 1, MAX_POLICY)?;
    // The other Region gives it the ids that its principals have there.
    identified(service, &policy).await?;
    let principal = call.caller.identity.principal.clone();
    let creation = Creation {
        policy,
        description,
        tags: wanted,
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
    if !request.bypass_policy_lockout_safety_check {
        check_lockout(service, call.caller, &replica.record)?;
    }
    let answer = answer(&replica);
    call.answers(json!(answer));
    let (account, key_id) = (record.account.clone(), record.id.clone());
    let errand = ErrandRecord { to: to.clone(), account, key_id, edition, errand: Errand::Create(Box::new(creation)) };
    // In this order: the key's change tells every replica, this one more than the others.
    service.commit(turn, vec![Change::Key(record), Change::Errand(errand)]).await?;
    Ok((answer, to))
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

/// A Region's name, as the KMS API takes it.
pub(super) fn region(name: &str, member: &str) -> Result<Region, Error> {
    limits::length(name, member, 1, 32)?;
    let parts: Vec<_> = name.split('-').collect();
    let (number, words) = parts.split_last().map_or(("", &[][..]), |(number, words)| (*number, words));
    let fits = matches!(words.len(), 2 | 3)
        && words.iter().all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit());
    name.parse().ok().filter(|_| fits).ok_or_else(|| {
        limits::constraint(name, member, r"Member must satisfy regular expression pattern: ^([a-z]+-){2,3}\d+$")
    })
}
