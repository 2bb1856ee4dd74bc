//! The sealed record: its chain's end is kept in the metadata store, so that cutting the record
//! off does not go unnoticed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{AuditSink as _, Cut, EventBuilder, Head, History, JsonLines, Outbox, Prune, Pruned};
use arqueta_keys::RecordSealer;
use arqueta_model::{AccountId, Clock, Region, Timestamp};
use arqueta_store::{MetaStore, Scan};
use serde_json::{Value, json};

/// How often a chain that has moved on is kept. What was recorded since can be cut off unnoticed
/// after a crash or a kill, and only then.
const EVERY: Duration = Duration::from_secs(1);
/// How often finished files are looked for.
const TIDY: Duration = Duration::from_secs(60);
/// How often a group that is being written is looked at again.
const LOOKS: usize = 20;
/// A day in milliseconds.
const DAY: u64 = 24 * 3600 * 1000;
const SOURCE: &str = "cloudtrail.amazonaws.com";

/// Where the record belongs, and how long it is kept.
#[derive(Clone)]
pub struct Home {
    /// The gateway's region.
    pub region: Region,
    /// Its account, which events of the record itself are told.
    pub account: AccountId,
    /// Days that finished files are kept for; for ever if there is no number.
    pub keep_days: Option<u64>,
    /// Whether metadata is taken that is older than the record says.
    pub accept_older_metadata: bool,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// The record with what seals it.
pub struct SealedRecord {
    lines: Arc<JsonLines>,
    outbox: Option<Arc<Outbox>>,
    sealer: Arc<RecordSealer>,
    meta: Arc<dyn MetaStore>,
    history: Arc<History>,
    home: Home,
}

impl SealedRecord {
    /// Seals everything that `lines` takes from now on. What a crash had left at the end and was cut off
    /// is an event of `home`.
    ///
    /// # Errors
    /// If the end of the record or of its chain cannot be read;
    /// [`arqueta_audit::Error::OlderMetadata`] for metadata that was put back, unless `home` accepts
    /// that.
    pub async fn begin(
        (lines, outbox): (Arc<JsonLines>, Option<Arc<Outbox>>),
        sealer: RecordSealer,
        meta: Arc<dyn MetaStore>,
        home: Home,
    ) -> Result<Self, arqueta_audit::Error> {
        let sealer = Arc::new(sealer);
        let known = Head::load(&*meta, &*sealer).await?;
        let sealed = lines.seal(sealer.clone(), known).await;
        let (cut, older) = match sealed {
            Err(arqueta_audit::Error::OlderMetadata { kept, found }) if home.accept_older_metadata => {
                (lines.seal_over_older(sealer.clone(), known).await?, Some((kept, found)))
            }
            sealed => (sealed?, None),
        };
        let history = Arc::new(History::new(lines.folder(), sealer.clone()));
        let record = Self { lines, outbox, sealer, meta, history, home };
        if let Some(Cut { file, at, bytes }) = cut {
            let details = json!({ "file": file, "offset": at, "bytes": bytes });
            record.tell("UnacknowledgedRecordsCut", details).await?;
        }
        if let Some((kept, found)) = older {
            tracing::warn!(kept, found, "the metadata is older than the audit record, and is accepted as it is");
            record.tell("OlderMetadataAccepted", json!({ "notedGroup": kept, "knownGroup": found })).await?;
        }
        record.restore().await?;
        if known.is_none() {
            record.miss_head().await?;
        }
        if known.is_none() || older.is_some() {
            // From now on a record that is gone as a whole is missed, and metadata older than this.
            record.keep(None).await?;
        }
        Ok(record)
    }

    /// Records what was changed by calls that a crash cut short, now or as soon as the record can be
    /// written.
    async fn restore(&self) -> Result<(), arqueta_audit::Error> {
        let Some(outbox) = &self.outbox else { return Ok(()) };
        let calls = outbox.restore(&self.lines, &*self.meta).await?;
        if calls > 0 {
            tracing::warn!(calls, "calls that a crash cut short are recorded without their outcome");
        }
        if let Err(error) = self.settle().await {
            tracing::error!(%error, "calls that a crash cut short cannot be recorded yet");
        }
        Ok(())
    }

    /// Records what calls that were given up had changed, and takes away what travelled with changes
    /// whose events are durable.
    ///
    /// # Errors
    /// Failures of the record or of the metadata store.
    pub async fn settle(&self) -> Result<(), arqueta_audit::Error> {
        match &self.outbox {
            Some(outbox) => outbox.tidy(&self.lines, &*self.meta).await,
            None => Ok(()),
        }
    }

