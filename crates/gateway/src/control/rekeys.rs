//! Jobs that wrap whole buckets anew: what `arqueta rekey` asks.

use std::sync::Arc;

use arqueta_engine::Engine;
use arqueta_engine::api::DefaultMode;
use arqueta_model::{BucketName, with_causes};
use arqueta_work::rekey::{Error, Job, Rekey, Wanted};

use super::wire::{RekeyBucket, RekeyJob};

/// The gateway's end of it.
#[derive(Clone)]
pub(super) struct Rekeys {
    pub rekey: Arc<Rekey>,
    pub engine: Arc<Engine>,
}

impl Rekeys {
    /// Begins a job.
    pub async fn begin(&self, asked: &RekeyBucket) -> Result<Vec<u8>, String> {
        let bucket = named(&asked.bucket)?;
        let key = match &asked.key {
            Some(key) => key.clone(),
            None => self.default_key(&bucket).await?,
        };
        let wanted = Wanted { bucket, key, bucket_key: asked.bucket_key, rate: asked.rate };
        let job = self.rekey.begin(wanted).await.map_err(told)?;
        self.shown(job).await
    }

    /// How far it is.
    pub async fn job(&self, bucket: &str) -> Result<Vec<u8>, String> {
        let job = self.rekey.job(&named(bucket)?).await.map_err(told)?;
        self.shown(job).await
    }

    /// Stops it.
    pub async fn stop(&self, bucket: &str) -> Result<Vec<u8>, String> {
        let job = self.rekey.stop(&named(bucket)?).await.map_err(told)?;
        self.shown(job).await
    }

    /// The key of the bucket's default encryption.
    async fn default_key(&self, bucket: &BucketName) -> Result<String, String> {
        let record = self.engine.buckets().get(bucket).await.map_err(|error| with_causes(&error))?;
        match record.encryption.as_ref().map(|default| &default.mode) {
            Some(DefaultMode::Kms(Some(key))) => Ok(key.clone()),
            _ => Err(format!("{bucket} encrypts under no KMS key of its own by default: name the key with --key")),
        }
    }

    async fn shown(&self, job: Job) -> Result<Vec<u8>, String> {
        // For how far it is; a bucket that cannot be counted now has versions all the same.
        let versions = self.engine.usage().of(&job.wanted.bucket).await.map_or(0, |of| of.usage.versions);
        let Job { wanted, phase, counts, trouble, .. } = job;
        let shown = RekeyJob {
            bucket: wanted.bucket.to_string(),
            key: wanted.key,
            bucket_key: wanted.bucket_key,
            rate: wanted.rate,
            phase,
            versions,
            counts,
            trouble,
        };
        serde_json::to_vec(&shown).map_err(|error| error.to_string())
    }
}

fn named(bucket: &str) -> Result<BucketName, String> {
    bucket.parse().map_err(|_| format!("{bucket:?} is no bucket name"))
}

fn told(error: Error) -> String {
    with_causes(&error)
}
