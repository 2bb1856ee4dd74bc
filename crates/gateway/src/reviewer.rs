//! Answers of the access review and of destruction plans, whole and bounded, for pages.

use std::sync::Arc;

use arqueta_model::{Clock, Region, with_causes};
use arqueta_review::{Finding, Planned, Unanswerable, asks, destroy_plan, who_can};
use arqueta_store::MetaStore;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::Config;

/// Principals or buckets that an answer lists.
const LISTED: usize = 1000;
/// Answers that are worked on at once; others wait.
const AT_ONCE: usize = 1;

/// Reads the metadata as it is served from, and changes nothing.
pub struct Reviewer {
    meta: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    region: Region,
    turns: Semaphore,
}

impl Reviewer {
    /// Over this metadata.
    #[must_use]
    pub fn new(meta: &Arc<dyn MetaStore>, clock: &Arc<dyn Clock>, config: &Config) -> Self {
        let (meta, clock, region) = (meta.clone(), clock.clone(), config.region.clone());
        Self { meta, clock, region, turns: Semaphore::new(AT_ONCE) }
    }

    /// Who may do `action` on `resource`.
    ///
    /// # Errors
    /// Why that cannot be answered, for people.
    pub async fn who_can(&self, action: &str, resource: &str) -> Result<Value, String> {
        let _turn = self.turns.acquire().await;
        let question = asks(&self.meta, &self.clock, &self.region, action, resource).await.map_err(said)?;
        let mut found = Vec::new();
        let tell = |finding: Finding| {
            if found.len() < LISTED {
                found.push(finding);
            }
            Ok::<(), arqueta_iam::Error>(())
        };
        let review = who_can(self.meta.clone(), self.clock.clone(), &question.asks, tell).await;
        let review = review.map_err(|error| with_causes(&error))?;
        let asked: Vec<_> =
            question.asks.iter().map(|ask| json!({ "action": ask.action(), "resource": ask.resource() })).collect();
        let mut answer = json!(review);
        answer["asked"] = json!(asked);
        answer["notes"] = json!(question.notes);
        answer["more"] = json!(review.may - found.len() as u64);
        answer["found"] = json!(found);
        Ok(answer)
    }

    /// What would become unreadable without a key.
    ///
    /// # Errors
    /// Why that cannot be answered, for people.
    pub async fn destroy_plan(&self, key: &str) -> Result<Value, String> {
        let _turn = self.turns.acquire().await;
        let (mut settings, mut buckets, mut answer) = (Vec::new(), Vec::new(), json!({}));
        let tell = |planned: Planned| {
            match planned {
                Planned::Key(doomed) => answer["key"] = json!(doomed),
                Planned::Setting(setting) if settings.len() < LISTED => settings.push(setting),
                Planned::Bucket { name, account, loss } if buckets.len() < LISTED => {
                    buckets.push(json!({ "name": name, "account": account, "loss": loss }));
                }
                Planned::Setting(_) | Planned::Bucket { .. } => {}
                Planned::Total { buckets, loss } => answer["total"] = json!({ "buckets": buckets, "loss": loss }),
            }
            Ok::<(), Unanswerable>(())
        };
        destroy_plan(&self.meta, &self.clock, &self.region, key, tell).await.map_err(said)?;
        answer["settings"] = json!(settings);
        answer["buckets"] = json!(buckets);
        Ok(answer)
    }
}

fn said(why: Unanswerable) -> String {
    with_causes(&why)
}
