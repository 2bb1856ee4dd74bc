//! Space: what comes in is refused where there is too little of it, what goes away is freed at once,
//! and what frees it is done on a full disk, too.

use std::sync::Arc;

use arqueta_model::{BlobId, BucketName, ObjectKey};
use arqueta_store::{Batch, BlobStore, Room, Write};

use crate::api::Versioning;
use crate::carried::carried;
use crate::notifications::Notices;
use crate::readers::Readers;
use crate::record::BucketRecord;
use crate::replication::Outgoing;
use crate::slots::Slot;
use crate::state::State;
use crate::usage::{self, Amount, Counted, Leaving};
use crate::{Caller, Error, schema};

impl State {
    /// Whether a body of this size may come in for `caller`. Its space is booked for as long as the
    /// answer lives.
    ///
    /// # Errors
    /// [`arqueta_store::Error::Full`] where too little space is left.
    pub(crate) fn admit(&self, caller: &Caller, size: Option<u64>) -> Result<Booking, Error> {
        let Some(room) = &self.room else { return Ok(Booking(None)) };
        // A session is its role's or user's: who makes many has no more room.
        let id = &caller.identity.principal.id;
        let who = id.split_once(':').map_or(&**id, |(own, _)| own);
        match room.book(who, size.unwrap_or(0)) {
            true => Ok(Booking(Some(Booked { room: room.clone(), who: who.into(), left: size.unwrap_or(0) }))),
            false => Err(arqueta_store::Error::Full(std::io::ErrorKind::StorageFull.into()).into()),
        }
    }

    /// What the store answered. Where it found no space, what is left is looked at.
    pub(crate) fn noticing<T>(&self, answer: Result<T, arqueta_store::Error>) -> Result<T, arqueta_store::Error> {
        if let (Err(error), Some(room)) = (&answer, &self.room)
            && error.is_full()
        {
            room.ran_out();
        }
        answer
    }

    /// Commits, and removes the bodies that the batch made garbage and nobody reads. What it changes of the
    /// bucket's usage is counted with it, whatever limits there are.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), arqueta_store::Error> {
        match self.usage.enter(batch, false).await? {
            Some(counted) => finish(self, counted).await,
            // Nothing is too much where no limits are asked for.
            None => Err(arqueta_store::Error::Conflict),
        }
    }

    /// [`State::commit`] of what frees space: on a full disk the reserve is given up for it.
    pub(crate) async fn commit_freeing(&self, batch: Batch) -> Result<(), arqueta_store::Error> {
        let Some(room) = &self.room else { return self.commit(batch).await };
        match self.commit(batch.clone()).await {
            Err(error) if error.is_full() && room.give_up() => self.commit(batch).await,
            outcome => outcome,
        }
    }
}

/// Commits the end of a bucket, as [`State::commit_freeing`] does.
pub(crate) async fn commit_end(
    state: &State,
    batch: Batch,
    leaving: Leaving,
) -> (Result<(), arqueta_store::Error>, Leaving) {
    let (meta, room) = (Arc::clone(&state.meta), state.room.clone());
    let end = async move {
        let mut outcome = meta.commit(batch.clone()).await;
        if let (Err(error), Some(room)) = (&outcome, room)
            && error.is_full()
            && room.give_up()
        {
            outcome = meta.commit(batch).await;
        }
        leaving.ended(&outcome);
        (outcome, leaving)
    };
    carried(end).await
}

/// [`State::commit`] of what has to stay within the limits of its bucket and account.
///
/// # Errors
/// [`Error::QuotaExceeded`]; failures of the store.
pub(crate) async fn commit_within(state: &State, batch: Batch) -> Result<(), Error> {
    match state.usage.enter(batch, true).await? {
        Some(counted) => Ok(finish(state, counted).await?),
        None => Err(Error::QuotaExceeded),
    }
}

/// Whether an object of `size` bytes fits, as far as anybody knows before its body came.
///
/// # Errors
/// [`Error::QuotaExceeded`]; failures of the store.
pub(crate) async fn expect(state: &State, bucket: &BucketRecord, key: &ObjectKey, size: u64) -> Result<(), Error> {
    if !state.usage.is_limited(bucket).await? {
        return Ok(());
    }
    let mut by = Amount { bytes: i64::try_from(size).unwrap_or(i64::MAX), objects: 1, versions: 1 };
    by = by.minus(replaced(state, bucket, key).await?);
    match state.usage.permits(&bucket.name, by).await? {
        true => Ok(()),
        false => Err(Error::QuotaExceeded),
    }
}

