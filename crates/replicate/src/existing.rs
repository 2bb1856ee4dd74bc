//! Versions that were there before the rules that send them: each bucket is walked once for its rules.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::replication::{Configured, Walked};
use arqueta_engine::{Error as EngineError, StoreError};
use arqueta_store::{Batch, Held};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

use crate::standing::Standing;

/// The lease's name.
const LEASE: &str = "replicate-existing";
/// What places are kept under.
const PLACES: &str = "w/replicate/";
/// Pause after a failure, and between looks for rules that another process set.
const PAUSE: Duration = Duration::from_secs(60);

/// How far the walk over a bucket is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Digest over the bucket's birth and its rules.
    mark: ByteBuf,
    /// Versions looked at, and versions that were sent.
    seen: u64,
    sent: u64,
    /// From where; `None` for the first.
    from: Option<ByteBuf>,
    done: bool,
}

/// Walks buckets.
pub struct Existing {
    on: Arc<Standing>,
}

impl fmt::Debug for Existing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Existing").finish_non_exhaustive()
    }
}

fn place_of(bucket: &str) -> Bytes {
    [PLACES, bucket].concat().into()
}

impl Existing {
    pub(crate) fn new(on: Arc<Standing>) -> Self {
        Self { on }
    }

    /// Works for ever: at the start, and when rules were set.
    pub async fn run(&self) {
        let mut set = self.on.engine.replication().rules_watch();
        loop {
            set.borrow_and_update();
            let rest = match self.round().await {
                Ok(()) => PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "the walk over what is to be replicated stopped and will go on");
                    PAUSE / 60
                }
            };
            tokio::select! {
                _ = set.changed() => {}
                () = self.on.clock.sleep(rest) => {}
            }
        }
    }

    /// Walks every bucket whose rules want it, and that was not walked for them.
    ///
    /// # Errors
    /// Failures of the store; the next round goes on there.
    pub async fn round(&self) -> Result<(), EngineError> {
        let mut due = Vec::new();
        for configured in self.on.engine.replication().configured().await? {
            let place = self.place(&configured).await?;
            if !place.done {
                due.push((configured, place));
            }
        }
        if due.is_empty() {
            // Nobody uses it: nothing is written, not even a lease.
            return Ok(());
        }
        let Some(mut held) = self.on.leases.take(LEASE).await? else { return Ok(()) };
        let mut outcome = Ok(());
        for (configured, place) in due {
            outcome = self.walk(&mut held, &configured, place).await;
            if outcome.is_err() {
                break;
            }
        }
        if let Err(error) = self.on.leases.give_up(held).await {
            tracing::debug!(%error, "a lease ends with its term");
        }
        outcome
    }

    async fn place(&self, of: &Configured) -> Result<Place, StoreError> {
        let mark = ByteBuf::from(Sha256::digest(of.mark.as_bytes()).to_vec());
        let stored = self.on.meta.get(&place_of(of.bucket.as_str())).await?;
        let stored = stored.and_then(|bytes| rmp_serde::from_slice::<Place>(&bytes).ok());
        let first = Place { mark: mark.clone(), seen: 0, sent: 0, from: None, done: false };
        Ok(stored.filter(|stored| stored.mark == mark).unwrap_or(first))
    }

    async fn walk(&self, held: &mut Held, of: &Configured, mut place: Place) -> Result<(), EngineError> {
        let at = place_of(of.bucket.as_str());
        let mut renewed = self.on.clock.now();
        while !place.done {
            let began = self.on.clock.now();
            if began.since(renewed) >= self.on.leases.term() / 3 {
                if !self.on.leases.renew(held).await? {
                    return Ok(());
                }
                renewed = began;
            }
            let from = place.from.take().map(|from| Bytes::from(from.into_vec()));
            let Walked { seen, sent, next } = self.on.engine.replication().walk(&of.bucket, from).await?;
            place.seen += seen;
            place.sent += sent;
            place.done = next.is_none();
            place.from = next.map(|next| ByteBuf::from(next.to_vec()));
            let bytes = rmp_serde::to_vec_named(&place).expect("bytes and numbers serialise");
            match self.on.meta.commit(Batch::default().require(held.fence()).put(at.clone(), bytes)).await {
                Err(StoreError::Conflict) => return Ok(()),
                outcome => outcome?,
            }
            // As long as it worked: requests have the other half.
            self.on.clock.sleep(self.on.clock.now().since(began)).await;
        }
        tracing::info!(bucket = %of.bucket, seen = place.seen, sent = place.sent, "what was there before its rules waits to be replicated");
        Ok(())
    }
}
