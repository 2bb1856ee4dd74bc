//! What other Regions say, heard.

use arqueta_call::Kms;
use arqueta_kms::{Error, KeyManager};
use arqueta_model::{AccountId, Region, RequestInfo};
use serde_json::{Map, json};

use super::Neighbour;
use super::seal::Way;
use super::shared::{Misfit, Shared, merged};
use super::wire::{self, Answer, Message, Standing};
use crate::Embedded;
use crate::decide::principals::{identified_or_gone, shown_policy};
use crate::decide::resolve::{find_any, find_key};
use crate::key::fitness::handing_over;
use crate::own::event::record_own;
use crate::own::managed::new_key;
use crate::schema::{Creation, Edition, Errand, ErrandRecord, KeyRecord, Lifecycle, MultiRegion};
use crate::state::change::Change;

impl Embedded {
    /// Answers what the Region that calls itself `from` says. Both are sealed; the transport reads
    /// neither.
    ///
    /// # Errors
    /// [`Error::Denied`], one opaque case, for a Region that is not known and for anything that it
    /// did not seal for this one.
    pub async fn answer_region(&self, from: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let denied = || Error::Denied { message: "not a region that is known here".to_owned() };
        let from: Region = from.parse().map_err(|_| denied())?;
        let neighbour = self.state.neighbours.get(&from).ok_or_else(denied)?;
        let way = Way { from: &from, to: &self.state.region };
        let (nonce, message) = wire::open_request(&neighbour.region.key, way, sealed).ok_or_else(denied)?;
        let answer = hear_message(self, &from, neighbour, message).await.unwrap_or_else(|error| {
            tracing::error!(%from, %error, "what another region says could not be taken over");
            Answer::Refused
        });
        Ok(wire::seal_answer(&neighbour.region.key, way, &nonce, &answer))
    }
}

async fn hear_message(
    service: &Embedded,
    from: &Region,
    neighbour: &Neighbour,
    message: Message,
) -> Result<Answer, Error> {
    match message {
        Message::Hello => {
            neighbour.wake.notify_one();
            Ok(Answer::Done(Edition::default()))
        }
        Message::Inquire { account, key_id } => inquired(service, &account, &key_id).await,
        Message::Offer { shared, creation } => offered(service, from, shared, *creation).await,
        Message::Share(shared) => told_by(service, from, neighbour, shared).await,
        Message::Leave { account, key_id } => left_by(service, from, &account, &key_id).await,
    }
}

async fn inquired(service: &Embedded, account: &AccountId, key_id: &str) -> Result<Answer, Error> {
    service.up_to_date().await?;
    let Some(key) = find_key(service, account, key_id).filter(|key| key.record.multi_region.is_some()) else {
        return Ok(Answer::Unknown);
    };
    Ok(Answer::Standing(Standing {
        state: key.state(),
        policy: shown_policy(service, &key.record.policy).await?,
        tags: key.record.tags.clone(),
        aliases: key.aliases.clone(),
    }))
}

/// Makes a replica without material. It comes with the first share.
async fn offered(service: &Embedded, from: &Region, shared: Shared, creation: Creation) -> Result<Answer, Error> {
    let turn = service.turn().await?;
    let own = &service.state.region;
    if shared.regions.primary != *from || !shared.regions.replicas.contains(own) {
        return Ok(Answer::Refused);
    }
    let (existing, tomb) = {
        let directory = service.state.directory();
        let tomb = directory.tombs.get(&(shared.account.clone(), shared.id.clone())).copied();
        (directory.key(&shared.account, &shared.id).cloned(), tomb)
    };
    if let Some(key) = existing {
        return Ok(match &key.record.multi_region {
            // About to be destroyed; then the offer is heard again.
            Some(_) if key.is_gone(service.state.clock.now()) => Answer::Refused,
            Some(regions) => Answer::Done(regions.edition),
            None => Answer::Taken,
        });
    }
    if tomb.is_some_and(|tomb| shared.regions.edition <= tomb) {
        return Ok(Answer::Unknown);
    }
    let policy = identified_or_gone(service, &creation.policy).await?;
    let edition = shared.regions.edition;
    let record = replica_of(service, shared, &creation, policy);
    record_creation(service, &record, &creation).await?;
    service.commit(turn, vec![Change::Key(record)]).await?;
    Ok(Answer::Done(edition))
}

fn replica_of(service: &Embedded, shared: Shared, creation: &Creation, policy: String) -> KeyRecord {
    let mut record = new_key(service, &shared.account, &shared.id, KeyManager::Customer, policy);
    record.description.clone_from(&creation.description);
    record.tags.clone_from(&creation.tags);
    (record.usage, record.spec, record.origin) = (shared.usage, shared.spec, shared.origin);
    record.lifecycle = Lifecycle::Creating;
    record.rotation = shared.rotation;
    record.multi_region = Some(shared.regions);
    record.versions = shared.versions;
    record.versions.iter_mut().for_each(|version| version.sealed.clear());
    record
}

