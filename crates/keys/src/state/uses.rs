//! The last use of each key, in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arqueta_model::{KeyArn, Timestamp};

use crate::schema::{LastUse, use_key};

/// How long a use may be in memory only.
const WRITE_BACK: Duration = Duration::from_secs(60);

/// The last use of each key, by the name of its record.
#[derive(Debug, Default)]
pub(crate) struct Usage(Mutex<Uses>);

#[derive(Debug, Default)]
pub(crate) struct Uses {
    pub last: BTreeMap<String, Use>,
    /// When the first use happened that is not written back yet.
    pub since: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) struct Use {
    pub last: LastUse,
    pub written: bool,
}

impl Usage {
    pub(crate) fn uses(&self) -> MutexGuard<'_, Uses> {
        // Nothing panics half-way: values are replaced whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a successful call that is in the record: whether it is the first that waits to be written
    /// back.
    pub(crate) fn note(&self, keys: &[KeyArn], used: &LastUse, now: Timestamp) -> bool {
        let mut uses = self.uses();
        for key in keys {
            let one = Use { last: used.clone(), written: false };
            uses.last.insert(use_key(key.account(), key.key_id()), one);
        }
        let first = uses.since.is_none();
        uses.since.get_or_insert(now);
        first
    }

    /// When something is to be written back.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.uses().since.map(|since| since.plus(WRITE_BACK))
    }

    /// Forgets a key.
    pub(crate) fn forget(&self, account: &str, key_id: &str) {
        self.uses().last.remove(&use_key(account, key_id));
    }

    /// What is not written back yet; taken as written.
    pub(crate) fn take(&self) -> Vec<(String, LastUse)> {
        let mut uses = self.uses();
        uses.since = None;
        let unwritten = uses.last.iter_mut().filter(|(_, one)| !one.written);
        unwritten
            .map(|(name, one)| {
                one.written = true;
                (name.clone(), one.last.clone())
            })
            .collect()
    }

    /// Takes back that `names` were written.
    pub(crate) fn give_back(&self, names: impl Iterator<Item = String>, now: Timestamp) {
        let mut uses = self.uses();
        uses.since.get_or_insert(now);
        for name in names {
            if let Some(one) = uses.last.get_mut(&name) {
                one.written = false;
            }
        }
    }
}
