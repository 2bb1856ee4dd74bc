//! One bucket's count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_model::AccountId;
use arqueta_store::MetaStore;
use bytes::Bytes;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::account::{Account, Fit};
use super::{Amount, Quota};

/// What is known of a bucket.
#[derive(Default)]
pub(super) struct Ledger {
    /// Held by each commit under way, and alone by who reads or counts anew.
    gate: Arc<RwLock<()>>,
    state: Mutex<State>,
}

/// Who owns a bucket.
pub(super) type Owner = (AccountId, Arc<Account>);

#[derive(Default)]
struct State {
    /// Whether the rows are what is in the store.
    known: bool,
    owner: Option<Owner>,
    quota: Quota,
    /// The sum of the rows, and of what commits under way add. The owner's total has it, too.
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
    pub owner: Option<Owner>,
    pub quota: Quota,
    pub total: Amount,
}

/// What comes of a commit that asks for its row.
pub(super) enum Entry {
    In(Entered),
    /// It would be more than may be there.
    Full,
    /// The rows, or those of other buckets, are to be read first.
    Unknown,
}

impl State {
    /// Makes `total` what is there, and `owner` whose it is.
    fn become_of(&mut self, owner: Option<Owner>, total: Amount) {
        if let Some((_, account)) = &self.owner {
            account.change(Amount::ZERO.minus(self.total));
        }
        if let Some((_, account)) = &owner {
            account.change(total);
        }
        (self.owner, self.total) = (owner, total);
    }

    fn doubt(&mut self) {
        self.known = false;
        if let Some((_, account)) = &self.owner {
            account.doubt();
        }
    }

    /// Counts a change, where `within` only if it fits.
    fn count(&mut self, by: Amount, within: bool) -> Fit {
        if within && !self.quota.permits(self.total, by) {
            return Fit::No;
        }
        let fit = match &self.owner {
            Some((_, account)) if within => account.enter(by),
            Some((_, account)) => {
                account.change(by);
                Fit::Yes
            }
            None => Fit::Yes,
        };
        if fit == Fit::Yes {
            self.total = self.total.plus(by);
        }
        fit
    }
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn known(&self) -> Known {
        let state = self.state();
        Known { owner: state.owner.clone(), quota: state.quota, total: state.total }
    }

    pub fn is_known(&self) -> bool {
        self.state().known
    }

    /// Whether it is of no bucket, as far as anybody knows.
    pub fn is_nobodys(&self) -> bool {
        self.state().owner.is_none()
    }

    /// [`Account::unread`] of the owner.
    pub fn unread_account(&self) -> Option<u64> {
        self.state().owner.as_ref().and_then(|(_, account)| account.unread())
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
    pub fn learn(&self, owner: Option<Owner>, quota: Quota, rows: Vec<Option<(Amount, Bytes)>>) {
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|row| row.map_or_else(Row::default, |(amount, bytes)| Row { amount, bytes: Some(bytes) }))
            .collect();
        let mut state = self.state();
        state.become_of(owner, rows.iter().fold(Amount::ZERO, |sum, row| sum.plus(row.amount)));
        // The lowest first, so that few come to be.
        state.free = (0..u16::try_from(rows.len()).unwrap_or(u16::MAX)).rev().collect();
        state.rows = rows;
        (state.known, state.quota) = (true, quota);
    }

    /// The bucket is gone; told by who holds the gate.
    pub fn gone(&self) {
        let mut state = self.state();
        state.become_of(None, Amount::ZERO);
        *state = State::default();
    }

    /// What is stored may be something else than is known.
    pub fn doubt(&self) {
        self.state().doubt();
    }

    pub fn limit(&self, quota: Quota) {
        self.state().quota = quota;
    }

    /// Whether there is room for a change, as far as anybody knows.
    pub fn permits(&self, by: Amount) -> bool {
        let state = self.state();
        let permits = |(_, account): &Owner| account.fit(by) != Fit::No;
        state.quota.permits(state.total, by) && state.owner.as_ref().is_none_or(permits)
    }

    /// Takes a row for a commit that changes the count by `by`, where `within` only if that fits.
    pub fn enter(self: &Arc<Self>, gate: OwnedRwLockReadGuard<()>, by: Amount, within: bool) -> Entry {
        let mut state = self.state();
        // So many commits are never under way at once; those beyond would wait for one that is.
        let slot = match state.free.last() {
            Some(slot) => Some(*slot),
            None => u16::try_from(state.rows.len()).ok(),
        };
        let Some(slot) = slot.filter(|_| state.known) else { return Entry::Unknown };
        match state.count(by, within) {
            Fit::Yes => {}
            Fit::No => return Entry::Full,
            Fit::Unknown => return Entry::Unknown,
        }
        if state.free.pop().is_none() {
            state.rows.push(Row::default());
        }
        let before = state.rows[usize::from(slot)].clone();
        let after = before.amount.plus(by);
        let (ledger, outcome) = (Arc::clone(self), Outcome::Unknown);
        Entry::In(Entered { ledger, _gate: gate, slot, by, before: before.bytes, after, outcome })
    }
}

/// A commit under way with its row.
pub(super) struct Entered {
    ledger: Arc<Ledger>,
    _gate: OwnedRwLockReadGuard<()>,
    pub slot: u16,
    by: Amount,
    /// The row as it must be, and as it becomes.
    pub before: Option<Bytes>,
    pub after: Amount,
    outcome: Outcome,
}

/// What came of a commit.
enum Outcome {
    /// It happened, with the row as these bytes.
    Committed(Bytes),
    /// It did not, and the row is what it was.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// A commit under way that changes a count.
pub(crate) struct Counted {
    pub(super) entered: Entered,
    /// Where its row lies, and what it becomes.
    pub(super) key: Bytes,
    pub(super) row: Bytes,
}

impl Counted {
    /// It was committed.
    pub fn committed(mut self) {
        self.entered.outcome = Outcome::Committed(self.row);
    }

    /// It met a conflict. Mostly over what it was about; over its row only where that is not what it is known
    /// as, and then all of them are to be read again.
    pub async fn refused(mut self, meta: &dyn MetaStore) {
        if meta.get(&self.key).await.is_ok_and(|row| row == self.entered.before) {
            self.entered.outcome = Outcome::Refused;
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut state = self.ledger.state();
        let outcome = std::mem::replace(&mut self.outcome, Outcome::Unknown);
        if let Outcome::Committed(bytes) = outcome {
            state.rows[usize::from(self.slot)] = Row { amount: self.after, bytes: Some(bytes) };
            state.free.push(self.slot);
            return;
        }
        state.count(Amount::ZERO.minus(self.by), false);
        match outcome {
            Outcome::Refused => state.free.push(self.slot),
            _ => state.doubt(),
        }
    }
}
