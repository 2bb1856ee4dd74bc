//! The console's way to the edges, and what the operator is shown that no operation tells.

mod reading;

use std::sync::Arc;
use std::time::Duration;

use arqueta_aws::AwsEdge;
use arqueta_call::Connection;
use arqueta_console::{
    About, CallBody, Chain, Console, Errands, Facts, Form, Oidc, Service, Settings, Target, Told, Usage,
};
use arqueta_engine::Engine;
use arqueta_engine::usage::BucketUsage;
use arqueta_envelope::{CountersOf, Envelope};
use arqueta_keys::Embedded;
use arqueta_kms::Metered;
use arqueta_model::{Clock, Timestamp};
use arqueta_s3::S3Edge;
use async_trait::async_trait;
use http::{Request, Response};
use http_body_util::BodyExt;

use crate::Error;
use crate::config::{Config, ConsoleOidc};
use crate::listen::seats::Seats;
use crate::provider::Provider;
use crate::readiness::{PARTS, Readiness};
use crate::record::SealedRecord;
use crate::rekey::calls_of_users;
use crate::reviewer::Reviewer;
use crate::root;
use crate::route::no_objects;
use reading::Reading;

/// The edges, as the port would choose among them.
struct Edges {
    s3: Option<Arc<S3Edge>>,
    aws: Arc<AwsEdge>,
}

#[async_trait]
impl Service for Edges {
    async fn call(&self, request: Request<CallBody>, connection: &Connection) -> Response<CallBody> {
        if AwsEdge::matches(&request) {
            let answer = self.aws.call(request, connection).await;
            return answer.map(|body| body.map_err(|never| match never {}).boxed_unsync());
        }
        match &self.s3 {
            Some(s3) => s3.call(request, connection).await.map(BodyExt::boxed_unsync),
            None => no_objects(),
        }
    }
}

/// What is looked at when an operator asks.
pub struct Watched {
    /// Bucket keys.
    pub envelope: Arc<Envelope>,
    /// Calls to the key service.
    pub kms: Arc<Metered<Embedded>>,
    /// What works.
    pub readiness: Arc<Readiness>,
    /// Connections.
    pub seats: Arc<Seats>,
    /// What lies in buckets.
    pub engine: Arc<Engine>,
    /// What lifecycle did.
    pub lifecycle: Arc<arqueta_work::Progress>,
    /// What targets of notifications were told.
    pub notifications: Arc<arqueta_notify::Progress>,
    /// The record, where it is kept here.
    pub record: Option<Arc<SealedRecord>>,
    /// Who may do what.
    pub reviewer: Reviewer,
}

struct Operator {
    watched: Watched,
    configuration: String,
    warnings: Vec<String>,
    reading: Reading,
}

#[async_trait]
impl Facts for Operator {
    fn configuration(&self) -> String {
        self.configuration.clone()
    }

    fn key_calls(&self) -> (u64, u64) {
        let made = calls_of_users(&self.watched.kms);
        let saved = self.watched.envelope.counters().snapshot().iter().map(CountersOf::calls_saved).sum();
        (made, saved)
    }

