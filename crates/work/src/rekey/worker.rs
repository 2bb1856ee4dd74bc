//! The worker.

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{AuditSink, Event};
use arqueta_engine::api::{ObjectName, UpdateObjectEncryption};
use arqueta_engine::rekey::{Versions, Wrapping};
use arqueta_engine::{Caller, Engine, EnvelopeError};
use arqueta_model::{AccountId, BucketName, Clock, Region, with_causes};
use arqueta_store::{Batch, Leases, MetaStore, Scan};
use bytes::Bytes;
use futures::StreamExt as _;
use serde_bytes::ByteBuf;
use serde_json::json;
use tokio::sync::{Mutex, Notify};

use super::event;
use super::job::{self, Counts, Job, Phase, Wanted};
use crate::lifecycle::Wants;
use crate::tenure::Tenure;

/// The lease's name.
const LEASE: &str = "rekey";
/// Versions of a page. What a kill interrupts is done again, and that is one page.
const PAGE: usize = 256;
/// Versions at once: they share the syncs of their commits.
const AT_ONCE: usize = 32;
/// Time until what failed is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// For whom the key service is asked, by the account that owns the bucket.
pub type CallerOf = dyn Fn(&AccountId) -> Caller + Send + Sync;
/// How many calls the keys of users got so far.
pub type Calls = dyn Fn() -> u64 + Send + Sync;

