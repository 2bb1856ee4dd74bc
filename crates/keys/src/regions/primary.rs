//! UpdatePrimaryRegion: the primary gives its part to a replica.
//!
//! Two steps, each one commit. Here: the record names the heir in a new term, and is `Updating`;
//! from then on nobody is the primary. There: the heir hears of that term, is the primary, and
//! tells all others. A crash or a partition between the two leaves a key that encrypts and
//! decrypts in every Region, and that nobody administers until the heir has heard.

use arqueta_call::Kms;
use arqueta_kms::{Error, KeyState};
use arqueta_model::Region;

use super::outbox::{exchange, run_at_once};
use super::wire::{Answer, Message, Standing};
use crate::Embedded;
use crate::api::UpdatePrimaryRegionRequest;
use crate::call::{Call, Operation};
use crate::decide::access::{authorize, decide};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::primary::primary_of;
use crate::decide::resolve::{Names, no_such_key, resolve};
use crate::key::Key;
use crate::key::fitness::usable;
use crate::key::homes::Registry;
use crate::limits::refused;
use crate::schema::{Errand, ErrandRecord, Lifecycle};
use crate::state::change::Change;

/// `UpdatePrimaryRegion`. Needs the permission on the primary and on the replica. The keys
/// are `Updating` until the new primary has heard of it.
/// Where the replica's Region does not answer it is [`Error::Unavailable`], and nothing changed.
impl Operation for UpdatePrimaryRegionRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::UpdatePrimaryRegion;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let heir = self.primary_region;
        let regions = [heir.to_string()];
        let conditions = [("kms:PrimaryRegion", &regions[..])];
        let ask = Ask::new(call.caller, Kms::UpdatePrimaryRegion).conditions(&conditions);
        let key = admit(service, call, &self.key_id, Names::Keys, ask).await?;
        if !can_hand_over(service, &key, &heir)? {
            return Ok(());
        }
        // Asked without holding up other changes; what they did meanwhile is seen afterwards.
        heir_agrees(service, call, &key, &heir, ask).await?;
        let turn = service.turn().await?;
        let target = resolve(service, call.caller, &self.key_id, Names::Keys, "keyId").await?;
        let key = authorize(service, ask, &target)?;
        if !can_hand_over(service, &key, &heir)? {
            return Ok(());
        }
        let mut record = key.record.clone();
        let Some(regions) = &mut record.multi_region else { return Ok(()) };
        regions.replicas.remove(&heir);
        regions.replicas.insert(regions.primary.clone());
        regions.primary = heir.clone();
        regions.edition = regions.edition.next_term();
        let edition = regions.edition;
        record.lifecycle = Lifecycle::Updating { enabled: key.state() == KeyState::Enabled };
        // All others hear of it, and of everything before it, from the heir.
        let mut changes = errands_of(service, &key);
        let (account, key_id) = (record.account.clone(), record.id.clone());
        changes.push(Change::Key(record));
        changes.push(Change::Errand(ErrandRecord {
            to: heir.clone(),
            account,
            key_id,
            edition,
            errand: Errand::Share,
        }));
        service.commit(turn, changes).await?;
        let service = service.clone();
        call.afterwards(async move { run_at_once(&service, &heir).await });
        Ok(())
    }
}

/// Whether `heir` is a replica that can become the primary; `false` if it is the primary.
fn can_hand_over(service: &Embedded, key: &Key, heir: &Region) -> Result<bool, Error> {
    let regions = primary_of(service, key)?;
    usable(key)?;
    if regions.primary == *heir {
        return Ok(false);
    }
    if !regions.replicas.contains(heir) {
        return Err(no_such_key(key.record.arn(heir).as_str()));
    }
    let directory = service.state.directory();
    let created = |to: &Region| {
        let errand = directory.errand(to, &key.record.account, &key.record.id);
        errand.is_none_or(|errand| !matches!(errand.errand, Errand::Create(_)))
    };
    match regions.replicas.iter().find(|to| !created(to)) {
        Some(to) => Err(Error::InvalidState { key: key.record.arn(to), state: KeyState::Creating }),
        None => Ok(true),
    }
}

/// Asks the heir how its key stands, and decides there, by its policy, as here.
async fn heir_agrees(
    service: &Embedded,
    call: &mut Call<'_>,
    key: &Key,
    heir: &Region,
    ask: Ask<'_>,
) -> Result<(), Error> {
    let (account, key_id) = (key.record.account.clone(), key.record.id.clone());
    let arn = key.record.arn(heir);
    match exchange(service, heir, Message::Inquire { account, key_id }).await? {
        Answer::Standing(standing) => {
            let state = standing.state;
            let replica = as_there(key, heir, &service.state.homes, standing)?;
            decide(service, ask.within(heir), &replica, arn.as_str(), None)?;
            call.touches(&arn);
            match state {
                KeyState::Enabled => Ok(()),
                KeyState::Disabled => Err(Error::Disabled { key: arn }),
                state => Err(Error::InvalidState { key: arn, state }),
            }
        }
        Answer::Unknown => Err(no_such_key(arn.as_str())),
        _ => Err(refused("KMSInternalException", "The replica's Region did not answer the request.")),
    }
}

/// Everything that is still to be told of a key, dropped.
fn errands_of(service: &Embedded, key: &Key) -> Vec<Change> {
    let directory = service.state.directory();
    let open = directory.errands.keys().filter_map(|to| directory.errand(to, &key.record.account, &key.record.id));
    open.map(|errand| Change::DropErrand(errand.clone())).collect()
}

/// The replica's key, as far as deciding about it needs it.
fn as_there(key: &Key, heir: &Region, homes: &Registry, standing: Standing) -> Result<Key, Error> {
    let mut record = key.record.clone();
    (record.policy, record.tags) = (standing.policy, standing.tags);
    let mut replica = Key::new(heir, homes, record, bytes::Bytes::new(), None)?;
    replica.aliases = standing.aliases;
    Ok(replica)
}
