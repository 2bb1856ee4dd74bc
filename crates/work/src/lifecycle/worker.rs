//! The worker.

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::AuditSink;
use arqueta_engine::Engine;
use arqueta_engine::lifecycle::{Calendar, Noncurrents, Pass, Removed, Ruled, Step};
use arqueta_model::{Clock, Region, Timestamp};
use arqueta_store::{Batch, Entry, Leases, MetaStore, Scan};
use bytes::Bytes;
use serde_bytes::ByteBuf;

use super::event::{self, Wants};
use super::place::{self, Phase, Place};
use super::progress::Progress;
use crate::tenure::Tenure;

/// The lease's name.
const LEASE: &str = "lifecycle";

/// Steps after which a place is kept although nothing was removed.
const KEEP_EVERY: u32 = 16;

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    #[error("the metadata cannot be read or written")]
    Store(#[from] arqueta_store::Error),
    /// The engine failed.
    #[error("a removal failed")]
    Engine(#[from] arqueta_engine::Error),
    /// What was done cannot be recorded: nothing more is done.
    #[error("the record cannot be written")]
    Record(#[from] arqueta_audit::Error),
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every bucket was walked.
    Finished,
    /// Another gateway holds the lease.
    Elsewhere,
}

/// Settings of the worker.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What a day is.
    pub calendar: Calendar,
    /// Time between a change of rules and the round that acts on it: who set the wrong ones may still
    /// take them back.
    pub settle: Duration,
    /// Region of the gateway, for the record.
    pub region: Region,
}

impl Settings {
    /// Days of `day`, and rules that act a minute after they were set, or a day if that is shorter.
    #[must_use]
    pub fn new(region: Region, day: Duration) -> Self {
        Self { calendar: Calendar::of_days(day), settle: day.min(Duration::from_secs(60)), region }
    }
}

/// What the worker stands on.
pub struct Standing {
    /// The use cases.
    pub engine: Arc<Engine>,
    /// Where places are kept.
    pub meta: Arc<dyn MetaStore>,
    /// Who works.
    pub leases: Leases,
    /// The record.
    pub audit: Arc<dyn AuditSink>,
    /// What of it trails want.
    pub wants: Arc<Wants>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Removes what the rules of buckets say is to go.
pub struct Lifecycle {
    on: Standing,
    settings: Settings,
    progress: Arc<Progress>,
}

impl Lifecycle {
    /// A worker that does nothing yet, and will count in `progress` what it does.
    #[must_use]
    pub fn new(on: Standing, settings: Settings, progress: Arc<Progress>) -> Self {
        Self { on, settings, progress }
    }

    /// Works for ever: at each midnight, and when rules were changed.
    pub async fn run(&self) {
        loop {
            let began = self.on.clock.now();
            match self.round().await {
                Ok(Outcome::Finished) => self.rest(began).await,
                Ok(Outcome::Elsewhere) => self.on.clock.sleep(self.on.leases.term()).await,
                Err(error) => {
                    self.progress.failed();
                    tracing::warn!(%error, cause = ?std::error::Error::source(&error), "lifecycle stopped and will go on");
                    self.on.clock.sleep(self.settings.settle).await;
                }
            }
        }
    }

    /// Until the next midnight, or until changed rules have settled.
    async fn rest(&self, began: Timestamp) {
        let midnight = self.settings.calendar.tomorrow(began);
        let until = midnight.since(self.on.clock.now());
        tokio::select! {
            () = self.on.clock.sleep(until) => {}
            () = self.on.engine.lifecycle().changed() => self.on.clock.sleep(self.settings.settle.min(until)).await,
        }
    }

    /// Walks every bucket that has rules and was not walked today.
    ///
    /// # Errors
    /// [`Error`]; what was done stays done, and the next round goes on there.
    pub async fn round(&self) -> Result<Outcome, Error> {
        let ruled = self.on.engine.lifecycle().buckets().await?;
        if ruled.is_empty() && self.on.meta.page(Scan::prefix(place::PLACES.as_bytes(), 1)).await?.is_empty() {
            // Nobody uses it: nothing is written, not even a lease.
            self.progress.finished_round(self.on.clock.now());
            return Ok(Outcome::Finished);
        }
        let Some(held) = self.on.leases.take(LEASE).await? else { return Ok(Outcome::Elsewhere) };
        let mut tenure = Tenure::begins(held, &*self.on.clock);
        let outcome = self.walk_all(&mut tenure, &ruled).await;
        if let Err(error) = self.on.leases.give_up(tenure.held).await {
            tracing::debug!(%error, "a lease ends with its term");
        }
        if outcome? == Outcome::Finished {
            self.progress.finished_round(self.on.clock.now());
            return Ok(Outcome::Finished);
        }
        Ok(Outcome::Elsewhere)
    }

    async fn walk_all(&self, tenure: &mut Tenure, ruled: &[Ruled]) -> Result<Outcome, Error> {
        self.forget_others(tenure, ruled).await?;
        for (done, one) in ruled.iter().enumerate() {
            self.progress.left(ruled.len() - done);
            match self.walk(tenure, one).await {
                Err(Error::Engine(arqueta_engine::Error::Damaged { what })) => {
                    tracing::error!(bucket = %one.bucket, what, "lifecycle leaves out a bucket whose rules cannot be read");
                }
                outcome => match outcome? {
                    Outcome::Finished => {}
                    Outcome::Elsewhere => return Ok(Outcome::Elsewhere),
                },
            }
        }
        self.progress.left(0);
        Ok(Outcome::Finished)
    }

    /// Forgets the places of buckets that have no rules any more.
    async fn forget_others(&self, tenure: &Tenure, ruled: &[Ruled]) -> Result<(), Error> {
        let mut scan = Scan::prefix(place::PLACES.as_bytes(), 1000);
        loop {
            let page = self.on.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            scan.start = [&last.key[..], &[0]].concat().into();
            let mut batch = Batch::default().require(tenure.held.fence());
            for Entry { key, .. } in page {
                if !ruled.iter().any(|one| place::key(&one.bucket) == key) {
                    batch = batch.delete(key);
                }
            }
            if !batch.writes.is_empty() {
                self.on.meta.commit(batch).await?;
            }
        }
    }

    async fn walk(&self, tenure: &mut Tenure, ruled: &Ruled) -> Result<Outcome, Error> {
        let at = place::key(&ruled.bucket);
        let today = self.settings.calendar.midnight(self.on.clock.now());
        let stored = match self.on.meta.get(&at).await {
            Err(arqueta_store::Error::Damaged { .. }) => None,
            stored => stored?,
        };
        let mut place = Place::first(ruled, today).resumed(stored);
        let pass =
            Pass { bucket: ruled.bucket.clone(), calendar: self.settings.calendar, fence: Some(tenure.held.fence()) };
        let (mut walk, mut from) =
            (Noncurrents::default(), place.from.clone().map(|from| Bytes::from(from.into_vec())));
        let mut unkept = 0;
        while place.phase != Phase::Done {
            if !tenure.goes_on(&self.on.leases, &*self.on.clock).await? {
                return Ok(Outcome::Elsewhere);
            }
            let began = self.on.clock.now();
            let step = self.step(&pass, place.phase, &mut walk, from.take()).await?;
            self.progress.saw(step.seen);
            self.told(ruled, &step.removed).await?;
            if let Some(failed) = step.failed {
                return Err(failed.into());
            }
            from.clone_from(&step.next);
            let passed = step.next.is_none();
            self.advance(&pass, &mut place, step.next);
            unkept += 1;
            if passed || !step.removed.is_empty() || unkept >= KEEP_EVERY {
                let kept = Batch::default().require(tenure.held.fence()).put(at.clone(), place.encode());
                match self.on.meta.commit(kept).await {
                    Err(arqueta_store::Error::Conflict) => return Ok(Outcome::Elsewhere),
                    outcome => outcome?,
                }
                unkept = 0;
            }
            // As long as it worked: requests have the other half.
            if step.seen > 0 {
                self.on.clock.sleep(self.on.clock.now().since(began)).await;
            }
        }
        Ok(Outcome::Finished)
    }

    async fn step(
        &self,
        pass: &Pass,
        phase: Phase,
        walk: &mut Noncurrents,
        from: Option<Bytes>,
    ) -> Result<Step, Error> {
        let engine = &self.on.engine;
        Ok(match phase {
            Phase::Noncurrents => engine.lifecycle().expire_noncurrents(pass, walk, from).await?,
            Phase::Currents => engine.lifecycle().expire_currents(pass, from).await?,
            Phase::Uploads => engine.lifecycle().expire_uploads(pass, from).await?,
            Phase::Done => Step::default(),
        })
    }

    /// Moves a place on. Versions are counted from the first of their key, so a walk over them begins
    /// again there.
    fn advance(&self, pass: &Pass, place: &mut Place, next: Option<Bytes>) {
        let Some(next) = next else {
            *place = Place { phase: place.phase.next(), from: None, ..place.clone() };
            return;
        };
        let from = match place.phase {
            Phase::Noncurrents => self.on.engine.lifecycle().first_version_of(pass, &next).unwrap_or(next),
            _ => next,
        };
        place.from = Some(ByteBuf::from(from.to_vec()));
    }

    /// Writes what happened into the record and the log.
    async fn told(&self, ruled: &Ruled, removed: &[Removed]) -> Result<(), Error> {
        for one in removed {
            self.progress.removed_one(one.what);
            tracing::debug!(bucket = %ruled.bucket, key = %one.key, what = ?one.what, rule = one.rule, "lifecycle removed");
            if (self.on.wants)(&ruled.owner, ruled.bucket.as_str(), one.key.as_str()) {
                let event = event::of(one, ruled, &self.settings.region, self.on.clock.now());
                self.on.audit.append(event).await?;
            }
        }
        Ok(())
    }
}