    /// Tells that the chain's end was not in the metadata, where there must have been one: no gateway
    /// removes it, and without it nobody can tell that what was recorded last has been cut off.
    async fn miss_head(&self) -> Result<(), arqueta_audit::Error> {
        let found = self.lines.head().unwrap_or_default().sequence;
        // Accounts come after the first head.
        let accounts = self.meta.page(Scan::prefix(b"iam/", 1)).await.map_err(io::Error::other)?;
        if found == 0 && accounts.is_empty() {
            return Ok(());
        }
        tracing::error!(
            found,
            "THE HEAD OF THE AUDIT RECORD IS MISSING from the metadata: what was recorded after the last group found \
             may have been cut off; run `arqueta audit verify`"
        );
        self.tell("RecordHeadMissing", json!({ "lastGroup": found })).await
    }

    /// An event about the record itself.
    async fn tell(&self, name: &str, details: Value) -> Result<(), arqueta_audit::Error> {
        let Home { region, account, clock, .. } = &self.home;
        let event = EventBuilder::of_service(SOURCE, name, region, account, clock.now(), details);
        self.lines.append(event.build()).await
    }

    /// The record, for searches.
    #[must_use]
    pub fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// Removes finished files of days before that of `before` which neither a trail nor the audit webhook has still to deliver, to
    /// `archive` if there is one. That is an event, and `arqueta audit verify` knows it.
    ///
    /// # Errors
    /// If the record cannot be read or written, or what trails have delivered is not known.
    pub async fn prune(
        &self,
        before: Timestamp,
        archive: Option<PathBuf>,
    ) -> Result<Option<Pruned>, arqueta_audit::Error> {
        let by_trails = arqueta_trail::undelivered(self.meta.clone()).await.map_err(io::Error::other)?;
        let by_webhook = arqueta_notify::stream::undelivered(&*self.meta).await.map_err(io::Error::other)?;
        let undelivered = [by_trails, by_webhook].into_iter().flatten().min();
        let archived = archive.as_ref().map(|path| path.display().to_string());
        let wish = Prune { before, undelivered, archive, at: self.home.clock.now() };
        let (folder, sealer) = (self.lines.folder().to_owned(), self.sealer.clone());
        let pruned = blocking(move || arqueta_audit::prune(folder, &*sealer, &wish)).await?;
        if let Some(Pruned { files, events, sequence, findings }) = &pruned {
            let details = json!({ "before": before.rfc3339(), "files": files, "events": events,
                "lastGroup": sequence, "archive": archived, "findings": findings });
            self.tell("RecordsRemoved", details).await?;
        }
        Ok(pruned)
    }

    /// Compresses finished files, makes their indexes, and removes those that are too old.
    async fn tidy(&self) -> Result<(), arqueta_audit::Error> {
        let (folder, history) = (self.lines.folder().to_owned(), self.history.clone());
        let tidied = blocking(move || {
            arqueta_audit::pack(folder)?;
            history.prepare()
        });
        tidied.await?;
        let Some(days) = self.home.keep_days else { return Ok(()) };
        let kept = i64::try_from(days.saturating_mul(DAY)).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(self.home.clock.now().millis().saturating_sub(kept));
        if let Some(pruned) = self.prune(before, None).await? {
            tracing::info!(files = pruned.files, events = pruned.events, "removed records that are no longer kept");
        }
        Ok(())
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

    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.lines.folder().to_owned()
    }

    /// What a verification finds, of all that is recorded by now. Reads the whole record, on this thread.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn verified(&self) -> Result<arqueta_audit::Report, arqueta_audit::Error> {
        // What is written meanwhile may be half of a group, which is looked at again.
        let look = || arqueta_audit::verify(self.lines.folder(), &*self.sealer, self.lines.head());
        let mut report = look()?;
        for _ in 0..LOOKS {
            if !matches!(report.findings[..], [arqueta_audit::Finding::Unsealed { .. }]) {
                break;
            }
            report = look()?;
        }
        Ok(report)
    }

    /// Keeps the chain's end unless it is still `kept`. Returns what is kept now.
    ///
    /// # Errors
    /// Failures of the metadata store.
    pub async fn keep(&self, kept: Option<Head>) -> Result<Option<Head>, arqueta_audit::Error> {
        let head = self.lines.head();
        match head {
            Some(head) if kept != Some(head) => {
                head.keep(&*self.meta, &*self.sealer).await?;
                self.lines.kept(head);
            }
            _ => {}
        }
        Ok(head)
    }

