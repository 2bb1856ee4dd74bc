//! Who may change something now.
//!
//! Changes of one key happen one after the other; changes of different keys go on side by side, so
//! that their commits share a sync of the store. Whatever reaches beyond one key (aliases, custom
//! key stores, Regions, the clock, reading the store again) has its turn alone.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use arqueta_model::AccountId;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Keys share these: two that meet on one wait for each other, which costs time and nothing else.
const QUEUES: usize = 256;

/// The order of changes.
pub(crate) struct Turns {
    all: Arc<RwLock<()>>,
    keys: Box<[Arc<Mutex<()>>]>,
}

/// The right to change something. Nobody may wait for a second one while holding it.
pub(crate) enum Turn {
    /// What is one key's own: its record and its grants.
    Key { _key: OwnedMutexGuard<()>, _all: OwnedRwLockReadGuard<()> },
    /// Anything.
    Alone { _all: OwnedRwLockWriteGuard<()> },
}

impl Default for Turns {
    fn default() -> Self {
        Self { all: Arc::default(), keys: (0..QUEUES).map(|_| Arc::default()).collect() }
    }
}

impl Turns {
    /// Waits for the right to change anything.
    pub(crate) async fn alone(&self) -> Turn {
        Turn::Alone { _all: self.all.clone().write_owned().await }
    }

    /// Waits for the right to change one key.
    pub(crate) async fn key(&self, account: &AccountId, id: &str) -> Turn {
        let queue = BuildHasherDefault::<DefaultHasher>::default().hash_one((account, id));
        let queue = usize::try_from(queue % QUEUES as u64).expect("less than the number of queues");
        let all = self.all.clone().read_owned().await;
        Turn::Key { _key: self.keys[queue].clone().lock_owned().await, _all: all }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_keys_changes_wait_for_each_other_and_another_keys_do_not() {
        let (turns, account) = (Turns::default(), "111122223333".parse().expect("an account"));
        let first = turns.key(&account, "a").await;
        assert!(turns.key(&account, "a").now_or_never().is_none());
        let others = ["b", "c", "d"].map(|id| turns.key(&account, id).now_or_never());
        assert!(others.iter().any(Option::is_some));
        drop((first, others));
        assert!(turns.key(&account, "a").now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_changes_anything_is_alone() {
        let (turns, account) = (Turns::default(), "111122223333".parse().expect("an account"));
        let key = turns.key(&account, "a").await;
        assert!(turns.alone().now_or_never().is_none());
        drop(key);
        let alone = turns.alone().await;
        assert!(turns.key(&account, "a").now_or_never().is_none());
        assert!(turns.alone().now_or_never().is_none());
        drop(alone);
        assert!(turns.key(&account, "a").now_or_never().is_some());
    }
}
