//! The tables of one open transaction: what batches ask of them and do to them.

use redb::{ReadableTable, Table, WriteTransaction};

use super::effect::Effect;
use super::failure::Failure;
use super::{CHANGES, COUNTERS, LAST_POSITION, PAIRS};
use crate::{Error, Position, Precondition, record};

/// The tables of one open transaction.
pub(super) struct Tables<'txn> {
    transaction: &'txn WriteTransaction,
    pairs: Table<'txn, &'static [u8], &'static [u8]>,
    /// Opened when first asked for: most commits announce nothing.
    feed: Option<Feed<'txn>>,
}

struct Feed<'txn> {
    changes: Table<'txn, u64, &'static [u8]>,
    counters: Table<'txn, &'static str, u64>,
    last_position: u64,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, Failure> {
        Ok(Self { transaction, pairs: transaction.open_table(PAIRS)?, feed: None })
    }

    fn feed(&mut self) -> Result<&mut Feed<'txn>, Failure> {
        if self.feed.is_none() {
            let counters = self.transaction.open_table(COUNTERS)?;
            let last_position = counters.get(LAST_POSITION)?.map_or(0, |found| found.value());
            let changes = self.transaction.open_table(CHANGES)?;
            self.feed = Some(Feed { changes, counters, last_position });
        }
        self.feed.as_mut().ok_or(Failure::Latched)
    }

    /// The first precondition's failure: [`Error::Conflict`], or that the one record it compares
    /// is damaged. The database itself is sound then.
    pub(super) fn refusal(&self, preconditions: &[Precondition]) -> Result<Option<Error>, Failure> {
        for precondition in preconditions {
            match self.holds(precondition)? {
                Ok(true) => {}
                Ok(false) => return Ok(Some(Error::Conflict)),
                Err(damaged) => return Ok(Some(damaged)),
            }
        }
        Ok(None)
    }

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

    pub(super) fn apply(&mut self, effect: Effect<'_>) -> Result<(), Failure> {
        match effect {
            Effect::Put(key, body) => {
                let mut slot = self.pairs.insert_reserve(key, body.len() + record::OVERHEAD)?;
                record::encode_into(key, body, slot.as_mut());
            }
            Effect::Delete(key) => {
                self.pairs.remove(key)?;
            }
            Effect::Announce(body) => {
                let feed = self.feed()?;
                let at = feed.last_position + 1;
                feed.counters.insert(LAST_POSITION, at)?;
                let mut slot = feed.changes.insert_reserve(at, body.len() + record::OVERHEAD)?;
                record::encode_into(&at.to_be_bytes(), body, slot.as_mut());
                drop(slot);
                feed.last_position = at;
            }
            Effect::Trim(Position(through)) => self.feed()?.changes.retain_in(..=through, |_, _| false)?,
        }
        Ok(())
    }
}
