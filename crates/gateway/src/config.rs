//! Configuration: embedded defaults, then the file, then `ARQUETA_*`, then the command line.

mod address;
mod backends;
mod clusters;
mod console;
mod lifecycle;
mod limits;
mod notifications;
mod overrides;
mod proxies;
mod regions;
mod replication;
mod root;
mod storage;
mod trails;
mod variables;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arqueta_keys::Quotas;
use arqueta_model::{AccountId, Region};
use serde::Deserialize;

use crate::Error;
pub use address::parse as listen_address;
pub use backends::{Backend, HeldKey};
pub use clusters::Cluster;
pub use console::{Console, Oidc as ConsoleOidc};
pub use lifecycle::Lifecycle;
pub use limits::Limits;
pub(crate) use notifications::secret;
pub use notifications::{AUDIT, AuditWebhook, Kind, Notifications, Service, Target};
pub use overrides::{Only, ServeArgs};
pub use proxies::{ForwardedBy, Proxies};
pub use regions::{Endpoint, OtherRegion};
pub use replication::Replication;
pub use root::Root;
pub use storage::Storage;
pub use trails::{RemoteBucket, Trails};

/// Everything that `serve` can be told. `config/arqueta.toml` documents each key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder for metadata, bodies, keys and the record.
    pub data_dir: PathBuf,
    /// Address of the S3/KMS/IAM/STS port.
    #[serde(deserialize_with = "address::deserialize")]
    pub listen: SocketAddr,
    /// Address of the administration port.
    #[serde(deserialize_with = "address::deserialize")]
    pub admin_listen: SocketAddr,
    /// Names, beside addresses and `localhost`, under which the administration port is asked.
    pub admin_hosts: Vec<String>,
    /// Region served.
    pub region: Region,
    /// Account that owns everything at first.
    pub account_id: AccountId,
    /// Further accounts; each is created with a root access key where it does not exist yet.
    pub accounts: Vec<AccountId>,
    /// Domains for virtual-host style.
    pub domains: Vec<String>,
    /// Domains under which buckets are websites, as `bucket.domain`; none for no websites.
    pub website_domains: Vec<String>,
    /// Log filter.
    pub log: String,
    /// The log of requests.
    pub request_log: RequestLog,
    /// The console.
    pub console: Console,
    /// TLS files; both or none.
    pub tls: Option<Tls>,
    /// Proxies that are believed.
    pub proxies: Proxies,
    /// Window of a bucket key.
    pub bucket_key: BucketKey,
    /// Object defaults.
    pub objects: Objects,
    /// The record.
    pub audit: Audit,
    /// Lifecycle of objects.
    pub lifecycle: Lifecycle,
    /// Delivery of trails.
    pub trails: Trails,
    /// Who is told of events.
    pub notifications: Notifications,
    /// Where buckets may replicate to, beside this gateway.
    pub replication: Replication,
    /// Embedded key service.
    pub kms: Kms,
    /// The metadata store.
    pub metadata: Metadata,
    /// Other Regions, which can have replicas of multi-Region keys.
    pub regions: BTreeMap<Region, OtherRegion>,
    /// Bounds on what a client may hold open.
    pub limits: Limits,
    /// What is kept back on the disk.
    pub storage: Storage,
    /// The one service to serve; all of them if absent. Command line and environment only.
    #[serde(skip)]
    pub only: Option<Only>,
    /// Whether to start over metadata that the record says was later once. Command line only: it is
    /// meant for one start.
    #[serde(skip)]
    pub accept_older_metadata: bool,
}

/// `[tls]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM certificate chain.
    pub cert: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
}

/// `[bucket_key]`: a window ends at whichever comes first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BucketKey {
    /// Seconds, 1 to 86,400.
    pub window_seconds: u64,
    /// New objects sealed under one bucket key.
    pub max_objects: u64,
    /// Plaintext bytes sealed under one bucket key.
    pub max_bytes: u64,
}

