//! `[kms.backends.<name>]` and `[[kms.keys]]`: key services outside this process.

use std::path::PathBuf;
use std::time::Duration;

use arqueta_remote::Limits;
use serde::Deserialize;

use super::Kms;
use crate::Error;

/// The name of the key service inside this process.
const EMBEDDED: &str = "embedded";

/// An external key service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Backend {
    /// An endpoint of the AWS KMS protocol.
    Aws(Aws),
    /// A Transit engine of Vault or OpenBao.
    Vault(Vault),
}

/// `kind = "aws"`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// Address; AWS's own of the region if absent.
    pub endpoint: Option<String>,
    /// Region to sign for.
    pub region: String,
    /// Access key id.
    pub access_key_id: String,
    /// File with the secret access key.
    pub secret_access_key_file: PathBuf,
    /// File with a session token.
    pub session_token_file: Option<PathBuf>,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// Bounds of calls.
    #[serde(default)]
    pub calls: Calls,
}

/// `kind = "vault"`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    /// Address.
    pub address: String,
    /// Path of the engine.
    #[serde(default = "transit")]
    pub mount: String,
    /// Namespace.
    pub namespace: Option<String>,
    /// File with the token.
    pub token_file: PathBuf,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// Bounds of calls.
    #[serde(default)]
    pub calls: Calls,
}

fn transit() -> String {
    "transit".to_owned()
}

/// `[kms.backends.<name>.calls]`: times in milliseconds, 1 to 60,000.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// Connecting.
    pub connect_ms: u64,
    /// One attempt.
    pub attempt_ms: u64,
    /// Attempts, the first included.
    pub attempts: u32,
    /// Longest pause before the second attempt; doubled for each further one.
    pub backoff_ms: u64,
    /// Attempts under way at once.
    pub concurrent: usize,
    /// Waiting for one's turn.
    pub wait_ms: u64,
    /// Attempts in a row without an answer after which none is made for a while.
    pub failures: u32,
    /// That while.
    pub open_ms: u64,
}

impl Default for Calls {
    fn default() -> Self {
        let limits = Limits::default();
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            connect_ms: 1000,
            attempt_ms: ms(limits.call),
            attempts: limits.attempts,
            backoff_ms: ms(limits.backoff),
            concurrent: limits.concurrent,
            wait_ms: ms(limits.wait),
            failures: limits.failures,
            open_ms: ms(limits.open),
        }
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
        Limits {
            call: Duration::from_millis(self.attempt_ms),
            attempts: self.attempts,
            backoff: Duration::from_millis(self.backoff_ms),
            concurrent: self.concurrent,
            wait: Duration::from_millis(self.wait_ms),
            failures: self.failures,
            open: Duration::from_millis(self.open_ms),
        }
    }

    fn is_sound(&self) -> bool {
        let times = [self.connect_ms, self.attempt_ms, self.backoff_ms, self.wait_ms, self.open_ms];
        times.iter().all(|time| (1..=60_000).contains(time))
            && (1..=10).contains(&self.attempts)
            && (1..=10_000).contains(&self.concurrent)
            && self.failures > 0
    }
}

/// `[[kms.keys]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldKey {
    /// Key id here.
    pub id: String,
    /// Name of a backend.
    pub backend: String,
    /// Name of the key there.
    pub remote: String,
}

impl Kms {
    /// The backend that makes the material of new keys; `None` for the embedded service.
    #[must_use]
    pub fn home(&self) -> Option<&str> {
        let name = self.backend.as_deref().filter(|name| *name != EMBEDDED)?;
        Some(self.cluster(name).map_or(name, |cluster| cluster.id.as_str()))
    }

    /// Names that name something, and bounds that bound.
    pub(super) fn check_backends(&self) -> Result<(), Error> {
        let refuse = |what: String| Err(Error::Config(what));
        let known = |name: &str| self.backends.contains_key(name) || self.cluster(name).is_some();
        if let Some(home) = self.home().filter(|home| !known(home)) {
            return refuse(format!(
                "kms.backend `{home}` is neither `{EMBEDDED}` nor one of [kms.backends] nor a cluster of tokens"
            ));
        }
        if let Some((name, _)) = self.backends.iter().find(|(name, _)| self.cluster(name).is_some()) {
            return refuse(format!("kms.backends.{name} has the name of a cluster of tokens"));
        }
        for (name, backend) in &self.backends {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if name == EMBEDDED || name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
                return refuse(format!(
                    "a backend is not named `{name}`: 1 to 64 of A-Z a-z 0-9 - _, and not {EMBEDDED}"
                ));
            }
            let (Backend::Aws(Aws { calls, .. }) | Backend::Vault(Vault { calls, .. })) = backend;
            if !calls.is_sound() {
                return refuse(format!(
                    "kms.backends.{name}.calls: times are 1 to 60000 ms, attempts 1 to 10, concurrent 1 to 10000, failures at least 1"
                ));
            }
        }
        match self.keys.iter().find(|key| !self.backends.contains_key(&key.backend)) {
            Some(key) => refuse(format!(
                "the key {} of [[kms.keys]] names the backend `{}`, which is not configured",
                key.id, key.backend
            )),
            None => Ok(()),
        }
    }
}
