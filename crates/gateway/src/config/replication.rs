//! `[replication]`: endpoints elsewhere that buckets may replicate to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use arqueta_elsewhere::{EndpointSettings, Kind};
use arqueta_model::AccountId;
use arqueta_remote::{BucketSettings, Secret};
use serde::Deserialize;

use crate::Error;

/// `[replication]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Replication {
    /// Endpoints by name.
    pub endpoints: BTreeMap<String, ReplicationEndpoint>,
}

/// `[replication.endpoints.<name>]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicationEndpoint {
    /// What answers there.
    #[serde(default)]
    pub kind: EndpointKind,
    /// Its buckets: names, or patterns with `*`; each alone or in an ARN.
    pub buckets: Vec<String>,
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
    /// Accounts whose buckets may replicate there; the gateway's first account if absent.
    pub accounts: Option<Vec<AccountId>>,
    /// Milliseconds that connecting may take, 1 to 60,000.
    #[serde(default = "connect")]
    pub connect_ms: u64,
    /// Milliseconds that one item may take, 1 to 600,000; a second more for each MiB of it.
    #[serde(default = "attempt")]
    pub attempt_ms: u64,
}

/// What answers at an endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointKind {
    /// Another Arqueta.
    Arqueta,
    /// Any S3.
    #[default]
    S3,
}

fn yes() -> bool {
    true
}

fn connect() -> u64 {
    2000
}

fn attempt() -> u64 {
    30_000
}

impl Replication {
    /// Names of the environment variables that it reads.
    pub(super) fn variables(&self) -> impl Iterator<Item = &String> {
        self.endpoints.values().filter_map(|endpoint| endpoint.secret_access_key_env.as_ref())
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        for (name, endpoint) in &self.endpoints {
            let refuse = |what: &str| Err(Error::Config(format!("replication.endpoints.{name:?}: {what}")));
            if endpoint.buckets.is_empty() {
                return refuse("buckets names those that are there");
            }
            if let Some(bad) = endpoint.buckets.iter().find(|bucket| !is_pattern(bucket)) {
                return refuse(&format!("{bad:?} is no bucket and no pattern of buckets"));
            }
            if endpoint.secret_access_key_file.is_some() == endpoint.secret_access_key_env.is_some() {
                return refuse("one of secret_access_key_file and secret_access_key_env says where the secret is");
            }
            if !(1..=60_000).contains(&endpoint.connect_ms) || !(1..=600_000).contains(&endpoint.attempt_ms) {
                return refuse("connect_ms is 1 to 60000, attempt_ms 1 to 600000");
            }
        }
        Ok(())
    }

    /// As the sender takes them.
    #[must_use]
    pub fn settings(&self, home: &AccountId) -> Vec<EndpointSettings> {
        self.endpoints.iter().map(|(name, endpoint)| endpoint.settings(name, home)).collect()
    }
}

impl ReplicationEndpoint {
    fn settings(&self, name: &str, home: &AccountId) -> EndpointSettings {
        let secret = match (&self.secret_access_key_file, &self.secret_access_key_env) {
            (Some(file), _) => Secret::File(file.clone()),
            (None, name) => Secret::Variable(name.clone().unwrap_or_default()),
        };
        EndpointSettings {
            name: name.to_owned(),
            kind: match self.kind {
                EndpointKind::Arqueta => Kind::Arqueta,
                EndpointKind::S3 => Kind::S3,
            },
            buckets: self.buckets.clone(),
            accounts: self.accounts.clone().unwrap_or_else(|| vec![home.clone()]),
            client: BucketSettings {
                endpoint: self.endpoint.clone(),
                region: self.region.clone(),
                access_key_id: self.access_key_id.clone(),
                secret,
                session_token_file: self.session_token_file.clone(),
                ca: self.ca.clone(),
                path_style: self.path_style,
                connect: Duration::from_millis(self.connect_ms),
            },
            patience: Duration::from_millis(self.attempt_ms),
        }
    }
}

/// Whether a text can be about buckets: characters of their names, and stars.
fn is_pattern(text: &str) -> bool {
    let name = text.strip_prefix("arn:aws:s3:::").unwrap_or(text);
    let may = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.*".contains(&byte);
    !name.is_empty() && name.bytes().all(may)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Replication, String> {
        let read: Replication = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        read.check().map_err(|error| error.line())?;
        Ok(read)
    }

    const SOUND: &str = "[endpoints.dr]\nkind = \"arqueta\"\nbuckets = [\"dr-*\", \"arn:aws:s3:::copy\"]\n\
        endpoint = \"https://b.example\"\nregion = \"b\"\naccess_key_id = \"AK\"\nsecret_access_key_env = \"S\"\n";

    #[test]
    fn an_endpoint_says_where_it_is_and_who_writes() {
        let sound = read(SOUND).unwrap();
        let settings = sound.settings(&"111122223333".parse().unwrap()).remove(0);
        assert_eq!((settings.kind, settings.accounts[0].as_str()), (Kind::Arqueta, "111122223333"));
        assert_eq!(settings.client.secret, Secret::Variable("S".to_owned()));
        assert!(settings.client.path_style);
        assert_eq!(sound.variables().collect::<Vec<_>>(), ["S"]);
        assert_eq!(Replication::default(), read("").unwrap());
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (from, to, said) in [
            ("buckets = [\"dr-*\", \"arn:aws:s3:::copy\"]", "buckets = []", "buckets names"),
            ("\"dr-*\"", "\"Dr_\"", "Dr_"),
            ("secret_access_key_env = \"S\"", "", "where the secret is"),
            ("kind = \"arqueta\"", "kind = \"minio\"", "minio"),
            ("region = \"b\"", "region = \"b\"\nattempt_ms = 0", "attempt_ms"),
            ("region = \"b\"", "region = \"b\"\nsecret = \"x\"", "unknown field"),
        ] {
            let error = read(&SOUND.replace(from, to)).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
