//! `arqueta serve`, from the first line of configuration to the last request drained.

use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::admin::Admin;
use crate::banner::Banner;
use crate::config::{Config, ServeArgs};
use crate::foundations::Foundations;
use crate::listen::{Port, PortLimits};
use crate::wiring::Gateway;
use crate::{Error, hardening, logging, root, tls};

/// Connections that the administration port serves at once: probes and scrapes, no more.
const ADMIN_CONNECTIONS: usize = 64;

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
