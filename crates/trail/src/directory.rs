//! Trails in the metadata store: `trail/t/<account>/<name>` holds what a trail was told,
//! `trail/p/…` how far it is.

use std::sync::Arc;

use arqueta_model::AccountId;
use arqueta_store::{Batch, MetaStore, Scan};
use bytes::Bytes;

use crate::record::{Progress, Trail, decode, encode};
use crate::{Error, TrailId};

/// Records of one page of a scan.
const PAGE: usize = 200;
const TRAILS: &str = "trail/t/";

/// Reads and writes trails.
#[derive(Clone)]
pub(crate) struct Directory {
    meta: Arc<dyn MetaStore>,
}

/// A record and the bytes that it was read from, which a change must still find.
pub(crate) struct Read<T> {
    pub(crate) value: T,
    bytes: Option<Bytes>,
}

impl Directory {
    pub(crate) fn new(meta: Arc<dyn MetaStore>) -> Self {
        Self { meta }
    }

    /// The trail, which must exist.
    pub(crate) async fn trail(&self, id: &TrailId) -> Result<Read<Trail>, Error> {
        match self.meta.get(&trail_key(id)).await? {
            Some(bytes) => Ok(Read { value: decode(&bytes, id)?, bytes: Some(bytes) }),
            None => Err(Error::TrailNotFound { named: id.name.clone() }),
        }
    }

    pub(crate) async fn progress(&self, id: &TrailId) -> Result<Read<Progress>, Error> {
        let bytes = self.meta.get(&progress_key(id)).await?;
        let value = bytes.as_ref().map(|bytes| decode(bytes, id)).transpose()?.unwrap_or_default();
        Ok(Read { value, bytes })
    }

    /// All trails of `account`, or of all accounts, in order of account and name.
    pub(crate) async fn trails(&self, account: Option<&AccountId>) -> Result<Vec<Trail>, Error> {
        let prefix = account.map_or(TRAILS.to_owned(), |account| format!("{TRAILS}{account}/"));
        let mut scan = Scan::prefix(prefix.as_bytes(), PAGE);
        let mut trails = Vec::new();
        loop {
            let page = self.meta.page(scan.clone()).await?;
            let full = page.len() == PAGE;
            for entry in page {
                scan.start = [&entry.key[..], b"\0"].concat().into();
                // One that is damaged does not stop the others; the store has told of it.
                let Some(bytes) = entry.value else { continue };
                let id = id_of(&entry.key).ok_or_else(|| Error::Damaged { what: "directory".to_owned() })?;
                trails.push(decode(&bytes, &id)?);
            }
            if !full {
                return Ok(trails);
            }
        }
    }

    /// [`Directory::trails`] of all accounts, for who must not miss any.
    ///
    /// # Errors
    /// Also for a damaged one: what it has still to deliver is not known.
    pub(crate) async fn every_trail(&self) -> Result<Vec<Trail>, Error> {
        let mut scan = Scan::prefix(b"trail/", PAGE);
        loop {
            let page = self.meta.page(scan.clone()).await?;
            if page.iter().any(|entry| entry.value.is_none()) {
                return Err(Error::Damaged { what: "trail".to_owned() });
            }
            let Some(last) = page.last() else { return self.trails(None).await };
            scan.start = [&last.key[..], b"\0"].concat().into();
        }
    }

    /// Makes a trail that must not exist yet.
    pub(crate) async fn create(&self, trail: &Trail) -> Result<(), Error> {
        let batch = Batch::default()
            .unchanged(trail_key(&trail.id), None)
            .put(trail_key(&trail.id), encode(trail))
            .delete(progress_key(&trail.id));
        match self.meta.commit(batch).await {
            Err(arqueta_store::Error::Conflict) => {
                Err(Error::TrailAlreadyExists { name: trail.id.name.clone(), account: trail.id.account.to_string() })
            }
            result => Ok(result?),
        }
    }

    /// Writes a trail that must still be as it was read.
    pub(crate) async fn put_trail(&self, read: &Read<Trail>) -> Result<(), Error> {
        let key = trail_key(&read.value.id);
        self.commit(Batch::default().unchanged(key.clone(), read.bytes.clone()).put(key, encode(&read.value))).await
    }

    /// Writes the progress of a trail, both of which must still be as they were read: nobody else
    /// delivers for it at the same time, and nothing remains of a trail that is gone.
    pub(crate) async fn put_progress(&self, id: &TrailId, read: &mut Read<Progress>) -> Result<(), Error> {
        let key = progress_key(id);
        let bytes = Bytes::from(encode(&read.value));
        let batch = Batch::default()
            .require(arqueta_store::Precondition::Present(trail_key(id).into()))
            .unchanged(key.clone(), read.bytes.clone())
            .put(key, bytes.clone());
        self.commit(batch).await?;
        read.bytes = Some(bytes);
        Ok(())
    }

    pub(crate) async fn delete(&self, read: &Read<Trail>) -> Result<(), Error> {
        let id = &read.value.id;
        let batch = Batch::default().unchanged(trail_key(id), read.bytes.clone());
        self.commit(batch.delete(trail_key(id)).delete(progress_key(id))).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        match self.meta.commit(batch).await {
            Err(arqueta_store::Error::Conflict) => Err(Error::Conflict),
            result => Ok(result?),
        }
    }
}

fn trail_key(id: &TrailId) -> Vec<u8> {
    format!("{TRAILS}{}/{}", id.account, id.name).into_bytes()
}

fn progress_key(id: &TrailId) -> Vec<u8> {
    format!("trail/p/{}/{}", id.account, id.name).into_bytes()
}

fn id_of(key: &[u8]) -> Option<TrailId> {
    let (account, name) = std::str::from_utf8(key).ok()?.strip_prefix(TRAILS)?.split_once('/')?;
    Some(TrailId { account: account.parse().ok()?, name: name.to_owned() })
}
