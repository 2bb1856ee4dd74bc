//! The sealed record: its chain's end is kept in the metadata store, so that cutting the record
//! off does not go unnoticed.

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{AuditSink as _, Cut, Event, EventBuilder, Head, JsonLines};
use arqueta_kms::{Embedded, RecordSealer};
use arqueta_model::{AccountId, Clock, Region};
use arqueta_store::MetaStore;
use serde_json::{Value, json};

/// How often a chain that has moved on is kept. What was recorded since can be cut off unnoticed
/// after a crash or a kill, and only then.
const EVERY: Duration = Duration::from_secs(1);

/// Where events of the record itself belong.
pub struct Home<'a> {
    /// The gateway's region.
    pub region: &'a Region,
    /// Its account.
    pub account: &'a AccountId,
    /// Time.
    pub clock: &'a dyn Clock,
}

impl Home<'_> {
    fn event(&self, name: &str, details: Value) -> Event {
        let Self { region, account, clock } = self;
        EventBuilder::of_service("cloudtrail.amazonaws.com", name, region, account, clock.now(), details).build()
    }
}

/// The record with what seals it.
pub struct SealedRecord {
    lines: Arc<JsonLines>,
    sealer: Arc<RecordSealer>,
    meta: Arc<dyn MetaStore>,
}

impl SealedRecord {
    /// Seals everything that `lines` takes from now on. What a crash had left at the end and was cut off
    /// is an event of `home`.
    ///
    /// # Errors
    /// If the end of the record or of its chain cannot be read.
    pub async fn begin(
        lines: Arc<JsonLines>,
        kms: &Embedded,
        meta: Arc<dyn MetaStore>,
        home: &Home<'_>,
    ) -> Result<Self, arqueta_audit::Error> {
        let sealer = Arc::new(kms.record_sealer());
        let known = Head::load(&*meta, &*sealer).await?;
        let cut = lines.seal(sealer.clone(), known).await?;
        let record = Self { lines, sealer, meta };
        if let Some(Cut { file, at, bytes }) = cut {
            let details = json!({ "file": file, "offset": at, "bytes": bytes });
            record.lines.append(home.event("UnacknowledgedRecordsCut", details)).await?;
        }
        if known.is_none() {
            // From now on a record that is gone as a whole is missed.
            record.keep(None).await?;
        }
        Ok(record)
    }

    /// Whether what is recorded now would be kept ([`JsonLines::healthy`]).
    ///
    /// # Errors
    /// Why not.
    pub fn healthy(&self) -> Result<(), String> {
        self.lines.healthy()
    }

    /// The chain's end, with its proof, as a document for `arqueta audit verify`.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        self.lines.head().unwrap_or_default().encode(&*self.sealer)
    }

    /// Keeps the chain's end unless it is still `kept`. Returns what is kept now.
    ///
    /// # Errors
    /// Failures of the metadata store.
    pub async fn keep(&self, kept: Option<Head>) -> Result<Option<Head>, arqueta_audit::Error> {
        let head = self.lines.head();
        match head {
            Some(head) if kept != Some(head) => head.keep(&*self.meta, &*self.sealer).await?,
            _ => {}
        }
        Ok(head)
    }

    /// Keeps the chain's end for as long as it is polled.
    pub async fn run(self: Arc<Self>, clock: Arc<dyn Clock>) {
        let mut kept = None;
        loop {
            clock.sleep(EVERY).await;
            if self.healthy().is_err() {
                // Finds out whether it can go on; until then it tells why not.
                let _ = self.lines.flush().await;
            }
            match self.keep(kept).await {
                Ok(head) => kept = head,
                Err(error) => tracing::error!(%error, "the end of the audit record could not be kept"),
            }
        }
    }
}