/// `CreateKey` in the replica's Region, by who replicated the key
/// (KMS Developer Guide, "CloudTrail log entries": ReplicateKey).
async fn record_creation(service: &Embedded, record: &KeyRecord, creation: &Creation) -> Result<(), Error> {
    let request = RequestInfo::internal(creation.source_ip, &creation.user_agent, service.state.clock.now());
    let parameters: Map<_, _> = [
        ("description", json!(creation.description)),
        ("keyUsage", json!(record.usage)),
        ("keySpec", json!(record.spec)),
        ("origin", json!(record.origin.name())),
        ("multiRegion", json!(true)),
        ("policy", json!(creation.policy)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect();
    let arn = record.arn(&service.state.region);
    let recorder = &service.state.recorder;
    let event = recorder.event(Kms::CreateKey.row(), &creation.principal, &request).parameters(parameters);
    let event = event.resource("AWS::KMS::Key", arn.as_str(), arn.account());
    Ok(recorder.record([event.build()]).await?)
}

/// Takes over what is newer than what is known here.
async fn told_by(service: &Embedded, from: &Region, neighbour: &Neighbour, shared: Shared) -> Result<Answer, Error> {
    let turn = service.turn().await?;
    let Some(key) = find_any(service, &shared.account, &shared.id) else { return Ok(Answer::Unknown) };
    let Some(mine) = &key.record.multi_region else { return Ok(Answer::Taken) };
    let own = &service.state.region;
    let awaited = key.record.lifecycle == Lifecycle::Creating && shared.regions.edition == mine.edition;
    if shared.regions.edition <= mine.edition && !awaited {
        let edition = mine.edition;
        if shared.regions.edition.term < edition.term && mine.primary == *own && mine.replicas.contains(from) {
            // It missed a hand-over, or was restored from before one.
            let (to, account, key_id) = (from.clone(), shared.account, shared.id);
            let errand = ErrandRecord { to, account, key_id, edition, errand: Errand::Share };
            service.commit(turn, vec![Change::Errand(errand)]).await?;
        }
        return Ok(Answer::Done(edition));
    }
    if !may_tell(from, own, &shared.regions) {
        return Ok(Answer::Refused);
    }
    let merged = merged(service, &key.record, shared, from, &neighbour.region.key);
    let mut record = merged.map_err(|misfit: Misfit| Error::Unavailable(misfit.into()))?;
    let inherited = inherit(service, &mut record);
    let edition = record.multi_region.as_ref().map(|regions| regions.edition).unwrap_or_default();
    let now = service.state.clock.now();
    record_own(service, &key, if inherited { "UpdatePrimaryRegion" } else { "SynchronizeMultiRegionKey" }, now).await?;
    service.commit(turn, vec![Change::Key(record)]).await?;
    Ok(Answer::Done(edition))
}

/// Makes a key that was named the primary act as one: whether it was.
fn inherit(service: &Embedded, record: &mut KeyRecord) -> bool {
    let now = service.state.clock.now();
    let Some(regions) = record.multi_region.as_mut().filter(|regions| regions.primary == service.state.region) else {
        return false;
    };
    // An edition of its own, so that all others hear of it from here.
    regions.edition = regions.edition.next();
    if let Lifecycle::PendingDeletion { at } = record.lifecycle {
        // Scheduled between the question whether it can be the primary and now.
        let days = at.since(now).as_secs().div_ceil(86_400).clamp(7, 30);
        let window_days = u16::try_from(days).unwrap_or(30);
        record.lifecycle = Lifecycle::PendingReplicaDeletion { window_days };
    }
    true
}

/// A replica says that it is gone. Asked again, by the next share, it says so for certain: an
/// old message does no harm.
async fn left_by(service: &Embedded, from: &Region, account: &AccountId, key_id: &str) -> Result<Answer, Error> {
    let turn = service.turn().await?;
    let Some(key) = find_any(service, account, key_id) else { return Ok(Answer::Unknown) };
    let Some(regions) = &key.record.multi_region else { return Ok(Answer::Unknown) };
    if regions.primary != service.state.region {
        let moving = handing_over(key.record.lifecycle);
        return Ok(if moving { Answer::Refused } else { Answer::Elsewhere(regions.primary.clone()) });
    }
    let known = service.state.directory().errand(from, account, key_id).is_some();
    if regions.replicas.contains(from) && !known {
        let (to, account, key_id) = (from.clone(), account.clone(), key_id.to_owned());
        let errand = ErrandRecord { to, account, key_id, edition: regions.edition, errand: Errand::Share };
        service.commit(turn, vec![Change::Errand(errand)]).await?;
    }
    Ok(Answer::Done(regions.edition))
}

/// Whether `from` may say this: as the primary of the edition that it tells, or as the one before,
/// which hands over to this Region.
fn may_tell(from: &Region, own: &Region, told: &MultiRegion) -> bool {
    told.primary == *from && told.replicas.contains(own) || told.primary == *own && told.replicas.contains(from)
}
