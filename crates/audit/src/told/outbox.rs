//! What becomes of the rows: away once the record has the call's event, an event of their own where
//! it never came.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arqueta_store::{Batch, MetaStore, Scan};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::row::{ROWS, Row, unfinished};
use crate::{AuditSink, Entries, Entry, Error, Event, JsonLines};

/// Most rows that one commit takes away.
const MOST: usize = 32;
/// Rows read at once at a start.
const PAGE: usize = 500;

/// Looks after the rows of a store.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    /// Of calls that ended, whose events are not all known to be durable.
    ended: Vec<Carried>,
    /// Of calls whose event the record has not, and never will by itself.
    open: Vec<Row>,
    /// Whose events are durable in the record.
    needless: Vec<Bytes>,
}

/// A row in the store, and what became of the call's events.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) row: Row,
    /// Outcomes of events that were written, and are not known to be durable.
    pub(crate) written: Vec<oneshot::Receiver<Result<(), Error>>>,
    /// Whether an event of the call was written at all.
    pub(crate) told: bool,
}

impl Carried {
    pub(crate) fn new(row: Row) -> Self {
        Self { row, written: Vec::new(), told: false }
    }
}

impl Outbox {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call is over.
    pub(crate) fn leave(&self, carried: Carried) {
        let mut rows = self.rows();
        match carried.told {
            true => rows.ended.push(carried),
            false => rows.open.push(carried.row),
        }
    }

    /// Some rows to take away.
    pub(crate) fn needless(&self) -> Vec<Bytes> {
        let mut rows = self.rows();
        rows.sort();
        let from = rows.needless.len().saturating_sub(MOST);
        rows.needless.split_off(from)
    }

    /// They could not be taken away.
    pub(crate) fn keep(&self, needless: Vec<Bytes>) {
        self.rows().needless.extend(needless);
    }

    /// Records what calls left open, and takes rows away that no commit took along. To be called now
    /// and then; what fails is tried again with the next call.
    ///
    /// # Errors
    /// Failures of the record or the store.
    pub async fn tidy(&self, record: &JsonLines, meta: &dyn MetaStore) -> Result<(), Error> {
        loop {
            let open = {
                let mut rows = self.rows();
                rows.sort();
                rows.open.pop()
            };
            let Some(row) = open else { break };
            if let Err(error) = told(record, &row).await {
                self.rows().open.push(row);
                return Err(error);
            }
            self.keep(vec![row.key]);
        }
        loop {
            let needless = self.needless();
            if needless.is_empty() {
                return Ok(());
            }
            let batch = needless.iter().cloned().fold(Batch::default(), Batch::delete);
            if let Err(error) = meta.commit(batch).await {
                self.keep(needless);
                return Err(error.into());
            }
        }
    }

    /// After a start: finds what a process before left in `meta`. Those calls whose event the record
    /// has need nothing more; the others, whose number is returned, [`Outbox::tidy`] tells.
    ///
    /// # Errors
    /// If the record or the store cannot be read.
    pub async fn restore(&self, record: &JsonLines, meta: &dyn MetaStore) -> Result<usize, Error> {
        let mut found = Vec::new();
        let mut scan = Scan::prefix(ROWS, PAGE);
        loop {
            let page = meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { break };
            scan.start = [&last.key[..], &[0]].concat().into();
            // Of a damaged one nothing can be said any more; the store has named it.
            found.extend(page.into_iter().filter_map(|entry| Row::read(entry.key, entry.value?)));
        }
        if found.is_empty() {
            return Ok(0);
        }
        let recorded = recorded(record, &found).await?;
        let (needless, mut open): (Vec<_>, Vec<_>) = found.into_iter().partition(|row| recorded.contains(&row.key));
        let restored = open.len();
        // The last one is the next one.
        open.sort_by_cached_key(|row| std::cmp::Reverse(parsed(row).map(|event| event.event_time)));
        let mut rows = self.rows();
        rows.needless.extend(needless.into_iter().map(|row| row.key));
        rows.open.extend(open);
        Ok(restored)
    }
}

impl Rows {
    /// What became of the calls that ended.
    fn sort(&mut self) {
        let mut waiting = Vec::new();
        for mut carried in self.ended.drain(..) {
            let mut lost = false;
            carried.written.retain_mut(|outcome| match outcome.try_recv() {
                Ok(Ok(())) => false,
                Ok(Err(_)) | Err(TryRecvError::Closed) => {
                    lost = true;
                    false
                }
                Err(TryRecvError::Empty) => true,
            });
            match (lost, carried.written.is_empty()) {
                (true, _) => self.open.push(carried.row),
                (false, true) => self.needless.push(carried.row.key),
                (false, false) => waiting.push(carried),
            }
        }
        self.ended = waiting;
    }
}

fn parsed(row: &Row) -> Option<Event> {
    serde_json::from_slice(&row.line).ok()
}

/// The row as an event of the record.
async fn told(record: &JsonLines, row: &Row) -> Result<(), Error> {
    match parsed(row) {
        Some(event) => record.append(unfinished(event)).await,
        None => Ok(()),
    }
}

/// Of these rows, the keys of those that the record tells.
async fn recorded(record: &JsonLines, rows: &[Row]) -> Result<HashSet<Bytes>, Error> {
    let days = rows.iter().filter_map(parsed).filter_map(|event| event.event_time.get(..10).map(str::to_owned));
    let first = days.min().unwrap_or_default();
    let folder = record.folder().to_owned();
    let mut missing: HashMap<_, Vec<Row>> = HashMap::new();
    for row in rows {
        missing.entry(row.of.clone()).or_default().push(row.clone());
    }
    let read = move || {
        let mut recorded = HashSet::new();
        for entry in Entries::since_day(folder, &first)? {
            if let Entry::Event(event) = entry? {
                let of = (event.request_id.clone(), event.event_name.clone());
                let rows = missing.get(&of).into_iter().flatten();
                recorded.extend(rows.filter(|row| row.is_of(&event)).map(|row| row.key.clone()));
            }
        }
        Ok(recorded)
    };
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}
