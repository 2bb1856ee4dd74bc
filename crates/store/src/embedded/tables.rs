//! The tables of one open transaction: what batches ask of them and do to them.

use redb::{ReadableTable, Table, WriteTransaction};

use super::effect::Effect;
use super::failure::Failure;
use super::{CHANGES, COUNTERS, LAST_POSITION, PAIRS};
use crate::{Error, Position, Precondition, record};

/// The tables of one open transaction.
pub(super) struct Tables<'txn> {
    pairs: Table<'txn, &'static [u8], &'static [u8]>,
    changes: Table<'txn, u64, &'static [u8]>,
    counters: Table<'txn, &'static str, u64>,
    last_position: u64,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, Failure> {
        let counters = transaction.open_table(COUNTERS)?;
        let last_position = counters.get(LAST_POSITION)?.map_or(0, |found| found.value());
        let (pairs, changes) = (transaction.open_table(PAIRS)?, transaction.open_table(CHANGES)?);
        Ok(Self { pairs, changes, counters, last_position })
    }

    /// Ends the use of the tables; the transaction can then be committed.
    pub(super) fn close(mut self) -> Result<(), Failure> {
        let before = self.counters.get(LAST_POSITION)?.map_or(0, |found| found.value());
        if self.last_position != before {
            self.counters.insert(LAST_POSITION, self.last_position)?;
        }
        Ok(())
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
                self.last_position += 1;
                let at = self.last_position;
                let mut slot = self.changes.insert_reserve(at, body.len() + record::OVERHEAD)?;
                record::encode_into(&at.to_be_bytes(), body, slot.as_mut());
            }
            Effect::Trim(Position(through)) => self.changes.retain_in(..=through, |_, _| false)?,
        }
        Ok(())
    }
}
