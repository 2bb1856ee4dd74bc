//! `arqueta serve`, from the first line of configuration to the last request drained.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::admin::{Admin, ConsolePort};
use crate::banner::Banner;
use crate::config::{Config, ServeArgs};
use crate::foundations::Foundations;
use crate::listen::seats::{Bounds, Seats};
use crate::listen::{Port, PortLimits};
use crate::live::Reload;
use crate::logging::Refilter;
use crate::wiring::Gateway;
use crate::{Error, control, hardening, logging, root, tls};

/// Connections that the administration port serves at once: probes and scrapes, no more.
const ADMIN_CONNECTIONS: usize = 64;

/// Serves until it is told to stop.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn run(args: ServeArgs) -> Result<(), Error> {
    let config = Config::load(&args)?;
    let log = logging::start(&config.log)?;
    hardening::forbid_core_dumps();
    hardening::raise_open_files();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(config, args, log))
}

async fn serve(config: Config, args: ServeArgs, log: Refilter) -> Result<(), Error> {
    // Before anything else: who is told that it is ready may at once tell it to stop.
    let signals = Signals::listen()?;
    // Both ports first: a busy one is found before anything is created.
    let port = Port::bind(config.listen).await?;
    let admin_port = Port::bind(config.admin_listen).await?;
    let (tls_sender, tls) = config.tls.as_ref().map(tls::acceptor).transpose()?.map(watch::channel).unzip();
    let foundations = Foundations::open(&config).await?;
    let mut gateway = Gateway::open(&config, foundations).await?;

    let banner = Banner {
        listen: port.address(),
        secure: tls.is_some(),
        console: config.console.enabled,
        admin: admin_port.address(),
        region: &config.region,
    };
    let (stopper, stop) = watch::channel(false);
    let (admin_stopper, admin_stop) = watch::channel(false);

    let admin = Admin {
        metrics: gateway.metrics.clone(),
        record: gateway.record().cloned(),
        dependents: gateway.dependents.clone(),
        damages: gateway.damages.clone(),
        readiness: gateway.readiness.clone(),
        seats: gateway.seats.clone(),
        hosts: Arc::new(RwLock::new(config.admin_hosts.clone())),
        console: config.console.enabled.then(|| ConsolePort { secure: tls.is_some(), port: port.address().port() }),
    };
    let reload = Reload {
        config: config.clone(),
        args,
        log,
        tls: tls_sender,
        seats: gateway.seats.clone(),
        live: gateway.live.clone(),
        lost_lines: gateway.metrics.lost_lines().clone(),
        admin_hosts: admin.hosts.clone(),
    };
    let answers = admin.clone();
    let admin_service = move |request: Request<Incoming>, _| {
        let answers = answers.clone();
        async move { answers.answer(&request.into_parts().0).await }
    };
    let limits = limits(&config, Duration::from_secs(1));
    let admin_seats = Seats::new(Bounds::of(ADMIN_CONNECTIONS));
    let administration = tokio::spawn(admin_port.serve(None, admin_seats, limits, admin_stop, admin_service));

    let router = gateway.router.clone();
    let service = move |request, peer| {
        let router = router.clone();
        // Boxed: it has room for all that an answer may need, and hyper moves it three times.
        Box::pin(async move { router.answer(request, peer).await })
    };
    let limits = PortLimits { drain: Duration::from_secs(config.limits.drain_seconds), ..limits };
    let serving = tokio::spawn(port.serve(tls, gateway.seats.clone(), limits, stop, service));

    let commands = control::bind(&config.data_dir).map(|bound| tokio::spawn(bound.serve(gateway.desk())));
    gateway.readiness.set_serving(true);
    banner.print(&std::mem::take(&mut gateway.created), root::warning(&config).as_deref());
    gateway.work(signals.told_to_stop(reload)).await;

    // Load balancers see it first, then requests in flight finish, then metrics go.
    gateway.readiness.set_serving(false);
    stopper.send_replace(true);
    if let Err(error) = serving.await {
        tracing::error!(%error, "the S3 port ended badly");
    }
    if let Some(commands) = commands {
        commands.abort();
        // Gone, its name too, before the folder is another's.
        let _ = commands.await;
    }
    gateway.flush().await;
    admin_stopper.send_replace(true);
    if let Err(error) = administration.await {
        tracing::error!(%error, "the administration port ended badly");
    }
    Ok(())
}

fn limits(config: &Config, drain: Duration) -> PortLimits {
    PortLimits {
        header: Duration::from_secs(config.limits.header_seconds),
        idle: Duration::from_secs(config.limits.keep_alive_seconds),
        unread: Duration::from_secs(config.limits.body_idle_seconds),
        drain,
    }
}

/// SIGTERM, SIGINT and SIGHUP. From when this exists none of them ends the process by itself.
struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Error> {
        let [term, int, hup] = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Self { term: term?, int: int?, hup: hup? })
    }

    /// Resolves at SIGTERM or SIGINT. At SIGHUP the configuration is read again.
    async fn told_to_stop(mut self, mut reload: Reload) {
        loop {
            tokio::select! {
                _ = self.term.recv() => return,
                _ = self.int.recv() => return,
                _ = self.hup.recv() => {
                    if let Err(error) = reload.again() {
                        tracing::error!("the configuration is kept as it was: {}", error.line());
                    }
                }
            }
        }
    }
}
