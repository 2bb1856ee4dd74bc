//! `[notifications]`: targets that buckets may name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use arqueta_model::AccountId;
use arqueta_notify::{Bounds, Format};
use arqueta_remote::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Table;

use crate::Error;

/// What metrics call the audit webhook.
pub const AUDIT: &str = "audit";

/// `[audit.webhook]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditWebhook {
    /// Its address.
    pub url: String,
    /// File with the secret that deliveries are signed with.
    pub secret_file: Option<PathBuf>,
    /// Environment variable with it.
    pub secret_env: Option<String>,
    /// File with a token for `Authorization: Bearer`.
    pub token_file: Option<PathBuf>,
    /// Environment variable with it.
    pub token_env: Option<String>,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
}

impl AuditWebhook {
    /// Names of the environment variables that it reads.
    pub(super) fn variables(&self) -> impl Iterator<Item = &String> {
        [self.secret_env.as_ref(), self.token_env.as_ref()].into_iter().flatten()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let twice = self.secret_file.is_some() && self.secret_env.is_some()
            || self.token_file.is_some() && self.token_env.is_some();
        match twice {
            true => Err(Error::Config("audit.webhook: a secret is in a file or in a variable, not in both".to_owned())),
            false => Ok(()),
        }
    }
}

/// `[notifications]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notifications {
    /// Events that may wait for one target; a change that would add another one is refused.
    pub most_waiting: u64,
    /// By the name at the end of their ARNs.
    pub targets: BTreeMap<String, Target>,
}

impl Default for Notifications {
    fn default() -> Self {
        Self { most_waiting: 1_000_000, targets: BTreeMap::new() }
    }
}

/// `[notifications.targets.<name>]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Target {
    /// What it is.
    pub kind: Kind,
    /// Accounts whose buckets may name it; the gateway's first account if absent.
    pub accounts: Option<Vec<AccountId>>,
    /// Events on their way at once, 1 to 64.
    pub concurrent: usize,
    /// Milliseconds that one may take, 1 to 600,000.
    pub attempt_ms: u64,
}

/// What a target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An event is a signed POST.
    Webhook(Webhook),
    /// A queue of SQS, at AWS or elsewhere.
    Sqs {
        /// URL of the queue.
        queue_url: String,
        /// Where it is asked.
        service: Service,
    },
    /// A topic of SNS, at AWS or elsewhere.
    Sns {
        /// ARN of the topic, at its endpoint.
        topic_arn: String,
        /// Where it is asked.
        service: Service,
    },
    /// A stream of Redis.
    Redis(Redis),
    /// A table of PostgreSQL.
    Postgresql(Postgresql),
    /// A subject of NATS JetStream.
    Nats(Nats),
}

impl TryFrom<Table> for Target {
    type Error = String;

    /// What all kinds have is taken out first: what is left over is the kind's own, or unknown.
    fn try_from(mut table: Table) -> Result<Self, String> {
        let accounts = take(&mut table, "accounts")?;
        let concurrent = take(&mut table, "concurrent")?.unwrap_or(8);
        let attempt_ms = take(&mut table, "attempt_ms")?.unwrap_or(30_000);
        let kind: String = required(&mut table, "kind")?;
        let kind = match &*kind {
            "webhook" => Kind::Webhook(rest(table)?),
            "sqs" => Kind::Sqs { queue_url: required(&mut table, "queue_url")?, service: rest(table)? },
            "sns" => Kind::Sns { topic_arn: required(&mut table, "topic_arn")?, service: rest(table)? },
            "redis" => Kind::Redis(rest(table)?),
            "postgresql" => Kind::Postgresql(rest(table)?),
            "nats" => Kind::Nats(rest(table)?),
            other => return Err(format!("kind {other:?} is none of webhook, sqs, sns, redis, postgresql and nats")),
        };
        Ok(Self { kind, accounts, concurrent, attempt_ms })
    }
}

fn take<T: DeserializeOwned>(table: &mut Table, key: &str) -> Result<Option<T>, String> {
    let value = table.remove(key).map(toml::Value::try_into);
    value.transpose().map_err(|error| format!("{key}: {}", error.message()))
}

fn required<T: DeserializeOwned>(table: &mut Table, key: &str) -> Result<T, String> {
    take(table, key)?.ok_or_else(|| format!("missing field `{key}`"))
}

fn rest<T: DeserializeOwned>(table: Table) -> Result<T, String> {
    table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its address.
    pub url: String,
    /// File with the secret that events are signed with.
    pub secret_file: Option<PathBuf>,
    /// Environment variable with it.
    pub secret_env: Option<String>,
    /// File with a token for `Authorization: Bearer`.
    pub token_file: Option<PathBuf>,
    /// Environment variable with it.
    pub token_env: Option<String>,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// Whose records: `aws` or `minio`.
    #[serde(default)]
    pub format: Format,
}

/// Who calls a service of AWS, or what speaks like one, and where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
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
}

