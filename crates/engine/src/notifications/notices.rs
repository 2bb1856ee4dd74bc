//! From a change to the rows of its commit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arqueta_model::{AccountId, BucketName, ObjectKey, Region, Timestamp, VersionId};
use arqueta_store::{Batch, Write};
use bytes::Bytes;
use moka::sync::Cache;
use tokio::sync::watch;

use super::act::{self, Act};
use super::configuration::{Destination, Notifications, Rule};
use super::happening::Happening;
use super::notice::{Lane, Notice, Occurrence, ReplicationData};
use crate::Error;
use crate::api::Versioning;
use crate::record::{BucketDocument, BucketRecord, ObjectRecord, Record as _};
use crate::schema;
use crate::sequence::Sequencer;

/// Configurations remembered as they were read.
const REMEMBERED: u64 = 10_000;

/// The entity tag that events give a delete marker: the MD5 of nothing, as in S3.
const OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// The targets that the operator named, and whose buckets may name them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Targets {
    /// By name; each with the accounts whose buckets may use it.
    pub named: BTreeMap<String, Vec<AccountId>>,
    /// The account in their ARNs.
    pub account: Option<AccountId>,
    /// The Region in their ARNs.
    pub region: Option<Region>,
    /// Events that may wait for one target; as many as come if absent.
    pub most: Option<u64>,
}

/// What an ARN is to a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// A target that it may use, by name.
    Granted(String),
    /// A target that buckets of other accounts may use.
    Denied,
    /// No target.
    Unknown,
}

impl Targets {
    /// Whether the target `name` is there for buckets of `owner`. A rule outlives what the operator allowed
    /// when it was set.
    fn takes(&self, name: &str, owner: &AccountId) -> bool {
        self.named.get(name).is_some_and(|accounts| accounts.contains(owner))
    }

    /// What `arn` is to a bucket of `owner`. A target answers to the ARN of a queue, a topic or a
    /// function of its name, in the gateway's own Region and account.
    #[must_use]
    pub fn find(&self, destination: Destination, arn: &str, owner: &AccountId) -> Access {
        let (Some(account), Some(region)) = (&self.account, &self.region) else { return Access::Unknown };
        let start = match destination {
            Destination::Queue => format!("arn:aws:sqs:{region}:{account}:"),
            Destination::Topic => format!("arn:aws:sns:{region}:{account}:"),
            Destination::Function => format!("arn:aws:lambda:{region}:{account}:function:"),
        };
        let named = arn.strip_prefix(&start).and_then(|name| self.named.get_key_value(name));
        match named {
            Some((name, accounts)) if accounts.contains(owner) => Access::Granted(name.clone()),
            Some(_) => Access::Denied,
            None => Access::Unknown,
        }
    }
}

/// Writes the outbox.
pub struct Notices {
    targets: Targets,
    /// Configurations by bucket, and the text they were read from.
    known: Cache<BucketName, (Arc<str>, Arc<Notifications>)>,
    /// Grows when rows were written.
    written: watch::Sender<u64>,
    /// Rows that wait, by target.
    waiting: BTreeMap<String, AtomicU64>,
}

impl Default for Notices {
    fn default() -> Self {
        Self::to(Targets::default())
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").field("targets", &self.targets).finish_non_exhaustive()
    }
}

/// The version that an event is about.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub version: Option<VersionId>,
    pub size: Option<u64>,
    pub etag: Option<String>,
    pub sequence: u64,
    pub at: Timestamp,
    pub replication: Option<ReplicationData>,
}

impl About {
    /// What was written into `bucket`.
    pub fn written(bucket: &BucketRecord, record: &ObjectRecord) -> Result<Self, Error> {
        let (size, etag) = match &record.content {
            Some(content) => {
                let manifest = content.manifest()?;
                (Some(manifest.size()), manifest.etag)
            }
            None => (None, OF_NOTHING.to_owned()),
        };
        Ok(Self {
            version: (bucket.versioning != Versioning::Off).then_some(record.version),
            size,
            etag: Some(etag),
            sequence: record.sequence,
            at: record.last_modified,
            replication: None,
        })
    }

