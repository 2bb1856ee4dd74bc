//! One target's rows, from the oldest on.
//!
//! A round reads one page: one moment of the store, in which the rows of a key are complete from the
//! oldest on. Reading on in a later moment could meet an event whose forerunner came in between, behind
//! what was read already; where nothing in the longest page can be told, [`further`] does so with care.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::StoreError;
use arqueta_engine::notifications::{Lane as Rows, Notice};
use arqueta_engine::record::Record as _;
use arqueta_model::Timestamp;
use arqueta_store::{Batch, Entry, Held, Scan};
use arqueta_work::pace::Resting;
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::{Mutex, mpsc};

use crate::further::further;
use crate::message::{Message, group};
use crate::progress::Counts;
use crate::route::{PAGE, Route, Standing, WINDOW};
use crate::target::Failure;

/// Rows taken away in one commit: so many come again after a kill, and those under way.
const CHUNK: usize = 128;
/// How often an empty lane is looked at that nobody in this process wrote into.
const LOOK: Duration = Duration::from_secs(10);
/// Least pause between looks at a lane in which everything had to wait.
const LEAST: Duration = Duration::from_millis(50);
/// How much of its time a lane may take for looks behind its longest page that find nothing: one part in so many.
const SELDOM: u32 = 20;
/// Pause after a failure of the store.
const BROKEN: Duration = Duration::from_secs(1);

/// How a round ended.
#[derive(Debug, PartialEq, Eq)]
enum Round {
    /// Nothing waits.
    Empty,
    /// Another gateway works.
    Elsewhere,
    /// Something was told; there may be more.
    Told,
    /// What is left has to wait that long.
    Wait(Duration),
}

pub struct Lane {
    on: Standing,
    route: Route,
    rows: Rows,
    counts: Arc<Counts>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tenure: Option<(Held, Timestamp)>,
    /// Accounts for whose events the target did not work: one that answers so to all events of one account
    /// is not down for the others.
    resting: Resting,
    /// Keys whose next event was not taken.
    held: Resting,
    /// Rows of the last page that had to wait.
    left: usize,
    /// Until when what lies behind the longest page is not looked at.
    further: Option<Timestamp>,
}

/// A row as it is sent.
struct Row {
    key: Bytes,
    message: Message,
}

/// The rows of one key of a bucket, in order.
struct Group {
    name: String,
    /// The bucket's owner; nobody's for tests of configurations.
    account: String,
    rows: Vec<Row>,
}

/// What became of them.
struct Outcome {
    group: String,
    account: String,
    taken: usize,
    failure: Option<Failure>,
}

/// Whose bucket it is about; nobody's for tests of configurations.
fn account(notice: &Notice) -> String {
    match notice {
        Notice::Occurred(what) => what.owner.to_string(),
        Notice::Test { .. } => String::new(),
    }
}

impl Lane {
    pub fn new(on: Standing, route: Route, counts: Arc<Counts>) -> Self {
        let rows = Rows::of(&route.name);
        Self { on, route, rows, counts, state: Mutex::default() }
    }

    pub fn name(&self) -> &str {
        &self.route.name
    }

    /// Works for ever.
    pub async fn run(&self) {
        let mut written = self.on.notices.watch();
        loop {
            written.borrow_and_update();
            let rest = match self.round().await {
                Ok(Round::Told) => continue,
                Ok(Round::Empty) => LOOK,
                Ok(Round::Elsewhere) => self.on.leases.term(),
                Ok(Round::Wait(rest)) => {
                    // What was written meanwhile may be of a key that need not wait.
                    self.on.clock.sleep(LEAST.min(rest)).await;
                    rest.saturating_sub(LEAST)
                }
                Err(error) => {
                    tracing::warn!(target_name = self.name(), %error, "notifications stopped and will go on");
                    BROKEN
                }
            };
            tokio::select! {
                () = self.on.clock.sleep(rest) => {}
                _ = written.changed() => {}
            }
        }
    }

    /// Rounds until nothing more can be done now.
    pub async fn once(&self) -> Result<(), StoreError> {
        while self.round().await? == Round::Told {}
        Ok(())
    }