/// A stream of Redis, or of what speaks its protocol.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `host:port`
    pub address: String,
    /// Key of the stream.
    pub stream: String,
    /// Database.
    #[serde(default)]
    pub database: u32,
    /// About how many entries are kept; all if absent.
    pub most: Option<u64>,
    /// User; the default one if absent.
    pub user: Option<String>,
    /// File with its password.
    pub password_file: Option<PathBuf>,
    /// Environment variable with it.
    pub password_env: Option<String>,
}

/// A table of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgresql {
    /// Host.
    pub host: String,
    /// Port.
    #[serde(default = "postgresql_port")]
    pub port: u16,
    /// Database.
    pub database: String,
    /// Table, with its schema or without.
    pub table: String,
    /// Whether the connection is TLS.
    #[serde(default = "yes")]
    pub tls: bool,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// User.
    pub user: String,
    /// File with its password.
    pub password_file: Option<PathBuf>,
    /// Environment variable with it.
    pub password_env: Option<String>,
}

/// A subject of NATS JetStream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nats {
    /// `nats://host:4222`, or `tls://host:4222`.
    pub url: String,
    /// Subject; a stream has to take it.
    pub subject: String,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// User; without one the password is a token.
    pub user: Option<String>,
    /// File with its password.
    pub password_file: Option<PathBuf>,
    /// Environment variable with it.
    pub password_env: Option<String>,
}

fn postgresql_port() -> u16 {
    5432
}

fn yes() -> bool {
    true
}

/// Where a secret is, if it is anywhere. Both is refused by [`Notifications::check`].
pub fn secret(file: Option<&PathBuf>, variable: Option<&String>) -> Option<Secret> {
    file.map(|file| Secret::File(file.clone())).or_else(|| variable.map(|name| Secret::Variable(name.clone())))
}

impl Target {
    /// How many at once, and how long each.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        Bounds { concurrent: self.concurrent, attempt: Duration::from_millis(self.attempt_ms) }
    }

    /// Whose records it reads.
    #[must_use]
    pub const fn format(&self) -> Format {
        match &self.kind {
            Kind::Webhook(of) => of.format,
            _ => Format::Aws,
        }
    }

    /// Names of the environment variables that it reads.
    fn variables(&self) -> impl Iterator<Item = &String> {
        let two = match &self.kind {
            Kind::Webhook(of) => [of.secret_env.as_ref(), of.token_env.as_ref()],
            Kind::Sqs { service, .. } | Kind::Sns { service, .. } => [service.secret_access_key_env.as_ref(), None],
            Kind::Redis(Redis { password_env: variable, .. })
            | Kind::Postgresql(Postgresql { password_env: variable, .. })
            | Kind::Nats(Nats { password_env: variable, .. }) => [variable.as_ref(), None],
        };
        two.into_iter().flatten()
    }

    /// What is wrong with it.
    fn fault(&self) -> Option<&'static str> {
        let Bounds { concurrent, attempt } = self.bounds();
        if !(1..=64).contains(&concurrent) || !(1..=600_000).contains(&attempt.as_millis()) {
            return Some("concurrent is 1 to 64, attempt_ms 1 to 600000");
        }
        match &self.kind {
            Kind::Webhook(of) if of.secret_file.is_some() && of.secret_env.is_some() => {
                Some("either secret_file or secret_env says where the secret is")
            }
            Kind::Webhook(of) if of.token_file.is_some() && of.token_env.is_some() => {
                Some("either token_file or token_env says where the token is")
            }
            Kind::Redis(Redis { password_file: Some(_), password_env: Some(_), .. })
            | Kind::Postgresql(Postgresql { password_file: Some(_), password_env: Some(_), .. })
            | Kind::Nats(Nats { password_file: Some(_), password_env: Some(_), .. }) => {
                Some("either password_file or password_env says where the password is")
            }
            Kind::Sqs { service, .. } | Kind::Sns { service, .. }
                if service.secret_access_key_file.is_some() == service.secret_access_key_env.is_some() =>
            {
                Some("one of secret_access_key_file and secret_access_key_env says where the secret is")
            }
            _ => None,
        }
    }
}

impl Notifications {
    /// Names of the environment variables that targets read.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.targets.values().flat_map(Target::variables).map(String::as_str)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.most_waiting == 0 {
            return Err(Error::Config("notifications.most_waiting is at least 1".to_owned()));
        }
        for (name, target) in &self.targets {
            let refuse = |what: &str| Err(Error::Config(format!("notifications.targets.{name:?}: {what}")));
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if name == AUDIT {
                return refuse("metrics call the audit webhook so");
            }
            if name.is_empty() || name.len() > 80 || !name.chars().all(plain) {
                return refuse("a name is 1 to 80 letters, digits, - and _, as the name of a queue");
            }
            if let Some(fault) = target.fault() {
                return refuse(fault);
            }
        }
        Ok(())
    }
}
