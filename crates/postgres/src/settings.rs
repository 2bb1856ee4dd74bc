//! Which database, how it is reached, and how long anything may take.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use zeroize::Zeroizing;

use crate::OpenError;

/// The schema where none is named.
const SCHEMA: &str = "arqueta";

/// Gives the password. Asked for each connection, so that whoever changes it needs no restart.
pub type Password = Arc<dyn Fn() -> io::Result<Zeroizing<Vec<u8>>> + Send + Sync>;

/// How much and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at most, beside the one that says who serves.
    pub connections: usize,
    /// How long connecting to one host may take.
    pub connect: Duration,
    /// How long a request waits for a connection that is free.
    pub wait: Duration,
    /// How long one statement may take.
    pub statement: Duration,
    /// How long the outcome of a commit is looked for whose answer was lost.
    pub doubt: Duration,
    /// How long a start waits for a predecessor that has just ended.
    pub succession: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16,
            connect: Duration::from_secs(5),
            wait: Duration::from_secs(5),
            statement: Duration::from_secs(20),
            doubt: Duration::from_secs(15),
            succession: Duration::from_secs(5),
        }
    }
}

/// A database. Its `Debug` has no secret.
#[derive(Clone)]
pub struct Settings {
    config: Config,
    schema: String,
    password: Option<Password>,
    tls: Option<ClientConfig>,
    limits: Limits,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("place", &self.place()).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Settings {
    /// A database by its URL, as libpq has them (`postgres://user@host:5432/database`), with `schema` as a
    /// further parameter. A password in it is used; better is [`Settings::with_password`].
    ///
    /// # Errors
    /// [`OpenError::Url`], which does not repeat the URL.
    pub fn of(url: &str) -> Result<Self, OpenError> {
        // Certificates are always verified, in full.
        let url = url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
        let (url, schema) = without_schema(&url);
        let schema = schema.unwrap_or(SCHEMA);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if schema.is_empty() || schema.len() > 60 || !schema.chars().all(plain) {
            return Err(OpenError::Url("a schema is 1 to 60 of a-z, 0-9 and _".to_owned()));
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(OpenError::Url("it does not begin with postgres://".to_owned()));
        }
        let mut parsed: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            // Names the parameter and never its value.
            OpenError::Url(std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string))
        })?;
        if parsed.get_hosts().is_empty() {
            return Err(OpenError::Url("it names no host".to_owned()));
        }
        let password = parsed.get_password().map(|password| Zeroizing::new(password.to_vec()));
        parsed.password("");
        let password = password.filter(|password| !password.is_empty());
        let password = password.map(|kept| -> Password { Arc::new(move || Ok(kept.clone())) });
        Ok(Self { config: parsed, schema: schema.to_owned(), password, tls: None, limits: Limits::default() })
    }

    /// With a password from elsewhere.
    #[must_use]
    pub fn with_password(mut self, password: Password) -> Self {
        self.password = Some(password);
        self
    }

    /// With what TLS trusts.
    #[must_use]
    pub fn with_tls(mut self, tls: ClientConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// With other limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With another time that a start waits for a predecessor.
    #[must_use]
    pub const fn waiting(mut self, succession: Duration) -> Self {
        self.limits.succession = succession;
        self
    }

    /// Whether connections are TLS: `sslmode` of the URL says so; without one, those that leave the machine
    /// are. There is no mode that falls back to none.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        match self.config.get_ssl_mode() {
            SslMode::Disable => false,
            SslMode::Prefer => !self.config.get_hosts().iter().all(is_here),
            _ => true,
        }
    }

    /// The database for people, without a password.
    #[must_use]
    pub fn place(&self) -> String {
        let ports = self.config.get_ports();
        let port = |n: usize| ports.get(n).or(ports.first()).copied().unwrap_or(5432);
        let hosts = self.config.get_hosts().iter().enumerate().map(|(n, host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(n)),
            #[cfg(unix)]
            Host::Unix(folder) => format!("{}:{}", folder.display(), port(n)),
        });
        let hosts = hosts.collect::<Vec<_>>().join(",");
        let user = self.config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("postgres://{user}{hosts}/{database}?schema={}", self.schema)
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) const fn tls(&self) -> Option<&ClientConfig> {
        self.tls.as_ref()
    }

    /// What one connection is made with.
    ///
    /// # Errors
    /// The password cannot be read.
    pub(crate) fn session(&self) -> io::Result<Config> {
        let mut config = self.config.clone();
        let options = self.options();
        let given = config.get_options().map(|given| format!("{given} ")).unwrap_or_default();
        config
            .options(format!("{given}{options}"))
            .application_name("arqueta")
            .connect_timeout(self.limits.connect)
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            // A standby is passed over.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .ssl_mode(if self.is_tls() { SslMode::Require } else { SslMode::Disable });
        if let Some(password) = &self.password {
            config.password(password()?.as_slice());
        }
        Ok(config)
    }

    /// What every session has set: where tables are, the level that `apply_batch` needs, plans that go by the
    /// order of keys whatever statistics say, and an end for clients that are gone.
    fn options(&self) -> String {
        let statement = self.limits.statement.as_millis();
        let set = [
            ("search_path", self.schema.clone()),
            ("default_transaction_isolation", "read\\ committed".to_owned()),
            ("statement_timeout", statement.to_string()),
            ("idle_in_transaction_session_timeout", statement.to_string()),
            ("plan_cache_mode", "force_generic_plan".to_owned()),
            ("enable_seqscan", "off".to_owned()),
            ("enable_bitmapscan", "off".to_owned()),
            ("enable_sort", "off".to_owned()),
            ("jit", "off".to_owned()),
            ("tcp_keepalives_idle", "15".to_owned()),
            ("tcp_keepalives_interval", "5".to_owned()),
            ("tcp_keepalives_count", "3".to_owned()),
        ];
        set.map(|(name, value)| format!("-c {name}={value}")).join(" ")
    }
}

