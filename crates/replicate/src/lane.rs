//! One destination's rows, from the oldest on.
//!
//! A round reads one page: one moment of the store, in which the rows of a key are complete from the oldest on.
//! Each row that is done is taken away in a commit of its own, together with what the version says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::StoreError;
use arqueta_engine::record::Record as _;
use arqueta_engine::replication::{Intent, Lane as Rows, Load, Settled};
use arqueta_model::Timestamp;
use arqueta_store::{Entry, Held, Precondition, Scan};
use arqueta_work::pace::Resting;
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::{Mutex, watch};

use crate::destination::{Destination, Failure};
use crate::progress::Counts;
use crate::standing::Standing;

/// Rows read at first; more where some of them wait.
const PAGE: usize = 1000;
/// Rows of a lane read at once, at most.
const WINDOW: usize = 10_000;
/// Versions on their way at once, each of another key. The engine bounds what their bodies take.
const CONCURRENT: usize = 32;
/// Least pause between looks at a lane in which everything had to wait.
const LEAST: Duration = Duration::from_millis(50);
/// How often a lane is looked at in which everything waits, or nothing.
const LOOK: Duration = Duration::from_secs(10);
/// Pause after a failure of the store.
const BROKEN: Duration = Duration::from_secs(1);
/// What rests where the destination as a whole does not answer.
const ALL: &str = "";

/// How a round ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Round {
    /// Nothing waits.
    Empty,
    /// Another gateway works.
    Elsewhere,
    /// Something was done; there may be more.
    Done,
    /// What is left has to wait that long.
    Wait(Duration),
}

/// The rows of one destination on their way.
pub struct Lane {
    on: Arc<Standing>,
    name: String,
    rows: Rows,
    to: Arc<dyn Destination>,
    counts: Arc<Counts>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tenure: Option<(Held, Timestamp)>,
    /// Keys whose next row was not taken, by bucket and key; [`ALL`] for the destination as a whole.
    resting: Resting,
    /// Rows of the last page that had to wait.
    left: usize,
    /// Rows of which it was told that they are late.
    told_late: BTreeSet<Bytes>,
}

/// The rows of one key, in order.
struct Group {
    name: String,
    rows: Vec<(Bytes, Intent)>,
}

/// What became of them.
struct Outcome {
    group: String,
    done: usize,
    failure: Option<Unavailable>,
}

/// Why a row waits.
enum Unavailable {
    /// The source cannot be read now.
    Source(String),
    /// The destination cannot be reached.
    Destination(String),
    /// The lane is not this gateway's any more, or the store failed.
    Store(StoreError),
}

fn group_of(intent: &Intent) -> String {
    format!("{}/{}", intent.bucket, intent.key)
}

impl Lane {
    /// The rows of the bucket `name`, which go to `to`.
    pub fn new(on: Arc<Standing>, name: String, to: Arc<dyn Destination>) -> Self {
        let (rows, counts) = (Rows::of(&name), on.progress.destination(&name));
        Self { on, rows, to, counts, state: Mutex::default(), name }
    }

    /// Works until nothing has waited for a while.
    pub async fn run(&self) {
        let mut written = self.on.engine.replication().watch();
        let mut empty: Option<Timestamp> = None;
        loop {
            written.borrow_and_update();
            let rest = match self.round().await {
                Ok(Round::Done) => {
                    empty = None;
                    continue;
                }
                Ok(Round::Empty) => {
                    let now = self.on.clock.now();
                    if now.since(*empty.get_or_insert(now)) >= LOOK {
                        return self.give_up().await;
                    }
                    LOOK
                }
                Ok(Round::Elsewhere) => self.on.leases.term(),
                Ok(Round::Wait(rest)) => {
                    // What was written meanwhile may be of a key that need not wait.
                    self.on.clock.sleep(LEAST.min(rest)).await;
                    rest.saturating_sub(LEAST)
                }
                Err(error) => {
                    tracing::warn!(destination = self.name, %error, "replication stopped and will go on");
                    BROKEN
                }
            };
            tokio::select! {
                () = self.on.clock.sleep(rest) => {}
                () = self.written(&mut written) => {}
            }
        }
    }

    /// Until a row was written for this destination.
    async fn written(&self, written: &mut watch::Receiver<u64>) {
        while written.changed().await.is_ok() {
            if self.on.engine.replication().outgoing().waits(&self.name) {
                return;
            }
        }
    }

