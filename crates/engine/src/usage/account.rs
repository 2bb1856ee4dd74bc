//! What all buckets of an account hold together, and how much may.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Amount, Quota};

/// An account that owns buckets, or is limited.
#[derive(Debug, Default)]
pub(super) struct Account(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    quota: Quota,
    /// Of its buckets that are known.
    total: Amount,
    /// How often the count of one of them stopped being known.
    doubts: u64,
    /// How often that had been when all of them were read last. One that is made later is empty until something
    /// is committed into it, and known from then on.
    read: Option<u64>,
}

/// Whether there is room for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    /// Not all is known.
    Unknown,
}

impl State {
    fn fit(&self, by: Amount) -> Fit {
        match self.quota {
            quota if quota.is_none() => Fit::Yes,
            _ if self.read != Some(self.doubts) => Fit::Unknown,
            quota if quota.permits(self.total, by) => Fit::Yes,
            _ => Fit::No,
        }
    }
}

impl Account {
    pub fn limited(quota: Quota) -> Self {
        Self(Mutex::new(State { quota, ..State::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn quota(&self) -> Quota {
        self.state().quota
    }

    pub fn limit(&self, quota: Quota) {
        self.state().quota = quota;
    }

    /// Whether all its buckets have to be read before anybody knows what fits; if so, what to tell
    /// [`Account::was_read`] afterwards.
    pub fn unread(&self) -> Option<u64> {
        let state = self.state();
        (state.fit(Amount::ZERO) == Fit::Unknown).then_some(state.doubts)
    }

    /// All its buckets were read, after there had been so many doubts.
    pub fn was_read(&self, doubts: u64) {
        self.state().read = Some(doubts);
    }

    pub fn fit(&self, by: Amount) -> Fit {
        self.state().fit(by)
    }

    /// Counts a change if it fits, so that no two are answered by the same room.
    pub fn enter(&self, by: Amount) -> Fit {
        let mut state = self.state();
        let fit = state.fit(by);
        if fit == Fit::Yes {
            state.total = state.total.plus(by);
        }
        fit
    }

    /// Counts a change, whatever fits.
    pub fn change(&self, by: Amount) {
        let mut state = self.state();
        state.total = state.total.plus(by);
    }

    /// The count of one of its buckets is not known any more.
    pub fn doubt(&self) {
        self.state().doubts += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_fits_before_all_is_known() {
        let one = Amount { bytes: 1, objects: 1, versions: 1 };
        let account = Account::limited(Quota { bytes: Some(2), objects: None });
        let doubts = account.unread();
        assert_eq!((doubts, account.enter(one)), (Some(0), Fit::Unknown));
        // A doubt that comes while they are read is not lost.
        account.doubt();
        account.was_read(0);
        assert_eq!(account.unread(), Some(1));
        account.was_read(1);
        assert_eq!([account.enter(one), account.enter(one), account.enter(one)], [Fit::Yes, Fit::Yes, Fit::No]);
        account.change(Amount::ZERO.minus(one));
        assert_eq!(account.enter(one), Fit::Yes);
        account.limit(Quota::default());
        account.doubt();
        assert_eq!((account.unread(), account.enter(one)), (None, Fit::Yes), "without limits nobody has to know");
    }
}
