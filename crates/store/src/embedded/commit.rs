//! The committing thread's work: one durable transaction for each group of requests.

use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, Table, WriteTransaction};

use super::failure::{Failure, guarded};
use super::open::Opener;
use super::{COUNTERS, FEED, LAST_POSITION, PAIRS, Snapshot, View};
use crate::group::{Apply, Request};
use crate::{Batch, Error, Position, Precondition, Write, record};

/// What became of a request.
#[derive(Debug)]
enum Outcome {
    /// Written, to be made durable.
    Applied,
    /// There was nothing to write.
    Unchanged,
    /// A precondition does not hold, or what it asks about is damaged: this request's own failure,
    /// not that of the group.
    Refused(Error),
}

/// Owns the database; everybody else reads snapshots.
#[derive(Debug)]
pub(super) struct Writer {
    opener: Opener,
    view: Arc<View>,
    /// `None` while the last attempt to open it again failed.
    database: Option<Database>,
    generation: u64,
}

impl Writer {
    /// Opens the database and publishes its state.
    pub(super) fn new(opener: Opener, view: Arc<View>) -> Result<Self, Error> {
        let mut writer = Self { opener, view, database: None, generation: 0 };
        writer.open()?;
        Ok(writer)
    }

    fn open(&mut self) -> Result<(), Error> {
        // Drops the failed database first: it holds the file's lock.
        self.view.publish(None);
        self.database = None;
        self.generation += 1;
        self.database = Some(self.opener.open()?);
        Ok(self.publish()?)
    }

    fn publish(&self) -> Result<(), Failure> {
        let database = self.database.as_ref().ok_or(Failure::Latched)?;
        let snapshot = guarded(|| {
            let read = database.begin_read()?;
            let (pairs, feed) = (read.open_table(PAIRS)?, read.open_table(FEED)?);
            Ok(Snapshot { generation: self.generation, pairs, feed })
        })?;
        self.view.publish(Some(snapshot));
        Ok(())
    }

    fn transact(&mut self, group: &[Request]) -> Result<Vec<Outcome>, Failure> {
        let database = self.database.as_ref().ok_or(Failure::Latched)?;
        let outcomes = guarded(|| {
            let mut transaction = database.begin_write()?;
            // Opening after a crash then takes a millisecond instead of a walk over every page.
            transaction.set_quick_repair(true);
            let outcomes = apply_all(&transaction, group)?;
            if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Applied)) {
                transaction.commit()?;
            } else {
                transaction.abort()?;
            }
            Ok(outcomes)
        })?;
        self.publish()?;
        Ok(outcomes)
    }
}

impl Apply for Writer {
    fn apply(&mut self, group: &[Request]) -> Vec<Result<(), Error>> {
        let stale = |request: &Request| matches!(request, Request::Reopen(seen) if *seen == self.generation);
        if (self.database.is_none() || group.iter().any(stale))
            && let Err(error) = self.open()
        {
            let failure = Failure::from(error);
            return group.iter().map(|_| Err(failure.clone().into())).collect();
        }
        match self.transact(group) {
            Ok(outcomes) => outcomes.into_iter().map(Outcome::answer).collect(),
            Err(failure) => {
                tracing::error!(?failure, batches = group.len(), "a metadata commit failed");
                // Whatever it was, redb may refuse to go on with this handle.
                if let Err(error) = self.open() {
                    tracing::error!(%error, "the metadata database cannot be opened again; the next call tries");
                }
                group.iter().map(|_| Err(failure.clone().into())).collect()
            }
        }
    }
}

impl Outcome {
    fn answer(self) -> Result<(), Error> {
        match self {
            Self::Applied | Self::Unchanged => Ok(()),
            Self::Refused(error) => Err(error),
        }
    }
}

/// The tables of one open transaction.
struct Tables<'txn> {
    pairs: Table<'txn, &'static [u8], &'static [u8]>,
    feed: Table<'txn, u64, &'static [u8]>,
    last_position: u64,
}

fn apply_all(transaction: &WriteTransaction, group: &[Request]) -> Result<Vec<Outcome>, Failure> {
    let mut counters = transaction.open_table(COUNTERS)?;
    let before = counters.get(LAST_POSITION)?.map_or(0, |found| found.value());
    let mut tables =
        Tables { pairs: transaction.open_table(PAIRS)?, feed: transaction.open_table(FEED)?, last_position: before };
    let outcomes = group.iter().map(|request| tables.apply(request)).collect::<Result<Vec<_>, _>>()?;
    if tables.last_position != before {
        counters.insert(LAST_POSITION, tables.last_position)?;
    }
    Ok(outcomes)
}

impl Tables<'_> {
    fn apply(&mut self, request: &Request) -> Result<Outcome, Failure> {
        match request {
            Request::Commit(batch) => self.commit(batch),
            Request::Trim(Position(through)) => {
                self.feed.retain_in(..=*through, |_, _| false)?;
                Ok(Outcome::Applied)
            }
            // Done before the transaction began.
            Request::Reopen(_) => Ok(Outcome::Unchanged),
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<Outcome, Failure> {
        for precondition in &batch.preconditions {
            match self.holds(precondition)? {
                Ok(true) => {}
                Ok(false) => return Ok(Outcome::Refused(Error::Conflict)),
                Err(damaged) => return Ok(Outcome::Refused(damaged)),
            }
        }
        for write in &batch.writes {
            self.write(write)?;
        }
        Ok(if batch.writes.is_empty() { Outcome::Unchanged } else { Outcome::Applied })
    }

    /// Whether a precondition holds, or that the one record it compares is damaged. The database
    /// itself is sound then.
    fn holds(&self, precondition: &Precondition) -> Result<Result<bool, Error>, Failure> {
        let holds = match precondition {
            Precondition::Unchanged { key, value } => {
                let found = self.pairs.get(&key[..])?;
                let found = found.as_ref().map(|found| record::decode(key, found.value())).transpose();
                return Ok(found.map(|found| found == value.as_deref()));
            }
            Precondition::Damaged(key) => {
                self.pairs.get(&key[..])?.is_some_and(|found| record::decode(key, found.value()).is_err())
            }
            Precondition::Present(key) => self.pairs.get(&key[..])?.is_some(),
            Precondition::NoneUnder(prefix) => match self.pairs.range::<&[u8]>(&prefix[..]..)?.next() {
                Some(first) => !first?.0.value().starts_with(prefix),
                None => true,
            },
        };
        Ok(Ok(holds))
    }

    fn write(&mut self, write: &Write) -> Result<(), Failure> {
        match write {
            Write::Put(key, body) => {
                let mut slot = self.pairs.insert_reserve(&key[..], body.len() + record::OVERHEAD)?;
                record::encode_into(key, body, slot.as_mut());
            }
            Write::Delete(key) => {
                self.pairs.remove(&key[..])?;
            }
            Write::Announce(body) => {
                self.last_position += 1;
                let at = self.last_position;
                let mut slot = self.feed.insert_reserve(at, body.len() + record::OVERHEAD)?;
                record::encode_into(&at.to_be_bytes(), body, slot.as_mut());
            }
        }
        Ok(())
    }
}