    /// What was removed from `bucket` at `at`, of which nothing is left to tell. Its own sequence was
    /// `last`.
    pub fn removed(
        bucket: &BucketRecord,
        version: VersionId,
        (sequencer, last): (&Sequencer, u64),
        at: Timestamp,
    ) -> Self {
        let version = (bucket.versioning != Versioning::Off).then_some(version);
        Self { version, size: None, etag: None, sequence: sequencer.next(at, last), at, replication: None }
    }
}

impl Notices {
    /// For these targets.
    #[must_use]
    pub fn to(targets: Targets) -> Self {
        let waiting = targets.named.keys().map(|name| (name.clone(), AtomicU64::default())).collect();
        Self { targets, known: Cache::new(REMEMBERED), written: watch::Sender::new(0), waiting }
    }

    /// The targets that there are.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Changes whenever rows were written by this process.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// So many rows were found to wait for a target. To be said before others are written.
    pub fn found(&self, target: &str, rows: u64) {
        if let Some(waiting) = self.waiting.get(target) {
            waiting.store(rows, Ordering::Relaxed);
        }
    }

    /// So many rows of a target were taken away.
    pub fn taken(&self, target: &str, rows: u64) {
        if let Some(waiting) = self.waiting.get(target) {
            let less = |before: u64| Some(before.saturating_sub(rows));
            let _ = waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// How many rows wait for a target; none for one that is not named.
    #[must_use]
    pub fn waiting(&self, target: &str) -> u64 {
        self.waiting.get(target).map_or(0, |waiting| waiting.load(Ordering::Relaxed))
    }

    /// Adds to the batch of a change what is to be told of it: to targets that are named, and for the
    /// bucket's owner, now.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a configuration that cannot be read, [`Error::TooManyWaiting`]: the change does
    /// not happen, since nobody would hear of it.
    pub(crate) fn tell(
        &self,
        batch: Batch,
        bucket: &BucketRecord,
        key: &ObjectKey,
        happening: Happening,
        about: impl FnOnce() -> Result<About, Error>,
    ) -> Result<Batch, Error> {
        let Some(text) = bucket.documents.get(&BucketDocument::Notification) else { return Ok(batch) };
        let configuration = self.configuration(&bucket.name, text)?;
        let witness = act::witness();
        let happening = match happening {
            Happening::Put if witness.as_ref().is_some_and(|witness| witness.by_form()) => Happening::Post,
            happening => happening,
        };
        let named = |rule: &&Rule| self.targets.takes(&rule.target, &bucket.owner);
        let mut taking = configuration.taking(happening, key.as_str()).filter(named).peekable();
        if taking.peek().is_none() {
            return Ok(batch);
        }
        let About { version, size, etag, sequence, at, replication } = about()?;
        let act = match happening {
            happening if happening.is_of_service() => Act::of_service(),
            _ => witness.map_or_else(Act::of_service, |witness| witness.act()),
        };
        let told = |rule: &Rule| {
            Notice::Occurred(Box::new(Occurrence {
                rule: rule.id.clone(),
                happening,
                bucket: bucket.name.clone(),
                owner: bucket.owner.clone(),
                region: bucket.region.clone(),
                key: key.clone(),
                version,
                size,
                etag: etag.clone(),
                sequence,
                at,
                act: act.clone(),
                replication: replication.clone(),
            }))
        };
        taking.try_fold(batch, |batch, rule| {
            self.admit(&rule.target)?;
            Ok(batch.put(Lane::of(&rule.target).next(sequence), told(rule).encode()))
        })
    }

    /// Whether another row may wait for a target.
    fn admit(&self, target: &str) -> Result<(), Error> {
        match self.targets.most {
            Some(most) if self.waiting(target) >= most => Err(Error::TooManyWaiting),
            _ => Ok(()),
        }
    }

    /// What tells the targets of queues and topics that they were named; functions are told nothing.
    ///
    /// # Errors
    /// [`Error::TooManyWaiting`].
    pub(crate) fn test(
        &self,
        bucket: &BucketName,
        configuration: &Notifications,
        sequence: u64,
        at: Timestamp,
    ) -> Result<Batch, Error> {
        let act = act::witness().map_or_else(Act::of_service, |witness| witness.act());
        let mut named: Vec<&str> = configuration
            .rules
            .iter()
            .filter(|rule| rule.destination != Destination::Function)
            .map(|rule| &*rule.target)
            .collect();
        named.sort_unstable();
        named.dedup();
        let notice = Notice::Test { bucket: bucket.clone(), at, act }.encode();
        named.into_iter().try_fold(Batch::default(), |batch, name| {
            self.admit(name)?;
            Ok(batch.put(Lane::of(name).next(sequence), notice.clone()))
        })
    }

    fn configuration(&self, bucket: &BucketName, text: &str) -> Result<Arc<Notifications>, Error> {
        if let Some((known, configuration)) = self.known.get(bucket)
            && *known == *text
        {
            return Ok(configuration);
        }
        let configuration = Arc::new(Notifications::from_document(text)?);
        self.known.insert(bucket.clone(), (text.into(), configuration.clone()));
        Ok(configuration)
    }

    /// The rows that a batch writes: who commits it says so afterwards ([`Notices::wake`]).
    pub(crate) fn rows_of(batch: &Batch) -> Vec<Bytes> {
        let row = |write: &Write| match write {
            Write::Put(key, _) if key.starts_with(schema::NOTICES) => Some(key.clone()),
            _ => None,
        };
        batch.writes.iter().filter_map(row).collect()
    }

    /// These rows were written, if any.
    pub fn wake(&self, rows: &[Bytes]) {
        if rows.is_empty() {
            return;
        }
        for waiting in rows.iter().filter_map(|row| self.waiting.get(Lane::name(row)?)) {
            waiting.fetch_add(1, Ordering::Relaxed);
        }
        self.written.send_modify(|count| *count = count.wrapping_add(1));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_target_answers_to_its_arns_and_to_the_accounts_it_is_for() {
        let [own, other]: [AccountId; 2] = ["111122223333".parse().unwrap(), "444455556666".parse().unwrap()];
        let targets = Targets {
            named: BTreeMap::from([("hook".to_owned(), vec![own.clone()])]),
            account: Some(own.clone()),
            region: Some("eu-west-1".parse().unwrap()),
            most: None,
        };
        let granted = Access::Granted("hook".to_owned());
        let queue = "arn:aws:sqs:eu-west-1:111122223333:hook";
        assert_eq!(targets.find(Destination::Queue, queue, &own), granted);
        assert_eq!(targets.find(Destination::Topic, "arn:aws:sns:eu-west-1:111122223333:hook", &own), granted);
        let function = "arn:aws:lambda:eu-west-1:111122223333:function:hook";
        assert_eq!(targets.find(Destination::Function, function, &own), granted);
        assert_eq!(targets.find(Destination::Queue, queue, &other), Access::Denied);
        for unknown in [
            "arn:aws:sqs:eu-west-1:111122223333:other",
            "arn:aws:sqs:us-east-1:111122223333:hook",
            "arn:aws:sqs:eu-west-1:444455556666:hook",
            "arn:aws:sns:eu-west-1:111122223333:hook",
            "hook",
            "",
        ] {
            assert_eq!(targets.find(Destination::Queue, unknown, &own), Access::Unknown, "{unknown}");
        }
        assert_eq!(Targets::default().find(Destination::Queue, queue, &own), Access::Unknown);
    }
}
