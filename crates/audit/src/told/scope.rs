//! What the call of this task is about to do.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures::future::Either;
use tokio::sync::oneshot;

use super::outbox::{Carried, Outbox};
use super::row::Row;
use crate::{Error, Event};

tokio::task_local! {
    static CALL: Option<Arc<Telling>>;
}

/// One call's event, from its beginning to its end, and who looks after it then.
#[derive(Debug, Default)]
pub(crate) struct Telling(Mutex<State>, OnceLock<Arc<Outbox>>);

#[derive(Debug, Default)]
enum State {
    /// Nothing is about to change.
    #[default]
    Silent,
    /// Something is; no commit is known to have carried it. How many are under way that do.
    Begun(Arc<[Row]>, usize),
    /// A commit has.
    Carried(Vec<Carried>),
    /// The record has its event, and no commit carried the beginning: later ones need not.
    Recorded,
}

/// Runs a call: what it begins and what it commits belong together.
// No `async fn`: that would hold `work` twice, as it came and as it runs.
pub fn call<F: Future>(work: F) -> impl Future<Output = F::Output> {
    CALL.scope(Some(Arc::default()), work)
}

/// `work` as a part of the present call, wherever it runs: for tasks of their own.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    match current() {
        Some(telling) => Either::Left(CALL.scope(Some(telling), work)),
        None => Either::Right(work),
    }
}

/// `work` as no part of the present call: what it announces is durable before any commit.
pub fn apart<F: Future>(work: F) -> impl Future<Output = F::Output> {
    CALL.scope(None, work)
}

/// Has the first commit of this call carry `event`, if the call runs inside [`call`] and its commits
/// go through a [`super::Told`] store. Returns whether it does run there.
///
/// # Errors
/// [`Error::Io`] for an event that is too large.
pub fn begin(event: Event) -> Result<bool, Error> {
    let Some(telling) = current() else { return Ok(false) };
    telling.begin([Row::of(event)?].into());
    Ok(true)
}

/// As [`begin`], of a call that it takes several events to tell ([`Event::in_pieces`]). Where they are
/// more than [`PIECES`] nothing is begun: such a call has to be announced [`apart`].
///
/// # Errors
/// [`Error::Io`] for an event that is too large.
pub fn begin_all(events: Vec<Event>) -> Result<bool, Error> {
    let Some(telling) = current().filter(|_| (1..=PIECES).contains(&events.len())) else { return Ok(false) };
    let of = if events.len() > 1 { Row::of_piece } else { Row::of };
    telling.begin(events.into_iter().map(of).collect::<Result<_, _>>()?);
    Ok(true)
}

/// Most events that a commit carries: together they are at most a mebibyte of the journal.
pub const PIECES: usize = 4;

pub(crate) fn current() -> Option<Arc<Telling>> {
    CALL.try_with(Clone::clone).ok().flatten()
}

impl Telling {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, rows: Arc<[Row]>) {
        let mut state = self.state();
        if matches!(*state, State::Silent) {
            *state = State::Begun(rows, 0);
        }
    }

    /// What the next commit has to carry. Commits at the same time all do, until one succeeded.
    pub(crate) fn rows(&self, outbox: &Arc<Outbox>) -> Option<Arc<[Row]>> {
        self.1.get_or_init(|| Arc::clone(outbox));
        match &mut *self.state() {
            State::Begun(rows, under_way) => {
                *under_way += 1;
                Some(Arc::clone(rows))
            }
            _ => None,
        }
    }

    /// Such a commit is over; if it is durable, so are the rows.
    pub(crate) fn carry(&self, durable: bool) {
        let mut state = self.state();
        if let State::Begun(rows, under_way) = &mut *state {
            *under_way = under_way.saturating_sub(1);
            if durable {
                *state = State::Carried(carried_in(rows));
            }
        }
    }

    /// Whether `event` tells what began here, and no commit carries yet.
    pub(crate) fn has_begun(&self, event: &Event) -> bool {
        matches!(&*self.state(), State::Begun(rows, _) if rows.iter().any(|row| row.is_of(event)))
    }

    /// Such an event is durable.
    pub(crate) fn recorded(&self) {
        let mut state = self.state();
        if matches!(*state, State::Begun(_, 0)) {
            *state = State::Recorded;
        }
    }

    /// Which of the durable rows is the beginning of what `event` tells; one that no event was told
    /// for yet, if there is one.
    pub(crate) fn carried(&self, event: &Event) -> Option<usize> {
        let State::Carried(carried) = &*self.state() else { return None };
        let of = |told: bool| carried.iter().position(|carried| carried.told == told && carried.row.is_of(event));
        of(false).or_else(|| of(true))
    }

    /// The event of the row at `at` is durable, or will be when `written` says so.
    pub(crate) fn tell(&self, at: usize, written: Option<oneshot::Receiver<Result<(), Error>>>) {
        if let State::Carried(carried) = &mut *self.state()
            && let Some(carried) = carried.get_mut(at)
        {
            carried.told = true;
            carried.written.extend(written);
        }
    }
}

impl Drop for Telling {
    /// The end of the call, whether it came to it or was given up.
    fn drop(&mut self) {
        let state = std::mem::take(self.0.get_mut().unwrap_or_else(PoisonError::into_inner));
        let left = match state {
            State::Carried(carried) => carried,
            // Given up while a commit was under way: it may have happened.
            State::Begun(rows, under_way) if under_way > 0 => carried_in(&rows),
            _ => return,
        };
        if let Some(outbox) = self.1.get() {
            left.into_iter().for_each(|carried| outbox.leave(carried));
        }
    }
}

fn carried_in(rows: &[Row]) -> Vec<Carried> {
    rows.iter().cloned().map(Carried::new).collect()
}
