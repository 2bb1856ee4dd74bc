//! Space: what comes in is refused where there is too little of it, what goes away is freed at once,
//! and what frees it is done on a full disk, too.

use arqueta_model::BlobId;
use arqueta_store::{Batch, Write};

use crate::{Engine, Error, schema};

impl Engine {
    /// Whether a body of this size may come in.
    ///
    /// # Errors
    /// [`arqueta_store::Error::Full`] where too little space is left.
    pub(crate) fn admit(&self, size: Option<u64>) -> Result<(), Error> {
        match &self.room {
            Some(room) if !room.admits(size.unwrap_or(0)) => {
                Err(arqueta_store::Error::Full(std::io::ErrorKind::StorageFull.into()).into())
            }
            _ => Ok(()),
        }
    }

    /// Commits, and removes the bodies that the batch made garbage and nobody reads.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), arqueta_store::Error> {
        let garbage = garbage(&batch);
        self.meta.commit(batch).await?;
        self.reclaim(garbage);
        Ok(())
    }

    /// [`Engine::commit`] of what frees space: on a full disk the reserve is given up for it.
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

/// The bodies that a batch marks as garbage.
fn garbage(batch: &Batch) -> Vec<BlobId> {
    let marked = |write: &Write| match write {
        Write::Put(key, _) => Some(BlobId::from_bytes(key.strip_prefix(schema::GARBAGE)?.try_into().ok()?)),
        _ => None,
    };
    batch.writes.iter().filter_map(marked).collect()
}
