//! The database as the index of what the journal holds: applied in memory, made durable in
//! checkpoints.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use arqueta_journal::Position;
use redb::{Database, Durability, ReadableDatabase, WriteTransaction};

use super::failure::{Failure, guarded};
use super::staged::Staged;
use super::{JOURNAL, JOURNAL_NEXT, PAIRS, Snapshot};

/// An open database.
#[derive(Debug)]
pub(super) struct Index {
    database: Option<Database>,
    staged: Staged,
    /// Where the next frame goes, after those that are applied.
    pub(super) next: Position,
    /// Checkpoints on their way into the file: the syncs they take, and where replays then begin.
    checkpoints: VecDeque<(u64, Position)>,
}

impl Index {
    pub(super) fn new(database: Database, staged: Staged, next: Position) -> Self {
        Self { database: Some(database), staged, next, checkpoints: VecDeque::new() }
    }

    /// The applied state, for readers.
    pub(super) fn snapshot(&self, generation: u64) -> Result<Snapshot, Failure> {
        guarded(|| {
            let read = self.database()?.begin_read()?;
            Ok(Snapshot { generation, pairs: read.open_table(PAIRS)?, read })
        })
    }

    /// A transaction that changes the applied state and nothing on the medium.
    pub(super) fn begin(&self) -> Result<WriteTransaction, Failure> {
        let mut transaction = self.database()?.begin_write()?;
        transaction.set_durability(Durability::None)?;
        Ok(transaction)
    }

    /// Commits `transaction`, after which everything before `next` is applied.
    pub(super) fn commit(&mut self, transaction: WriteTransaction, next: Position) -> Result<(), Failure> {
        transaction.open_table(JOURNAL)?.insert(JOURNAL_NEXT, &next.encode()[..])?;
        transaction.commit()?;
        self.next = next;
        Ok(())
    }

    /// Starts to make the applied state durable, `next` being where replays then begin. Nothing is
    /// waited for.
    pub(super) fn checkpoint(&mut self, next: Position) -> Result<(), Failure> {
        let before = self.staged.syncs();
        guarded(|| {
            let mut transaction = self.database()?.begin_write()?;
            // Opening after a crash then takes a millisecond instead of a walk over every page.
            transaction.set_quick_repair(true);
            transaction.open_table(JOURNAL)?.insert(JOURNAL_NEXT, &next.encode()[..])?;
            Ok(transaction.commit()?)
        })?;
        let syncs = self.staged.syncs();
        debug_assert!(syncs > before, "a durable commit asks for a sync");
        self.next = next;
        self.checkpoints.push_back((syncs, next));
        Ok(())
    }

    /// Where replays begin, if a checkpoint has become durable since this was last asked.
    pub(super) fn settled(&mut self) -> Option<Position> {
        let (durable, mut settled) = (self.staged.durable(), None);
        while let Some((_, next)) = self.checkpoints.pop_front_if(|(syncs, _)| *syncs <= durable) {
            settled = Some(next);
        }
        settled
    }

    /// Checkpoints that are not durable yet.
    pub(super) fn unsettled(&self) -> usize {
        self.checkpoints.len()
    }

    /// Waits until every checkpoint is durable; one that was refused is tried again first.
    pub(super) fn settle(&self) -> Result<(), Failure> {
        self.staged.retry();
        let all = self.checkpoints.back().map_or(0, |(syncs, _)| *syncs);
        self.staged.wait(all).map_err(Failure::Io)
    }

    /// Has a refused checkpoint tried again, without waiting for it.
    pub(super) fn retry(&self) {
        self.staged.retry();
    }

    /// Bytes that wait in memory for a checkpoint.
    pub(super) fn waiting(&self) -> usize {
        self.staged.waiting()
    }

    /// Why the last checkpoint was refused.
    pub(super) fn refusal(&self) -> Option<Arc<io::Error>> {
        self.staged.failure()
    }

    fn database(&self) -> Result<&Database, Failure> {
        self.database.as_ref().ok_or(Failure::Latched)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // redb panics on some damaged files, when it closes them too.
        let closed = guarded(|| {
            drop(self.database.take());
            Ok(())
        });
        if closed.is_err() {
            tracing::error!("the metadata database did not close");
        }
        self.staged.abandon();
    }
}
