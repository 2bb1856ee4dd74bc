//! Looking up events, newest first, without reading the whole record.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_model::Timestamp;

use super::files::{self, Name};
use super::index::{self, Attribute, Index};
use crate::{Error, Event, Sealer};

/// How much memory the indexes of finished files may take, in bytes.
const MEMORY: usize = 32 << 20;

/// What is looked for among the management events of an account.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Account that receives them.
    pub account: &'a str,
    /// Not before this second.
    pub from: Timestamp,
    /// Not after this second.
    pub to: Timestamp,
    /// What they have.
    pub attribute: Option<(Attribute, &'a str)>,
    /// Only what was recorded before the event of this id.
    pub before: Option<&'a str>,
}

/// The record, for searches. Cheap to share; each search reads the blocks of the record that can
/// hold what it looks for.
pub struct History {
    folder: PathBuf,
    sealer: Arc<dyn Sealer>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Of finished files.
    finished: HashMap<Name, Arc<Index>>,
    weight: usize,
    /// Of the file that is being written.
    growing: Option<(Name, Arc<Index>)>,
}

impl Memory {
    fn keep(&mut self, name: Name, index: Arc<Index>) {
        if self.weight + index.weight() > MEMORY {
            (self.finished, self.weight) = (HashMap::new(), 0);
        }
        self.weight += index.weight();
        if let Some(old) = self.finished.insert(name, index) {
            self.weight = self.weight.saturating_sub(old.weight());
        }
    }
}

impl History {
    /// The history of the record in `folder`, whose indexes `sealer` vouches for.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, sealer: Arc<dyn Sealer>) -> Self {
        Self { folder: folder.into(), sealer, memory: Mutex::default() }
    }

    /// Gives `take` what is looked for, the newest first, until it answers `false` or there is no
    /// more. Answers whether there is an event `before`, if one was named. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`] if the record cannot be read.
    pub fn search(&self, query: &Query<'_>, mut take: impl FnMut(Event) -> bool) -> Result<bool, Error> {
        let mut search = Search::new(query);
        let first = files::day(query.from);
        let mut names = files::list(&self.folder)?;
        names.retain(|name| name.day >= first);
        let last = names.last().cloned();
        for name in names.iter().rev() {
            let growing = Some(name) == last.as_ref() && name.path(&self.folder).exists();
            let index = match self.index(name, growing) {
                // It was removed from the record meanwhile.
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => continue,
                index => index?,
            };
            for block in index.blocks.iter().rev() {
                if !search.wants_block(block) {
                    continue;
                }
                let lines = index.read(&self.folder, name, block)?;
                for event in index::events(&lines).rev() {
                    if search.wants(&event) && !take(event) {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(search.begun)
    }

    /// Makes the indexes of all finished files that have none. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`] if the record cannot be read.
    pub fn prepare(&self) -> Result<(), Error> {
        let names = files::list(&self.folder)?;
        for name in names.iter().rev().skip(1) {
            Index::of(&self.folder, name, &*self.sealer)?;
        }
        Ok(())
    }

    fn index(&self, name: &Name, growing: bool) -> Result<Arc<Index>, Error> {
        let mut memory = self.lock();
        if growing {
            let (held, mut index) = memory.growing.take().unwrap_or_else(|| (name.clone(), Arc::default()));
            if held != *name {
                memory.keep(held, std::mem::take(&mut index));
            }
            Arc::make_mut(&mut index).grow(&self.folder, name)?;
            memory.growing = Some((name.clone(), Arc::clone(&index)));
            return Ok(index);
        }
        if let Some(index) = memory.finished.get(name)
            && index.is_of(&self.folder, name)
        {
            return Ok(Arc::clone(index));
        }
        drop(memory);
        let index = Arc::new(Index::of(&self.folder, name, &*self.sealer)?);
        self.lock().keep(name.clone(), Arc::clone(&index));
        Ok(index)
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A search under way.
struct Search<'a> {
    query: &'a Query<'a>,
    from: u64,
    to: u64,
    term: u32,
    /// Whether the place to begin from was passed.
    begun: bool,
}

impl<'a> Search<'a> {
    fn new(query: &'a Query<'a>) -> Self {
        /// Later times are none.
        const LAST: Timestamp = Timestamp::from_millis(253_402_300_799_000);
        let moment = |at: Timestamp| index::stamp(&at.min(LAST).rfc3339());
        let term = index::term(query.account, query.attribute);
        Self { query, from: moment(query.from), to: moment(query.to), term, begun: query.before.is_none() }
    }

    fn wants_block(&self, block: &index::Block) -> bool {
        match self.query.before.filter(|_| !self.begun) {
            Some(id) => {
                let term = index::term(self.query.account, Some((Attribute::EventId, id)));
                block.may_hold(0, u64::MAX, term)
            }
            None => block.may_hold(self.from, self.to, self.term),
        }
    }

    fn wants(&mut self, event: &Event) -> bool {
        if !self.begun {
            self.begun = self.query.before == Some(&*event.event_id);
            return false;
        }
        // The event history holds no data events (CloudTrail User Guide).
        event.management_event
            && event.recipient_account_id == self.query.account
            && (self.from..=self.to).contains(&index::stamp(&event.event_time))
            && self
                .query
                .attribute
                .is_none_or(|(attribute, wanted)| attribute.values(event).iter().any(|value| value == wanted))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