/// `[objects]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Objects {
    /// Encrypt (SSE-S3) where neither request nor bucket asks for more, as AWS since 2023.
    pub default_encryption: bool,
    /// New buckets block public access, as AWS's since April 2023.
    pub block_public_access: bool,
    /// New buckets take no SSE-C, as AWS's since April 2026.
    pub block_sse_c: bool,
    /// Presigned requests and forms may be signed by Signature Version 2, as many SDKs sign by default.
    pub signature_v2: bool,
    /// Signatures for any Region are taken, as MinIO takes them where none is configured.
    pub any_region: bool,
}

/// `[metadata]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metadata {
    /// Which embedded store keeps it.
    pub engine: Engine,
}

/// The embedded stores of metadata (docs/adr/0003).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// A journal, with redb as the index over it.
    #[default]
    Redb,
    /// sled 0.34; not in a binary built without the feature `sled`.
    Sled,
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Redb => "redb",
            Self::Sled => "sled",
        })
    }
}

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Whether a call that cannot be recorded fails. Otherwise it goes on and the log says so.
    pub fail_closed: bool,
    /// Days that finished files of the record are kept for, once trails have delivered them; 0 for ever.
    pub keep_days: u64,
    /// Where its events are sent, too.
    pub webhook: Option<AuditWebhook>,
}

/// `[kms]`
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kms {
    /// Ids of symmetric keys that are created at start if they do not exist.
    pub ensure_keys: Vec<String>,
    /// Requests a second that an account may make, by class of operations. No quota where none is set.
    pub quotas: BTreeMap<String, f64>,
    /// What protects the root key.
    pub root: Root,
    /// Clusters of PKCS#11 tokens.
    pub clusters: Vec<Cluster>,
    /// Who makes the material of new symmetric keys: `embedded`, or a name of `backends`.
    pub backend: Option<String>,
    /// External key services by name.
    pub backends: BTreeMap<String, Backend>,
    /// Keys that exist at an external key service already.
    pub keys: Vec<HeldKey>,
}

/// `[request_log]`: one line of JSON for each request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestLog {
    /// File to append to, `-` for standard output; nothing is logged without one.
    pub file: Option<PathBuf>,
    /// Whether lines name objects.
    pub keys: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 9000)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 9001)),
            admin_hosts: Vec::new(),
            region: "us-east-1".parse().expect("a literal region is valid"),
            account_id: "000000000000".parse().expect("a literal account id is valid"),
            accounts: Vec::new(),
            domains: vec!["localhost".to_owned()],
            website_domains: vec!["s3-website.localhost".to_owned()],
            log: "warn".to_owned(),
            request_log: RequestLog::default(),
            console: Console::default(),
            tls: None,
            proxies: Proxies::default(),
            bucket_key: BucketKey::default(),
            objects: Objects::default(),
            audit: Audit::default(),
            lifecycle: Lifecycle::default(),
            trails: Trails::default(),
            notifications: Notifications::default(),
            replication: Replication::default(),
            kms: Kms::default(),
            metadata: Metadata::default(),
            regions: BTreeMap::new(),
            limits: Limits::default(),
            storage: Storage::default(),
            only: None,
            accept_older_metadata: false,
        }
    }
}

impl Default for BucketKey {
    fn default() -> Self {
        Self { window_seconds: 300, max_objects: 1_000_000, max_bytes: 1 << 40 }
    }
}

