//! Space: what comes in is refused where there is too little of it, what goes away is freed at once,
//! and what frees it is done on a full disk, too.

use std::sync::Arc;

use arqueta_model::BlobId;
use arqueta_store::{Batch, Room, Write};

use crate::notifications::Notices;
use crate::state::State;
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

    /// Commits, and removes the bodies that the batch made garbage and nobody reads.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), arqueta_store::Error> {
        let (garbage, tells) = (garbage(&batch), Notices::stand_in(&batch));
        self.meta.commit(batch).await?;
        if tells {
            self.config.notices.wake();
        }
        self.reclaim(garbage);
        Ok(())
    }

    /// [`State::commit`] of what frees space: on a full disk the reserve is given up for it.
    pub(crate) async fn commit_freeing(&self, batch: Batch) -> Result<(), arqueta_store::Error> {
        let Some(room) = &self.room else { return self.commit(batch).await };
        match self.commit(batch.clone()).await {
            Err(error) if error.is_full() && room.give_up() => self.commit(batch).await,
            outcome => outcome,
        }
    }

    /// Removes these bodies in the background. What fails, or is held, is left to the sweeper: their
    /// marks stay until then.
    fn reclaim(&self, garbage: Vec<BlobId>) {
        if garbage.is_empty() {
            return;
        }
        let (blobs, readers) = (self.blobs.clone(), self.readers.clone());
        tokio::spawn(async move {
            for id in garbage {
                let Some(_removing) = readers.remove(id) else { continue };
                if let Err(error) = blobs.delete(id).await {
                    tracing::debug!(%id, %error, "a body that nobody needs is left to the sweeper");
                }
            }
        });
    }
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