    /// One page.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn round(&self) -> Result<Round, StoreError> {
        let mut state = self.state.lock().await;
        let limit = (PAGE + state.left).min(WINDOW);
        let page = self.on.meta.page(Scan::prefix(self.rows.prefix(), limit)).await?;
        let Some(first) = page.first() else {
            self.counts.oldest_is(None);
            self.on.engine.replication().found(&self.name, Load::default());
            state.left = 0;
            return Ok(Round::Empty);
        };
        self.counts.oldest_is(self.rows.place(&first.key).map(|place| place.written()));
        let Some(fence) = self.hold(&mut state).await? else { return Ok(Round::Elsewhere) };
        let now = self.on.clock.now();
        let found = page.len();
        self.tell_late(&mut state, &page, &fence, now).await?;
        let groups = match state.resting.holds(ALL, now) {
            true => Vec::new(),
            false => self.groups(page, &state, now),
        };
        let done = self.send(&mut state, groups, &fence).await?;
        state.left = found - done;
        if state.tenure.is_none() {
            return Ok(Round::Elsewhere);
        }
        if done > 0 || (found == limit && limit < WINDOW && !state.resting.holds(ALL, now)) {
            return Ok(Round::Done);
        }
        let now = self.on.clock.now();
        let next = match state.resting.until(ALL).filter(|until| *until > now) {
            None => state.resting.next(now),
            all => all,
        };
        Ok(Round::Wait(next.map_or(LOOK, |next| next.since(now)).clamp(LEAST, LOOK)))
    }

    /// Tells of rows that have waited too long.
    async fn tell_late(
        &self,
        state: &mut State,
        page: &[Entry],
        fence: &Precondition,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let is_late =
            |entry: &Entry| self.rows.place(&entry.key).is_some_and(|at| now.since(at.written()) >= self.on.threshold);
        // Rows lie in the order of their times: the late ones are the first.
        let late: Vec<&Entry> = page.iter().take_while(|entry| is_late(entry)).collect();
        let keys: BTreeSet<&Bytes> = late.iter().map(|entry| &entry.key).collect();
        state.told_late.retain(|key| keys.contains(key));
        for entry in late {
            let intent = entry.value.as_ref().and_then(|value| Intent::decode(value).ok());
            let Some(intent) = intent.filter(|_| state.told_late.insert(entry.key.clone())) else { continue };
            match self.on.engine.replication().miss(&entry.key, &intent, fence).await {
                Err(arqueta_engine::Error::Store(error)) => return Err(error),
                Err(error) => tracing::warn!(destination = self.name, %error, "that a version is late is not told"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// The rows of each key that does not wait, in order. Of a destination that rested one is tried.
    fn groups(&self, page: Vec<Entry>, state: &State, now: Timestamp) -> Vec<Group> {
        let mut groups: BTreeMap<String, (usize, Group)> = BTreeMap::new();
        for (at, entry) in page.into_iter().enumerate() {
            let intent = entry.value.as_ref().map(|value| Intent::decode(value));
            let Some(Ok(intent)) = intent else {
                // It stays: what it was is not known, and a person may mend it.
                tracing::error!(destination = self.name, "a row of replication cannot be read and is not sent");
                continue;
            };
            let name = group_of(&intent);
            if state.resting.holds(&name, now) {
                continue;
            }
            let empty = || (at, Group { name: name.clone(), rows: Vec::new() });
            groups.entry(name.clone()).or_insert_with(empty).1.rows.push((entry.key, intent));
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|(at, group)| (state.resting.knows(&group.name), *at));
        let most = if state.resting.knows(ALL) { 1 } else { groups.len() };
        groups.into_iter().take(most).map(|(_, group)| group).collect()
    }

    /// Sends what does not wait. Returns how many rows are done.
    async fn send(&self, state: &mut State, groups: Vec<Group>, fence: &Precondition) -> Result<usize, StoreError> {
        let outcomes = groups.into_iter().map(|group| self.send_group(group, fence));
        let mut outcomes = pin!(futures::stream::iter(outcomes).buffer_unordered(CONCURRENT));
        let mut done = 0;
        loop {
            tokio::select! {
                biased;
                outcome = outcomes.next() => match outcome {
                    Some(outcome) => done += self.note(state, outcome)?,
                    None => return Ok(done),
                },
                () = self.on.clock.sleep(self.on.leases.term() / 3) => {}
            }
            // However long this round takes, the lane stays this gateway's.
            if !self.keep(state).await? {
                return Ok(done);
            }
        }
    }

    fn note(&self, state: &mut State, Outcome { group, done, failure }: Outcome) -> Result<usize, StoreError> {
        let now = self.on.clock.now();
        if done > 0 {
            state.resting.remove(&group);
            if state.resting.remove(ALL) {
                tracing::info!(destination = self.name, "a destination of replication works again");
            }
        }
        let why = match failure {
            None => return Ok(done),
            Some(Unavailable::Store(StoreError::Conflict)) => {
                state.tenure = None;
                return Ok(done);
            }
            Some(Unavailable::Store(error)) => return Err(error),
            Some(Unavailable::Source(why)) => why,
            Some(Unavailable::Destination(why)) => {
                if !state.resting.knows(ALL) {
                    tracing::warn!(
                        destination = self.name,
                        why,
                        "a destination of replication does not work; versions wait"
                    );
                }
                if !state.resting.holds(ALL, now) {
                    state.resting.add(ALL.to_owned(), now);
                }
                why
            }
        };
        self.counts.put_off();
        tracing::debug!(destination = self.name, group, why, "a version was not replicated and is tried again");
        state.resting.add(group, now);
        if state.resting.len() > WINDOW {
            state.resting.forget_over(now);
        }
        Ok(done)
    }

    /// The rows of one key, one after the other, up to the first that has to wait.
    async fn send_group(&self, Group { name, rows }: Group, fence: &Precondition) -> Outcome {
        let mut outcome = Outcome { group: name, done: 0, failure: None };
        for (key, intent) in rows {
            match self.send_one(&key, &intent, fence).await {
                Ok(()) => outcome.done += 1,
                Err(failure) => {
                    outcome.failure = Some(failure);
                    break;
                }
            }
        }
        outcome
    }

    async fn send_one(&self, key: &Bytes, intent: &Intent, fence: &Precondition) -> Result<(), Unavailable> {
        let (settled, bytes) = match self.deliver(intent).await? {
            Ok(bytes) => (Settled::Done, bytes),
            Err((reason, detail)) => {
                tracing::warn!(
                    bucket = %intent.bucket, key = %intent.key, version = %intent.version,
                    destination = self.name, reason, detail, "a version is not replicated"
                );
                (Settled::Failed(reason.to_owned()), 0)
            }
        };
        let stored = self.on.engine.replication().settle(key, intent, fence, &settled).await;
        stored.map_err(|error| match error {
            arqueta_engine::Error::Store(error) => Unavailable::Store(error),
            other => Unavailable::Source(other.to_string()),
        })?;
        match &settled {
            Settled::Done => self.counts.replicated(bytes),
            Settled::Failed(reason) => self.counts.failed(reason),
        }
        Ok(())
    }

    /// Hands one version over: how many bytes went, or why it is denied.
    async fn deliver(&self, intent: &Intent) -> Result<Result<u64, (&'static str, String)>, Unavailable> {
        let ready = match self.on.source.ready(intent, &self.name).await {
            Ok(Some(ready)) => ready,
            Ok(None) => return Ok(Ok(0)),
            Err(Failure::Denied { reason, detail }) => return Ok(Err((reason.name(), detail))),
            Err(Failure::Unavailable(why)) => return Err(Unavailable::Source(why)),
        };
        let told = self.on.record.of(&ready);
        let taken = self.to.take(&ready.role, ready.item).await;
        match taken {
            Err(Failure::Denied { reason, detail }) => Ok(Err((reason.name(), detail))),
            Err(Failure::Unavailable(why)) => Err(Unavailable::Destination(why)),
            Ok(()) => {
                self.on.record.tell(told).await.map_err(Unavailable::Source)?;
                Ok(Ok(intent.size))
            }
        }
    }

    /// Holds the lease; what it is to be proven by. `None`: another gateway has it.
    async fn hold(&self, state: &mut State) -> Result<Option<Precondition>, StoreError> {
        if !self.keep(state).await? {
            let held = self.on.leases.take(&format!("replicate/{}", self.name)).await?;
            state.tenure = held.map(|held| (held, self.on.clock.now()));
        }
        Ok(state.tenure.as_ref().map(|(held, _)| held.fence()))
    }

    /// Goes on holding it. `false`: it is not this gateway's, or not any more.
    async fn keep(&self, state: &mut State) -> Result<bool, StoreError> {
        let now = self.on.clock.now();
        if let Some((held, renewed)) = &mut state.tenure {
            if now.since(*renewed) < self.on.leases.term() / 3 {
                return Ok(true);
            }
            if self.on.leases.renew(held).await? {
                *renewed = now;
                return Ok(true);
            }
        }
        state.tenure = None;
        Ok(false)
    }

    async fn give_up(&self) {
        if let Some((held, _)) = self.state.lock().await.tenure.take()
            && let Err(error) = self.on.leases.give_up(held).await
        {
            tracing::debug!(%error, "a lease ends with its term");
        }
    }
}