    async fn health(&self) -> Vec<(String, bool)> {
        let report = serde_json::json!(self.watched.readiness.report(&[], &self.watched.seats).await);
        PARTS.iter().map(|part| ((*part).to_owned(), report[part]["ok"].as_bool().unwrap_or(false))).collect()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    async fn usage(&self, bucket: &str) -> Option<Usage> {
        let known = self.watched.engine.usage().of(&bucket.parse().ok()?).await.ok()?;
        Some(shown(&known))
    }

    async fn total(&self) -> Option<Usage> {
        let known = self.watched.engine.usage().all().await.ok()?;
        let mut total = Usage::default();
        for bucket in known {
            total.bytes += bucket.usage.bytes;
            total.objects += bucket.usage.objects;
            total.versions += bucket.usage.versions;
        }
        Some(total)
    }

    fn errands(&self) -> Errands {
        errands(&self.watched.lifecycle, &self.watched.notifications)
    }

    async fn report(&self, about: About, from: Option<String>, to: Option<String>, form: Form) -> Told<String> {
        self.reading.report(about, from, to, form).await
    }

    async fn verify(&self) -> Told<Chain> {
        self.reading.verify().await
    }

    async fn who_can(&self, action: &str, resource: &str) -> Result<serde_json::Value, String> {
        self.watched.reviewer.who_can(action, resource).await
    }

    async fn destroy_plan(&self, key: &str) -> Result<serde_json::Value, String> {
        self.watched.reviewer.destroy_plan(key).await
    }
}

fn shown(known: &BucketUsage) -> Usage {
    Usage {
        bytes: known.usage.bytes,
        objects: known.usage.objects,
        versions: known.usage.versions,
        most_bytes: known.quota.bytes,
        most_objects: known.quota.objects,
    }
}

fn errands(lifecycle: &arqueta_work::Progress, notifications: &arqueta_notify::Progress) -> Errands {
    let target = |(name, counts): (&str, &Arc<arqueta_notify::Counts>)| Target {
        name: name.to_owned(),
        sent: counts.sent(),
        failures: counts.failures(),
        waiting: counts.waiting(),
        oldest: counts.oldest().map(Timestamp::seconds),
    };
    Errands {
        last_round: lifecycle.last_finished(),
        rounds: lifecycle.rounds(),
        failures: lifecycle.failures(),
        buckets_left: lifecycle.buckets_left(),
        removed: lifecycle.removed().map(|(what, count)| (what.to_owned(), count)).collect(),
        targets: notifications.targets().map(target).collect(),
        unnamed: notifications.unnamed(),
    }
}

/// The console over the edges, where the configuration has one.
///
/// # Errors
/// [`Error::Config`] for an identity provider's authority that cannot be read.
pub fn open(
    config: &Config,
    (s3, aws): (Option<Arc<S3Edge>>, Arc<AwsEdge>),
    watched: Watched,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<Console>>, Error> {
    if !config.console.enabled {
        return Ok(None);
    }
    let settings = Settings {
        region: config.region.clone(),
        account: config.account_id.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        oidc: config.console.oidc.as_ref().map(|oidc| provider(oidc, clock)).transpose()?,
        clock: clock.clone(),
    };
    let operator = Operator {
        reading: Reading::of(watched.record.clone()),
        watched,
        configuration: in_force(config),
        warnings: root::warning(config).into_iter().collect(),
    };
    Ok(Some(Arc::new(Console::new(Arc::new(Edges { s3, aws }), Arc::new(operator), settings))))
}

fn provider(oidc: &ConsoleOidc, clock: &Arc<dyn Clock>) -> Result<Oidc, Error> {
    let openid = std::iter::once("openid".to_owned());
    Ok(Oidc {
        name: oidc.name.clone(),
        issuer: oidc.issuer.clone(),
        client_id: oidc.client_id.clone(),
        scopes: openid.chain(oidc.scopes.iter().filter(|scope| *scope != "openid").cloned()).collect(),
        roles: oidc.roles.clone(),
        session: Duration::from_secs(oidc.session_seconds),
        web: Arc::new(Provider::new(oidc, clock.clone())?),
    })
}

/// The configuration in force, as far as it is no secret and nobody's path to one.
fn in_force(config: &Config) -> String {
    let names = |names: &[String]| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    let accounts: Vec<String> = config.accounts.iter().map(ToString::to_string).collect();
    let lines = [
        format!("data_dir = {:?}", config.data_dir),
        format!("listen = \"{}\"", config.listen),
        format!("admin_listen = \"{}\"", config.admin_listen),
        format!("region = \"{}\"", config.region),
        format!("account_id = \"{}\"", config.account_id),
        format!("accounts = [{}]", names(&accounts)),
        format!("domains = [{}]", names(&config.domains)),
        format!("tls = {}", config.tls.is_some()),
        format!("objects.default_encryption = {}", config.objects.default_encryption),
        format!("objects.block_public_access = {}", config.objects.block_public_access),
        format!("bucket_key.window_seconds = {}", config.bucket_key.window_seconds),
        format!("bucket_key.max_objects = {}", config.bucket_key.max_objects),
        format!("bucket_key.max_bytes = {}", config.bucket_key.max_bytes),
        format!("audit.fail_closed = {}", config.audit.fail_closed),
        format!("audit.keep_days = {}", config.audit.keep_days),
        format!("metadata.engine = \"{}\"", config.metadata.engine),
        format!("kms.backend = {:?}", config.kms.backend.as_deref().unwrap_or("embedded")),
        format!("console.oidc.issuer = {:?}", config.console.oidc.as_ref().map_or("", |oidc| oidc.issuer.as_str())),
        format!("limits.connections = {}", config.limits.connections),
    ];
    lines.join("\n")
}
