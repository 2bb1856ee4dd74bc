//! The edges of the protocols.

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{AuditSink, History};
use arqueta_aws::{AwsEdge, Services};
use arqueta_elsewhere::Directory;
use arqueta_engine::Engine;
use arqueta_iam::Iam;
use arqueta_keys::Embedded;
use arqueta_model::Clock;
use arqueta_s3::{EdgeConfig, Recorder, S3Edge};
use arqueta_trail::Trails;

use crate::Error;
use crate::config::{Config, Only};
use crate::console::{self, Watched};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::regions::RegionEdge;
use crate::route::Router;
use crate::strays::Strays;
use crate::trails;

fn edge(config: &Config) -> EdgeConfig {
    let directory = Directory::new(&config.replication.settings(&config.account_id));
    EdgeConfig {
        domains: config.domains.clone(),
        website_domains: config.website_domains.clone(),
        body_idle: Duration::from_secs(config.limits.body_idle_seconds),
        block_public_access: config.objects.block_public_access,
        signature_v2: config.objects.signature_v2,
        any_region: config.objects.any_region,
        lifecycle_day: config.lifecycle.day(),
        elsewhere: arqueta_s3::Elsewhere::new(move |bucket, account| directory.admits(bucket, account)),
        ..EdgeConfig::new(config.region.clone())
    }
}

/// The edge of S3, where S3 is served.
pub(super) fn s3(
    config: &Config,
    (engine, iam): (&Arc<Engine>, &Arc<Iam>),
    (audit, trails): (&Arc<dyn AuditSink>, &Trails),
    clock: &Arc<dyn Clock>,
) -> Option<Arc<S3Edge>> {
    if config.only == Some(Only::Kms) {
        return None;
    }
    let selected = Arc::new(trails::Selected(trails.selection().clone()));
    let recorder = Recorder::new(audit.clone(), selected, config.region.clone());
    Some(Arc::new(S3Edge::new(engine.clone(), iam.clone(), clock.clone(), recorder, &edge(config))))
}

/// The edge of the other protocols.
pub(super) fn aws(
    config: &Config,
    (kms, iam): (&Embedded, Arc<Iam>),
    (audit, history): (&Arc<dyn AuditSink>, Option<Arc<History>>),
    trails: &Arc<Trails>,
    clock: &Arc<dyn Clock>,
) -> Arc<AwsEdge> {
    Arc::new(AwsEdge::new(Services {
        kms: kms.clone(),
        iam,
        recorder: arqueta_call::Recorder::new(audit.clone(), config.region.clone()),
        trails: trails.clone(),
        history,
        clock: clock.clone(),
        region: config.region.clone(),
        account: config.account_id.clone(),
    }))
}

/// What the port serves.
///
/// # Errors
/// [`Error::Config`] for what the console cannot be given.
pub(super) fn router(
    config: &Config,
    (s3, aws): (Option<Arc<S3Edge>>, Arc<AwsEdge>),
    kms: &Embedded,
    watched: Watched,
    (metrics, live): (&Arc<Metrics>, &Arc<Live>),
    clock: &Arc<dyn Clock>,
) -> Result<Router, Error> {
    let seats = watched.seats.clone();
    Ok(Router {
        console: console::open(config, (s3.clone(), aws.clone()), watched, clock)?,
        s3,
        aws,
        regions: (!config.regions.is_empty()).then(|| RegionEdge::new(kms.clone())),
        metrics: metrics.clone(),
        seats,
        antechamber: Arc::default(),
        live: live.clone(),
        clock: clock.clone(),
        strays: Arc::new(Strays::beside(&config.domains)),
    })
}