impl Default for Objects {
    fn default() -> Self {
        Self {
            default_encryption: true,
            block_public_access: true,
            block_sse_c: true,
            signature_v2: true,
            any_region: false,
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self { fail_closed: true, keep_days: 0, webhook: None }
    }
}

impl Config {
    /// The configuration that `args` describe.
    ///
    /// # Errors
    /// [`Error::Config`], one line that names the key or option and what it accepts.
    pub fn load(args: &ServeArgs) -> Result<Self, Error> {
        let mut config = match &args.config {
            Some(path) => Self::read(path)?,
            None => Self::default(),
        };
        config.apply(args)?;
        config.check()?;
        variables::check(&config)?;
        Ok(config)
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::Config(format!("cannot read the configuration {}: {error}", path.display())))?;
        toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| text[..span.start].matches('\n').count());
            let said = text.lines().nth(at).unwrap_or_default().trim();
            let message = error.message().replace('\n', " ");
            Error::Config(format!("{} line {}, `{said}`: {message}", path.display(), at + 1))
        })
    }

    fn apply(&mut self, args: &ServeArgs) -> Result<(), Error> {
        fn set<T: Clone>(target: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                *target = value.clone();
            }
        }
        set(&mut self.data_dir, args.data_dir.as_ref());
        set(&mut self.listen, args.listen.as_ref());
        set(&mut self.admin_listen, args.admin_listen.as_ref());
        set(&mut self.admin_hosts, args.admin_hosts.as_ref());
        if let Some(file) = &args.request_log {
            self.request_log.file = Some(file.clone());
        }
        set(&mut self.domains, args.domains.as_ref());
        set(&mut self.log, args.log.as_ref());
        set(&mut self.console.enabled, args.console.as_ref());
        self.only = args.only;
        self.accept_older_metadata = args.accept_older_metadata;
        if let Some(region) = &args.region {
            self.region = region.parse().map_err(|error| Error::Config(format!("--region {region:?}: {error}")))?;
        }
        if let Some(account) = &args.account_id {
            self.account_id =
                account.parse().map_err(|error| Error::Config(format!("--account-id {account:?}: {error}")))?;
        }
        let from_file = self.tls.take();
        let cert = args.tls_cert.clone().or_else(|| from_file.as_ref().map(|tls| tls.cert.clone()));
        let key = args.tls_key.clone().or_else(|| from_file.map(|tls| tls.key));
        self.tls = match (cert, key) {
            (Some(cert), Some(key)) => Some(Tls { cert, key }),
            (None, None) => None,
            _ => {
                return Err(Error::Config(
                    "TLS needs both a certificate (--tls-cert) and a key (--tls-key)".to_owned(),
                ));
            }
        };
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        let refuse = |what: &str| Err(Error::Config(what.to_owned()));
        if !(1..=86_400).contains(&self.bucket_key.window_seconds) {
            return refuse("bucket_key.window_seconds must be 1 to 86400");
        }
        if self.bucket_key.max_objects == 0 || self.bucket_key.max_bytes == 0 {
            return refuse("bucket_key.max_objects and bucket_key.max_bytes must be at least 1");
        }
        if self.listen == self.admin_listen && self.listen.port() != 0 {
            return refuse("listen and admin_listen must be different addresses");
        }
        for (name, region) in &self.regions {
            let refuse = |what: &str| Err(Error::Config(format!("regions.{name}{what}")));
            let Some(endpoint) = Endpoint::parse(&region.endpoint) else {
                return refuse(".endpoint must be http://host:port or https://host:port");
            };
            if *name == self.region {
                return refuse(" is the region that this gateway serves itself");
            }
            if endpoint.is_secure() != region.ca_file.is_some() {
                return refuse(": ca_file and an https endpoint belong together");
            }
        }
        if self
            .domains
            .iter()
            .chain(&self.website_domains)
            .any(|domain| domain.is_empty() || domain.contains(['/', ':', ' ']))
        {
            return refuse("a domain is a host name without scheme and port, such as s3.example.com");
        }
        self.limits.check()?;
        self.lifecycle.check()?;
        self.trails.check()?;
        self.notifications.check()?;
        self.replication.check()?;
        self.audit.webhook.as_ref().map_or(Ok(()), AuditWebhook::check)?;
        self.console.oidc.as_ref().map_or(Ok(()), ConsoleOidc::check)?;
        self.kms.check_clusters()?;
        self.kms.check_backends()?;
        self.kms.check_root()?;
        self.quotas().map(|_| ())
    }

    /// The key service's quotas.
    ///
    /// # Errors
    /// [`Error::Config`] for a quota that there is not, and a rate that is none.
    pub fn quotas(&self) -> Result<Quotas, Error> {
        let mut quotas = Quotas::default();
        for (name, rate) in &self.kms.quotas {
            quotas.set(name, *rate).map_err(|error| Error::Config(format!("[kms.quotas] {error}")))?;
        }
        Ok(quotas)
    }

    /// The bucket-key window.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.bucket_key.window_seconds)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::NamedTempFile, ServeArgs) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let args = ServeArgs { config: Some(file.path().to_owned()), ..ServeArgs::default() };
        (file, args)
    }

    #[test]
    fn the_documented_file_says_the_defaults() {
        let documented = include_str!("../../../config/arqueta.toml");
        let active: Config = toml::from_str(documented).unwrap();
        assert_eq!(active, Config::default());
        for line in documented.lines().filter(|line| line.starts_with("# ") && line.contains(" = ")) {
            let section = ["cert = ", "key = "].iter().any(|key| line[2..].starts_with(key));
            assert!(section || line.ends_with(" (example)"), "an undocumented commented-out key: {line}");
        }
    }

    #[test]
    fn every_example_in_the_documented_file_is_a_key_that_exists() {
        let documented = include_str!("../../../config/arqueta.toml");
        let (mut text, mut section) = (String::new(), "");
        for line in documented.lines() {
            let shown = |plain: &&str| {
                let of_tls = section == "[tls]" && plain.contains(" = ");
                plain.starts_with('[') || plain.ends_with(" (example)") || of_tls
            };
            let plain = line.strip_prefix("# ").filter(shown);
            let plain = plain.map_or(line, |plain| plain.trim_end_matches(" (example)"));
            section = if plain.starts_with('[') { plain } else { section };
            // Of the kinds of a root key only one can be.
            if section != "[kms.root]" && (plain.starts_with('[') || !plain.starts_with('#')) {
                text.push_str(plain);
                text.push('\n');
            }
        }
        let config: Config = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        assert!(config.notifications.targets.len() >= 6 && config != Config::default());
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let (_file, mut args) = file("region = \"eu-west-1\"\nlog = \"info\"\n");
        args.region = Some("ap-south-1".to_owned());
        let config = Config::load(&args).unwrap();
        assert_eq!((config.region.as_str(), config.log.as_str()), ("ap-south-1", "info"));
    }

    #[test]
    fn refusals_are_one_line_that_names_the_culprit() {
        for (text, culprit) in [
            ("regoin = \"x\"", "regoin"),
            ("account_id = \"12\"", "twelve decimal digits"),
            ("[bucket_key]\nwindow_seconds = 0", "window_seconds"),
            ("[limits]\nconnections = 0", "limits.connections"),
            ("[lifecycle]\nday_seconds = 0", "lifecycle.day_seconds"),
            ("[trails]\ndigest_seconds = 0", "trails.digest_seconds"),
            ("[trails.remote.\"A_b\"]\nregion = \"x\"\naccess_key_id = \"A\"", "no bucket has this name"),
            ("[trails.remote.far]\nregion = \"x\"\naccess_key_id = \"A\"", "secret_access_key_env"),
            (
                "[trails.remote.far]\nregion = \"x\"\naccess_key_id = \"A\"\nsecret_access_key = \"s\"",
                "secret_access_key",
            ),
            (
                "[trails.remote.far]\nregion = \"x\"\naccess_key_id = \"A\"\nsecret_access_key_env = \"E\"\ncalls = { attempts = 0 }",
                "attempts",
            ),
            ("[notifications.targets.\"a b\"]\nkind = \"webhook\"\nurl = \"http://x\"", "letters, digits"),
            ("[notifications.targets.bus]\nkind = \"kafka\"", "kafka"),
            ("[notifications.targets.bus]\nkind = \"kafka\"", "notifications.targets.bus"),
            ("[notifications.targets.bus]\nurl = \"http://x\"", "kind"),
            ("[notifications.targets.q]\nkind = \"sqs\"\ntopic_arn = \"t\"", "queue_url"),
            ("[notifications.targets.n]\nkind = \"sns\"\ntopic_arn = \"t\"\nqueue_url = \"q\"", "queue_url"),
            ("[notifications.targets.hook]\nkind = \"webhook\"\nurl = \"http://x\"\nattempt_ms = \"1\"", "attempt_ms"),
            ("[notifications]\nmost_waiting = 0", "most_waiting"),
            ("[notifications.targets.hook]\nkind = \"webhook\"\nurl = \"http://x\"\nsecret = \"s\"", "secret"),
            ("[notifications.targets.hook]\nkind = \"webhook\"\nurl = \"http://x\"\nconcurrent = 0", "concurrent"),
            (
                "[notifications.targets.hook]\nkind = \"webhook\"\nurl = \"http://x\"\nsecret_env = \"A\"\nsecret_file = \"b\"",
                "secret_file",
            ),
            (
                "[notifications.targets.q]\nkind = \"sqs\"\nregion = \"x\"\nqueue_url = \"q\"\naccess_key_id = \"A\"",
                "secret_access_key_file",
            ),
            ("[tls]\ncert = \"a.pem\"", "key"),
            ("domains = [\"http://x\"]", "domain"),
            ("listen = \"127.0.0.1\"", "such as 127.0.0.1:9000"),
            ("[proxies]\ntrusted = [\"nas\"]", "such as 10.0.0.0/8"),
            ("[proxies]\nheader = \"via\"", "x-forwarded-for"),
            ("[[kms.clusters]]\nid = \"c\"\nmodule = \"m\"\ntokens = [\"a\"]\npin_env = \"P\"", "as AWS's are"),
            ("[[kms.clusters]]\nid = \"cluster-abcdefghijk\"\nmodule = \"m\"\ntokens = [\"a\", \"b\"]", "pin_file"),
            ("[[kms.clusters]]\nid = \"cluster-abcdefghijk\"\nmodule = \"m\"\ntokens = []\npin_env = \"P\"", "labels"),
            ("[regions.eu-west-1]\nendpoint = \"http://x\"", "key_file"),
            ("[regions.eu-west-1]\nendpoint = \"x:9000\"\nkey_file = \"k\"", "regions.eu-west-1.endpoint"),
            ("[regions.eu-west-1]\nendpoint = \"https://x\"\nkey_file = \"k\"", "ca_file"),
            ("[regions.eu-west-1]\nendpoint = \"http://x\"\nkey_file = \"k\"\nca_file = \"c\"", "https"),
            ("[regions.us-east-1]\nendpoint = \"http://x\"\nkey_file = \"k\"", "itself"),
            ("[regions.EU]\nendpoint = \"http://x\"\nkey_file = \"k\"", "region"),
            ("[kms.quotas]\nDecrypt = 5", "no quota `Decrypt`"),
            ("[kms.quotas]\nsymmetric = 0", "`symmetric` must be"),
            ("[kms]\nbackend = \"corp\"", "kms.backend `corp`"),
            ("[kms.root]\nkind = \"smartcard\"", "smartcard"),
            ("[kms.root]\nkind = \"file\"\npath = \"x\"", "path"),
            ("[kms.root]\nkind = \"passphrase\"", "passphrase_env"),
            ("[kms.root]\nkind = \"passphrase\"\npassphrase = \"x\"", "passphrase"),
            ("[kms.root]\nkind = \"passphrase\"\npassphrase_env = \"P\"\nmemory_mib = 7", "8 to 1024 MiB"),
            ("[kms.root]\nkind = \"pkcs11\"\ncluster = \"pkcs11\"", "[[kms.clusters]]"),
            ("[kms.root]\nkind = \"kms\"\nbackend = \"corp\"\nkey = \"k\"", "[kms.backends]"),
            ("[kms.root]\nkind = \"kms\"\nbackend = \"corp\"", "key"),
            ("[kms.backends.embedded]\nkind = \"vault\"\naddress = \"http://x\"\ntoken_file = \"t\"", "`embedded`"),
            ("[kms.backends.corp]\nkind = \"gcp\"", "gcp"),
            ("[kms.backends.corp]\nkind = \"vault\"\naddress = \"http://x\"\ntoken_file = \"t\"\npath = 1", "path"),
            ("[[kms.keys]]\nid = \"k\"\nbackend = \"corp\"\nremote = \"r\"", "`corp`"),
        ] {
            let (_file, args) = file(text);
            let line = Config::load(&args).unwrap_err().line();
            assert!(line.contains(culprit) && !line.contains('\n'), "{text:?} gave {line:?}");
        }
    }

    #[test]
    fn half_of_tls_is_refused() {
        let args = ServeArgs { tls_cert: Some("a.pem".into()), ..ServeArgs::default() };
        assert!(Config::load(&args).unwrap_err().line().contains("--tls-key"));
    }
}