/// The URL without `schema`, and its value.
fn without_schema(url: &str) -> (String, Option<&str>) {
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let (own, rest): (Vec<_>, Vec<_>) = query.split('&').partition(|pair| pair.starts_with("schema="));
    let schema = own.last().and_then(|pair| pair.split_once('=')).map(|(_, value)| value);
    let rest = rest.join("&");
    (if rest.is_empty() { base.to_owned() } else { format!("{base}?{rest}") }, schema)
}

/// Whether what is sent there does not leave the machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_keeps_its_secret() {
        let settings =
            Settings::of("postgres://teller:hunter2@db.example:5433/shop?schema=arq_2&connect_timeout=3").unwrap();
        assert_eq!(settings.place(), "postgres://teller@db.example:5433/shop?schema=arq_2");
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert_eq!(settings.session().unwrap().get_password(), Some(b"hunter2".as_slice()));
        assert!(!format!("{:?}", settings.session().unwrap()).contains("hunter2"));
        let elsewhere = settings.with_password(Arc::new(|| Ok(Zeroizing::new(b"other".to_vec()))));
        assert_eq!(elsewhere.session().unwrap().get_password(), Some(b"other".as_slice()));
        let socket = Settings::of("postgresql://%2Frun%2Fpostgresql/arqueta").unwrap();
        assert_eq!(socket.place(), "postgres:///run/postgresql:5432/arqueta?schema=arqueta");
    }

    #[test]
    fn what_leaves_the_machine_is_tls_unless_said_otherwise() {
        let tls = |url: &str| Settings::of(url).unwrap().is_tls();
        assert!(tls("postgres://u@db.example/d") && tls("postgres://u@10.0.0.7/d"));
        assert!(tls("postgres://u@localhost,db.example/d"), "one host elsewhere is enough");
        assert!(tls("postgres://u@localhost/d?sslmode=require") && tls("postgres://u@localhost/d?sslmode=verify-full"));
        assert!(!tls("postgres://u@localhost/d") && !tls("postgres://u@127.0.0.1/d") && !tls("postgres://u@%2Frun/d"));
        assert!(!tls("postgres://u@db.example/d?sslmode=disable"));
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_repeated() {
        for url in [
            "",
            "redis://u:hunter2@h/d",
            "postgres://u:hunter2@h/d?shema=x",
            "postgres://u:hunter2@h/d?schema=a-b",
            "postgres://u:hunter2@h/d?schema=",
            "postgres://u:hunter2@h:port/d",
            "postgres:///d",
        ] {
            let refused = Settings::of(url).unwrap_err();
            assert!(matches!(refused, OpenError::Url(_)), "{url}");
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
        }
    }
}
