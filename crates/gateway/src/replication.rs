//! Replication, on what the gateway has.

use std::sync::Arc;

use arqueta_audit::AuditSink;
use arqueta_elsewhere::{Elsewhere, Unusable};
use arqueta_engine::Engine;
use arqueta_iam::Iam;
use arqueta_model::{AccountId, Clock, with_causes};
use arqueta_replicate::{Access, OwnBuckets, Progress, Replicator, Roles, Source, Standing, THRESHOLD, Told};
use arqueta_store::{Leases, MetaStore};
use arqueta_trail::Trails;

use crate::Error;
use crate::config::Config;
use crate::lifecycle::LEASE;

/// Who holds the leases: as of notifications, what this process was before a crash need not be waited for.
const OWNER: &str = "gateway";

/// What replication acts with.
pub(crate) struct Parts<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) iam: &'a Arc<Iam>,
    pub(crate) audit: &'a Arc<dyn AuditSink>,
    pub(crate) trails: &'a Trails,
    pub(crate) clock: &'a Arc<dyn Clock>,
}

/// The worker of replication.
///
/// # Errors
/// [`Error::Open`] if what waits cannot be read.
pub(crate) async fn open(
    config: &Config,
    meta: &Arc<dyn MetaStore>,
    parts: Parts<'_>,
    progress: Arc<Progress>,
) -> Result<Replicator, Error> {
    let Parts { engine, iam, audit, trails, clock } = parts;
    let region = &config.region;
    let access = Arc::new(Access::new(region.clone()));
    let roles = Arc::new(Roles::new(iam.clone(), audit.clone(), clock.clone(), region.clone()));
    let selection = trails.selection().clone();
    let wants = move |account: &AccountId, bucket: &str, key: &str, reads: bool| {
        selection.wants_data(account, bucket, key, reads)
    };
    let standing = Standing {
        engine: engine.clone(),
        meta: meta.clone(),
        leases: Leases::new(meta.clone(), clock.clone(), OWNER, LEASE),
        clock: clock.clone(),
        source: Source::new(engine.clone(), roles, access.clone()),
        record: Told { audit: audit.clone(), wants: Arc::new(wants), region: region.clone() },
        progress,
        threshold: THRESHOLD,
    };
    let endpoints = config.replication.settings(&config.account_id);
    let own = Elsewhere::new(OwnBuckets::new(engine.clone(), access), &endpoints, clock).map_err(unusable)?;
    let own = Arc::new(own);
    let replicator = Replicator::new(standing, own);
    // Before the first call: what is written from now on is counted with it, and lies behind it.
    engine.follow(replicator.begin().await.map_err(Error::open("replication"))?);
    Ok(replicator)
}

/// Names the endpoint and what it lacks.
fn unusable(Unusable { name, error }: Unusable) -> Error {
    Error::Config(format!("replication.endpoints.{name:?}: {}", with_causes(&error)))
}
