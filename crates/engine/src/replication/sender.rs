//! What a worker asks of the engine: the version that a row is about, and that it is done with the row.

use std::sync::Arc;

use arqueta_model::{BucketName, ObjectKey, Timestamp};
use arqueta_store::{Batch, Precondition, Scan};
use bytes::Bytes;
use tokio::sync::watch;

use super::configuration::Replication;
use super::intent::{Intent, Kind, Lane};
use super::outgoing::{Load, Outgoing, Subject, rows};
use super::standing::{Failed, Standing};
use crate::api::{Checksum, ObjectInfo, ObjectName, ObjectStream, ReplicationState, Tags};
use crate::notifications::{About, Happening, ReplicationData};
use crate::objects::{Objects, Reading, info};
use crate::record::{BucketRecord, ObjectRecord, Record as _};
use crate::slots::{Slot, Stored};
use crate::state::{ATTEMPTS, State};
use crate::versions::Versions;
use crate::{Caller, Error, schema};

/// Times a read starts over because its version was changed under it.
const RESTARTS: usize = 4;

/// Versions looked through at a time.
const PAGE: usize = 1000;

/// The sending side of replication.
#[derive(Debug, Clone, Copy)]
pub struct Replicating<'a> {
    pub(super) state: &'a State,
}

/// A version that is to go.
pub enum Opened {
    /// A delete marker, written then.
    Marker(Timestamp),
    /// A version with content, and the content, where it was asked for.
    Version {
        /// What is known of it.
        info: Box<ObjectInfo>,
        /// Its tags.
        tags: Tags,
        /// Its parts; one if it was not made of parts.
        parts: Vec<Part>,
        /// Checksums of the object.
        checksums: Vec<Checksum>,
        /// The content; `None` for a change of tags and locks.
        body: Option<ObjectStream>,
    },
}

/// One part of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number, 1 to 10,000.
    pub number: u16,
    /// Size in bytes.
    pub size: u64,
    /// Checksums of the part, where it has its own.
    pub checksums: Vec<Checksum>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The destination has it durably.
    Done,
    /// The destination does not take it, for this reason of AWS's.
    Failed(String),
}

impl<'a> Replicating<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Replicating<'_> {
    /// Changes whenever rows were written by this process.
    #[must_use]
    pub fn watch(self) -> watch::Receiver<u64> {
        self.state.outgoing.watch()
    }

    /// Changes whenever a bucket's rules were set by this process.
    #[must_use]
    pub fn rules_watch(self) -> watch::Receiver<u64> {
        self.state.outgoing.rules_watch()
    }

    /// What waits.
    #[must_use]
    pub fn outgoing(self) -> Arc<Outgoing> {
        self.state.outgoing.clone()
    }

    /// A bucket and its configuration, if it has one; `None` where there is no such bucket.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Store`].
    pub async fn configuration(
        self,
        bucket: &BucketName,
    ) -> Result<Option<(Arc<BucketRecord>, Option<Arc<Replication>>)>, Error> {
        let record = match self.state.bucket(bucket).await {
            Err(Error::NoSuchBucket) => return Ok(None),
            record => record?,
        };
        let configuration = self.state.outgoing.configuration(&record)?;
        Ok(Some((record, configuration)))
    }

