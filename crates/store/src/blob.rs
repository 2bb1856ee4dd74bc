//! The blob contract: written once, never changed, durable before it is visible.

use std::ops::Range;
use std::sync::Arc;

use arqueta_model::{BlobId, Timestamp};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::Error;

/// Bytes of a blob, in order, in chunks of the adapter's choosing.
pub type BlobStream = BoxStream<'static, Result<Bytes, Error>>;

/// One blob in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobEntry {
    /// Its id.
    pub id: BlobId,
    /// Size in bytes.
    pub size: u64,
    /// When it was finished.
    pub finished: Timestamp,
}

/// A blob being written. Dropping it abandons the blob without a trace.
#[async_trait]
pub trait BlobWriter: Send {
    /// Appends. Back-pressure is the caller's: at most one write is under way.
    ///
    /// # Errors
    /// [`Error::Full`] when the medium is full; the blob is abandoned.
    async fn write(&mut self, chunk: Bytes) -> Result<(), Error>;

    /// Makes the blob durable and visible under its id. Returns its size.
    async fn finish(self: Box<Self>) -> Result<u64, Error>;
}

/// Write-once blobs. One contract suite, every adapter.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Starts a blob. `id` must be fresh.
    async fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, Error>;

    /// The bytes `range.start..range.end` of a blob that its writer left `size` bytes long.
    ///
    /// # Errors
    /// [`Error::NoSuchBlob`]; [`Error::Damaged`] for a blob that was cut or has grown, whatever
    /// the range; [`Error::OutOfRange`]. A blob that is cut while it is read fails in the stream.
    async fn read(&self, id: BlobId, size: u64, range: Range<u64>) -> Result<BlobStream, Error>;

    /// Removes a blob; a missing one is fine.
    async fn delete(&self, id: BlobId) -> Result<(), Error>;

    /// Up to `limit` finished blobs with ids after `after`, in id order.
    async fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobEntry>, Error>;
}

#[async_trait]
impl<S: BlobStore + ?Sized> BlobStore for Arc<S> {
    async fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, Error> {
        (**self).create(id).await
    }
    async fn read(&self, id: BlobId, size: u64, range: Range<u64>) -> Result<BlobStream, Error> {
        (**self).read(id, size, range).await
    }
    async fn delete(&self, id: BlobId) -> Result<(), Error> {
        (**self).delete(id).await
    }
    async fn list(&self, after: Option<BlobId>, limit: usize) -> Result<Vec<BlobEntry>, Error> {
        (**self).list(after, limit).await
    }
}
