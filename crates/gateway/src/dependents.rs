//! `/keys/<key>/usage` of the administration port: what depends on a key. Found by a scan of all
//! metadata in the background, at most one at a time, whose result serves every key for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arqueta_engine::dependents::{Dependents, Survey};
use arqueta_model::{Clock, Timestamp};
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
    /// Held by the one scan that is under way.
    latest: Arc<Mutex<Option<Found>>>,
    seen: Arc<AtomicU64>,
}

impl DependentsDesk {
    /// Over this store.
    #[must_use]
    pub fn new(meta: Arc<dyn MetaStore>, clock: Arc<dyn Clock>) -> Self {
        Self { meta, clock, latest: Arc::default(), seen: Arc::default() }
    }

    /// What depends on the key of this id or ARN; `None` while the scan is still under way. It goes on
    /// whether or not somebody waits for it.
    ///
    /// # Errors
    /// Of the store.
    pub async fn usage(&self, key: &str) -> Result<Option<Value>, arqueta_engine::Error> {
        let scan =
            tokio::spawn(Self::survey(self.meta.clone(), self.clock.clone(), self.latest.clone(), self.seen.clone()));
        tokio::select! {
            done = scan => match done {
                Ok(found) => found.map(|(at, survey)| Some(shown(key, at, &survey))),
                Err(_) => Ok(None),
            },
            () = self.clock.sleep(WAIT) => Ok(None),
        }
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

fn shown(key: &str, at: Timestamp, survey: &Survey) -> Value {
    let buckets = survey.of(key);
    let mut all = Dependents::default();
    buckets.values().for_each(|counted| all += *counted);
    let buckets: serde_json::Map<_, _> =
        buckets.iter().map(|(bucket, counted)| (bucket.as_str().to_owned(), json!(counted))).collect();
    json!({ "key": key, "asOf": at.rfc3339(), "all": all, "buckets": buckets, "unreadable": survey.unreadable() })
}
