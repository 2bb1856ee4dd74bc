//! Notifications, to the targets of the configuration.

use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::Engine;
use arqueta_engine::notifications::{Notices, Targets};
use arqueta_model::{Clock, RequestId};
use arqueta_notify::{Courier, Progress, Queue, Route, Standing, Topic, Webhook, WebhookSettings};
use arqueta_remote::{Secret, ServiceSettings, SetupError};
use arqueta_store::{Leases, MetaStore};

use crate::Error;
use crate::config::{self, Config, Notifications};
use crate::lifecycle::LEASE;

/// How long connecting to a target may take.
const CONNECT: Duration = Duration::from_secs(5);

/// What the engine writes events into: the targets, and whose buckets may name them.
pub(crate) fn notices(config: &Config) -> Arc<Notices> {
    let own = || vec![config.account_id.clone()];
    let named = config.notifications.targets.iter();
    let named = named.map(|(name, target)| (name.clone(), target.accounts().map_or_else(own, <[_]>::to_vec)));
    Arc::new(Notices::to(Targets {
        named: named.collect(),
        account: Some(config.account_id.clone()),
        region: Some(config.region.clone()),
    }))
}

/// Counters of every target.
pub(crate) fn progress(config: &Notifications) -> Arc<Progress> {
    Arc::new(Progress::of(config.targets.keys().map(String::as_str)))
}

/// The courier.
///
/// # Errors
/// [`Error::Config`] names the target and what it lacks.
pub(crate) fn open(
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
            let failed = |error| Error::Config(format!("notifications.targets.{name}: {}", line(&error)));
            Ok(Route {
                name: name.clone(),
                target: self::target(target, clock).map_err(failed)?,
                format: target.format(),
                bounds: target.bounds(),
            })
        })
        .collect();
    let owner = RequestId::random().to_string();
    let standing = Standing {
        meta: meta.clone(),
        leases: Leases::new(meta.clone(), clock.clone(), owner, LEASE),
        clock: clock.clone(),
        notices: engine.config().notices.clone(),
    };
    Ok(Courier::new(standing, routes?, progress))
}

fn target(target: &config::Target, clock: &Arc<dyn Clock>) -> Result<Arc<dyn arqueta_notify::Target>, SetupError> {
    Ok(match target {
        config::Target::Webhook(of) => {
            let settings = WebhookSettings {
                url: of.url.clone(),
                secret: config::secret(of.secret_file.as_ref(), of.secret_env.as_ref()),
                token: config::secret(of.token_file.as_ref(), of.token_env.as_ref()),
                ca: of.ca.clone(),
                connect: CONNECT,
            };
            Arc::new(Webhook::new(settings, clock.clone())?)
        }
        config::Target::Sqs(of) => {
            let settings = ServiceSettings {
                endpoint: of.endpoint.clone(),
                service: "sqs",
                region: of.region.clone(),
                access_key_id: of.access_key_id.clone(),
                secret: key(of.secret_access_key_file.as_ref(), of.secret_access_key_env.as_ref())?,
                session_token_file: of.session_token_file.clone(),
                ca: of.ca.clone(),
                connect: CONNECT,
            };
            Arc::new(Queue::new(settings, of.queue_url.clone(), clock.clone())?)
        }
        config::Target::Sns(of) => {
            let settings = ServiceSettings {
                endpoint: of.endpoint.clone(),
                service: "sns",
                region: of.region.clone(),
                access_key_id: of.access_key_id.clone(),
                secret: key(of.secret_access_key_file.as_ref(), of.secret_access_key_env.as_ref())?,
                session_token_file: of.session_token_file.clone(),
                ca: of.ca.clone(),
                connect: CONNECT,
            };
            Arc::new(Topic::new(settings, of.topic_arn.clone(), clock.clone())?)
        }
    })
}

/// A secret access key, which the configuration was checked to name.
fn key(file: Option<&std::path::PathBuf>, variable: Option<&String>) -> Result<Secret, SetupError> {
    config::secret(file, variable).ok_or(SetupError::Value("secret access key"))
}

/// An error and what caused it, in one line.
fn line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
