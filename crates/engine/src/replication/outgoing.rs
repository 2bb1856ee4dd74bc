//! From a change to the rows of its commit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arqueta_envelope::SealedKeys;
use arqueta_model::{BucketName, ObjectKey, Timestamp};
use arqueta_store::{Batch, Write};
use bytes::Bytes;
use moka::sync::Cache;
use tokio::sync::watch;

use super::configuration::{Change, Replication, Rule};
use super::intent::{Intent, Kind, Lane};
use super::standing::Standing;
use crate::Error;
use crate::api::ReplicationState;
use crate::record::{BucketDocument, BucketRecord, ObjectRecord, Record as _};
use crate::schema;

/// Configurations remembered as they were read.
const REMEMBERED: u64 = 10_000;

/// How much waits for a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Rows.
    pub rows: u64,
    /// Bytes of content in them.
    pub bytes: u64,
}

/// Writes the outbox.
pub struct Outgoing {
    /// Configurations by bucket, and the text they were read from.
    known: Cache<BucketName, (Arc<str>, Arc<Replication>)>,
    /// Grows when rows were written.
    written: watch::Sender<u64>,
    /// Grows when rules were set.
    ruled: watch::Sender<u64>,
    /// What waits, by destination.
    loads: Mutex<BTreeMap<String, Load>>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            known: Cache::new(REMEMBERED),
            written: watch::Sender::new(0),
            ruled: watch::Sender::new(0),
            loads: Mutex::default(),
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}

/// What a row is about.
pub(crate) struct Subject<'a> {
    pub bucket: &'a BucketRecord,
    pub key: &'a ObjectKey,
    /// Where its rows stand, and when it happened.
    pub sequence: u64,
    pub at: Timestamp,
}

impl Outgoing {
    /// Changes whenever rows were written by this process.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// Changes whenever a bucket's rules were set by this process.
    pub(super) fn rules_watch(&self) -> watch::Receiver<u64> {
        self.ruled.subscribe()
    }

    /// A bucket's rules were set.
    pub(crate) fn rules_set(&self) {
        self.ruled.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// What waits, by destination, as far as it was counted.
    #[must_use]
    pub fn loads(&self) -> BTreeMap<String, Load> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// So much was found to wait for a destination. To be said before other rows are written.
    pub fn found(&self, destination: &str, load: Load) {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        if load.rows == 0 {
            loads.remove(destination);
        } else {
            loads.insert(destination.to_owned(), load);
        }
    }

    /// Whether anything waits for a destination, as far as it was counted.
    #[must_use]
    pub fn waits(&self, destination: &str) -> bool {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner).contains_key(destination)
    }

    /// A row of a destination was taken away.
    pub(super) fn taken(&self, destination: &BucketName, bytes: u64) {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = loads.get_mut(destination.as_str()) {
            load.rows = load.rows.saturating_sub(1);
            load.bytes = load.bytes.saturating_sub(bytes);
            if load.rows == 0 {
                loads.remove(destination.as_str());
            }
        }
    }

