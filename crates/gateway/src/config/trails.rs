//! `[trails]`: when trails deliver, and buckets elsewhere that they may deliver to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use arqueta_model::{AccountId, BucketName};
use arqueta_remote::Limits;
use serde::Deserialize;

use crate::Error;

/// `[trails]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trails {
    /// Seconds between two deliveries of log files, 1 to 86,400.
    pub delivery_seconds: u64,
    /// Seconds that a digest covers, 1 to 86,400.
    pub digest_seconds: u64,
    /// Buckets of other S3 endpoints, by name.
    pub remote: BTreeMap<String, RemoteBucket>,
}

impl Default for Trails {
    fn default() -> Self {
        Self { delivery_seconds: 300, digest_seconds: 3600, remote: BTreeMap::new() }
    }
}

/// `[trails.remote."<bucket>"]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteBucket {
    /// Address; AWS's own of the region if absent.
    pub endpoint: Option<String>,
    /// Region to sign for.
    pub region: String,
    /// Access key id.
    pub access_key_id: String,
    /// File with the secret access key.
    pub secret_access_key_file: Option<PathBuf>,
    /// Environment variable with it.
    pub secret_access_key_env: Option<String>,
    /// File with a session token.
    pub session_token_file: Option<PathBuf>,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// Whether the bucket stands in the path of addresses instead of the host name.
    #[serde(default = "yes")]
    pub path_style: bool,
    /// Accounts whose trails may deliver there; the gateway's first account if absent.
    pub accounts: Option<Vec<AccountId>>,
    /// Bounds of calls.
    #[serde(default)]
    pub calls: Calls,
}

fn yes() -> bool {
    true
}

/// `[trails.remote."<bucket>".calls]`: times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// Connecting, 1 to 60,000.
    pub connect_ms: u64,
    /// One attempt, 1 to 600,000.
    pub attempt_ms: u64,
    /// Attempts in a round of delivery, the first included, 1 to 10.
    pub attempts: u32,
    /// Longest pause before the second attempt, 1 to 60,000; doubled for each further one.
    pub backoff_ms: u64,
}

impl Default for Calls {
    fn default() -> Self {
        Self { connect_ms: 2000, attempt_ms: 30_000, attempts: 3, backoff_ms: 500 }
    }
}

impl Calls {
    /// How long connecting may take.
    #[must_use]
    pub fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    /// The bounds that the adapter keeps.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let call = Duration::from_millis(self.attempt_ms);
        // Only calls of administration wait for their turn: files are delivered one by one.
        let wait = call;
        Limits {
            call,
            attempts: self.attempts,
            backoff: Duration::from_millis(self.backoff_ms),
            wait,
            ..Limits::default()
        }
    }

    fn is_sound(&self) -> bool {
        [self.connect_ms, self.backoff_ms].iter().all(|time| (1..=60_000).contains(time))
            && (1..=600_000).contains(&self.attempt_ms)
            && (1..=10).contains(&self.attempts)
    }
}

impl Trails {
    pub(super) fn check(&self) -> Result<(), Error> {
        let seconds = 1..=86_400;
        if !seconds.contains(&self.delivery_seconds) || !seconds.contains(&self.digest_seconds) {
            return Err(Error::Config(
                "trails.delivery_seconds and trails.digest_seconds must be 1 to 86400".to_owned(),
            ));
        }
        for (name, bucket) in &self.remote {
            let refuse = |what: &str| Err(Error::Config(format!("trails.remote.{name:?}: {what}")));
            if name.parse::<BucketName>().is_err() {
                return refuse("no bucket has this name");
            }
            if bucket.secret_access_key_file.is_some() == bucket.secret_access_key_env.is_some() {
                return refuse("one of secret_access_key_file and secret_access_key_env says where the secret is");
            }
            if !bucket.calls.is_sound() {
                return refuse(
                    "connect_ms and backoff_ms of calls are 1 to 60000, attempt_ms 1 to 600000, attempts 1 to 10",
                );
            }
        }
        Ok(())
    }
}
