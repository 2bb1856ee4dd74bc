//! The committing thread's work: one frame of the journal for each group of requests.
//!
//! A group is applied to the database in memory, preconditions and all, in a transaction that
//! stays open. Its effects go into one frame. When the frame is durable, the transaction is
//! committed, without a sync of its own, and readers see it; if the frame cannot be made durable,
//! the transaction is taken back, and nothing was ever seen.

use std::sync::Arc;

use arqueta_journal::{Frame, Journal, Position as End, records};
use redb::WriteTransaction;

use super::effect::{Effect, WRITES};
use super::failure::{Failure, guarded};
use super::index::Index;
use super::open::Opener;
use super::tables::Tables;
use super::{View, Writing};
use crate::group::{Apply, Request};
use crate::{Batch, Error, Write};

/// A group of more bytes is split: each part has a frame of its own.
const GROUP_BYTES: usize = 2 << 20;

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

/// How far a group came.
#[derive(Debug)]
enum Committed {
    /// There was nothing to make durable.
    Nothing,
    /// Durable and applied.
    Whole,
    /// Neither: the journal did not take it, and the transaction was taken back.
    Refused(Failure),
    /// Neither, and what is in memory is of no more use.
    Lost(Failure),
    /// Durable, but not applied: what is in memory is of no more use, the files are.
    Durable(Failure),
}

/// Owns the database and the journal; everybody else reads snapshots.
#[derive(Debug)]
pub(super) struct Writer {
    opener: Opener,
    view: Arc<View>,
    /// `None` while the last attempt to open them again failed.
    open: Option<Open>,
    generation: u64,
}

#[derive(Debug)]
struct Open {
    index: Index,
    journal: Journal,
    /// Bytes of frames since the last checkpoint was started.
    since: usize,
}

impl Writer {
    /// Opens the database, applies what the journal has beyond it, and publishes the state.
    pub(super) fn new(opener: Opener, view: Arc<View>) -> Result<Self, Error> {
        let mut writer = Self { opener, view, open: None, generation: 0 };
        writer.open()?;
        Ok(writer)
    }

    /// From the files, whatever was in memory. The writing end may stay closed: reads go on then,
    /// and every write tries again.
    fn open(&mut self) -> Result<(), Error> {
        // Drops the failed database first: it holds the file's lock.
        self.view.publish(None);
        self.open = None;
        self.generation += 1;
        let (mut index, mut journal) = self.opener.open()?;
        replay(&mut index, &journal)?;
        journal.discard_after(&index.next);
        self.view.publish(Some(index.snapshot(self.generation)?));
        let open = self.open.insert(Open { index, journal, since: 0 });
        if let Err(failure) = open.resume() {
            tracing::error!(?failure, "the metadata can be read and takes no writes");
            self.view.stop(failure);
        }
        Ok(())
    }

    /// Applies part of a group, in one frame. An error leaves `self.open` empty where the database
    /// has to be opened again.
    fn transact(&mut self, group: &[Request]) -> Result<Vec<Outcome>, Failure> {
        let tuning = self.opener.tuning;
        let open = self.open.as_mut().ok_or(Failure::Latched)?;
        open.make_room(tuning.limit_bytes, tuning.waiting_bytes)?;
        if group.iter().any(is_checkpoint) {
            // It is alone in its part.
            return open.finish().map(|()| group.iter().map(|_| Outcome::Unchanged).collect());
        }
        let applied = guarded(|| {
            let transaction = open.index.begin()?;
            let mut frame = Frame::default();
            let outcomes = apply_all(&transaction, group, &mut frame)?;
            Ok((transaction, frame, outcomes))
        });
        let (transaction, frame, outcomes) = applied.inspect_err(|_| self.open = None)?;
        let open = self.open.as_mut().ok_or(Failure::Latched)?;
        match open.commit(transaction, frame) {
            Committed::Nothing => {}
            Committed::Whole => self.publish()?,
            Committed::Refused(failure) => return Err(failure),
            Committed::Lost(failure) => {
                self.open = None;
                return Err(failure);
            }
            Committed::Durable(failure) => {
                tracing::error!(?failure, "the metadata database is opened again");
                self.open()?;
            }
        }
        if let Some(open) = &mut self.open {
            open.maintain(tuning.checkpoint_bytes, tuning.waiting_bytes);
        }
        Ok(outcomes)
    }

