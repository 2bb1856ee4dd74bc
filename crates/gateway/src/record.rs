//! The sealed record: its chain's end is kept in the metadata store, so that cutting the record
//! off does not go unnoticed.

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{Head, JsonLines};
use arqueta_kms::{Embedded, RecordSealer};
use arqueta_model::Clock;
use arqueta_store::MetaStore;

/// How often a chain that has moved on is kept. What was recorded since can be cut off unnoticed
/// after a crash or a kill, and only then.
const EVERY: Duration = Duration::from_secs(1);

/// The record with what seals it.
pub struct SealedRecord {
    lines: Arc<JsonLines>,
    sealer: Arc<RecordSealer>,
    meta: Arc<dyn MetaStore>,
}

impl SealedRecord {
    /// Seals everything that `lines` takes from now on.
    ///
    /// # Errors
    /// If the end of the record or of its chain cannot be read.
    pub async fn begin(
        lines: Arc<JsonLines>,
        kms: &Embedded,
        meta: Arc<dyn MetaStore>,
    ) -> Result<Self, arqueta_audit::Error> {
        let sealer = Arc::new(kms.record_sealer());
        let known = Head::load(&*meta, &*sealer).await?;
        lines.seal(sealer.clone(), known).await?;
        let record = Self { lines, sealer, meta };
        if known.is_none() {
            // From now on a record that is gone as a whole is missed.
            record.keep(None).await?;
        }
        Ok(record)
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
            match self.keep(kept).await {
                Ok(head) => kept = head,
                Err(error) => tracing::error!(%error, "the end of the audit record could not be kept"),
            }
        }
    }
}