/// What a new version of a key takes the place of, as [`crate::versions`] plans it: the current version is not
/// current any more, and no other null version stays beside a new one.
async fn replaced(state: &State, bucket: &BucketRecord, key: &ObjectKey) -> Result<Amount, Error> {
    let is_null = bucket.versioning != Versioning::Enabled;
    let current = state.slot(schema::current(&bucket.name, key)).await?;
    let mut gone = match &current {
        Slot::Whole(old) if is_null && old.record.version.is_null() => usage::weight(&old.bytes, true),
        // It stays, below the new one.
        Slot::Whole(old) => usage::weight(&old.bytes, true).minus(usage::weight(&old.bytes, false)),
        Slot::Empty | Slot::Damaged(_) => Amount::ZERO,
    };
    let below = match &current {
        _ if !is_null => None,
        Slot::Whole(old) => old.record.null_sequence,
        Slot::Empty => None,
        Slot::Damaged(_) => state.null_below(&bucket.name, key).await?,
    };
    if let Some(sequence) = below
        && let Slot::Whole(null) = state.slot(schema::noncurrent(&bucket.name, key, sequence)).await?
    {
        gone = gone.plus(usage::weight(&null.bytes, false));
    }
    Ok(gone)
}

/// Whether a part of `size` bytes could be in an object here at all.
///
/// # Errors
/// [`Error::QuotaExceeded`]; failures of the store.
pub(crate) async fn expect_part(state: &State, bucket: &BucketName, size: u64) -> Result<(), Error> {
    let record = state.bucket(bucket).await?;
    let by = Amount { bytes: i64::try_from(size).unwrap_or(i64::MAX), ..Amount::ZERO };
    if state.usage.is_limited(&record).await? && !state.usage.permits(bucket, by).await? {
        return Err(Error::QuotaExceeded);
    }
    Ok(())
}

async fn finish(state: &State, (batch, counted): (Batch, Option<Counted>)) -> Result<(), arqueta_store::Error> {
    let (garbage, tells) = (garbage(&batch), Notices::rows_of(&batch));
    let (meta, leaving, outgoing) = (Arc::clone(&state.meta), Outgoing::rows_in(&batch), Arc::clone(&state.outgoing));
    let (notices, blobs, readers) = (Arc::clone(&state.config.notices), state.blobs.clone(), state.readers.clone());
    let finish = async move {
        match (meta.commit(batch).await, counted) {
            (Ok(()), counted) => {
                notices.wake(&tells);
                outgoing.wake(leaving);
                if let Some(counted) = counted {
                    counted.committed();
                }
                reclaim(blobs, readers, garbage);
                Ok(())
            }
            (Err(arqueta_store::Error::Conflict), Some(counted)) => {
                counted.refused(&*meta).await;
                Err(arqueta_store::Error::Conflict)
            }
            (Err(error), _) => Err(error),
        }
    };
    state.noticing(carried(finish).await)
}

/// Removes these bodies in the background. What fails, or is held, is left to the sweeper: their marks stay
/// until then.
fn reclaim(blobs: Arc<dyn BlobStore>, readers: Readers, garbage: Vec<BlobId>) {
    if garbage.is_empty() {
        return;
    }
    tokio::spawn(async move {
        for id in garbage {
            let Some(_removing) = readers.remove(id) else { continue };
            if let Err(error) = blobs.delete(id).await {
                tracing::debug!(%id, %error, "a body that nobody needs is left to the sweeper");
            }
        }
    });
}

/// The space of a body under way. Dropped, it gives back what did not arrive.
pub(crate) struct Booking(Option<Booked>);

struct Booked {
    room: Arc<dyn Room>,
    who: Box<str>,
    left: u64,
}

impl Booking {
    /// So many bytes are stored now.
    pub(crate) fn arrived(&mut self, bytes: usize) {
        if let Some(Booked { room, who, left }) = &mut self.0 {
            let bytes = bytes as u64;
            room.arrived(who, bytes);
            *left = left.saturating_sub(bytes);
        }
    }
}

impl Drop for Booked {
    fn drop(&mut self) {
        if self.left > 0 {
            self.room.give_back(&self.who, self.left);
        }
    }
}

/// The bodies that a batch marks as garbage.
fn garbage(batch: &Batch) -> Vec<BlobId> {
    let marked = |write: &Write| match write {
        Write::Put(key, _) => Some(BlobId::from_bytes(key.strip_prefix(schema::GARBAGE)?.try_into().ok()?)),
        _ => None,
    };
    batch.writes.iter().filter_map(marked).collect()
}
