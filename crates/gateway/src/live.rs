//! What of the configuration may change while the gateway runs: SIGHUP reads it again.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::config::{Config, Proxies, ServeArgs};
use crate::listen::seats::{Bounds, Seats};
use crate::logging::Refilter;
use crate::{Error, tls};

/// Settings that requests look at.
#[derive(Debug, Default)]
pub struct Live {
    proxies: RwLock<Arc<Proxies>>,
}

impl Live {
    /// As `config` has them.
    #[must_use]
    pub fn of(config: &Config) -> Arc<Self> {
        Arc::new(Self { proxies: RwLock::new(Arc::new(config.proxies.clone())) })
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
        (self.log)(&config.log)?;
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
    config.limits.connections = usual.limits.connections;
    config.limits.connections_per_address = usual.limits.connections_per_address;
    // That there is TLS stays; where its files are may change.
    if let Some(tls) = &mut config.tls {
        (tls.cert, tls.key) = Default::default();
    }
    config
}