    async fn round(&self) -> Result<Round, StoreError> {
        let mut state = self.state.lock().await;
        let limit = (PAGE + state.left).min(WINDOW);
        let page = self.on.meta.page(Scan::prefix(self.rows.prefix(), limit)).await?;
        let Some(first) = page.first() else {
            self.counts.wait(0, None);
            state.left = 0;
            return Ok(Round::Empty);
        };
        let oldest = self.rows.place(&first.key).map(|place| place.written());
        if !self.hold(&mut state).await? {
            return Ok(Round::Elsewhere);
        }
        let (full, found) = (page.len() == limit, page.len());
        let waiting = if full { self.on.notices.waiting(self.name()).max(found as u64) } else { found as u64 };
        self.counts.wait(waiting, oldest);
        let last = page.last().map_or_else(Bytes::new, |last| last.key.clone());
        let groups = self.groups(page, &state);
        let taken = self.tell(&mut state, groups).await?;
        state.left = found - taken;
        if state.tenure.is_none() {
            return Ok(Round::Elsewhere);
        }
        if taken > 0 && !full {
            self.counts.wait((found - taken) as u64, oldest.filter(|_| found > taken));
        }
        if taken > 0 || (full && limit < WINDOW) {
            return Ok(Round::Told);
        }
        if full && state.further.is_none_or(|until| until <= self.on.clock.now()) {
            let began = self.on.clock.now();
            if self.tell_further(&mut state, &last).await? > 0 {
                return Ok(Round::Told);
            }
            // It read the whole lane for nothing: not again before twenty times as long has passed.
            let now = self.on.clock.now();
            state.further = Some(now.plus(now.since(began) * SELDOM));
        }
        let now = self.on.clock.now();
        let next = state.held.next(now).into_iter().chain(state.resting.next(now)).min();
        Ok(Round::Wait(next.map_or(LOOK, |next| next.since(now)).clamp(LEAST, LOOK)))
    }

    /// Tells what lies behind a window in which everything has to wait. Returns how many were taken.
    async fn tell_further(&self, state: &mut State, last: &Bytes) -> Result<usize, StoreError> {
        let now = self.on.clock.now();
        let waits =
            |notice: &Notice| state.held.holds(&group(notice), now) || state.resting.holds(&account(notice), now);
        let found = further(&*self.on.meta, &self.rows, last, waits).await?;
        let groups = self.groups(found, state);
        self.tell(state, groups).await
    }

