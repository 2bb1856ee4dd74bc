//! Notifications, to the targets of the configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::AuditSink;
use arqueta_engine::Engine;
use arqueta_engine::notifications::{Notices, Targets};
use arqueta_model::{Clock, with_causes};
use arqueta_notify::{
    AuditStream, Courier, JetStream, JetStreamSettings, Progress, Queue, RedisSettings, RedisStream, Route, Source,
    Standing, Table, TableSettings, Topic, Webhook, WebhookSettings,
};
use arqueta_remote::{Secret, ServiceSettings, SetupError};
use arqueta_store::{Leases, MetaStore};

use crate::Error;
use crate::config::{self, Config};
use crate::lifecycle::LEASE;

/// Who holds the leases. The stores that there are belong to one process, which their folder's lock sees to: what
/// it was before a crash need not be waited for, and is fenced off. Stores of many gateways need a name for each.
const OWNER: &str = "gateway";

/// How long connecting to a target may take.
const CONNECT: Duration = Duration::from_secs(5);

/// What the engine writes events into: the targets, and whose buckets may name them.
pub(crate) fn notices(config: &Config) -> Arc<Notices> {
    let own = || vec![config.account_id.clone()];
    let named = config.notifications.targets.iter();
    let named = named.map(|(name, target)| (name.clone(), target.accounts.clone().unwrap_or_else(own)));
    Arc::new(Notices::to(Targets {
        named: named.collect(),
        account: Some(config.account_id.clone()),
        region: Some(config.region.clone()),
        most: Some(config.notifications.most_waiting),
    }))
}

/// Counters of every target, and of the audit webhook.
pub(crate) fn progress(config: &Config) -> Arc<Progress> {
    let targets = config.notifications.targets.keys().map(String::as_str);
    Arc::new(Progress::of(targets.chain(config.audit.webhook.iter().map(|_| config::AUDIT))))
}

/// The audit webhook, where there is one and a record to be sent.
///
/// # Errors
/// [`Error::Config`] for what it lacks, [`Error::Open`] if its place cannot be kept.
pub(crate) async fn audit(
    config: &Config,
    meta: &Arc<dyn MetaStore>,
    (sink, clock): (&Arc<dyn AuditSink>, &Arc<dyn Clock>),
    progress: &Progress,
) -> Result<Option<Arc<AuditStream>>, Error> {
    let begun = arqueta_notify::stream::begin(&**meta, config.audit.webhook.is_some()).await;
    begun.map_err(Error::open("audit webhook"))?;
    let Some(of) = &config.audit.webhook else { return Ok(None) };
    let secrets = [(&of.secret_file, &of.secret_env), (&of.token_file, &of.token_env)];
    let webhook = Webhook::new(webhook(&of.url, secrets, &of.ca), clock.clone());
    let webhook = webhook.map_err(|error| Error::Config(format!("audit.webhook: {}", with_causes(&error))))?;
    let source = Source {
        folder: config.data_dir.join("audit"),
        sink: sink.clone(),
        meta: meta.clone(),
        leases: Leases::new(meta.clone(), clock.clone(), OWNER, LEASE),
        clock: clock.clone(),
    };
    Ok(Some(Arc::new(AuditStream::new(source, Arc::new(webhook), progress.target(config::AUDIT)))))
}

/// The courier.
///
/// # Errors
/// [`Error::Config`] names the target and what it lacks; [`Error::Open`] if what waits cannot be read.
pub(crate) async fn open(
    config: &Config,
    meta: &Arc<dyn MetaStore>,
    (engine, clock): (&Arc<Engine>, &Arc<dyn Clock>),
    progress: &Progress,
) -> Result<Courier, Error> {
    let routes: Result<Vec<Route>, Error> = config
        .notifications
        .targets
        .iter()
        .map(|(name, target)| {
            let failed = |error| Error::Config(format!("notifications.targets.{name}: {}", with_causes(&error)));
            Ok(Route {
                name: name.clone(),
                target: self::target(target, clock).map_err(failed)?,
                format: target.format(),
                bounds: target.bounds(),
            })
        })
        .collect();
    let standing = Standing {
        meta: meta.clone(),
        leases: Leases::new(meta.clone(), clock.clone(), OWNER, LEASE),
        clock: clock.clone(),
        notices: engine.config().notices.clone(),
    };
    let courier = Courier::new(standing, routes?, progress);
    // Before the first call: what is written from now on is counted with it, and lies behind it.
    engine.follow(courier.begin(progress).await.map_err(Error::open("notifications"))?);
    Ok(courier)
}

fn target(target: &config::Target, clock: &Arc<dyn Clock>) -> Result<Arc<dyn arqueta_notify::Target>, SetupError> {
    Ok(match &target.kind {
        config::Kind::Webhook(of) => {
            let secrets = [(&of.secret_file, &of.secret_env), (&of.token_file, &of.token_env)];
            Arc::new(Webhook::new(webhook(&of.url, secrets, &of.ca), clock.clone())?)
        }
        config::Kind::Sqs { queue_url, service } => {
            Arc::new(Queue::new(self::service("sqs", service)?, queue_url.clone(), clock.clone())?)
        }
        config::Kind::Sns { topic_arn, service } => {
            Arc::new(Topic::new(self::service("sns", service)?, topic_arn.clone(), clock.clone())?)
        }
        config::Kind::Redis(of) => Arc::new(RedisStream::new(RedisSettings {
            address: of.address.clone(),
            stream: of.stream.clone(),
            database: of.database,
            user: of.user.clone(),
            password: config::secret(of.password_file.as_ref(), of.password_env.as_ref()),
            most: of.most,
        })?),
        config::Kind::Postgresql(of) => Arc::new(Table::new(TableSettings {
            host: of.host.clone(),
            port: of.port,
            database: of.database.clone(),
            table: of.table.clone(),
            user: of.user.clone(),
            password: config::secret(of.password_file.as_ref(), of.password_env.as_ref()),
            tls: of.tls,
            ca: of.ca.clone(),
            connect: CONNECT,
        })?),
        config::Kind::Nats(of) => Arc::new(JetStream::new(JetStreamSettings {
            url: of.url.clone(),
            subject: of.subject.clone(),
            user: of.user.clone(),
            password: config::secret(of.password_file.as_ref(), of.password_env.as_ref()),
            ca: of.ca.clone(),
            connect: CONNECT,
        })?),
    })
}

/// A webhook and where its secret and its token are.
fn webhook(
    url: &str,
    [secret, token]: [(&Option<PathBuf>, &Option<String>); 2],
    ca: &Option<PathBuf>,
) -> WebhookSettings {
    let found =
        |(file, variable): (&Option<PathBuf>, &Option<String>)| config::secret(file.as_ref(), variable.as_ref());
    WebhookSettings {
        url: url.to_owned(),
        secret: found(secret),
        token: found(token),
        ca: ca.clone(),
        connect: CONNECT,
    }
}

fn service(service: &'static str, of: &config::Service) -> Result<ServiceSettings, SetupError> {
    Ok(ServiceSettings {
        endpoint: of.endpoint.clone(),
        service,
        region: of.region.clone(),
        access_key_id: of.access_key_id.clone(),
        secret: key(of.secret_access_key_file.as_ref(), of.secret_access_key_env.as_ref())?,
        session_token_file: of.session_token_file.clone(),
        ca: of.ca.clone(),
        connect: CONNECT,
    })
}

/// A secret access key, which the configuration was checked to name.
fn key(file: Option<&PathBuf>, variable: Option<&String>) -> Result<Secret, SetupError> {
    config::secret(file, variable).ok_or(SetupError::Value("secret access key"))
}
