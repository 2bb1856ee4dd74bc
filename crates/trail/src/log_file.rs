//! A log file: a stretch of the record, for one trail (AWS CloudTrail User Guide, "CloudTrail log
//! file format").

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arqueta_audit::{AuditSink, Event, Events, Mark};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::record::Trail;

/// Uncompressed size, in bytes, beyond which a log file is followed by the next one.
const FILE_SIZE: usize = 16 << 20;
/// Services whose events are global.
const GLOBAL: [&str; 2] = ["iam.amazonaws.com", "sts.amazonaws.com"];

/// The record, as far as delivery reads it.
#[derive(Clone)]
pub(crate) struct Record {
    folder: PathBuf,
    sink: Arc<dyn AuditSink>,
}

impl Record {
    pub(crate) fn new(folder: PathBuf, sink: Arc<dyn AuditSink>) -> Self {
        Self { folder, sink }
    }

    /// The end of the record. What lies before it is durable.
    pub(crate) async fn end(&self) -> Result<Mark, Error> {
        let folder = self.folder.clone();
        let end = blocking(move || Ok(Mark::end(&folder)?)).await?;
        // What was in the file before the flush was written before it, and so is synced or cut off
        // when it returns: an event that a power failure takes back is never delivered.
        self.sink.flush().await?;
        Ok(end)
    }

    /// What `trail` wants of the record between the marks, at most one file of it. `whole` reads to
    /// the end whatever the size: the file that was begun before ended there.
    pub(crate) async fn gather(&self, trail: &Trail, from: &Mark, to: &Mark, whole: bool) -> Result<Gathered, Error> {
        let (folder, trail, from, to) = (self.folder.clone(), trail.clone(), from.clone(), to.clone());
        let limit = if whole { usize::MAX } else { FILE_SIZE };
        blocking(move || gather(&folder, &trail, &from, &to, limit)).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| arqueta_audit::Error::Io(std::io::Error::other(error)))?
}

/// A stretch of the record.
pub(crate) struct Gathered {
    /// Where it ends.
    pub(crate) to: Mark,
    /// Its events as a log file; `None` if the trail wants none of them.
    pub(crate) contents: Option<Contents>,
    /// Whether lines of it could not be read. They are not delivered; `arqueta audit verify` tells
    /// what they are.
    pub(crate) damaged: bool,
}

/// Contents of a log file.
pub(crate) struct Contents {
    /// Compressed.
    pub(crate) body: Bytes,
    /// SHA-256 of the uncompressed file, in hexadecimal.
    pub(crate) hash: String,
    pub(crate) oldest: String,
    pub(crate) newest: String,
}

fn gather(folder: &Path, trail: &Trail, from: &Mark, to: &Mark, limit: usize) -> Result<Gathered, Error> {
    let mut events = Events::between(folder, from, to)?;
    let mut text = Vec::new();
    let mut times: Option<(String, String)> = None;
    while text.len() < limit {
        let Some(event) = events.next() else { break };
        let event = event?;
        if !wants(trail, &event) {
            continue;
        }
        text.extend_from_slice(if text.is_empty() { b"{\"Records\":[" } else { b"," });
        serde_json::to_writer(&mut text, &event).map_err(std::io::Error::from).map_err(arqueta_audit::Error::Io)?;
        // RFC 3339 in UTC to the second orders as text.
        let time = event.event_time;
        times = Some(match times {
            None => (time.clone(), time),
            Some((oldest, newest)) => (oldest.min(time.clone()), newest.max(time)),
        });
    }
    if events.skipped() > 0 {
        tracing::error!(lines = events.skipped(), trail = %trail.id.name, "lines of the record cannot be read, and are not delivered");
    }
    let contents = times.map(|(oldest, newest)| {
        text.extend_from_slice(b"]}");
        Contents { body: gzip(&text), hash: sha256(&text), oldest, newest }
    });
    Ok(Gathered { to: events.mark().clone(), contents, damaged: events.skipped() > 0 })
}

/// Whether the event is the trail's account's, and selected.
fn wants(trail: &Trail, event: &Event) -> bool {
    event.recipient_account_id == trail.id.account.as_str()
        && (trail.global_events || !GLOBAL.contains(&&*event.event_source))
        && trail.selectors.iter().any(|selector| selector.wants(event))
}

/// Compressed, the same for the same input: the header carries neither name nor time.
pub(crate) fn gzip(text: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(text).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail").into()
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(text: &[u8]) -> String {
    hex::encode(Sha256::digest(text))
}
