//! What the call of this task is about to do.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::oneshot;

use super::outbox::{Carried, Outbox};
use super::row::Row;
use crate::{Error, Event};

tokio::task_local! {
    static CALL: Arc<Telling>;
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
    Begun(Row, usize),
    /// A commit has.
    Carried(Carried),
}

/// Runs a call: what it begins and what it commits belong together.
pub async fn call<F: Future>(work: F) -> F::Output {
    CALL.scope(Arc::default(), work).await
}

/// `work` as a part of the present call, wherever it runs: for tasks of their own.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let telling = current();
    async move {
        match telling {
            Some(telling) => CALL.scope(telling, work).await,
            None => work.await,
        }
    }
}

/// Has the first commit of this call carry `event`, if the call runs inside [`call`] and its commits
/// go through a [`super::Told`] store. Returns whether it does run there.
///
/// # Errors
/// [`Error::Io`] for an event that is too large.
pub fn begin(event: Event) -> Result<bool, Error> {
    let Some(telling) = current() else { return Ok(false) };
    let row = Row::of(event)?;
    let mut state = telling.state();
    if matches!(*state, State::Silent) {
        *state = State::Begun(row, 0);
    }
    Ok(true)
}

pub(crate) fn current() -> Option<Arc<Telling>> {
    CALL.try_with(Arc::clone).ok()
}

impl Telling {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next commit has to carry. Commits at the same time all do, until one succeeded.
    pub(crate) fn row(&self, outbox: &Arc<Outbox>) -> Option<Row> {
        self.1.get_or_init(|| Arc::clone(outbox));
        match &mut *self.state() {
            State::Begun(row, under_way) => {
                *under_way += 1;
                Some(row.clone())
            }
            _ => None,
        }
    }

    /// Such a commit is over; if it is durable, so is the row.
    pub(crate) fn carry(&self, row: Row, durable: bool) {
        let mut state = self.state();
        if let State::Begun(_, under_way) = &mut *state {
            *under_way = under_way.saturating_sub(1);
            if durable {
                *state = State::Carried(Carried::new(row));
            }
        }
    }

    /// Whether the beginning of what `event` tells is durable.
    pub(crate) fn has_carried(&self, event: &Event) -> bool {
        match &*self.state() {
            State::Carried(carried) => carried.row.is_of(event),
            _ => false,
        }
    }

    /// An event of the call is durable, or will be when `written` says so.
    pub(crate) fn tell(&self, written: Option<oneshot::Receiver<Result<(), Error>>>) {
        if let State::Carried(carried) = &mut *self.state() {
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
            State::Begun(row, under_way) if under_way > 0 => Carried::new(row),
            _ => return,
        };
        if let Some(outbox) = self.1.get() {
            outbox.leave(left);
        }
    }
}