    /// The bucket's configuration.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(super) fn configuration(&self, bucket: &BucketRecord) -> Result<Option<Arc<Replication>>, Error> {
        let Some(text) = bucket.documents.get(&BucketDocument::Replication) else { return Ok(None) };
        if let Some((known, configuration)) = self.known.get(&bucket.name)
            && *known == **text
        {
            return Ok(Some(configuration));
        }
        let configuration = Arc::new(Replication::from_document(text)?);
        self.known.insert(bucket.name.clone(), (text.as_str().into(), configuration.clone()));
        Ok(Some(configuration))
    }

    /// Adds to the batch that writes a version the rows of where it is to go, and lets the version say so. A
    /// replica goes nowhere.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a configuration that cannot be read: the version is not written, since nobody
    /// would replicate it.
    pub(crate) fn intend(
        &self,
        batch: Batch,
        bucket: &BucketRecord,
        key: &ObjectKey,
        record: &mut ObjectRecord,
    ) -> Result<Batch, Error> {
        if record.replication.is_some() {
            return Ok(batch);
        }
        let Some(configuration) = self.configuration(bucket)? else { return Ok(batch) };
        let change = match &record.content {
            Some(content) => Change::Written(&content.tags, content.keys.as_ref().map(SealedKeys::mode)),
            None => Change::Marker,
        };
        let rules = configuration.matching(key.as_str(), change);
        let kind = if record.is_delete_marker() { Kind::Marker } else { Kind::Put };
        let subject = Subject { bucket, key, sequence: record.sequence, at: record.last_modified };
        rows(batch, &subject, record, (&rows_of(rules), kind), None)
    }

    /// Adds to the batch that changes a version's tags or locks the rows of where that is to go. `standing` is how
    /// far the version is, as it was read; `record` is the version as it will be.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(crate) fn intend_change(
        &self,
        batch: Batch,
        subject: &Subject<'_>,
        record: &mut ObjectRecord,
        standing: Option<Bytes>,
    ) -> Result<Batch, Error> {
        let (Some(state), Some(content)) = (record.replication, &record.content) else { return Ok(batch) };
        let Some(configuration) = self.configuration(subject.bucket)? else { return Ok(batch) };
        let read = standing.as_ref().map(|bytes| Standing::decode(bytes)).transpose()?;
        let is_replica = match &read {
            Some(standing) => standing.is_replica,
            None => state == ReplicationState::Replica,
        };
        let change = Change::Amended(&content.tags, content.keys.as_ref().map(SealedKeys::mode), is_replica);
        let rules = rows_of(configuration.matching(subject.key.as_str(), change));
        rows(batch, subject, record, (&rules, Kind::Amend), Some((standing, read)))
    }

    /// Whether a change of a version may have to go on, so that how far the version is has to be read first.
    pub(crate) fn concerns(bucket: &BucketRecord, record: &ObjectRecord) -> bool {
        record.replication.is_some() && bucket.documents.contains_key(&BucketDocument::Replication)
    }

    /// What a batch writes for whom: who commits it says so afterwards ([`Outgoing::wake`]).
    pub(crate) fn rows_in(batch: &Batch) -> Vec<(String, u64)> {
        let row = |write: &Write| match write {
            Write::Put(key, value) if key.starts_with(schema::INTENTS) => {
                let size = Intent::decode(value).map_or(0, |intent| intent.size);
                Some((Lane::name(key)?.to_owned(), size))
            }
            _ => None,
        };
        batch.writes.iter().filter_map(row).collect()
    }

    /// These rows were written, if any.
    pub(crate) fn wake(&self, rows: Vec<(String, u64)>) {
        if rows.is_empty() {
            return;
        }
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        for (destination, bytes) in rows {
            let load = loads.entry(destination).or_default();
            load.rows += 1;
            load.bytes += bytes;
        }
        drop(loads);
        self.written.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// What a rule says of its rows.
pub(super) type Way = (BucketName, String);

fn rows_of(rules: Vec<&Rule>) -> Vec<Way> {
    rules.into_iter().map(|rule| (rule.destination.bucket.clone(), rule.id.clone())).collect()
}

/// The rows of a change on these ways, and of how far the version is with them.
pub(super) fn rows(
    mut batch: Batch,
    subject: &Subject<'_>,
    record: &mut ObjectRecord,
    (ways, kind): (&[Way], Kind),
    read: Option<(Option<Bytes>, Option<Standing>)>,
) -> Result<Batch, Error> {
    if ways.is_empty() {
        return Ok(batch);
    }
    let size = match &record.content {
        Some(content) => content.manifest()?.size(),
        None => 0,
    };
    let name = &subject.bucket.name;
    let at = schema::standing(name, subject.key, record.sequence);
    let is_replica = record.replication == Some(ReplicationState::Replica);
    let (before, standing) = read.unwrap_or_default();
    let mut standing = standing.unwrap_or_else(|| Standing::new(record.version, size, is_replica));
    for (to, rule) in ways {
        let kind = standing.wait(to, rule, subject.sequence, kind);
        let intent = Intent {
            rule: rule.clone(),
            kind,
            bucket: name.clone(),
            key: subject.key.clone(),
            version: record.version,
            of: record.sequence,
            size: if kind == Kind::Put { size } else { 0 },
            at: subject.at,
            sequence: subject.sequence,
        };
        batch = batch.put(Lane::of(to.as_str()).next(subject.sequence), intent.encode());
    }
    record.replication = Some(ReplicationState::Pending);
    Ok(batch.unchanged(at.clone(), before).put(at, standing.encode()))
}
