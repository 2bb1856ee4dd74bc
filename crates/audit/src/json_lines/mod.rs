//! The record as JSON lines on local disk.

mod files;
mod reader;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use arqueta_model::Clock;
use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::{AuditSink, Error, Event};
pub use reader::Events;
use writer::{Append, Writer};

/// How many appends may wait for the writer before further ones wait for room.
const QUEUE: usize = 4096;

/// Writes events as JSON, one on a line, into `events-<UTC day>-<number>.jsonl` (mode 0600).
///
/// One thread writes. It takes every append that waits, writes them together, syncs once and
/// then answers all of them, so the cost of a sync is shared by whoever is there. A new file
/// begins with each UTC day and when the present one has reached the size limit. A line torn by
/// a crash was never acknowledged and is cut off at the next start.
#[derive(Debug)]
pub struct JsonLines {
    queue: Option<mpsc::Sender<Append>>,
    thread: Option<JoinHandle<()>>,
    folder: PathBuf,
}

impl JsonLines {
    /// Size at which a file is followed by the next one, in bytes.
    pub const FILE_SIZE: u64 = 64 << 20;

    /// Opens the record in `folder`, which is made (mode 0700) if missing.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder or its last files cannot be read, made or repaired.
    pub async fn open(folder: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::with_file_size(folder, clock, Self::FILE_SIZE).await
    }

    /// As [`Self::open`], with another size limit.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn with_file_size(
        folder: impl Into<PathBuf>,
        clock: Arc<dyn Clock>,
        file_size: u64,
    ) -> Result<Self, Error> {
        let folder = folder.into();
        let path = folder.clone();
        let writer = tokio::task::spawn_blocking(move || Writer::open(&path, clock, file_size))
            .await
            .map_err(std::io::Error::other)??;
        let (queue, appends) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(appends))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), folder })
    }

    /// Where the record is kept.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    async fn submit(&self, line: Vec<u8>) -> Result<(), Error> {
        let (answer, durable) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        queue.send(Append { line, answer }).await.map_err(|_| Error::Closed)?;
        durable.await.map_err(|_| Error::Closed)?
    }
}

#[async_trait]
impl AuditSink for JsonLines {
    async fn append(&self, event: Event) -> Result<(), Error> {
        let mut line = serde_json::to_vec(&event).map_err(std::io::Error::from)?;
        line.push(b'\n');
        self.submit(line).await
    }

    async fn flush(&self) -> Result<(), Error> {
        self.submit(Vec::new()).await
    }
}

impl Drop for JsonLines {
    /// Lets the writer finish what was handed to it.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer was already answered to every waiter as `Closed`.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
