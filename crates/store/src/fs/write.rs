//! Writing one blob.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use arqueta_model::BlobId;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use super::{Folder, blocking, stopped};
use crate::share::Member;
use crate::{BlobWriter, Error};
use arqueta_journal::disk::{DiskFile, parent};

/// Most bytes handed to the operating system at once. One such batch may be on its way while the
/// next is gathered, so a writer holds at most twice this.
pub(super) const BATCH: usize = 256 << 10;
/// Smaller chunks are copied together; larger ones are written from where they are.
const SMALL: usize = 8 << 10;

/// A blob on its way to the disk. Its file is created with the first batch, so that a small blob
/// costs one visit to the blocking pool in all.
pub(super) struct Writer {
    folder: Arc<Folder>,
    id: BlobId,
    gathered: Gathered,
    state: State,
    /// Bytes handed over before `gathered`.
    handed: u64,
    /// Its share of the memory of all writers.
    member: Member,
}

enum State {
    /// No file yet.
    New,
    /// Everything handed over is written.
    Idle(Temporary),
    /// A batch is being written.
    Writing(JoinHandle<Result<Temporary, Error>>),
    /// Failed or finished.
    Over,
}

impl Writer {
    pub(super) fn new(folder: Arc<Folder>, id: BlobId) -> Self {
        let member = folder.writers.join();
        Self { folder, id, gathered: Gathered::default(), state: State::New, handed: 0, member }
    }

    /// Waits for the batch on its way. The next state is the caller's to set.
    async fn settle(&mut self) -> Result<Option<Temporary>, Error> {
        if let State::Writing(task) = &mut self.state {
            let done = task.await.unwrap_or_else(|error| Err(stopped(&error)));
            self.state = State::Over;
            self.state = State::Idle(done?);
        }
        match mem::replace(&mut self.state, State::Over) {
            State::New => Ok(None),
            State::Idle(temporary) => Ok(Some(temporary)),
            State::Writing(_) | State::Over => Err(Error::Closed),
        }
    }
}

#[async_trait]
impl BlobWriter for Writer {
    async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        if matches!(self.state, State::Over) {
            return Err(Error::Closed);
        }
        self.gathered.push(chunk);
        if self.gathered.len < self.member.bytes() {
            return Ok(());
        }
        let temporary = self.settle().await?;
        let (folder, id, at) = (self.folder.clone(), self.id, self.handed);
        self.handed += self.gathered.len as u64;
        let chunks = self.gathered.take();
        self.state = State::Writing(tokio::task::spawn_blocking(move || {
            let temporary = Temporary::or_create(temporary, folder, id)?;
            temporary.file.write(at, &chunks)?;
            Ok(temporary)
        }));
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64, Error> {
        let temporary = self.settle().await?;
        let (folder, id, at) = (self.folder.clone(), self.id, self.handed);
        let size = at + self.gathered.len as u64;
        let chunks = self.gathered.take();
        blocking(move || {
            let temporary = Temporary::or_create(temporary, folder, id)?;
            temporary.file.write(at, &chunks)?;
            temporary.publish(id)?;
            Ok(size)
        })
        .await
    }
}

/// Chunks waiting to be written together.
#[derive(Default)]
struct Gathered {
    chunks: Vec<Bytes>,
    tail: BytesMut,
    len: usize,
}

impl Gathered {
    fn push(&mut self, chunk: Bytes) {
        self.len += chunk.len();
        if chunk.len() < SMALL {
            self.tail.extend_from_slice(&chunk);
        } else {
            self.seal_tail();
            self.chunks.push(chunk);
        }
    }

    fn take(&mut self) -> Vec<Bytes> {
        self.seal_tail();
        self.len = 0;
        mem::take(&mut self.chunks)
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push(self.tail.split().freeze());
        }
    }
}

/// The file of an unfinished blob: removed when dropped, wherever that happens.
struct Temporary {
    folder: Arc<Folder>,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    published: bool,
}

impl Temporary {
    fn or_create(existing: Option<Self>, folder: Arc<Folder>, id: BlobId) -> Result<Self, Error> {
        if let Some(existing) = existing {
            return Ok(existing);
        }
        let path = folder.temporary_path(id);
        let file = folder.disk.create(&path)?;
        Ok(Self { folder, path, file, published: false })
    }

    /// Syncs the content, then renames, then syncs the name.
    fn publish(mut self, id: BlobId) -> Result<(), Error> {
        self.file.sync()?;
        let (folder, path) = (self.folder.clone(), self.folder.path(id));
        folder.names.ensure_dir(&*folder.disk, &folder.root, parent(&path))?;
        let named = folder.names.publish(&*folder.disk, &self.path, &path);
        // Unless not even the rename was done, there is nothing left under this name.
        self.published = named.is_ok() || folder.disk.stat(&self.path).is_err();
        Ok(named?)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = self.folder.disk.remove(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "an abandoned blob's file stays until the next start");
        }
    }
}