    /// Has the record say up to where the metadata knows it, unless it does: metadata that is put
    /// back to an earlier state is noticed by that. Returns the chain's end if it is the seal that
    /// says so and nothing else: the metadata need not know it.
    ///
    /// # Errors
    /// Failures of the record.
    pub async fn note(&self) -> Result<Option<Head>, arqueta_audit::Error> {
        self.lines.note_kept().await
    }

    /// Keeps the chain's end, and the record's files in order, for as long as it is polled.
    pub async fn run(self: Arc<Self>) {
        let mut kept = None;
        let mut tidied = self.home.clock.now();
        loop {
            self.home.clock.sleep(EVERY).await;
            if self.home.clock.now().since(tidied) >= TIDY {
                tidied = self.home.clock.now();
                if let Err(error) = self.tidy().await {
                    tracing::error!(%error, "finished files of the audit record could not be put in order");
                }
            }
            if self.healthy().is_err() {
                // Finds out whether it can go on; until then it tells why not.
                let _ = self.lines.flush().await;
            }
            if self.healthy().is_ok()
                && let Err(error) = self.settle().await
            {
                tracing::error!(%error, "events of calls that were given up could not be recorded");
            }
            let before = kept;
            match self.keep(kept).await {
                Ok(head) => kept = head,
                Err(error) => tracing::error!(%error, "the end of the audit record could not be kept"),
            }
            // When nothing more is recorded for a while; what is recorded says it by itself.
            if kept == before
                && let Ok(Some(head)) = self.note().await
            {
                kept = Some(head);
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, arqueta_audit::Error> + Send + 'static,
) -> Result<T, arqueta_audit::Error> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_kms::RootKey as _;
    use arqueta_kms::testing::FixedRootKey;
    use arqueta_model::ManualClock;
    use arqueta_store::{Batch, MemoryMeta};

    use super::*;

    async fn begun(folder: &std::path::Path, meta: &Arc<MemoryMeta>) -> SealedRecord {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let home = Home {
            region: "us-east-1".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
            keep_days: None,
            // Or a start would refuse what these tests are about, where the record can tell.
            accept_older_metadata: true,
            clock: clock.clone(),
        };
        let lines = Arc::new(JsonLines::open(folder, clock).await.unwrap());
        let sealer = RecordSealer::new(&FixedRootKey([7; 32]).unlock().await.unwrap());
        SealedRecord::begin((lines, None), sealer, meta.clone(), home).await.unwrap()
    }

    fn told(folder: &std::path::Path) -> Vec<String> {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|it| it == "jsonl"));
        let lines = files.flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        });
        lines.filter(|line| line.contains("RecordHeadMissing")).collect()
    }

    #[tokio::test]
    async fn a_head_that_somebody_removed_is_missed_in_the_record_itself() {
        let (folder, meta) = (tempfile::tempdir().unwrap(), Arc::new(MemoryMeta::new()));
        let record = begun(folder.path(), &meta).await;
        record.tell("RecordsRemoved", json!({})).await.unwrap();
        record.keep(None).await.unwrap();
        drop(record);
        drop(begun(folder.path(), &meta).await);
        assert!(told(folder.path()).is_empty(), "a first start and an ordinary one miss nothing");
        meta.commit(Batch::default().delete("audit/head")).await.unwrap();
        drop(begun(folder.path(), &meta).await);
        let [event] = &told(folder.path())[..] else { panic!("{:?}", told(folder.path())) };
        assert!(!event.contains("\"lastGroup\":0"), "{event}");
        drop(begun(folder.path(), &meta).await);
        assert_eq!(told(folder.path()).len(), 1, "it is kept again");
    }

    #[tokio::test]
    async fn a_record_that_is_gone_with_its_head_is_missed_by_a_gateway_that_has_accounts() {
        let (folder, meta) = (tempfile::tempdir().unwrap(), Arc::new(MemoryMeta::new()));
        meta.commit(Batch::default().put("iam/a/111122223333", "account")).await.unwrap();
        drop(begun(folder.path(), &meta).await);
        let [event] = &told(folder.path())[..] else { panic!("{:?}", told(folder.path())) };
        assert!(event.contains("\"lastGroup\":0"), "{event}");
    }
}
