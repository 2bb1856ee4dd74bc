//! The record as JSON lines on local disk.

mod anchor;
mod files;
mod history;
#[cfg(any(test, feature = "testing"))]
mod in_line;
mod index;
mod lines;
mod mark;
mod pack;
mod prune;
mod queue;
mod reader;
mod tail;
mod verify;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arqueta_model::Clock;
use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::bounds;
use crate::health::Health;
use crate::{AuditSink, Error, Event, Head, Sealer};
pub use history::{History, Query};
pub use index::Attribute;
pub use mark::Mark;
pub use pack::pack;
pub use prune::{Prune, Pruned, prune};
pub use queue::Cut;
#[cfg(any(test, feature = "testing"))]
pub use queue::Group;
use queue::Message;
pub use reader::{Entries, Entry, Events};
pub use verify::{Finding, Report, verify};
use writer::{Seen, Writer};

/// How many appends may wait for the writer before further ones wait for room.
const QUEUE: usize = 4096;

/// Writes events as JSON, one on a line, into `events-<UTC day>-<number>.jsonl` (mode 0600).
///
/// One thread writes. It takes every append that waits, writes them together, syncs once and
/// then answers all of them, so the cost of a sync is shared by whoever is there. A new file
/// begins with each UTC day and when the present one has reached the size limit. A line torn by
/// a crash was never acknowledged and is cut off at the next start.
///
/// Once [`JsonLines::seal`] was called, what is written together ends with a seal, a line of its
/// own that readers of events are not given.
#[derive(Debug)]
pub struct JsonLines {
    queue: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    /// Without a thread: who does its work.
    #[cfg(any(test, feature = "testing"))]
    in_line: Option<in_line::InLine>,
    folder: PathBuf,
    head: Arc<Mutex<Option<Head>>>,
    kept: Arc<AtomicU64>,
    file: Arc<Mutex<Option<Arc<File>>>>,
    health: Health,
}

/// How an announcement begins.
const ANNOUNCED: &[u8] = b"{\"announced\":";

