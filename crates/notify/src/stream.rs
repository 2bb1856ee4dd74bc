//! The audit webhook: the record's events, all of them, in their order, to one address.
//!
//! Nothing is queued: the record's own files are the queue, and a place in them is all that is kept, with
//! the metadata (`w/audit-webhook`), and beside it how far the delivery under way reaches
//! (`w/audit-webhook-end`). One that failed or was killed is made again, the same to the byte. What
//! is not delivered is not removed when old files are ([`undelivered`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{AuditSink, Events, Mark};
use arqueta_model::{Clock, Timestamp};
use arqueta_store::{Batch, Leases, MetaStore};
use arqueta_work::pace::Pace;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::message::Message;
use crate::progress::Counts;
use crate::target::{Failure, Target};

/// Where the place is kept.
const PLACE: &[u8] = b"w/audit-webhook";
/// Where the delivery under way is kept.
const PLAN: &[u8] = b"w/audit-webhook-end";
/// The lease's name.
const LEASE: &str = "audit-webhook";
/// Events of one delivery, at most.
const EVENTS: usize = 500;
/// Bytes of one delivery, after which no further event is added.
const BYTES: usize = 1 << 20;
/// How often the record is looked at for more.
const LOOK: Duration = Duration::from_secs(1);
/// How long a delivery may take.
const ATTEMPT: Duration = Duration::from_secs(30);