/// Why a job did not begin, or a round ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One is under way for the bucket.
    #[error("a job is under way for this bucket; stop it first")]
    UnderWay,
    /// There is none.
    #[error("there is no job for this bucket")]
    NoJob,
    /// The store failed.
    #[error("the metadata cannot be read or written")]
    Store(#[from] arqueta_store::Error),
    /// The engine failed.
    #[error("the bucket cannot be read")]
    Engine(#[from] arqueta_engine::Error),
    /// What is done cannot be recorded: nothing is done.
    #[error("the record cannot be written")]
    Record(#[from] arqueta_audit::Error),
}

/// What the worker stands on.
pub struct Standing {
    /// The use cases.
    pub engine: Arc<Engine>,
    /// Where jobs are kept.
    pub meta: Arc<dyn MetaStore>,
    /// Who works.
    pub leases: Leases,
    /// The record.
    pub audit: Arc<dyn AuditSink>,
    /// What of it trails want.
    pub wants: Arc<Wants>,
    /// For whom keys are used.
    pub caller: Arc<CallerOf>,
    /// Counts calls.
    pub calls: Arc<Calls>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Region of the gateway, for the record.
    pub region: Region,
}

/// Wraps the keys of whole buckets anew.
pub struct Rekey {
    on: Standing,
    wake: Notify,
    /// One change of jobs at a time.
    changing: Mutex<()>,
}

impl Rekey {
    /// A worker that does nothing yet.
    #[must_use]
    pub fn new(on: Standing) -> Self {
        Self { on, wake: Notify::new(), changing: Mutex::new(()) }
    }

    /// Begins a job, and records that.
    ///
    /// # Errors
    /// [`Error::UnderWay`], [`Error::Engine`] where there is no such bucket, [`Error::Record`].
    pub async fn begin(&self, wanted: Wanted) -> Result<Job, Error> {
        let _turn = self.changing.lock().await;
        let bucket = self.on.engine.buckets().get(&wanted.bucket).await?;
        let at = job::key(&wanted.bucket);
        let found = self.on.meta.get(&at).await?;
        let known = found.as_deref().and_then(Job::decode);
        if known.is_some_and(|job| !job.phase.is_over() && job.born == bucket.created) {
            return Err(Error::UnderWay);
        }
        let began = self.on.clock.now();
        let job = Job {
            owner: bucket.owner.clone(),
            born: bucket.created,
            began,
            phase: Phase::Currents,
            from: None,
            counts: Counts::default(),
            trouble: None,
            wanted,
        };
        let event = || self.event("RekeyBucket", &job, json!({ "wanted": job.wanted }));
        self.on.audit.announce(event()).await?;
        self.on.meta.commit(Batch::default().unchanged(at.clone(), found).put(at, job.encode())).await?;
        self.on.audit.append(event()).await?;
        self.wake.notify_one();
        Ok(job)
    }

    /// How far the job of a bucket is.
    ///
    /// # Errors
    /// [`Error::NoJob`].
    pub async fn job(&self, bucket: &BucketName) -> Result<Job, Error> {
        self.stored(bucket).await?.ok_or(Error::NoJob)
    }

    /// Stops the job of a bucket; what was done stays.
    ///
    /// # Errors
    /// [`Error::NoJob`].
    pub async fn stop(&self, bucket: &BucketName) -> Result<Job, Error> {
        let _turn = self.changing.lock().await;
        let mut job = self.job(bucket).await?;
        if !job.phase.is_over() {
            job.phase = Phase::Stopped;
            self.on.meta.commit(Batch::default().put(job::key(bucket), job.encode())).await?;
            self.on.audit.append(self.event("RekeyBucketEnded", &job, json!({ "counts": job.counts }))).await?;
        }
        Ok(job)
    }

    /// Works for ever: on what is there at the start, and when a job begins.
    pub async fn run(&self) {
        loop {
            let woken = self.wake.notified();
            match self.round().await {
                Ok(true) => woken.await,
                Ok(false) => self.on.clock.sleep(self.on.leases.term()).await,
                Err(error) => {
                    tracing::warn!(error = %with_causes(&error), "rekeying stopped and will go on");
                    self.on.clock.sleep(AGAIN).await;
                }
            }
        }
    }

    /// Works on all jobs until they are over. `false`: another gateway does.
    ///
    /// # Errors
    /// [`Error`]; what was done stays done, and the next round goes on there.
    pub async fn round(&self) -> Result<bool, Error> {
        let mut held = None;
        while let Some(job) = self.next().await? {
            let mut tenure = match held.take() {
                Some(held) => held,
                None => match self.on.leases.take(LEASE).await? {
                    Some(lease) => Tenure::begins(lease, &*self.on.clock),
                    None => return Ok(false),
                },
            };
            if !self.work(&mut tenure, job).await? {
                return Ok(false);
            }
            held = Some(tenure);
        }
        if let Some(tenure) = held
            && let Err(error) = self.on.leases.give_up(tenure.held).await
        {
            tracing::debug!(%error, "a lease ends with its term");
        }
        Ok(true)
    }

    /// The first job that is not over.
    async fn next(&self) -> Result<Option<Job>, Error> {
        let mut scan = Scan::prefix(job::JOBS.as_bytes(), 100);
        loop {
            let page = self.on.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(None) };
            scan.start = [&last.key[..], &[0]].concat().into();
            let mut jobs = page.iter().filter_map(|entry| Job::decode(entry.value.as_deref()?));
            if let Some(job) = jobs.find(|job| !job.phase.is_over()) {
                return Ok(Some(job));
            }
        }
    }

    async fn stored(&self, bucket: &BucketName) -> Result<Option<Job>, Error> {
        Ok(self.on.meta.get(&job::key(bucket)).await?.as_deref().and_then(Job::decode))
    }

    /// Page after page. `false`: the lease is another's.
    async fn work(&self, tenure: &mut Tenure, mut job: Job) -> Result<bool, Error> {
        let bucket = job.wanted.bucket.clone();
        let caller = (self.on.caller)(&job.owner);
        loop {
            if !tenure.goes_on(&self.on.leases, &*self.on.clock).await? {
                return Ok(false);
            }
            let (began, calls) = (self.on.clock.now(), (self.on.calls)());
            match self.on.engine.buckets().get(&bucket).await {
                Ok(found) if found.created == job.born => {}
                Ok(_) | Err(arqueta_engine::Error::NoSuchBucket) => {
                    // The bucket that it was about is gone, and so is what it was to do.
                    self.on
                        .meta
                        .commit(Batch::default().require(tenure.held.fence()).delete(job::key(&bucket)))
                        .await?;
                    return Ok(true);
                }
                Err(error) => return Err(error.into()),
            }
            let done = self.page(&caller, &mut job).await?;
            job.counts.calls += (self.on.calls)().saturating_sub(calls);
            let took = self.on.clock.now().since(began);
            job.counts.millis += u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            match self.keep(tenure, &bucket, &job).await? {
                Kept::Yes => {}
                Kept::Over => return Ok(true),
                Kept::Elsewhere => return Ok(false),
            }
            if job.phase.is_over() {
                return Ok(true);
            }
            self.pause(&job, done, took).await;
        }
    }

    /// As long as it takes to keep the rate.
    async fn pause(&self, job: &Job, done: u64, took: Duration) {
        if job.wanted.rate > 0 {
            let due = Duration::from_secs_f64(done as f64 / f64::from(job.wanted.rate));
            self.on.clock.sleep(due.saturating_sub(took)).await;
        }
    }

    /// Keeps how far it is, unless somebody stopped it meanwhile.
    async fn keep(&self, tenure: &Tenure, bucket: &BucketName, job: &Job) -> Result<Kept, Error> {
        let _turn = self.changing.lock().await;
        if self.stored(bucket).await?.is_none_or(|stored| stored.phase.is_over() || stored.began != job.began) {
            return Ok(Kept::Over);
        }
        if job.phase == Phase::Done {
            self.on.audit.announce(self.event("RekeyBucketEnded", job, json!({ "counts": job.counts }))).await?;
        }
        let batch = Batch::default().require(tenure.held.fence()).put(job::key(bucket), job.encode());
        match self.on.meta.commit(batch).await {
            Err(arqueta_store::Error::Conflict) => return Ok(Kept::Elsewhere),
            outcome => outcome?,
        }
        if job.phase == Phase::Done {
            self.on.audit.append(self.event("RekeyBucketEnded", job, json!({ "counts": job.counts }))).await?;
        }
        Ok(Kept::Yes)
    }

    /// One page; how many versions were wrapped anew.
    async fn page(&self, caller: &Caller, job: &mut Job) -> Result<u64, Error> {
        let which = if job.phase == Phase::Noncurrents { Versions::Noncurrent } else { Versions::Current };
        // A slow rate must not wait for whole pages at a time.
        let limit = match job.wanted.rate {
            0 => PAGE,
            rate => PAGE.min(usize::try_from(rate).unwrap_or(PAGE)).max(1),
        };
        let bucket = job.wanted.bucket.clone();
        let page = self.on.engine.rekeying().page(&bucket, which, job.place(), limit).await?;
        job.counts.seen += page.seen;
        let mut names = Vec::new();
        for (name, wrapping) in page.versions {
            match wrapping {
                Wrapping::Rewrappable => names.push(name),
                Wrapping::Customer => job.counts.customer += 1,
                Wrapping::Dual => job.counts.dual += 1,
                Wrapping::Plain => job.counts.plain += 1,
                Wrapping::Damaged => job.counts.failed += 1,
            }
        }
        let before = job.counts.rewrapped;
        let wanted = job.wanted.clone();
        // Whoever opens a window makes the call; the others wait for it.
        let calls: Vec<_> = names.into_iter().map(|name| self.rewrap(caller, &wanted, name)).collect();
        let outcomes: Vec<_> = futures::stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
        for (name, outcome) in outcomes {
            self.count(job, &name, outcome).await?;
        }
        job.from = page.next.map(|next: Bytes| ByteBuf::from(next.to_vec()));
        if job.from.is_none() {
            job.phase = if job.phase == Phase::Currents { Phase::Noncurrents } else { Phase::Done };
        }
        Ok(job.counts.rewrapped - before)
    }

    async fn rewrap(
        &self,
        caller: &Caller,
        wanted: &Wanted,
        name: ObjectName,
    ) -> (ObjectName, Result<(), arqueta_engine::Error>) {
        let (key, bucket_key) = (wanted.key.clone(), wanted.bucket_key);
        let input = UpdateObjectEncryption { name, key, bucket_key };
        let outcome = self.on.engine.objects().update_encryption(caller, &input).await;
        (input.name, outcome.map(drop))
    }

    async fn count(
        &self,
        job: &mut Job,
        name: &ObjectName,
        outcome: Result<(), arqueta_engine::Error>,
    ) -> Result<(), Error> {
        use arqueta_engine::Error as Engine;
        let error = match outcome {
            Ok(()) => {
                job.counts.rewrapped += 1;
                if (self.on.wants)(&job.owner, name.bucket.as_str(), name.key.as_str()) {
                    let event = event::of_version(job, name, &self.on.region, self.on.clock.now());
                    self.on.audit.append(event).await?;
                }
                return Ok(());
            }
            Err(error) => error,
        };
        let why = || Some(format!("{}: {}", name.key, with_causes(&error)));
        match &error {
            Engine::NoSuchKey { .. } | Engine::NoSuchVersion | Engine::MethodNotAllowed { .. } => job.counts.gone += 1,
            Engine::ObjectLocked => job.counts.locked += 1,
            Engine::Encryption(failed) if failed.is_retryable() => return Err(error.into()),
            Engine::Encryption(EnvelopeError::Kms(_)) => {
                job.counts.refused += 1;
                job.trouble = why();
            }
            Engine::Store(_) => return Err(error.into()),
            _ => {
                job.counts.failed += 1;
                job.trouble = why();
            }
        }
        Ok(())
    }

    fn event(&self, name: &str, job: &Job, details: serde_json::Value) -> Event {
        event::of_job(name, job, details, &self.on.region, self.on.clock.now())
    }
}

/// What became of a place that was to be kept.
enum Kept {
    Yes,
    /// The job was stopped or began anew.
    Over,
    /// The lease is another gateway's.
    Elsewhere,
}