fn is_announcement(line: &[u8]) -> bool {
    line.starts_with(ANNOUNCED)
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
        let (writer, mut record) = Self::with_writer(folder.into(), clock, file_size).await?;
        let (queue, appends) = mpsc::channel(QUEUE);
        record.queue = Some(queue);
        record.thread = Some(std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(appends))?);
        Ok(record)
    }

    /// As [`JsonLines::open`], without a thread: who records does its work, and `watch` is told what was
    /// written. What somebody asked for and did not wait for is left undone when this is dropped.
    ///
    /// # Errors
    /// As [`JsonLines::open`].
    #[cfg(any(test, feature = "testing"))]
    pub async fn in_line(
        folder: impl Into<PathBuf>,
        clock: Arc<dyn Clock>,
        watch: impl Fn(Group) + Send + 'static,
    ) -> Result<Self, Error> {
        let (mut writer, mut record) = Self::with_writer(folder.into(), clock, Self::FILE_SIZE).await?;
        writer.watch = Some(Box::new(watch));
        let (queue, requests) = mpsc::channel(QUEUE);
        record.queue = Some(queue);
        record.in_line = Some(in_line::InLine::new(writer, requests));
        Ok(record)
    }

    /// A record that has no queue yet, and who will write it.
    async fn with_writer(folder: PathBuf, clock: Arc<dyn Clock>, file_size: u64) -> Result<(Writer, Self), Error> {
        let path = folder.clone();
        let head = Arc::new(Mutex::new(None));
        let (kept, health) = (Arc::new(AtomicU64::new(0)), Health::default());
        let file = Arc::new(Mutex::new(None));
        let seen = Seen { head: head.clone(), kept: kept.clone(), file: file.clone(), health: health.clone() };
        let writer = tokio::task::spawn_blocking(move || Writer::open(&path, clock, file_size, seen))
            .await
            .map_err(std::io::Error::other)??;
        let record = Self {
            queue: None,
            thread: None,
            #[cfg(any(test, feature = "testing"))]
            in_line: None,
            folder,
            head,
            kept,
            file,
            health,
        };
        Ok((writer, record))
    }

    /// Seals everything from now on. `known` is the chain's end as it was kept elsewhere: if the
    /// record ends before it, the chain goes on from there, and the gap stays visible for ever.
    ///
    /// What a crash left behind the last seal that is one, was never acknowledged if it is one group
    /// at most and `known` does not lie behind that seal; then it is cut off. Anything else behind it
    /// stays where it is, and the record goes on in another file.
    ///
    /// # Errors
    /// [`Error::Io`] if the end of the record cannot be read or cut; [`Error::OlderMetadata`] if the
    /// record says that where `known` was kept a later end had been ([`JsonLines::kept`]).
    pub async fn seal(&self, sealer: Arc<dyn Sealer>, known: Option<Head>) -> Result<Option<Cut>, Error> {
        self.ask(|answer| Message::Seal { sealer, known, over_older: false, answer }).await
    }

    /// As [`JsonLines::seal`], whatever end had been kept: for who restored the metadata from a backup.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn seal_over_older(&self, sealer: Arc<dyn Sealer>, known: Option<Head>) -> Result<Option<Cut>, Error> {
        self.ask(|answer| Message::Seal { sealer, known, over_older: true, answer }).await
    }

    /// Tells that `head` is durably kept elsewhere. The seals that follow say so.
    pub fn kept(&self, head: Head) {
        self.kept.fetch_max(head.sequence, Ordering::AcqRel);
    }

    /// Makes it durable that the record is kept up to where it is, by a seal of no lines, if no seal
    /// says so yet. Returns that seal, if it was needed: the chain's end then.
    ///
    /// # Errors
    /// As of an append.
    pub async fn note_kept(&self) -> Result<Option<Head>, Error> {
        self.ask(|answer| Message::Note { answer }).await
    }

    /// Whether what is recorded now would be kept, as far as is known.
    ///
    /// # Errors
    /// Why not, in words: what the last append failed with, unless a later append or
    /// [`AuditSink::flush`] found that it could go on.
    pub fn healthy(&self) -> Result<(), String> {
        if self.is_over() {
            return Err("the thread that writes the record has ended".to_owned());
        }
        self.health.failure().map_or(Ok(()), Err)
    }

    /// Whether nobody writes any more.
    fn is_over(&self) -> bool {
        #[cfg(any(test, feature = "testing"))]
        if self.in_line.is_some() {
            return false;
        }
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// The chain's end; everything up to it is durable. `None` while nothing is sealed.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the record is kept.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Records an event and returns once readers find it. What is returned tells when it is durable,
    /// or that it is not going to be.
    ///
    /// # Errors
    /// As of an append.
    pub(crate) async fn append_early(&self, event: Event) -> Result<oneshot::Receiver<Result<(), Error>>, Error> {
        let line = bounds::line(b"", event, b"\n")?;
        let ((answer, mut durable), (early, written)) = (oneshot::channel(), oneshot::channel());
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        let message = Message::Append { line, answer, early: Some(early) };
        queue.send(message).await.map_err(|_| Error::Closed)?;
        #[cfg(any(test, feature = "testing"))]
        in_line::work(self.in_line.as_ref()).await;
        match written.await {
            Ok(()) => Ok(durable),
            // It was not even written; the outcome says why.
            Err(_) => match (&mut durable).await.map_err(|_| Error::Closed)? {
                Ok(()) => Err(Error::Closed),
                Err(error) => Err(error),
            },
        }
    }

    /// As an append, of the event of a call that is known to have changed something, also if it failed.
    ///
    /// # Errors
    /// As of an append.
    pub(crate) async fn append_of_effect(&self, event: Event) -> Result<(), Error> {
        self.submit(bounds::line_of_effect(b"", event, b"\n")?).await
    }

    async fn submit(&self, line: Vec<u8>) -> Result<(), Error> {
        self.ask(|answer| Message::Append { line, answer, early: None }).await
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Message) -> Result<T, Error> {
        let (answer, done) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        queue.send(message(answer)).await.map_err(|_| Error::Closed)?;
        #[cfg(any(test, feature = "testing"))]
        in_line::work(self.in_line.as_ref()).await;
        done.await.map_err(|_| Error::Closed)?
    }
}

#[async_trait]
impl AuditSink for JsonLines {
    async fn append(&self, event: Event) -> Result<(), Error> {
        self.submit(bounds::line(b"", event, b"\n")?).await
    }

    async fn announce(&self, event: Event) -> Result<(), Error> {
        self.submit(bounds::line(ANNOUNCED, event, b"}\n")?).await
    }

    /// Not by writing one, which costs a sync, but by what the last ones met and by the file being there.
    async fn ready(&self) -> Result<(), Error> {
        let there = match &*self.file.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(file) => writer::still_there(file).is_ok(),
            None => false,
        };
        if there && self.healthy().is_ok() {
            return Ok(());
        }
        self.ask(|answer| Message::Ready { answer }).await
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
