//! What of the configuration may change while the gateway runs: SIGHUP reads it again.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::config::{Config, Proxies, ServeArgs};
use crate::listen::seats::{Bounds, Seats};
use crate::logging::Refilter;
use crate::request_log::RequestLog;
use crate::{Error, tls};

/// Settings that requests look at.
#[derive(Debug, Default)]
pub struct Live {
    proxies: RwLock<Arc<Proxies>>,
    log: RwLock<Option<Arc<RequestLog>>>,
}

impl Live {
    /// As `config` has them; lines of the request log that are lost are counted in `lost`.
    ///
    /// # Errors
    /// [`Error::Config`] for a request log that cannot be written.
    pub fn of(config: &Config, lost: &Arc<AtomicU64>) -> Result<Arc<Self>, Error> {
        let log = RequestLog::open(&config.request_log, lost)?.map(Arc::new);
        Ok(Arc::new(Self { proxies: RwLock::new(Arc::new(config.proxies.clone())), log: RwLock::new(log) }))
    }

    /// The log of requests, if there is one.
    #[must_use]
    pub fn log(&self) -> Option<Arc<RequestLog>> {
        self.log.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Proxies that are believed.
    #[must_use]
    pub fn proxies(&self) -> Arc<Proxies> {
        self.proxies.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The places that `config` grants.
#[must_use]
pub fn bounds(config: &Config) -> Bounds {
    Bounds {
        connections: config.limits.connections,
        per_address: config.limits.connections_per_address,
        exempt: config.proxies.trusted.clone(),
    }
}

/// Where settings that changed go.
pub struct Reload {
    /// What was loaded last.
    pub config: Config,
    /// Where to load it from.
    pub args: ServeArgs,
    /// The log.
    pub log: Refilter,
    /// The TLS port, where there is one.
    pub tls: Option<watch::Sender<TlsAcceptor>>,
    /// Connections.
    pub seats: Arc<Seats>,
    /// Requests.
    pub live: Arc<Live>,
    /// Where lost lines of the request log are counted.
    pub lost_lines: Arc<AtomicU64>,
    /// Names of the administration port.
    pub admin_hosts: Arc<RwLock<Vec<String>>>,
}

impl Reload {
    /// Reads the configuration and the files of TLS again. All of it takes effect that can, or, where
    /// any of it is wrong, none.
    ///
    /// # Errors
    /// As at the start; everything goes on as it was.
    pub fn again(&mut self) -> Result<(), Error> {
        let config = Config::load(&self.args)?;
        let acceptor = match (&self.tls, &config.tls) {
            (Some(port), Some(files)) => Some((port, tls::acceptor(files)?)),
            _ => None,
        };
        // Opened again in any case: who moves the file away to keep it wants a new one.
        let requests = RequestLog::open(&config.request_log, &self.lost_lines)?.map(Arc::new);
        (self.log)(&config.log)?;
        *self.live.log.write().unwrap_or_else(PoisonError::into_inner) = requests;
        if let Some((port, acceptor)) = acceptor {
            port.send_replace(acceptor);
        }
        self.seats.set_bounds(bounds(&config));
        *self.live.proxies.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.proxies.clone());
        *self.admin_hosts.write().unwrap_or_else(PoisonError::into_inner) = config.admin_hosts.clone();
        if self.fixed() != fixed(&config) {
            tracing::warn!("some of what changed in the configuration takes effect at the next start only");
        }
        self.config = config;
        tracing::info!("the configuration was read again");
        Ok(())
    }

    fn fixed(&self) -> Config {
        fixed(&self.config)
    }
}

/// `config` without what [`Reload::again`] puts into effect.
fn fixed(config: &Config) -> Config {
    let mut config = config.clone();
    let usual = Config::default();
    config.log = usual.log;
    config.admin_hosts = usual.admin_hosts;
    config.proxies = usual.proxies;
    config.request_log = usual.request_log;
    config.limits.connections = usual.limits.connections;
    config.limits.connections_per_address = usual.limits.connections_per_address;
    // That there is TLS stays; where its files are may change.
    if let Some(tls) = &mut config.tls {
        (tls.cert, tls.key) = Default::default();
    }
    config
}