    fn publish(&mut self) -> Result<(), Failure> {
        let open = self.open.as_ref().ok_or(Failure::Latched)?;
        self.view.publish(Some(open.index.snapshot(self.generation)?));
        Ok(())
    }

    /// Sees to it that writes can be taken.
    fn ready(&mut self, group: &[Request]) -> Result<(), Failure> {
        let stale = |request: &Request| matches!(request, Request::Reopen(seen) if *seen == self.generation);
        if self.open.is_none() || group.iter().any(stale) {
            self.open()?;
        }
        let reads_only = group.iter().all(|request| matches!(request, Request::Reopen(_)));
        match &mut self.open {
            Some(open) if !reads_only && open.journal.stopped().is_some() => open.resume(),
            _ => Ok(()),
        }
    }

    fn part(&mut self, group: &[Request]) -> Vec<Result<(), Error>> {
        let outcomes = self.ready(group).and_then(|()| self.transact(group));
        match outcomes {
            Ok(outcomes) => {
                self.view.set_writing(Writing::Going);
                outcomes.into_iter().map(Outcome::answer).collect()
            }
            Err(failure) => {
                tracing::error!(?failure, batches = group.len(), "a metadata commit failed");
                self.view.stop(failure.clone());
                // Whatever it was, redb may refuse to go on with this handle.
                if self.open.is_none()
                    && let Err(error) = self.open()
                {
                    tracing::error!(%error, "the metadata database cannot be opened again; the next call tries");
                }
                group.iter().map(|_| Err(failure.clone().into())).collect()
            }
        }
    }
}

impl Apply for Writer {
    fn apply(&mut self, group: &[Request]) -> Vec<Result<(), Error>> {
        let mut answers = Vec::with_capacity(group.len());
        let mut rest = group;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fitting = rest.iter().take_while(|request| {
                let first = bytes == 0;
                bytes += 1 + size(request);
                first || bytes <= GROUP_BYTES && !is_checkpoint(request)
            });
            let fitting = if is_checkpoint(&rest[0]) { 1 } else { fitting.count().max(1) };
            let (part, later) = rest.split_at(fitting);
            answers.extend(self.part(part));
            rest = later;
        }
        answers
    }
}

impl Drop for Writer {
    /// A start after this has nothing to replay.
    fn drop(&mut self) {
        self.view.publish(None);
        let Some(open) = &mut self.open else { return };
        if let Err(failure) = open.finish() {
            tracing::warn!(?failure, "no checkpoint at the end; the next start takes longer");
        }
    }
}

impl Open {
    /// Makes `frame` durable, then the transaction visible.
    fn commit(&mut self, transaction: WriteTransaction, frame: Frame) -> Committed {
        let abort = |transaction: WriteTransaction| guarded(|| Ok(transaction.abort()?));
        if frame.is_empty() {
            return abort(transaction).map_or_else(Committed::Lost, |()| Committed::Nothing);
        }
        let size = frame.size();
        match self.journal.append(frame) {
            Ok(next) => {
                self.since += size;
                let applied = guarded(|| self.index.commit(transaction, next));
                applied.map_or_else(Committed::Durable, |()| Committed::Whole)
            }
            Err(error) => {
                let failure = Failure::from(error);
                match abort(transaction) {
                    Ok(()) => Committed::Refused(failure),
                    Err(_) => Committed::Lost(failure),
                }
            }
        }
    }

    /// Begins a fresh segment and makes durable that replays begin there. Everything applied is
    /// durable then without the journal, so whatever an unfinished write left in it does not matter.
    fn resume(&mut self) -> Result<(), Failure> {
        let end = self.index.next;
        let next = self.journal.begin(end.sequence, end.previous)?;
        if next != end {
            self.index.checkpoint(next)?;
        }
        self.index.settle()?;
        self.release();
        self.journal.resume();
        self.since = 0;
        Ok(())
    }

    /// Makes durable in the database what only the journal has: a start after this has nothing to
    /// replay.
    fn finish(&mut self) -> Result<(), Failure> {
        match self.journal.stopped() {
            // Cuts off what the write that failed may have left.
            Some(_) => return self.resume(),
            None if self.since > 0 => self.checkpoint()?,
            None => {}
        }
        self.index.settle()?;
        self.release();
        Ok(())
    }

