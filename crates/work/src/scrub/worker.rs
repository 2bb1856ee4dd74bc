//! The worker.

use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::{Caller, Engine};
use arqueta_model::{AccountId, Clock, Timestamp};
use arqueta_store::{Batch, Error as StoreError, Leases, MetaStore};
use bytes::Bytes;
use tokio::sync::Notify;

use super::place::{KEY, Place, Stage};
use super::progress::Progress;
use crate::tenure::Tenure;

/// The lease's name.
const LEASE: &str = "scrub";
/// Bytes of bodies after which a place is kept.
const STEP: u64 = 16 << 20;
/// Seconds that a step may take by its rate.
const SECONDS: u64 = 5;
/// Until a step that failed is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// Who asks for the keys of an account's objects.
pub type Owner = dyn Fn(&AccountId) -> Caller + Send + Sync;

/// Why a step ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    #[error("the metadata cannot be read or written")]
    Store(#[from] StoreError),
    /// The engine failed.
    #[error("what is stored cannot be read")]
    Engine(#[from] arqueta_engine::Error),
}

/// What the worker stands on.
pub struct Standing {
    /// Reads.
    pub engine: Arc<Engine>,
    /// Where the place is kept.
    pub meta: Arc<dyn MetaStore>,
    /// Who works.
    pub leases: Leases,
    /// Who asks for keys.
    pub owner: Arc<Owner>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Reads everything, when it is asked to.
pub struct Scrub {
    on: Standing,
    progress: Arc<Progress>,
    asked: Notify,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing is to be done.
    Idle,
    /// Another gateway does it, or somebody asked for something else.
    Elsewhere,
}

impl Scrub {
    /// A worker that does nothing yet.
    #[must_use]
    pub fn new(on: Standing) -> Self {
        Self { on, progress: Arc::default(), asked: Notify::new() }
    }

    /// What it does, for metrics.
    #[must_use]
    pub const fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Begins a scrub, `rate` bytes of bodies a second at most. The answer is the one under way, if there is
    /// one: it goes on as it is, but for the rate.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn start(&self, rate: Option<u64>) -> Result<Place, Error> {
        let began = self.on.clock.now();
        self.amend(|place| match place {
            Some(place) if place.stage == Stage::Running => Some(Place { rate, ..place }),
            _ => Some(Place::beginning(began, rate)),
        })
        .await
        .map(|place| place.unwrap_or_else(|| Place::beginning(began, rate)))
    }

    /// Stops the scrub under way.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn stop(&self) -> Result<Option<Place>, Error> {
        let ended = Some(self.on.clock.now().millis());
        self.amend(|place| {
            place.map(|place| match place.stage {
                Stage::Running => Place { stage: Stage::Stopped, ended, ..place },
                _ => place,
            })
        })
        .await
    }

    /// The scrub under way, or the last one.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn place(&self) -> Result<Option<Place>, Error> {
        Ok(self.stored().await?.1)
    }

    async fn stored(&self) -> Result<(Option<Bytes>, Option<Place>), Error> {
        let bytes = self.on.meta.get(KEY).await?;
        let place = bytes.as_deref().and_then(Place::decode);
        Ok((bytes, place))
    }

    async fn amend(&self, change: impl Fn(Option<Place>) -> Option<Place>) -> Result<Option<Place>, Error> {
        loop {
            let (bytes, place) = match self.stored().await {
                // One that is damaged is written over.
                Err(Error::Store(StoreError::Damaged { .. })) => {
                    self.on.meta.commit(Batch::default().delete(KEY)).await?;
                    (None, None)
                }
                stored => stored?,
            };
            let Some(next) = change(place) else { return Ok(None) };
            match self.on.meta.commit(Batch::default().unchanged(KEY, bytes).put(KEY, next.encode())).await {
                Err(StoreError::Conflict) => {}
                outcome => {
                    outcome?;
                    self.progress.is_at(Some(&next));
                    self.asked.notify_one();
                    return Ok(Some(next));
                }
            }
        }
    }

    /// Works for ever: what an earlier process had begun, and what is asked for.
    pub async fn run(&self) {
        loop {
            match self.round().await {
                Ok(Outcome::Idle) => self.asked.notified().await,
                Ok(Outcome::Elsewhere) => tokio::select! {
                    () = self.asked.notified() => {}
                    () = self.on.clock.sleep(self.on.leases.term()) => {}
                },
                Err(error) => {
                    self.progress.failed();
                    tracing::warn!(%error, cause = ?std::error::Error::source(&error), "a scrub stopped and will go on");
                    self.on.clock.sleep(PAUSE).await;
                }
            }
        }
    }

    async fn round(&self) -> Result<Outcome, Error> {
        let place = self.place().await?;
        self.progress.is_at(place.as_ref());
        if place.is_none_or(|place| place.stage != Stage::Running) {
            return Ok(Outcome::Idle);
        }
        let Some(held) = self.on.leases.take(LEASE).await? else { return Ok(Outcome::Elsewhere) };
        let mut tenure = Tenure::begins(held, &*self.on.clock);
        let outcome = self.walk(&mut tenure).await;
        if let Err(error) = self.on.leases.give_up(tenure.held).await {
            tracing::debug!(%error, "a lease ends with its term");
        }
        outcome
    }

    async fn walk(&self, tenure: &mut Tenure) -> Result<Outcome, Error> {
        loop {
            let (bytes, Some(mut place)) = self.stored().await? else { return Ok(Outcome::Idle) };
            if place.stage != Stage::Running {
                self.progress.is_at(Some(&place));
                return Ok(Outcome::Idle);
            }
            let began = self.on.clock.now();
            if !tenure.goes_on(&self.on.leases, &*self.on.clock).await? {
                return Ok(Outcome::Elsewhere);
            }
            let from = place.from.take().map(|from| Bytes::from(from.into_vec()));
            let most = place.rate.map_or(STEP, |rate| rate.saturating_mul(SECONDS).clamp(1, STEP));
            let scrubber = self.on.engine.scrubber();
            let done = tokio::select! {
                done = scrubber.step(from, (most, place.rate), &*self.on.owner) => done?,
                // A slow step is not waited for by who wants another rate, or none of it.
                () = self.asked.notified() => continue,
            };
            self.progress.saw(&done);
            let (named, is_last) = (done.flaws.len(), done.next.is_none());
            place.advance(done, self.on.clock.now());
            let kept = Batch::default().require(tenure.held.fence()).unchanged(KEY, bytes).put(KEY, place.encode());
            match self.on.meta.commit(kept).await {
                // Stopped, begun anew or another's: what this step found will be found again.
                Err(StoreError::Conflict) => continue,
                outcome => outcome?,
            }
            self.tell(&place, named, is_last);
            if place.rate.is_none() {
                self.rest(began).await;
            }
        }
    }

    fn tell(&self, place: &Place, named: usize, is_last: bool) {
        self.progress.is_at(Some(place));
        for told in place.findings.iter().rev().take(named) {
            tracing::error!(record = told.record, what = told.what, "the scrub found damage");
        }
        if is_last {
            let Place { records, bodies, found, .. } = place;
            tracing::info!(records, bodies, found, "a scrub is finished");
        }
    }

    /// As long as it worked: requests have the other half.
    async fn rest(&self, began: Timestamp) {
        self.on.clock.sleep(self.on.clock.now().since(began)).await;
    }
}
