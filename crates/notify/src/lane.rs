//! One target's rows, from the oldest on.
//!
//! A round reads one page: one moment of the store, in which the rows of a key are complete from the
//! oldest on. Reading on in a later moment could meet an event whose forerunner came in between, behind
//! what was read already.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arqueta_engine::StoreError;
use arqueta_engine::notifications::{Lane as Rows, Notice};
use arqueta_engine::record::Record as _;
use arqueta_model::Timestamp;
use arqueta_store::{Batch, Held, Scan};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::Mutex;

use crate::message::Message;
use crate::pace::{Pace, Refused};
use crate::progress::Counts;
use crate::route::{Route, Standing, WINDOW};
use crate::target::Failure;

/// Rows read at first; more where some of them wait.
const PAGE: usize = 1000;
/// Rows taken away in one commit.
const CHUNK: usize = 128;
/// How often an empty lane is looked at that nobody in this process wrote into.
const LOOK: Duration = Duration::from_secs(10);
/// How often the rows of a long lane are counted.
const COUNT: Duration = Duration::from_secs(60);
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
    pace: Pace,
    refused: Refused,
    /// Rows of the last page that had to wait.
    left: usize,
    counted: Option<Timestamp>,
}

/// A row as it is sent.
struct Row {
    key: Bytes,
    message: Message,
}