    /// Holds a writer back while the journal or the memory is full of what waits for a checkpoint.
    fn make_room(&mut self, limit: u64, waiting: usize) -> Result<(), Failure> {
        self.release();
        if self.journal.live_bytes() < limit && self.index.waiting() < 2 * waiting {
            return Ok(());
        }
        if self.index.unsettled() == 0 {
            self.checkpoint()?;
        }
        self.index.settle()?;
        self.release();
        Ok(())
    }

    /// Starts a checkpoint when one is due.
    fn maintain(&mut self, bytes: usize, waiting: usize) {
        self.release();
        if self.since < bytes && self.index.waiting() < waiting {
            return;
        }
        if self.index.unsettled() > 0 {
            // The one before is not done, or was refused.
            if self.index.refusal().is_some() {
                self.since = 0;
                self.index.retry();
            }
            return;
        }
        if let Err(failure) = self.checkpoint() {
            // What is acknowledged is in the journal. The next group finds out about the database.
            tracing::error!(?failure, "a checkpoint of the metadata failed");
        }
    }

    fn checkpoint(&mut self) -> Result<(), Failure> {
        self.index.checkpoint(self.index.next)?;
        self.since = 0;
        Ok(())
    }

    /// Gives up the segments that a checkpoint has made needless.
    fn release(&mut self) {
        if let Some(from) = self.index.settled() {
            self.journal.release(&from);
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

/// Whether it is a request that fails for reasons which are not those of a commit beside it.
fn is_checkpoint(request: &Request) -> bool {
    matches!(request, Request::Checkpoint)
}

fn size(request: &Request) -> usize {
    match request {
        Request::Commit(batch) => batch.writes.iter().map(|write| Effect::from(write).size()).sum(),
        Request::Trim(_) | Request::Reopen(_) | Request::Probe | Request::Checkpoint => 0,
    }
}

fn apply_all(transaction: &WriteTransaction, group: &[Request], frame: &mut Frame) -> Result<Vec<Outcome>, Failure> {
    let mut tables = Tables::open(transaction)?;
    group.iter().map(|request| apply(&mut tables, request, frame)).collect()
}

fn apply(tables: &mut Tables<'_>, request: &Request, frame: &mut Frame) -> Result<Outcome, Failure> {
    match request {
        Request::Commit(batch) => commit(tables, batch, frame),
        Request::Trim(through) => {
            let effect = Effect::Trim(*through);
            tables.apply(effect)?;
            frame.record(WRITES, |buffer| effect.encode(buffer));
            Ok(Outcome::Applied)
        }
        // Done before the transaction began.
        Request::Reopen(_) | Request::Probe | Request::Checkpoint => Ok(Outcome::Unchanged),
    }
}

fn commit(tables: &mut Tables<'_>, batch: &Batch, frame: &mut Frame) -> Result<Outcome, Failure> {
    if let Some(refusal) = tables.refusal(&batch.preconditions)? {
        return Ok(Outcome::Refused(refusal));
    }
    if batch.writes.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    let effects = || batch.writes.iter().map(|write: &Write| Effect::from(write));
    if !effects().all(|effect| effect.is_encodable()) {
        return Ok(Outcome::Refused(Error::Io(std::io::ErrorKind::FileTooLarge.into())));
    }
    effects().try_for_each(|effect| tables.apply(effect))?;
    frame.record(WRITES, |buffer| effects().for_each(|effect| effect.encode(buffer)));
    Ok(Outcome::Applied)
}

/// Applies what the journal has beyond the database.
fn replay(index: &mut Index, journal: &Journal) -> Result<(), Failure> {
    let from = index.next;
    let transaction = index.begin()?;
    let mut tables = Tables::open(&transaction)?;
    let end: End = journal.replay(from, |sequence, payload| {
        let unknown = || Failure::Damaged(format!("frame {sequence} of the journal is of a later version"));
        for record in records(payload) {
            let effects = match record {
                Some((WRITES, body)) => Effect::decode_all(body).ok_or_else(unknown)?,
                _ => return Err(unknown()),
            };
            effects.into_iter().try_for_each(|effect| tables.apply(effect))?;
        }
        Ok(())
    })?;
    drop(tables);
    if end == from {
        return Ok(transaction.abort()?);
    }
    tracing::info!(frames = end.sequence - from.sequence, "applied the journal of the metadata");
    index.commit(transaction, end)
}
