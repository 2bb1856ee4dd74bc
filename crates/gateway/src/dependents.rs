//! `/keys/<key>/usage` of the administration port: what depends on a key. Found by a scan of all
//! metadata in the background, at most one at a time, whose result serves every key for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arqueta_engine::dependents::{Dependents, Survey};
use arqueta_keys::list_keys;
use arqueta_model::{Clock, Region, Timestamp};
use arqueta_store::MetaStore;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// How long a result serves.
const FRESH: Duration = Duration::from_secs(30);
/// How long an answer waits for a scan; large stores take longer, and the caller asks again.
const WAIT: Duration = Duration::from_secs(2);

/// When a scan ended and what it found.
type Found = (Timestamp, Arc<Survey>);

/// The latest scan, and the one that is under way.
pub struct DependentsDesk {
    meta: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    region: Region,
    /// Held by the one scan that is under way.
    latest: Arc<Mutex<Option<Found>>>,
    seen: Arc<AtomicU64>,
}

impl DependentsDesk {
    /// Over this store.
    #[must_use]
    pub fn new(meta: Arc<dyn MetaStore>, clock: Arc<dyn Clock>, region: Region) -> Self {
        Self { meta, clock, region, latest: Arc::default(), seen: Arc::default() }
    }

    /// What depends on the key of this id, ARN, alias or alias ARN. A scan that is under way goes on
    /// whether or not somebody waits for it.
    ///
    /// # Errors
    /// Of the store.
    pub async fn usage(&self, key: &str) -> Result<Told, Failed> {
        let scan =
            tokio::spawn(Self::survey(self.meta.clone(), self.clock.clone(), self.latest.clone(), self.seen.clone()));
        let done = tokio::select! {
            done = scan => done,
            () = self.clock.sleep(WAIT) => return Ok(Told::Reading),
        };
        let Ok(found) = done else { return Ok(Told::Reading) };
        let (at, survey) = found?;
        if !survey.of(key).is_empty() {
            return Ok(Told::Usage(shown(key, &[key.to_owned()], at, &survey)));
        }
        let keys = self.named(key).await?;
        // Nothing is not what is told of a key that is not there.
        Ok(if keys.is_empty() { Told::Unknown } else { Told::Usage(shown(key, &keys, at, &survey)) })
    }

    /// ARNs of the keys that a name stands for; an alias without its account may be of several.
    async fn named(&self, name: &str) -> Result<Vec<String>, arqueta_kms::Error> {
        let keys = list_keys(&*self.meta, &self.region).await?;
        let is_meant = |key: &arqueta_keys::ListedKey| {
            let arn = key.arn.as_str();
            let of_alias =
                |alias: &String| alias == name || arn.replace(&format!("key/{}", key.arn.key_id()), alias) == name;
            arn == name || key.arn.key_id() == name || key.aliases.iter().any(of_alias)
        };
        Ok(keys.iter().filter(|key| is_meant(key)).map(|key| key.arn.to_string()).collect())
    }

    /// How many records the scan under way has read.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    async fn survey(
        meta: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        latest: Arc<Mutex<Option<Found>>>,
        seen: Arc<AtomicU64>,
    ) -> Result<Found, arqueta_engine::Error> {
        let mut latest = latest.lock().await;
        let oldest = clock.now().millis().saturating_sub(i64::try_from(FRESH.as_millis()).unwrap_or(i64::MAX));
        if let Some((at, survey)) = latest.as_ref().filter(|(at, _)| at.millis() >= oldest) {
            return Ok((*at, survey.clone()));
        }
        let survey = Survey::take(&*meta, |records| seen.store(records, Ordering::Relaxed)).await?;
        let found = (clock.now(), Arc::new(survey));
        *latest = Some(found.clone());
        Ok(found)
    }
}

/// What is told of a key.
#[derive(Debug)]
pub enum Told {
    /// What depends on it.
    Usage(Value),
    /// Nothing yet: the metadata is still read.
    Reading,
    /// There is no such key, and nothing depends on one of this name.
    Unknown,
}

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The records of objects cannot be read.
    #[error("what depends on keys cannot be read")]
    Engine(#[from] arqueta_engine::Error),
    /// The records of keys cannot be read.
    #[error("the keys cannot be read")]
    Kms(#[from] arqueta_kms::Error),
}

fn shown(asked: &str, keys: &[String], at: Timestamp, survey: &Survey) -> Value {
    let mut buckets = std::collections::BTreeMap::new();
    for (bucket, counted) in keys.iter().flat_map(|key| survey.of(key)) {
        *buckets.entry(bucket).or_insert_with(Dependents::default) += counted;
    }
    let mut all = Dependents::default();
    buckets.values().for_each(|counted| all += *counted);
    let buckets: serde_json::Map<_, _> =
        buckets.iter().map(|(bucket, counted)| (bucket.as_str().to_owned(), json!(counted))).collect();
    json!({ "key": asked, "keys": keys, "asOf": at.rfc3339(), "all": all, "buckets": buckets, "unreadable": survey.unreadable() })
}
