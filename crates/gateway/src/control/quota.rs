//! How much lies in buckets, and how much may: what `arqueta quota` asks.

use std::sync::Arc;

use arqueta_audit::{AuditSink, Event, EventBuilder};
use arqueta_engine::Engine;
use arqueta_engine::usage::{BucketUsage, Quota};
use arqueta_model::{AccountId, Clock, Region};
use serde::Serialize;

use super::wire::{AccountQuota, BucketQuota, Limits, Of, Usages};

/// The gateway's end of it.
#[derive(Clone)]
pub(super) struct Quotas {
    pub engine: Arc<Engine>,
    pub audit: Arc<dyn AuditSink>,
    pub clock: Arc<dyn Clock>,
    pub region: Region,
}

impl Quotas {
    /// All usage and all limits.
    pub async fn show(&self) -> Result<Vec<u8>, String> {
        let buckets = self.engine.usage().all().await.map_err(told)?.into_iter().map(shown).collect();
        let accounts = self.engine.usage().account_quotas().await.map_err(told)?;
        let limits = |quota: Quota| Limits { bytes: quota.bytes, objects: quota.objects };
        let accounts = accounts
            .into_iter()
            .map(|(account, quota)| AccountQuota { account: account.to_string(), limits: limits(quota) });
        json(&Usages { buckets, accounts: accounts.collect() })
    }

    /// Sets limits; no limits clear them.
    pub async fn limit(&self, of: &Of, limits: &Limits) -> Result<Vec<u8>, String> {
        let quota = Quota { bytes: limits.bytes, objects: limits.objects };
        match of {
            Of::Bucket(name) => {
                let bucket = name.parse().map_err(|_| format!("{name:?} is no bucket name"))?;
                let owner = self.engine.usage().of(&bucket).await.map_err(told)?.owner;
                self.recorded(&owner, of, limits, self.engine.usage().limit_bucket(&bucket, quota)).await?;
            }
            Of::Account(id) => {
                let account: AccountId = id.parse().map_err(|_| format!("{id:?} is no account id"))?;
                self.recorded(&account, of, limits, self.engine.usage().limit_account(&account, quota)).await?;
            }
        }
        json(&())
    }

    /// Counts a bucket again.
    pub async fn recount(&self, name: &str) -> Result<Vec<u8>, String> {
        let bucket = name.parse().map_err(|_| format!("{name:?} is no bucket name"))?;
        json(&shown(self.engine.usage().recount(&bucket).await.map_err(told)?))
    }

    /// As every change: not without its record.
    async fn recorded(
        &self,
        account: &AccountId,
        of: &Of,
        limits: &Limits,
        change: impl Future<Output = Result<(), arqueta_engine::Error>>,
    ) -> Result<(), String> {
        let event = || self.event(account, of, limits);
        let unrecorded = |error: arqueta_audit::Error| format!("the record cannot be written: {error}");
        self.audit.announce(event()).await.map_err(unrecorded)?;
        change.await.map_err(told)?;
        self.audit.append(event()).await.map_err(unrecorded)
    }

    /// By nobody who has an identity here: the operator.
    fn event(&self, account: &AccountId, of: &Of, limits: &Limits) -> Event {
        let details = serde_json::json!({ "of": of, "limits": limits });
        let now = self.clock.now();
        EventBuilder::of_service("s3.amazonaws.com", "SetQuota", &self.region, account, now, details).writes().build()
    }
}

fn shown(usage: BucketUsage) -> BucketQuota {
    let BucketUsage { bucket, owner, usage, quota } = usage;
    BucketQuota {
        bucket: bucket.to_string(),
        account: owner.to_string(),
        bytes: usage.bytes,
        objects: usage.objects,
        versions: usage.versions,
        limits: Limits { bytes: quota.bytes, objects: quota.objects },
    }
}

fn told(error: arqueta_engine::Error) -> String {
    error.to_string()
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, String> {
    serde_json::to_vec(value).map_err(|error| error.to_string())
}
