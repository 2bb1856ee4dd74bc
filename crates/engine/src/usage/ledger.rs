//! One bucket's count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_model::AccountId;
use bytes::Bytes;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::{Amount, Quota};

/// What is known of a bucket.
#[derive(Default)]
pub(super) struct Ledger {
    /// Held by each commit under way, and alone by who reads or counts anew.
    gate: Arc<RwLock<()>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether the rows are what is in the store.
    known: bool,
    owner: Option<AccountId>,
    quota: Quota,
    /// The sum of the rows, and of what commits under way add.
    total: Amount,
    rows: Vec<Row>,
    /// Rows that no commit under way has.
    free: Vec<u16>,
}

#[derive(Default, Clone)]
struct Row {
    amount: Amount,
    /// As it is stored.
    bytes: Option<Bytes>,
}

/// What a bucket is known by, beside its count.
pub(super) struct Known {
    pub owner: Option<AccountId>,
    pub quota: Quota,
    pub total: Amount,
    pub is_known: bool,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn known(&self) -> Known {
        let state = self.state();
        Known { owner: state.owner.clone(), quota: state.quota, total: state.total, is_known: state.known }
    }

    /// A place among the commits under way.
    pub async fn join(&self) -> OwnedRwLockReadGuard<()> {
        self.gate.clone().read_owned().await
    }

    /// The place of all of them.
    pub async fn hold(&self) -> OwnedRwLockWriteGuard<()> {
        self.gate.clone().write_owned().await
    }

    /// Sets what was read, by who holds the gate.
    pub fn learn(&self, owner: Option<AccountId>, quota: Quota, rows: Vec<Option<(Amount, Bytes)>>) {
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|row| row.map_or_else(Row::default, |(amount, bytes)| Row { amount, bytes: Some(bytes) }))
            .collect();
        let mut state = self.state();
        state.total = rows.iter().fold(Amount::ZERO, |sum, row| sum.plus(row.amount));
        // The lowest first, so that few come to be.
        state.free = (0..u16::try_from(rows.len()).unwrap_or(u16::MAX)).rev().collect();
        state.rows = rows;
        (state.known, state.owner, state.quota) = (true, owner, quota);
    }

    pub fn limit(&self, quota: Quota) {
        self.state().quota = quota;
    }

    /// Takes a row for a commit that changes the count by `by`; `None` where the rows are to be read first.
    pub fn enter(self: &Arc<Self>, gate: OwnedRwLockReadGuard<()>, by: Amount) -> Option<Entered> {
        let mut state = self.state();
        if !state.known {
            return None;
        }
        let slot = match state.free.pop() {
            Some(slot) => slot,
            None => {
                // So many commits are never under way at once; those beyond would wait for one that is.
                let slot = u16::try_from(state.rows.len()).ok()?;
                state.rows.push(Row::default());
                slot
            }
        };
        state.total = state.total.plus(by);
        let before = state.rows[usize::from(slot)].clone();
        let after = before.amount.plus(by);
        Some(Entered { ledger: Arc::clone(self), _gate: gate, slot, by, before: before.bytes, after, outcome: None })
    }
}

/// A commit under way with its row.
pub(crate) struct Entered {
    ledger: Arc<Ledger>,
    _gate: OwnedRwLockReadGuard<()>,
    pub slot: u16,
    by: Amount,
    /// The row as it must be, and as it becomes.
    pub before: Option<Bytes>,
    pub after: Amount,
    /// Unknown until told: a commit that is given up may happen all the same.
    outcome: Option<Bytes>,
}

impl Entered {
    /// It was committed, with the row as these bytes.
    pub fn committed(mut self, row: Bytes) {
        self.outcome = Some(row);
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut state = self.ledger.state();
        match self.outcome.take() {
            Some(bytes) => {
                state.rows[usize::from(self.slot)] = Row { amount: self.after, bytes: Some(bytes) };
                state.free.push(self.slot);
            }
            None => {
                state.total = state.total.minus(self.by);
                state.known = false;
            }
        }
    }
}
