//! `arqueta serve`, from the first line of configuration to the last request drained.
//!
//! Every option is also an `ARQUETA_*` variable and a key of the configuration file; the command
//! line wins over the variable, the variable over the file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::Request;
use hyper::body::Incoming;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::admin::Admin;
use crate::banner::Banner;
use crate::config::Config;
use crate::listen::{Port, PortLimits};
use crate::wiring::{Foundations, Gateway};
use crate::{Error, hardening, logging, root, tls};

/// Connections that the administration port serves at once: probes and scrapes, no more.
const ADMIN_CONNECTIONS: usize = 64;

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
    #[arg(long, env = "ARQUETA_LISTEN", value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,

    /// Address of /healthz, /readyz, /metrics and /keys/<key>/usage [default: 127.0.0.1:9001]
    #[arg(long, env = "ARQUETA_ADMIN_LISTEN", value_name = "ADDR:PORT")]
    pub admin_listen: Option<SocketAddr>,

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

    /// Serve one service only. `kms` also answers STS, IAM and CloudTrail's LookupEvents, which its
    /// callers and auditors need; every S3 request is NotImplemented.
    #[arg(long, env = "ARQUETA_ONLY", value_name = "SERVICE")]
    pub only: Option<Only>,

    /// What to log, as a filter such as `info` or `arqueta=debug` [default: warn]
    #[arg(long, env = "ARQUETA_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// Serves until it is told to stop.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn run(args: &ServeArgs) -> Result<(), Error> {
    let config = Config::load(args)?;
    logging::start(&config.log)?;
    hardening::forbid_core_dumps();
    hardening::raise_open_files();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), Error> {
    // Both ports first: a busy one is found before anything is created.
    let port = Port::bind(config.listen).await?;
    let admin_port = Port::bind(config.admin_listen).await?;
    let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
    let foundations = Foundations::open(&config).await?;
    let mut gateway = Gateway::open(&config, foundations).await?;

    let banner =
        Banner { listen: port.address(), secure: tls.is_some(), admin: admin_port.address(), region: &config.region };
    let (stopper, stop) = watch::channel(false);
    let (admin_stopper, admin_stop) = watch::channel(false);
    let limits = |connections, drain| PortLimits {
        connections,
        header: Duration::from_secs(config.limits.header_seconds),
        unread: Duration::from_secs(config.limits.body_idle_seconds),
        drain,
    };

    let admin = Admin::new(gateway.metrics.clone(), gateway.record().cloned(), gateway.dependents.clone());
    admin.set_ready(true);
    let answers = admin.clone();
    let admin_service = move |request: Request<Incoming>, _| {
        let answers = answers.clone();
        async move { answers.answer(&request.into_parts().0).await }
    };
    let admin_limits = limits(ADMIN_CONNECTIONS, Duration::from_secs(1));
    let administration = tokio::spawn(admin_port.serve(None, admin_limits, admin_stop, admin_service));

    let router = gateway.router.clone();
    let service = move |request, peer| {
        let router = router.clone();
        async move { router.answer(request, peer).await }
    };
    let drain = Duration::from_secs(config.limits.drain_seconds);
    let serving = tokio::spawn(port.serve(tls, limits(config.limits.connections, drain), stop, service));

    banner.print(&std::mem::take(&mut gateway.created), root::warning(&config).as_deref());
    gateway.work(asked_to_stop()?).await;

    // Load balancers see it first, then requests in flight finish, then metrics go.
    admin.set_ready(false);
    stopper.send_replace(true);
    if let Err(error) = serving.await {
        tracing::error!(%error, "the S3 port ended badly");
    }
    gateway.flush().await;
    admin_stopper.send_replace(true);
    if let Err(error) = administration.await {
        tracing::error!(%error, "the administration port ended badly");
    }
    Ok(())
}

/// Resolves at SIGTERM or SIGINT.
fn asked_to_stop() -> Result<impl Future<Output = ()> + Send, Error> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}