    /// Holds the lease. `false`: another gateway does.
    async fn hold(&self, state: &mut State) -> Result<bool, StoreError> {
        if self.keep(state).await? {
            return Ok(true);
        }
        let held = self.on.leases.take(&format!("notify/{}", self.route.name)).await?;
        state.tenure = held.map(|held| (held, self.on.clock.now()));
        Ok(state.tenure.is_some())
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

    /// The rows of each key that does not wait, in order: the oldest key of each account, then the second of
    /// each, so that none takes all turns. Of an account that rested one is tried.
    fn groups(&self, page: Vec<Entry>, state: &State) -> Vec<Group> {
        let now = self.on.clock.now();
        let mut groups: BTreeMap<String, (usize, Group)> = BTreeMap::new();
        for (at, entry) in page.into_iter().enumerate() {
            let Some(place) = self.rows.place(&entry.key) else { continue };
            let notice = entry.value.as_ref().map(|value| Notice::decode(value));
            let Some(Ok(notice)) = notice else {
                // The store has named it. It stays: what it was is not known, and a person may mend it.
                tracing::error!(target_name = self.name(), id = place.id(), "an event cannot be read and is not sent");
                continue;
            };
            let (name, account) = (group(&notice), account(&notice));
            if state.held.holds(&name, now) || state.resting.holds(&account, now) {
                continue;
            }
            let message = Message::of(&notice, place, self.route.format);
            let empty = || (at, Group { name: name.clone(), account, rows: Vec::new() });
            groups.entry(name.clone()).or_insert_with(empty).1.rows.push(Row { key: entry.key, message });
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        // Of an account that rested a key that did not fail yet comes first: what failed may be the keys' fault.
        let failed = |of: &Group| state.resting.knows(&of.account) && state.held.knows(&of.name);
        groups.sort_by_key(|(at, group)| (failed(group), *at));
        let mut turns: BTreeMap<String, usize> = BTreeMap::new();
        let mut taking = Vec::with_capacity(groups.len());
        for (_, group) in groups {
            let turn = turns.entry(group.account.clone()).or_default();
            *turn += 1;
            if *turn == 1 || !state.resting.knows(&group.account) {
                taking.push((*turn, group));
            }
        }
        taking.sort_by_key(|(turn, _)| *turn);
        taking.into_iter().map(|(_, group)| group).collect()
    }

    /// Sends, and takes away what was taken. Returns how many were.
    async fn tell(&self, state: &mut State, groups: Vec<Group>) -> Result<usize, StoreError> {
        let off = Mutex::default();
        let (told, mut heard) = mpsc::unbounded_channel();
        let concurrent = self.route.bounds.concurrent.max(1);
        let outcomes = groups.into_iter().map(|group| self.tell_group(group, &off, told.clone()));
        let mut outcomes = pin!(futures::stream::iter(outcomes).buffer_unordered(concurrent));
        let (mut taken, mut gone) = (0, Vec::new());
        loop {
            let noted = tokio::select! {
                biased;
                Some(key) = heard.recv() => {
                    taken += 1;
                    self.counts.sent_some(1);
                    gone.push(key);
                    gone.len() < CHUNK
                }
                outcome = outcomes.next() => match outcome {
                    Some(outcome) => {
                        self.settle(state, outcome);
                        true
                    }
                    None => break,
                },
                () = self.on.clock.sleep(self.on.leases.term() / 3) => false,
            };
            // However long this round takes, the lane stays this gateway's and what was told is noted.
            if !self.keep(state).await? || !noted && !self.take_away(state, &mut gone).await? {
                return Ok(0);
            }
        }
        while let Ok(key) = heard.try_recv() {
            taken += 1;
            self.counts.sent_some(1);
            gone.push(key);
        }
        Ok(if self.take_away(state, &mut gone).await? { taken } else { 0 })
    }

    fn settle(&self, state: &mut State, Outcome { group, account, taken, failure }: Outcome) {
        if taken > 0 {
            state.held.remove(&group);
            if state.resting.remove(&account) {
                tracing::info!(target_name = self.name(), account, "a target of notifications works again");
            }
        }
        let Some(failure) = failure else { return };
        self.counts.failed();
        let now = self.on.clock.now();
        state.held.add(group, now);
        if state.held.len() > WINDOW {
            // More keys than can be remembered each: the account as a whole.
            state.held.forget_over(now);
            state.resting.add(account.clone(), now);
        }
        match failure {
            Failure::Refused(_) => {
                tracing::warn!(target_name = self.name(), %failure, "an event was not taken and is tried again");
            }
            // What failed beside it, at once, is the same failure.
            Failure::Unavailable(_) if state.resting.holds(&account, now) => {}
            Failure::Unavailable(_) => {
                if !state.resting.knows(&account) {
                    tracing::warn!(target_name = self.name(), account, %failure, "a target does not work; events wait");
                }
                state.resting.add(account, now);
            }
        }
    }

    /// The rows of one key, one after the other, up to the first that is not taken, or until the target does
    /// not work for its account.
    async fn tell_group(
        &self,
        Group { name, account, rows }: Group,
        off: &Mutex<BTreeSet<String>>,
        told: mpsc::UnboundedSender<Bytes>,
    ) -> Outcome {
        let mut outcome = Outcome { group: name, account, taken: 0, failure: None };
        for Row { key, message } in rows {
            if off.lock().await.contains(&outcome.account) {
                break;
            }
            let sent = tokio::select! {
                sent = self.route.target.send(&message) => sent,
                () = self.on.clock.sleep(self.route.bounds.attempt) => Err(Failure::Unavailable("no answer in time".to_owned())),
            };
            match sent {
                Ok(()) => {
                    outcome.taken += 1;
                    // Who is not there any more lost the lane, and another one sends it again.
                    let _ = told.send(key);
                }
                Err(failure) => {
                    if matches!(failure, Failure::Unavailable(_)) {
                        off.lock().await.insert(outcome.account.clone());
                    }
                    outcome.failure = Some(failure);
                    break;
                }
            }
        }
        outcome
    }

    /// Takes rows away. `false`: another gateway has the lane now, and will send them again.
    async fn take_away(&self, state: &mut State, gone: &mut Vec<Bytes>) -> Result<bool, StoreError> {
        while !gone.is_empty() {
            let Some((held, _)) = &state.tenure else { return Ok(false) };
            // The oldest first: whatever comes again after a kill comes with all that followed it.
            let some: Vec<Bytes> = gone.drain(..gone.len().min(CHUNK)).collect();
            let rows = some.len() as u64;
            let batch = some.into_iter().fold(Batch::default().require(held.fence()), Batch::delete);
            match self.on.meta.commit(batch).await {
                Err(StoreError::Conflict) => {
                    state.tenure = None;
                    return Ok(false);
                }
                outcome => outcome?,
            }
            self.on.notices.taken(self.name(), rows);
        }
        Ok(true)
    }
}