/// What became of the rows of one key.
struct Outcome {
    group: String,
    taken: Vec<Bytes>,
    failure: Option<Failure>,
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
                    // New rows change nothing for those that wait, and a target that is down stays so.
                    self.on.clock.sleep(rest).await;
                    continue;
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
        self.count(&mut state, found, full, oldest).await?;
        let groups = self.groups(page, &state.refused);
        let (taken, down) = self.tell(&mut state, groups).await?;
        state.left = if down { 0 } else { found - taken };
        if taken > 0 && !full {
            self.counts.wait((found - taken) as u64, oldest.filter(|_| found > taken));
        }
        let now = self.on.clock.now();
        if down {
            return Ok(Round::Wait(state.pace.fail()));
        }
        if taken > 0 || (full && limit < WINDOW) {
            return Ok(Round::Told);
        }
        Ok(Round::Wait(
            state.refused.next().map_or(LOOK, |next| next.since(now)).clamp(Duration::from_millis(50), LOOK),
        ))
    }

    /// Holds the lease. `false`: another gateway does.
    async fn hold(&self, state: &mut State) -> Result<bool, StoreError> {
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
        let held = self.on.leases.take(&format!("notify/{}", self.route.name)).await?;
        state.tenure = held.map(|held| (held, now));
        Ok(state.tenure.is_some())
    }

    /// How many rows wait: those of a page that is not full, or of the whole lane now and then.
    async fn count(
        &self,
        state: &mut State,
        found: usize,
        full: bool,
        oldest: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let now = self.on.clock.now();
        if !full {
            self.counts.wait(found as u64, oldest);
            return Ok(());
        }
        if state.counted.is_some_and(|counted| now.since(counted) < COUNT) {
            self.counts.wait(self.counts.waiting().max(found as u64), oldest);
            return Ok(());
        }
        state.counted = Some(now);
        let (mut all, mut scan) = (0, Scan::prefix(self.rows.prefix(), PAGE));
        loop {
            let page = self.on.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { break };
            scan.start = [&last.key[..], &[0]].concat().into();
            all += page.len() as u64;
            tokio::task::yield_now().await;
        }
        self.counts.wait(all, oldest);
        Ok(())
    }

    /// The rows of each key that does not wait, in order.
    fn groups(&self, page: Vec<arqueta_store::Entry>, refused: &Refused) -> Vec<(String, Vec<Row>)> {
        let now = self.on.clock.now();
        let mut groups: BTreeMap<String, (usize, Vec<Row>)> = BTreeMap::new();
        for (at, entry) in page.into_iter().enumerate() {
            let Some(place) = self.rows.place(&entry.key) else { continue };
            let notice = entry.value.as_ref().map(|value| Notice::decode(value));
            let Some(Ok(notice)) = notice else {
                // The store has named it. It stays: what it was is not known, and a person may mend it.
                tracing::error!(target_name = self.name(), id = place.id(), "an event cannot be read and is not sent");
                continue;
            };
            let message = Message::of(&notice, place, self.route.format);
            let group = groups.entry(message.group.clone()).or_insert_with(|| (at, Vec::new()));
            group.1.push(Row { key: entry.key, message });
        }
        let mut groups: Vec<_> = groups.into_iter().filter(|(group, _)| !refused.holds(group, now)).collect();
        // The oldest first, whatever its key.
        groups.sort_by_key(|(_, (at, _))| *at);
        groups.into_iter().map(|(group, (_, rows))| (group, rows)).collect()
    }

    /// Sends, and takes away what was taken. Returns how many were, and whether the target is down.
    async fn tell(&self, state: &mut State, groups: Vec<(String, Vec<Row>)>) -> Result<(usize, bool), StoreError> {
        let down = AtomicBool::new(false);
        let concurrent = self.route.bounds.concurrent.max(1);
        let outcomes = groups.into_iter().map(|(group, rows)| self.tell_group(group, rows, &down));
        let mut outcomes = futures::stream::iter(outcomes).buffer_unordered(concurrent);
        let (mut taken, mut gone) = (0, Vec::new());
        while let Some(Outcome { group, taken: mut keys, failure }) = outcomes.next().await {
            taken += keys.len();
            if !keys.is_empty() {
                self.counts.sent_some(keys.len());
                state.refused.remove(&group);
                if state.pace.is_failing() {
                    tracing::info!(target_name = self.name(), "a target of notifications works again");
                    state.pace.succeed();
                }
            }
            gone.append(&mut keys);
            if let Some(failure) = failure {
                self.fail(state, group, &failure);
            }
            if gone.len() >= CHUNK && !self.take_away(state, &mut gone).await? {
                return Ok((0, false));
            }
        }
        if !self.take_away(state, &mut gone).await? {
            return Ok((0, false));
        }
        Ok((taken, down.load(Ordering::Relaxed)))
    }

    fn fail(&self, state: &mut State, group: String, failure: &Failure) {
        self.counts.failed();
        match failure {
            Failure::Refused(_) => {
                tracing::warn!(target_name = self.name(), %failure, "an event was not taken and is tried again");
                state.refused.add(group, self.on.clock.now());
            }
            Failure::Unavailable(_) => {
                if !state.pace.is_failing() {
                    tracing::warn!(target_name = self.name(), %failure, "a target does not work; its events wait");
                }
            }
        }
    }

    /// The rows of one key, one after the other, up to the first that is not taken.
    async fn tell_group(&self, group: String, rows: Vec<Row>, down: &AtomicBool) -> Outcome {
        let mut outcome = Outcome { group, taken: Vec::new(), failure: None };
        for Row { key, message } in rows {
            if down.load(Ordering::Relaxed) {
                break;
            }
            let sent = tokio::select! {
                sent = self.route.target.send(&message) => sent,
                () = self.on.clock.sleep(self.route.bounds.attempt) => Err(Failure::Unavailable("no answer in time".to_owned())),
            };
            match sent {
                Ok(()) => outcome.taken.push(key),
                Err(failure) => {
                    if matches!(failure, Failure::Unavailable(_)) {
                        down.store(true, Ordering::Relaxed);
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
            let some = gone.split_off(gone.len().saturating_sub(CHUNK));
            let batch = some.into_iter().fold(Batch::default().require(held.fence()), Batch::delete);
            match self.on.meta.commit(batch).await {
                Err(StoreError::Conflict) => {
                    state.tenure = None;
                    return Ok(false);
                }
                outcome => outcome?,
            }
        }
        Ok(true)
    }
}
