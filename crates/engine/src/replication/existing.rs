//! Versions that were there before the rules that send them.

use arqueta_model::{BucketName, ObjectKey};
use arqueta_store::{Batch, Scan};
use bytes::Bytes;

use super::configuration::{Change, Rule};
use super::intent::Kind;
use super::outgoing::{Subject, rows};
use super::sender::Replicating;
use crate::buckets::stored::StoredBucket;
use crate::record::{BucketDocument, BucketRecord, ObjectRecord, Record as _};
use crate::slots::Slot;
use crate::versions::Versions;
use crate::{Error, schema};

/// Versions looked at in one step.
const STEP: usize = 1000;

/// A bucket whose rules send what was there before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// The bucket.
    pub bucket: BucketName,
    /// Its rules, and when it was made: other ones begin anew.
    pub mark: String,
}

/// What a step over a bucket did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Walked {
    /// Versions looked at.
    pub seen: u64,
    /// Versions that wait from now on.
    pub sent: u64,
    /// Where to go on; `None` at the end.
    pub next: Option<Bytes>,
}

impl Replicating<'_> {
    /// Buckets whose rules send what was there before them.
    ///
    /// # Errors
    /// Failures of the store. A damaged bucket is left out: it cannot say what is to go.
    pub async fn configured(self) -> Result<Vec<Configured>, Error> {
        let (mut found, mut scan) = (Vec::new(), Scan::prefix(schema::BUCKETS, STEP));
        loop {
            let page = self.state.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(found) };
            scan.start = behind(&last.key);
            for bytes in page.into_iter().filter_map(|entry| entry.value) {
                let Ok(record) = BucketRecord::decode(&bytes) else { continue };
                let Some(text) = record.documents.get(&BucketDocument::Replication) else { continue };
                let Ok(Some(configuration)) = self.state.outgoing.configuration(&record) else { continue };
                if configuration.rules.iter().any(sends_existing) {
                    let mark = format!("{} {text}", record.created.millis());
                    found.push(Configured { bucket: record.name, mark });
                }
            }
        }
    }

    /// One step over the versions of a bucket, current ones first: those that were there before the rules and are
    /// sent by one wait from now on.
    ///
    /// # Errors
    /// Failures of the store; what waits by then does.
    pub async fn walk(self, bucket: &BucketName, from: Option<Bytes>) -> Result<Walked, Error> {
        let stored = match self.state.stored_bucket(bucket).await {
            Err(Error::NoSuchBucket) => return Ok(Walked::default()),
            stored => stored?,
        };
        let (currents, noncurrents) = (schema::currents(bucket), schema::noncurrents(bucket));
        let from = from.unwrap_or_else(|| currents.clone());
        let base = if from.starts_with(&currents) { &currents } else { &noncurrents };
        let page = self.state.meta.page(Scan { start: from.clone(), ..Scan::prefix(base, STEP) }).await?;
        let mut walked = Walked { seen: page.len() as u64, ..Walked::default() };
        for entry in &page {
            let of_current = base == &currents;
            let rest = entry.key.get(base.len()..).unwrap_or_default();
            let key = match of_current {
                true => std::str::from_utf8(rest).ok().and_then(|text| text.parse().ok()),
                false => schema::unescaped(rest).map(|(key, _)| key),
            };
            let record = entry.value.as_ref().and_then(|bytes| ObjectRecord::decode(bytes).ok());
            if let (Some(key), Some(record)) = (key, record)
                && record.replication.is_none()
                && self.send_existing(&stored, &key, &record).await?
            {
                walked.sent += 1;
            }
        }
        walked.next = match page.last() {
            Some(last) if page.len() == STEP => Some(behind(&last.key)),
            _ => (base == &currents).then(|| noncurrents.clone()),
        };
        Ok(walked)
    }

    /// Lets a version wait that a rule sends. A null version's id means another one at its destination.
    async fn send_existing(self, bucket: &StoredBucket, key: &ObjectKey, seen: &ObjectRecord) -> Result<bool, Error> {
        let name = &bucket.record.name;
        let Some(configuration) = self.state.outgoing.configuration(&bucket.record)? else { return Ok(false) };
        let change = match &seen.content {
            Some(content) => Change::Written(&content.tags, content.keys.as_ref().map(|keys| keys.mode())),
            None => Change::Marker,
        };
        let matching = configuration.matching(key.as_str(), change).into_iter().filter(|rule| sends_existing(rule));
        let ways: Vec<_> = matching.map(|rule| (rule.destination.bucket.clone(), rule.id.clone())).collect();
        if ways.is_empty() || seen.version.is_null() {
            return Ok(false);
        }
        let _held = self.state.locks.lock(name, key).await;
        let slot = Versions::over(self.state).version_slot(name, key, seen.version).await?;
        let Slot::Whole(stored) = slot else { return Ok(false) };
        if stored.record.replication.is_some() {
            return Ok(false);
        }
        let at = self.state.clock.now();
        let sequence = self.state.sequence.next(at, stored.record.sequence);
        let subject = Subject { bucket: &bucket.record, key, sequence, at };
        let kind = if stored.record.is_delete_marker() { Kind::Marker } else { Kind::Put };
        let mut record = stored.record;
        let batch = bucket.unchanged(Batch::default()).unchanged(stored.key.clone(), Some(stored.bytes));
        let batch = rows(batch, &subject, &mut record, (&ways, kind), None)?;
        match self.state.commit(batch.put(stored.key, record.encode())).await {
            // It, or the rules, are others: who changed them sees to it.
            Err(arqueta_store::Error::Conflict) => Ok(false),
            outcome => Ok(outcome.map(|()| true)?),
        }
    }
}

fn sends_existing(rule: &Rule) -> bool {
    rule.enabled && rule.existing == Some(true)
}

fn behind(key: &[u8]) -> Bytes {
    [key, &[0]].concat().into()
}
