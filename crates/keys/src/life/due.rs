//! What happens by the clock: material is destroyed, keys rotate, last uses are written back.

use std::time::Duration;

use arqueta_kms::Error;
use arqueta_model::{AccountId, Timestamp};

use super::usage::write_back_usage;
use crate::Embedded;
use crate::held::{add_version, destroy_held};
use crate::key::Key;
use crate::own::event::{DESTROYED, record_own};
use crate::schema::{Cause, Lifecycle, days};
use crate::state::change::Change;

/// Longest time between two looks at the clock, in case it was set forward.
const LOOK: Duration = Duration::from_secs(3600);

enum Due {
    Destroy,
    Expire,
    Rotate,
}

impl Embedded {
    /// Destroys and rotates what is due, for ever. For a task of its own; it is woken when
    /// something changes.
    pub async fn run(self) {
        loop {
            let woken = self.state.wake.notified();
            let wait = match self.run_due().await {
                Ok(()) => next_due(&self),
                Err(error) => {
                    tracing::error!(%error, "scheduled work on keys failed and will be tried again");
                    Duration::from_secs(60)
                }
            };
            tokio::select! {
                () = self.state.clock.sleep(wait) => {}
                () = woken => {}
            }
        }
    }

    /// Destroys the material of keys whose waiting period is over and imported material that has
    /// expired, and rotates keys whose time has come. Each is an event of its own, recorded before it happens.
    ///
    /// # Errors
    /// The first failure; what failed is left for the next run.
    pub async fn run_due(&self) -> Result<(), Error> {
        self.up_to_date().await?;
        let now = self.state.clock.now();
        let due: Vec<_> = self.state.directory().due_by(now).cloned().collect();
        let mut outcome = Ok(());
        for (_, account, id) in &due {
            // One key whose holder is away does not keep the others waiting.
            outcome = outcome.and(act_on(self, account, id, now).await);
        }
        outcome = outcome.and(drop_wrappings(self, now).await);
        outcome.and(write_back_usage(self, now).await)
    }
}

async fn act_on(service: &Embedded, account: &AccountId, id: &str, now: Timestamp) -> Result<(), Error> {
    let turn = service.turn_of(account, id).await?;
    let current = service.state.directory().key(account, id).cloned();
    // Another look, now that nobody else can change it.
    let Some((key, due)) = current.and_then(|key| what_is_due(service, &key, now).map(|due| (key, due))) else {
        return Ok(());
    };
    let (name, change) = match due {
        Due::Destroy => {
            destroy_held(service, &key.record).await?;
            (DESTROYED, Change::Destroy(key.clone()))
        }
        Due::Expire => {
            let mut record = key.record.clone();
            record.expire(now);
            ("DeleteExpiredKeyMaterial", Change::Key(record))
        }
        Due::Rotate => {
            let mut record = key.record.clone();
            add_version(service, &mut record, Cause::Automatic).await?;
            record.rotation.next = Some(now.plus(days(record.rotation.period_days)));
            ("RotateKey", Change::Key(record))
        }
    };
    record_own(service, &key, name, now).await?;
    service.commit(turn, vec![change]).await
}

/// Destroys the private keys of import tokens that have expired.
async fn drop_wrappings(service: &Embedded, now: Timestamp) -> Result<(), Error> {
    let expired = || {
        let directory = service.state.directory();
        directory.expired_by(now).map(|name| Change::DropWrapping(name.clone())).collect::<Vec<_>>()
    };
    if expired().is_empty() {
        return Ok(());
    }
    let turn = service.turn().await?;
    let changes = expired();
    service.commit(turn, changes).await
}

/// What [`KeyRecord::due`](crate::schema::KeyRecord::due) comes to.
fn what_is_due(service: &Embedded, key: &Key, now: Timestamp) -> Option<Due> {
    match key.record.lifecycle {
        Lifecycle::PendingDeletion { at } if at <= now => Some(Due::Destroy),
        _ if key.record.has_lapsed(now) => Some(Due::Expire),
        _ if key.record.rotates(&service.state.region) => {
            key.record.rotation.next.is_some_and(|next| next <= now).then_some(Due::Rotate)
        }
        _ => None,
    }
}

fn next_due(service: &Embedded) -> Duration {
    let now = service.state.clock.now();
    let own = service.state.directory().next_due();
    own.into_iter().chain(service.state.usage.due()).map(|at| at.since(now)).min().unwrap_or(LOOK).min(LOOK)
}