    /// The version that a row is about, read as `caller`; `None` if it is gone.
    ///
    /// # Errors
    /// As [`Objects::get`].
    pub async fn open(self, caller: &Caller, intent: &Intent) -> Result<Option<Opened>, Error> {
        let name = ObjectName { bucket: intent.bucket.clone(), key: intent.key.clone(), version: Some(intent.version) };
        let objects = Objects::over(self.state);
        for _ in 0..RESTARTS {
            let Some(stored) = self.stored(intent).await? else { return Ok(None) };
            let Some(content) = &stored.record.content else {
                return Ok(Some(Opened::Marker(stored.record.last_modified)));
            };
            let (manifest, tags) = (content.manifest()?, content.tags.clone());
            let reading = Reading { stored, manifest };
            let body = match intent.kind {
                Kind::Amend | Kind::Marker => None,
                Kind::Put => {
                    let cipher = objects.unlock(caller, &name, &reading, None).await?;
                    let whole = 0..reading.manifest.size();
                    match objects.read(&reading, cipher, whole).await? {
                        Some(body) => Some(body),
                        None => continue,
                    }
                }
            };
            let parts = reading.manifest.parts.iter();
            let parts =
                parts.map(|part| Part { number: part.number, size: part.size, checksums: part.checksums.clone() });
            let parts = parts.collect();
            let checksums = reading.manifest.checksums.clone();
            return Ok(Some(Opened::Version {
                info: Box::new(info(reading, None, 0..0)),
                tags,
                parts,
                checksums,
                body,
            }));
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    async fn stored(self, intent: &Intent) -> Result<Option<Stored>, Error> {
        let found = Versions::over(self.state).version(&intent.bucket, &intent.key, intent.version).await?;
        // A null version has the id of the one that it replaced.
        Ok(found.filter(|stored| stored.record.sequence == intent.of))
    }

    /// Takes a row away that is done, and lets its version say how far it is, in one commit, which happens only
    /// while `fence` holds.
    ///
    /// # Errors
    /// [`arqueta_store::Error::Conflict`] if the fence does not hold; failures of the store.
    pub async fn settle(
        self,
        row: &Bytes,
        intent: &Intent,
        fence: &Precondition,
        outcome: &Settled,
    ) -> Result<(), Error> {
        let Some(to) = Lane::name(row).and_then(|name| name.parse::<BucketName>().ok()) else {
            return Err(Error::Damaged { what: "replication intent" });
        };
        let _held = self.state.locks.lock(&intent.bucket, &intent.key).await;
        for _ in 0..RESTARTS {
            let batch = Batch::default().require(fence.clone()).delete(row.clone());
            let batch = self.plan_settlement(batch, &to, intent, outcome).await?;
            match self.state.commit(batch).await {
                Err(arqueta_store::Error::Conflict) => {}
                result => {
                    result?;
                    self.state.outgoing.taken(&to, intent.size);
                    return Ok(());
                }
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    async fn plan_settlement(
        self,
        batch: Batch,
        to: &BucketName,
        intent: &Intent,
        outcome: &Settled,
    ) -> Result<Batch, Error> {
        let at = schema::standing(&intent.bucket, &intent.key, intent.of);
        let Some(bytes) = self.state.meta.get(&at).await? else { return Ok(batch) };
        let mut standing = Standing::decode(&bytes)?;
        let failed = match outcome {
            Settled::Done => None,
            Settled::Failed(reason) => {
                Some(Failed { kind: intent.kind, reason: reason.clone(), at: self.state.clock.now() })
            }
        };
        let late = standing.settle(to, intent.sequence, failed);
        let Some(stored) = self.stored(intent).await? else {
            return Ok(batch.unchanged(at.clone(), Some(bytes)).delete(at));
        };
        let batch = batch.unchanged(at.clone(), Some(bytes));
        let about = (to, intent, &stored.record);
        let batch = match outcome {
            Settled::Failed(reason) => self.tell(batch, about, Happening::NotReplicated, Some(reason)).await?,
            Settled::Done if late => self.tell(batch, about, Happening::ReplicatedLate, None).await?,
            Settled::Done => batch,
        };
        let batch = if standing.legs.is_empty() { batch.delete(at) } else { batch.put(at, standing.encode()) };
        Ok(said(batch, stored, standing.state()))
    }

    /// A row waits longer than a rule with time control allows: tells so, once.
    ///
    /// # Errors
    /// As [`Replicating::settle`].
    pub async fn miss(self, row: &Bytes, intent: &Intent, fence: &Precondition) -> Result<(), Error> {
        let Some(to) = Lane::name(row).and_then(|name| name.parse::<BucketName>().ok()) else { return Ok(()) };
        let _held = self.state.locks.lock(&intent.bucket, &intent.key).await;
        let at = schema::standing(&intent.bucket, &intent.key, intent.of);
        let Some(bytes) = self.state.meta.get(&at).await? else { return Ok(()) };
        let mut standing = Standing::decode(&bytes)?;
        let Some(stored) = self.stored(intent).await?.filter(|_| standing.miss(&to)) else { return Ok(()) };
        let batch = Batch::default().require(fence.clone()).unchanged(at.clone(), Some(bytes));
        let about = (&to, intent, &stored.record);
        let batch = self.tell(batch, about, Happening::ReplicationMissed, None).await?;
        Ok(self.state.commit(batch.put(at, standing.encode())).await?)
    }

    /// Tells who wants to hear of it, where the rule has metrics, or time control (S3 User Guide, "Receiving
    /// replication failure events with Amazon S3 Event Notifications").
    async fn tell(
        self,
        batch: Batch,
        (to, intent, record): (&BucketName, &Intent, &ObjectRecord),
        happening: Happening,
        reason: Option<&String>,
    ) -> Result<Batch, Error> {
        let Some((bucket, configuration)) = self.configuration(&intent.bucket).await? else { return Ok(batch) };
        let rule = configuration.as_ref().and_then(|configuration| configuration.rule(&intent.rule, to));
        let wanted = rule.is_some_and(|rule| match happening {
            Happening::NotReplicated => rule.destination.metrics == Some(true),
            _ => rule.destination.time_control == Some(true),
        });
        if !wanted {
            return Ok(batch);
        }
        let told = || {
            let at = self.state.clock.now();
            let data = ReplicationData {
                rule: intent.rule.clone(),
                destination: to.clone(),
                operation: intent.kind.operation().to_owned(),
                requested: intent.at,
                reason: reason.cloned(),
            };
            let sequence = self.state.sequence.next(at, record.sequence);
            Ok(About { sequence, at, replication: Some(data), ..About::written(&bucket, record)? })
        };
        self.state.config.notices.tell(batch, &bucket, &intent.key, happening, told)
    }

    /// What of a bucket waits or failed: versions in the order of their keys, from `from` or the first, and where
    /// to go on.
    ///
    /// # Errors
    /// Failures of the store. A row that cannot be read is left out.
    pub async fn standings(
        self,
        bucket: &BucketName,
        from: Option<Bytes>,
    ) -> Result<(Vec<(ObjectKey, Standing)>, Option<Bytes>), Error> {
        let base = schema::standings(bucket);
        let mut scan = Scan::prefix(&base, PAGE);
        if let Some(from) = from {
            scan.start = from;
        }
        let page = self.state.meta.page(scan).await?;
        let next = page.last().filter(|_| page.len() == PAGE).map(|last| [&last.key[..], &[0]].concat().into());
        let read = |key: &[u8], value: &[u8]| {
            Some((schema::unescaped(key.get(base.len()..)?)?.0, Standing::decode(value).ok()?))
        };
        let found = page.iter().filter_map(|entry| read(&entry.key, entry.value.as_ref()?)).collect();
        Ok((found, next))
    }

    /// Lets everything of a bucket that failed wait again. Returns how many versions.
    ///
    /// # Errors
    /// Failures of the store; what waits again by then does.
    pub async fn retry(self, bucket: &BucketName) -> Result<u64, Error> {
        let (mut again, mut from) = (0, None);
        loop {
            let (page, next) = self.standings(bucket, from).await?;
            for (key, standing) in page {
                if standing.legs.iter().any(|leg| leg.failed.is_some())
                    && self.retry_one(bucket, &key, &standing).await?
                {
                    again += 1;
                }
            }
            match next {
                None => return Ok(again),
                next => from = next,
            }
        }
    }

    async fn retry_one(self, bucket: &BucketName, key: &ObjectKey, seen: &Standing) -> Result<bool, Error> {
        let _held = self.state.locks.lock(bucket, key).await;
        for _ in 0..ATTEMPTS {
            let record = self.state.bucket(bucket).await?;
            let slot = Versions::over(self.state).version_slot(bucket, key, seen.version).await?;
            let Slot::Whole(stored) = slot else { return Ok(false) };
            let at = schema::standing(bucket, key, stored.record.sequence);
            let Some(bytes) = self.state.meta.get(&at).await? else { return Ok(false) };
            let standing = Standing::decode(&bytes)?;
            let failed = standing.legs.iter().filter_map(|leg| Some((leg, leg.failed.as_ref()?)));
            let ways: Vec<_> = failed.map(|(leg, _)| (leg.to.clone(), leg.rule.clone())).collect();
            let now = self.state.clock.now();
            let sequence = self.state.sequence.next(now, stored.record.sequence);
            let subject = Subject { bucket: &record, key, sequence, at: now };
            let mut changed = stored.record.clone();
            let read = Some((Some(bytes), Some(standing)));
            // What failed is what each of them has to do; the kind here is of none.
            let batch = rows(Batch::default(), &subject, &mut changed, (&ways, Kind::Amend), read)?;
            let state = changed.replication.unwrap_or(ReplicationState::Pending);
            let batch = said(batch, stored, state);
            match self.state.commit(batch).await {
                Err(arqueta_store::Error::Conflict) => {}
                result => {
                    result?;
                    return Ok(!ways.is_empty());
                }
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    /// So much was found to wait for a destination. To be said before other rows are written.
    pub fn found(self, destination: &str, load: Load) {
        self.state.outgoing.found(destination, load);
    }
}

/// Lets a version say how far it is, where it says something else.
fn said(batch: Batch, stored: Stored, state: ReplicationState) -> Batch {
    let Stored { key, bytes, record } = stored;
    let batch = batch.unchanged(key.clone(), Some(bytes));
    if record.replication == Some(state) {
        return batch;
    }
    batch.put(key, ObjectRecord { replication: Some(state), ..record }.encode())
}
