//! Errands: telling other Regions what they have yet to hear, again and again until they have.

use std::sync::Arc;
use std::time::Duration;

use arqueta_kms::Error;
use arqueta_model::{Region, with_causes};

use super::Neighbour;
use super::seal::Way;
use super::shared::{Shared, shared_for, standing};
use super::wire::{self, Answer, Message};
use crate::Embedded;
use crate::key::Key;
use crate::key::fitness::handing_over;
use crate::own::event::record_own;
use crate::schema::{Creation, Edition, Errand, ErrandRecord, KeyRecord, Lifecycle, MultiRegion, days};
use crate::state::change::Change;

/// Pauses after a failure: the first, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a user's call waits for another Region to hear of it. The errand goes on without it.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub(super) enum Silence {
    #[error("region {0} is not in the configuration")]
    NotConfigured(Region),
    #[error("the answer of region {0} does not authenticate: do both have the same peer key?")]
    NotAuthentic(Region),
    #[error("region {0} refuses what it is told")]
    Refused(Region),
}

impl From<Silence> for Error {
    fn from(silence: Silence) -> Self {
        Self::Unavailable(silence.into())
    }
}

impl Embedded {
    /// Keeps all other Regions in step, for ever. For a task of its own.
    pub async fn run_regions(self) {
        let mut tasks = tokio::task::JoinSet::new();
        for (to, _) in self.state.neighbours.all() {
            let (handle, to) = (self.clone(), to.clone());
            tasks.spawn(async move {
                if let Some(neighbour) = handle.state.neighbours.get(&to) {
                    keep_in_step(&handle, &to, neighbour).await;
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }
}

async fn keep_in_step(service: &Embedded, to: &Region, neighbour: &Neighbour) {
    // What the other side could not tell while this one was down, it need not wait for longer.
    if let Err(error) = exchange(service, to, Message::Hello).await {
        tracing::info!(%to, %error, "the other region does not answer yet");
    }
    let mut pause = FIRST_PAUSE;
    loop {
        match tell_region(service, to).await {
            Ok(()) => {
                pause = FIRST_PAUSE;
                neighbour.wake.notified().await;
            }
            Err(error) => {
                tracing::warn!(%to, error = %with_causes(&error), "the other region could not be told; it will be again");
                tokio::select! {
                    () = service.state.clock.sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                    () = neighbour.wake.notified() => {}
                }
            }
        }
    }
}

/// Tells `to` everything that it has yet to hear.
///
/// # Errors
/// The last failure. One that concerns a single key does not keep the others from being told.
pub(crate) async fn tell_region(service: &Embedded, to: &Region) -> Result<(), Error> {
    service.up_to_date().await?;
    let errands: Vec<_> =
        service.state.directory().errands.get(to).into_iter().flat_map(|all| all.values().cloned()).collect();
    let mut outcome = Ok(());
    for errand in errands {
        match run_errand(service, &errand).await {
            Ok(true) => {}
            Ok(false) => outcome = Err(Silence::Refused(to.clone()).into()),
            Err(error) => return Err(error),
        }
    }
    outcome
}

/// Runs an errand that a user's call has just made, so that it is usually done when the call
/// is answered; waits a moment, not longer. Failures are left to [`keep_in_step`].
pub(super) async fn run_at_once(service: &Embedded, to: &Region) {
    let (handle, region) = (service.clone(), to.clone());
    let telling = tokio::spawn(async move { tell_region(&handle, &region).await });
    tokio::select! {
        _ = telling => {}
        () = service.state.clock.sleep(PATIENCE) => {}
    }
}

/// Whether the other Region took it. `Err` if it cannot be reached at all.
async fn run_errand(service: &Embedded, errand: &ErrandRecord) -> Result<bool, Error> {
    let key = service.state.directory().key(&errand.account, &errand.key_id).cloned();
    let (to, account, key_id) = (&errand.to, errand.account.clone(), errand.key_id.clone());
    if errand.errand == Errand::Leave {
        let answer = exchange(service, to, Message::Leave { account, key_id }).await?;
        return has_left(service, errand, answer).await;
    }
    let spoken = key.as_ref().and_then(|key| Some((key, speaks_of(service, &key.record, to)?)));
    let Some((key, regions)) = spoken else { return forget(service, errand).await };
    if let Errand::Create(creation) = &errand.errand {
        match offer(service, key, regions, to, creation).await? {
            Answer::Done(_) => {}
            Answer::Unknown | Answer::Taken => return is_lost(service, errand).await,
            _ => return Ok(false),
        }
    }
    let Some(neighbour) = service.state.neighbours.get(to) else {
        return Err(Silence::NotConfigured(to.clone()).into());
    };
    let shared = shared_for(service, key, regions, to, &neighbour.region.key)?;
    match exchange(service, to, Message::Share(shared)).await? {
        Answer::Done(theirs) => has_heard(service, errand, regions.edition, theirs).await,
        Answer::Unknown | Answer::Taken => is_lost(service, errand).await,
        _ => Ok(false),
    }
}

async fn offer(
    service: &Embedded,
    key: &Key,
    regions: &MultiRegion,
    to: &Region,
    creation: &Creation,
) -> Result<Answer, Error> {
    let shared = Shared::bare(&key.record, regions);
    exchange(service, to, Message::Offer { shared, creation: Box::new(creation.clone()) }).await
}

/// One question to another Region, and its answer.
///
/// # Errors
/// [`Error::Unavailable`].
pub(super) async fn exchange(service: &Embedded, to: &Region, message: Message) -> Result<Answer, Error> {
    let neighbour = service.state.neighbours.get(to).ok_or_else(|| Silence::NotConfigured(to.clone()))?;
    let way = Way { from: &service.state.region, to };
    let (nonce, sealed) = wire::seal_request(&neighbour.region.key, way, message);
    let answer = neighbour.region.peer.exchange(sealed).await.map_err(Error::Unavailable)?;
    let answer = wire::open_answer(&neighbour.region.key, way, &nonce, &answer);
    Ok(answer.ok_or_else(|| Silence::NotAuthentic(to.clone()))?)
}

/// The key's Regions, if this Region may tell `to` of it: as the primary, or handing over.
fn speaks_of<'a>(service: &Embedded, record: &'a KeyRecord, to: &Region) -> Option<&'a MultiRegion> {
    let regions = record.multi_region.as_ref()?;
    let to_heir = handing_over(record.lifecycle) && regions.primary == *to;
    (regions.primary == service.state.region || to_heir).then_some(regions)
}

/// `to` has the edition `told` now, or a later one.
async fn has_heard(service: &Embedded, errand: &ErrandRecord, told: Edition, theirs: Edition) -> Result<bool, Error> {
    let turn = service.turn().await?;
    let Some((key, open)) = still_open(service, errand) else { return Ok(true) };
    if open.edition > told.max(theirs) {
        // Changed meanwhile; the next round tells it.
        return Ok(true);
    }
    let mut record = key.record.clone();
    let others_wait = others_wait(service, &open);
    let Some(regions) = &mut record.multi_region else { return Ok(true) };
    let mut changed = false;
    // A later term is another primary's: this one was restored from before a hand-over, and
    // will hear of it.
    let leads = regions.primary == service.state.region && theirs.term == regions.edition.term;
    if leads && regions.waiting.is_some() && !others_wait {
        regions.waiting = None;
        changed = true;
    }
    if let (Lifecycle::Updating { enabled }, true) = (record.lifecycle, regions.primary == open.to) {
        record.lifecycle = standing(enabled);
        changed = true;
    }
    let mut changes = vec![Change::DropErrand(open)];
    if changed {
        changes.push(Change::Key(record));
    }
    record_own(service, &key, "SynchronizeMultiRegionKey", service.state.clock.now()).await?;
    service.commit(turn, changes).await.map(|()| true)
}

/// `to` has no such key: it is no replica any more, or never became one.
async fn is_lost(service: &Embedded, errand: &ErrandRecord) -> Result<bool, Error> {
    let turn = service.turn().await?;
    let Some((key, open)) = still_open(service, errand) else { return Ok(true) };
    let mut record = key.record.clone();
    let (own, now) = (&service.state.region, service.state.clock.now());
    let Some(regions) = &mut record.multi_region else { return Ok(true) };
    if regions.primary == *own {
        regions.replicas.remove(&open.to);
    } else if regions.primary == open.to && handing_over(record.lifecycle) {
        // The heir never took over, and never will: no message makes it one without a record.
        regions.replicas.remove(own);
        regions.primary = own.clone();
        regions.edition = regions.edition.next_term();
    } else {
        return forget_now(service, turn, open).await;
    }
    if regions.replicas.is_empty() {
        regions.waiting = None;
    }
    record.lifecycle = match record.lifecycle {
        Lifecycle::Updating { enabled } => standing(enabled),
        Lifecycle::PendingReplicaDeletion { window_days } if regions.replicas.is_empty() => {
            Lifecycle::PendingDeletion { at: now.plus(days(window_days)) }
        }
        other => other,
    };
    record_own(service, &key, "SynchronizeMultiRegionKey", now).await?;
    service.commit(turn, vec![Change::DropErrand(open), Change::Key(record)]).await.map(|()| true)
}

/// What became of word that the replica here is destroyed.
async fn has_left(service: &Embedded, errand: &ErrandRecord, answer: Answer) -> Result<bool, Error> {
    match answer {
        Answer::Done(_) | Answer::Unknown => forget(service, errand).await,
        Answer::Elsewhere(to) if to != service.state.region && to != errand.to => {
            let turn = service.turn().await?;
            let elsewhere = ErrandRecord { to, ..errand.clone() };
            let changes = vec![Change::DropErrand(Arc::new(errand.clone())), Change::Errand(elsewhere)];
            service.commit(turn, changes).await.map(|()| true)
        }
        _ => Ok(false),
    }
}

async fn forget(service: &Embedded, errand: &ErrandRecord) -> Result<bool, Error> {
    let turn = service.turn().await?;
    let open = service.state.directory().errand(&errand.to, &errand.account, &errand.key_id).cloned();
    match open.filter(|open| **open == *errand) {
        Some(open) => forget_now(service, turn, open).await,
        None => Ok(true),
    }
}

async fn forget_now(
    service: &Embedded,
    turn: crate::state::turn::Turn,
    errand: Arc<ErrandRecord>,
) -> Result<bool, Error> {
    service.commit(turn, vec![Change::DropErrand(errand)]).await.map(|()| true)
}

/// The errand as it is by now, with its key. The caller holds the turn.
fn still_open(service: &Embedded, errand: &ErrandRecord) -> Option<(Arc<Key>, Arc<ErrandRecord>)> {
    let directory = service.state.directory();
    let open = directory.errand(&errand.to, &errand.account, &errand.key_id)?;
    Some((directory.key(&errand.account, &errand.key_id)?.clone(), open.clone()))
}

/// Whether another Region than the errand's has yet to hear of its key.
fn others_wait(service: &Embedded, errand: &ErrandRecord) -> bool {
    let directory = service.state.directory();
    let mut others = directory.errands.keys().filter(|to| **to != errand.to);
    others.any(|to| directory.errand(to, &errand.account, &errand.key_id).is_some())
}