/// Why nothing more is delivered now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed, or another gateway delivers.
    #[error("the metadata cannot be read or written")]
    Store(#[from] arqueta_store::Error),
    /// The record cannot be read.
    #[error("the record cannot be read")]
    Record(#[from] arqueta_audit::Error),
    /// The address does not take it.
    #[error(transparent)]
    Target(#[from] Failure),
}

/// What it stands on.
pub struct Source {
    /// The folder of the record.
    pub folder: PathBuf,
    /// The record.
    pub sink: Arc<dyn AuditSink>,
    /// Where the place is kept.
    pub meta: Arc<dyn MetaStore>,
    /// Who delivers.
    pub leases: Leases,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Delivers the record's events.
pub struct AuditStream {
    from: Source,
    target: Arc<dyn Target>,
    counts: Arc<Counts>,
}

/// A delivery that was made and may not have been noted. However far the record reaches by now, it is made
/// again as it was: its receiver knows it by its id.
#[derive(Serialize, Deserialize)]
struct Plan {
    from: Mark,
    to: Mark,
}

/// A stretch of the record.
struct Stretch {
    to: Mark,
    events: usize,
    /// When the first of them happened.
    since: Option<Timestamp>,
    body: Bytes,
    skipped: u64,
}

/// Keeps a place from which everything is still to be delivered, where there is none yet, or, if nothing
/// is `wanted` any more, none. To be called before old files of the record are removed.
///
/// # Errors
/// Failures of the store.
pub async fn begin(meta: &dyn MetaStore, wanted: bool) -> Result<(), arqueta_store::Error> {
    let batch = match (wanted, undelivered(meta).await?) {
        (true, None) => Batch::default().put(PLACE, encoded(&Mark::default())),
        (false, Some(_)) => Batch::default().delete(PLACE).delete(PLAN),
        _ => return Ok(()),
    };
    meta.commit(batch).await
}

fn encoded(place: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(place).expect("places are texts and numbers, which serialise")
}

/// The place in the record up to which an audit webhook of this store has taken everything; `None` where
/// there never was one.
///
/// # Errors
/// Failures of the store. A place that cannot be read is the beginning.
pub async fn undelivered(meta: &dyn MetaStore) -> Result<Option<Mark>, arqueta_store::Error> {
    match meta.get(PLACE).await {
        Err(arqueta_store::Error::Damaged { .. }) => Ok(Some(Mark::default())),
        found => Ok(found?.map(|bytes| serde_json::from_slice(&bytes).unwrap_or_default())),
    }
}

impl AuditStream {
    /// Does nothing yet.
    #[must_use]
    pub fn new(from: Source, target: Arc<dyn Target>, counts: Arc<Counts>) -> Self {
        Self { from, target, counts }
    }

    /// Delivers for ever.
    pub async fn run(&self) {
        let mut pace = Pace::default();
        loop {
            let rest = match self.deliver().await {
                Ok(true) => {
                    pace.succeed();
                    continue;
                }
                Ok(false) => LOOK,
                Err(error) => {
                    self.counts.failed();
                    if !pace.is_failing() {
                        tracing::warn!(%error, "the record is not taken by the audit webhook; it waits");
                    }
                    pace.fail()
                }
            };
            self.from.clock.sleep(rest).await;
        }
    }

    /// Delivers up to the present end of the record. `false`: nothing was there, or another gateway
    /// delivers.
    ///
    /// # Errors
    /// [`Error`]; what was taken stays taken.
    pub async fn deliver(&self) -> Result<bool, Error> {
        let mut place = undelivered(&*self.from.meta).await?.unwrap_or_default();
        let end = self.end().await?;
        if place >= end {
            self.counts.wait(0, None);
            return Ok(false);
        }
        let Some(mut held) = self.from.leases.take(LEASE).await? else { return Ok(false) };
        let mut planned = self.planned(&place).await?;
        while place < end {
            let again = planned.take();
            let stretch = self.read(&place, again.as_ref().unwrap_or(&end)).await?;
            if stretch.skipped > 0 {
                tracing::error!(lines = stretch.skipped, "lines of the record cannot be read, and are not delivered");
            }
            if stretch.events > 0 {
                self.counts.wait(stretch.events as u64, stretch.since);
                if again.is_none() {
                    let plan = Plan { from: place.clone(), to: stretch.to.clone() };
                    let batch = Batch::default().require(held.fence()).put(PLAN, encoded(&plan));
                    self.from.meta.commit(batch).await?;
                }
                self.send(&stretch).await?;
                self.counts.sent_some(stretch.events);
            }
            let batch = Batch::default().require(held.fence()).put(PLACE, encoded(&stretch.to));
            self.from.meta.commit(batch).await?;
            place = stretch.to;
            if !self.from.leases.renew(&mut held).await? {
                return Ok(false);
            }
        }
        self.counts.wait(0, None);
        self.from.leases.give_up(held).await?;
        Ok(true)
    }

    /// How far the delivery reaches that was made from `place`, if one was.
    async fn planned(&self, place: &Mark) -> Result<Option<Mark>, Error> {
        let plan = match self.from.meta.get(PLAN).await {
            // Then it comes again under another id.
            Err(arqueta_store::Error::Damaged { .. }) => None,
            found => found?.and_then(|bytes| serde_json::from_slice::<Plan>(&bytes).ok()),
        };
        Ok(plan.filter(|plan| plan.from == *place).map(|plan| plan.to))
    }

    async fn send(&self, stretch: &Stretch) -> Result<(), Failure> {
        let message = Message {
            // The same stretch has the same id when it comes again.
            id: hex::encode(&Sha256::digest(&stretch.body)[..12]),
            group: String::new(),
            event: "AuditRecord",
            bucket: String::new(),
            key: String::new(),
            body: stretch.body.clone(),
        };
        tokio::select! {
            sent = self.target.send(&message) => sent,
            () = self.from.clock.sleep(ATTEMPT) => Err(Failure::Unavailable("no answer in time".to_owned())),
        }
    }

    /// The end of the record. What lies before it is durable: an event that a power failure takes back
    /// is never delivered.
    async fn end(&self) -> Result<Mark, Error> {
        let folder = self.from.folder.clone();
        let end = blocking(move || Mark::end(&folder)).await?;
        self.from.sink.flush().await?;
        Ok(end)
    }

    async fn read(&self, from: &Mark, to: &Mark) -> Result<Stretch, Error> {
        let (folder, from, to) = (self.from.folder.clone(), from.clone(), to.clone());
        Ok(blocking(move || {
            let mut events = Events::between(folder, &from, &to)?;
            let (mut records, mut bytes, mut since) = (Vec::new(), 0, None);
            while records.len() < EVENTS && bytes < BYTES {
                let Some(event) = events.next() else { break };
                let event = event?;
                since = since.or_else(|| happened(&event.event_time));
                let event = serde_json::to_value(event).map_err(std::io::Error::from)?;
                bytes += event.to_string().len();
                records.push(event);
            }
            // At the end everything that lies before it was read, whatever it was.
            let whole = records.len() < EVENTS && bytes < BYTES;
            let behind = if whole { to } else { events.mark().clone() };
            let number = records.len();
            let body = json!({ "position": behind, "Records": records }).to_string().into();
            Ok(Stretch { to: behind, events: number, since, body, skipped: events.skipped() })
        })
        .await?)
    }
}

/// `2026-11-27T07:00:00Z`
fn happened(text: &str) -> Option<Timestamp> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    at.unix_timestamp().checked_mul(1000).map(Timestamp::from_millis)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, arqueta_audit::Error> + Send + 'static,
) -> Result<T, arqueta_audit::Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| arqueta_audit::Error::Io(std::io::Error::other(error)))?
}
