//! `[console]`, and `console = false` for it.

use std::fmt;
use std::path::PathBuf;

use arqueta_model::Arn;
use arqueta_remote::Secret;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use url::{Host, Url};

use crate::Error;

/// `[console]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// Whether there is one.
    pub enabled: bool,
    /// Where people sign in who have no access key.
    pub oidc: Option<Oidc>,
}

impl Default for Console {
    fn default() -> Self {
        Self { enabled: true, oidc: None }
    }
}

/// `[console.oidc]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// What the page of the sign-in calls the provider.
    #[serde(default = "provider")]
    pub name: String,
    /// The provider's address, as its tokens state it.
    pub issuer: String,
    /// What the provider calls the console.
    pub client_id: String,
    /// File with the console's secret at the provider; a public client has none.
    pub client_secret_file: Option<PathBuf>,
    /// Environment variable with it.
    pub client_secret_env: Option<String>,
    /// What is asked for beside `openid`.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// ARNs of the roles that may be taken.
    pub roles: Vec<String>,
    /// Length of a session, 900 to 43,200 seconds; no longer than the role's.
    #[serde(default = "hour")]
    pub session_seconds: u64,
    /// PEM file of the authority of the provider's certificate; the system's if absent.
    pub ca: Option<PathBuf>,
}

fn provider() -> String {
    "OpenID Connect".to_owned()
}

fn scopes() -> Vec<String> {
    ["profile", "email"].map(str::to_owned).to_vec()
}

fn hour() -> u64 {
    3600
}

/// The table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default = "on")]
    enabled: bool,
    oidc: Option<Oidc>,
}

fn on() -> bool {
    true
}

impl<'de> Deserialize<'de> for Console {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Console;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or a table")
            }

            fn visit_bool<E>(self, enabled: bool) -> Result<Console, E> {
                Ok(Console { enabled, ..Console::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Console, A::Error> {
                let Table { enabled, oidc } = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Console { enabled, oidc })
            }
        }

        from.deserialize_any(Either)
    }
}

impl Oidc {
    /// Where the console's secret is.
    pub fn secret(&self) -> Option<Secret> {
        let file = self.client_secret_file.clone().map(Secret::File);
        file.or_else(|| self.client_secret_env.clone().map(Secret::Variable))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |what: &str| Err(Error::Config(format!("console.oidc: {what}")));
        let local = |url: &Url| match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let good = |url: &Url| url.scheme() == "https" || url.scheme() == "http" && local(url);
        let plain = |url: &Url| url.query().is_none() && url.fragment().is_none();
        if !Url::parse(&self.issuer).is_ok_and(|url| good(&url) && plain(&url)) {
            return refuse("issuer begins with https:// (http:// only for this machine) and has no query");
        }
        if self.client_secret_file.is_some() && self.client_secret_env.is_some() {
            return refuse("a secret is in a file or in a variable, not in both");
        }
        let is_role = |arn: &String| {
            arn.parse::<Arn>().is_ok_and(|arn| arn.service() == "iam" && arn.resource().starts_with("role/"))
        };
        if self.roles.is_empty() || !self.roles.iter().all(is_role) {
            return refuse("roles are ARNs of roles, one at least");
        }
        if !(900..=43_200).contains(&self.session_seconds) {
            return refuse("session_seconds must be 900 to 43200");
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const OIDC: &str =
        "issuer = \"https://id.example.com\"\nclient_id = \"c\"\nroles = [\"arn:aws:iam::000000000000:role/r\"]\n";

    #[derive(Debug, Deserialize)]
    struct File {
        console: Console,
    }

    #[test]
    fn a_switch_is_a_table_of_one() {
        let read = |text: &str| toml::from_str::<File>(text).unwrap().console;
        assert_eq!(read("console = false"), Console { enabled: false, oidc: None });
        assert_eq!(read("[console]"), Console::default());
        let whole = read(&format!("[console.oidc]\n{OIDC}"));
        assert!(whole.enabled && whole.oidc.as_ref().unwrap().check().is_ok());
        assert_eq!(whole.oidc.unwrap().scopes, ["profile", "email"]);
        assert!(toml::from_str::<File>("[console]\noidcc = 1").is_err());
        assert!(toml::from_str::<File>("console = 1").is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (was, is) in [
            ("https://id", "http://id"),
            ("example.com", "example.com?x"),
            ("role/r", "user/r"),
            ("roles = [", "roles = [\"x\", "),
            ("client_id", "session_seconds = 60\nclient_id"),
            ("client_id", "client_secret_file = \"f\"\nclient_secret_env = \"E\"\nclient_id"),
        ] {
            let oidc: Oidc = toml::from_str(&OIDC.replacen(was, is, 1)).unwrap();
            assert!(oidc.check().is_err(), "{is}");
        }
        let local: Oidc = toml::from_str(&OIDC.replacen("https://id.example.com", "http://localhost:1/o", 1)).unwrap();
        assert!(local.check().is_ok());
    }
}
