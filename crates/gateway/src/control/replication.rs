//! What of a bucket waits to be replicated or failed: what `arqueta replication` asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use arqueta_audit::{AuditSink, EventBuilder};
use arqueta_engine::Engine;
use arqueta_engine::replication::{Leg, Standing};
use arqueta_model::{BucketName, Clock, ObjectKey, Region};
use bytes::Bytes;
use serde::Serialize;

use super::wire::{Backlog, Behind, ReplicationAsk, Towards, Waiting};

/// The gateway's end of it.
#[derive(Clone)]
pub(super) struct Replications {
    pub engine: Arc<Engine>,
    pub audit: Arc<dyn AuditSink>,
    pub clock: Arc<dyn Clock>,
    pub region: Region,
}

impl Replications {
    /// Answers a question about replication.
    pub async fn answer(&self, ask: &ReplicationAsk) -> Result<Vec<u8>, String> {
        match ask {
            ReplicationAsk::Status { bucket } => self.status(bucket).await,
            ReplicationAsk::Backlog { bucket, from } => self.backlog(bucket, from.as_deref()).await,
            ReplicationAsk::Retry { bucket } => self.retry(bucket).await,
        }
    }

    /// How far a bucket is, by destination.
    async fn status(&self, name: &str) -> Result<Vec<u8>, String> {
        let bucket = self.bucket(name).await?;
        let (mut towards, mut from) = (BTreeMap::new(), None);
        loop {
            let (page, next) = self.page(&bucket, from).await?;
            for (_, standing) in &page {
                add(&mut towards, standing);
            }
            match next {
                None => break,
                next => from = next,
            }
        }
        let found = self.engine.replication().configuration(&bucket).await.map_err(|error| error.to_string())?;
        let rules = found.and_then(|(_, configuration)| configuration);
        for rule in rules.iter().flat_map(|configuration| &configuration.rules) {
            towards.entry(rule.destination.bucket.to_string()).or_default();
        }
        json(&Behind { configured: rules.is_some(), towards })
    }

    /// What waits or failed, version by version, and where to go on.
    async fn backlog(&self, name: &str, from: Option<&str>) -> Result<Vec<u8>, String> {
        let bucket = self.bucket(name).await?;
        let from = from.map(hex::decode).transpose().map_err(|error| error.to_string())?.map(Bytes::from);
        let (page, next) = self.page(&bucket, from).await?;
        let versions = page.iter().flat_map(|(key, standing)| standing.legs.iter().map(|leg| row(key, standing, leg)));
        json(&Backlog { versions: versions.collect(), next: next.map(hex::encode) })
    }

    /// Lets what failed wait again. As every change: not without its record.
    async fn retry(&self, name: &str) -> Result<Vec<u8>, String> {
        let bucket = self.bucket(name).await?;
        let owner = self.engine.buckets().get(&bucket).await.map_err(|error| error.to_string())?.owner.clone();
        let event = || {
            let details = serde_json::json!({ "bucketName": name });
            let (source, action, now) = ("s3.amazonaws.com", "RetryReplication", self.clock.now());
            EventBuilder::of_service(source, action, &self.region, &owner, now, details).writes().build()
        };
        let unrecorded = |error: arqueta_audit::Error| format!("the record cannot be written: {error}");
        self.audit.announce(event()).await.map_err(unrecorded)?;
        let again = self.engine.replication().retry(&bucket).await.map_err(|error| error.to_string())?;
        self.audit.append(event()).await.map_err(unrecorded)?;
        json(&again)
    }

    async fn page(
        &self,
        bucket: &BucketName,
        from: Option<Bytes>,
    ) -> Result<(Vec<(ObjectKey, Standing)>, Option<Bytes>), String> {
        self.engine.replication().standings(bucket, from).await.map_err(|error| error.to_string())
    }

    async fn bucket(&self, name: &str) -> Result<BucketName, String> {
        let bucket = name.parse().map_err(|_| format!("{name:?} is no bucket name"))?;
        match self.engine.buckets().get(&bucket).await {
            Ok(_) => Ok(bucket),
            Err(error) => Err(format!("{name}: {error}")),
        }
    }
}

fn add(towards: &mut BTreeMap<String, Towards>, standing: &Standing) {
    for leg in &standing.legs {
        let of = towards.entry(leg.to.to_string()).or_default();
        if !leg.waiting.is_empty() {
            of.waiting += 1;
            of.bytes += standing.size;
            of.since = of.since.into_iter().chain(since(leg)).min();
        }
        if let Some(failed) = &leg.failed {
            *of.failed.entry(failed.reason.clone()).or_default() += 1;
        }
    }
}

/// When the oldest row of a leg was written, in milliseconds since the epoch: a row's sequence tells.
fn since(leg: &Leg) -> Option<i64> {
    leg.waiting.iter().min().and_then(|sequence| i64::try_from(sequence >> 20).ok())
}

fn row(key: &ObjectKey, standing: &Standing, leg: &Leg) -> Waiting {
    Waiting {
        key: key.to_string(),
        version: standing.version.to_string(),
        size: standing.size,
        to: leg.to.to_string(),
        rule: leg.rule.clone(),
        since: since(leg).or_else(|| Some(leg.failed.as_ref()?.at.millis())),
        failed: leg.failed.as_ref().map(|failed| failed.reason.clone()),
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, String> {
    serde_json::to_vec(value).map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arqueta_engine::replication::{Failed, Kind};
    use arqueta_model::{Timestamp, VersionId};

    #[test]
    fn what_waits_and_what_failed_is_counted_by_destination() {
        let leg = |to: &str, waiting: Vec<u64>, failed: Option<&str>| Leg {
            to: to.parse().unwrap(),
            rule: "r".to_owned(),
            waiting,
            failed: failed.map(|reason| Failed {
                kind: Kind::Put,
                reason: reason.to_owned(),
                at: Timestamp::from_millis(9),
            }),
            missed: false,
        };
        let standing = |legs| Standing { version: VersionId::Null, size: 10, is_replica: false, legs };
        let mut towards = BTreeMap::new();
        add(&mut towards, &standing(vec![leg("one", vec![7 << 20, 5 << 20], None), leg("two", vec![], Some("X"))]));
        add(&mut towards, &standing(vec![leg("one", vec![6 << 20], None), leg("two", vec![], Some("X"))]));
        assert_eq!((towards["one"].waiting, towards["one"].bytes, towards["one"].since), (2, 20, Some(5)));
        assert_eq!((towards["two"].waiting, towards["two"].failed["X"]), (0, 2));
        let failed = leg("two", vec![], Some("X"));
        let told = row(&"k".parse().unwrap(), &standing(vec![]), &failed);
        assert_eq!((told.since, told.failed.as_deref()), (Some(9), Some("X")));
    }
}
