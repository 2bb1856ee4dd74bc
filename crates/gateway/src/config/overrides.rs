//! What the command line and `ARQUETA_*` variables say over the file.
//!
//! Every option is also an `ARQUETA_*` variable and a key of the configuration file; the command
//! line wins over the variable, the variable over the file.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::address;

/// A service that can be served alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    /// The key service.
    Kms,
}

/// Options of `arqueta serve`.
#[derive(Debug, Default, Args)]
pub struct ServeArgs {
    /// Configuration file (TOML; see config/arqueta.toml). None is needed.
    #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Folder for metadata, bodies, keys and the record [default: ./data]
    #[arg(long, env = "ARQUETA_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Address of the S3/KMS/IAM/STS port [default: 127.0.0.1:9000]
    #[arg(long, env = "ARQUETA_LISTEN", value_name = "ADDR:PORT", value_parser = address::parse)]
    pub listen: Option<SocketAddr>,

    /// Address of /healthz, /readyz, /metrics and /keys/KEY/usage [default: 127.0.0.1:9001]
    #[arg(long, env = "ARQUETA_ADMIN_LISTEN", value_name = "ADDR:PORT", value_parser = address::parse)]
    pub admin_listen: Option<SocketAddr>,

    /// Name, beside addresses and `localhost`, under which the administration port is asked (repeatable)
    #[arg(long = "admin-host", env = "ARQUETA_ADMIN_HOSTS", value_delimiter = ',', value_name = "NAME")]
    pub admin_hosts: Option<Vec<String>>,

    /// Region served, as clients sign it [default: us-east-1]
    #[arg(long, env = "ARQUETA_REGION")]
    pub region: Option<String>,

    /// Twelve-digit account that owns everything at first [default: 000000000000]
    #[arg(long, env = "ARQUETA_ACCOUNT_ID")]
    pub account_id: Option<String>,

    /// TLS certificate chain (PEM). With --tls-key, the S3 port speaks HTTPS only.
    #[arg(long, env = "ARQUETA_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// TLS private key (PEM).
    #[arg(long, env = "ARQUETA_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Domain under which buckets are served as `bucket.domain` (repeatable) [default: localhost]
    #[arg(long = "domain", env = "ARQUETA_DOMAINS", value_delimiter = ',', value_name = "DOMAIN")]
    pub domains: Option<Vec<String>>,

    /// Serve the console at /-/console/ of the S3 port [default: true]
    #[arg(long, env = "ARQUETA_CONSOLE", value_name = "BOOL")]
    pub console: Option<bool>,

    /// Serve one service only. `kms` also answers STS, IAM and CloudTrail's LookupEvents, which its
    /// callers and auditors need; every S3 request is NotImplemented.
    #[arg(long, env = "ARQUETA_ONLY", value_name = "SERVICE")]
    pub only: Option<Only>,

    /// Start although the metadata is older than the audit record says it was: once, after it was
    /// restored from a backup.
    #[arg(long)]
    pub accept_older_metadata: bool,

    /// What to log, as a filter such as `info` or `arqueta=debug` [default: warn]
    #[arg(long, env = "ARQUETA_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    /// File for one line of JSON about each request; `-` is standard output. Off without it.
    #[arg(long, env = "ARQUETA_REQUEST_LOG", value_name = "FILE")]
    pub request_log: Option<PathBuf>,
}
