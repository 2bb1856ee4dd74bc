//! Lifecycle, on what the gateway has.

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::AuditSink;
use arqueta_engine::Engine;
use arqueta_model::{Clock, RequestId};
use arqueta_store::{Leases, MetaStore};
use arqueta_trail::Trails;
use arqueta_work::{Lifecycle, Progress};

use crate::config::Config;

/// How long a gateway that says nothing any more keeps others from its background work.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// The worker of lifecycle.
pub(crate) fn open(
    config: &Config,
    meta: Arc<dyn MetaStore>,
    (engine, audit, trails, clock): (&Arc<Engine>, &Arc<dyn AuditSink>, &Trails, &Arc<dyn Clock>),
    progress: Arc<Progress>,
) -> Lifecycle {
    let selection = trails.selection().clone();
    let owner = RequestId::random().to_string();
    let on = arqueta_work::Standing {
        engine: engine.clone(),
        leases: Leases::new(meta.clone(), clock.clone(), owner, LEASE),
        meta,
        audit: audit.clone(),
        wants: Arc::new(move |account, bucket, key| selection.wants_data(account, bucket, key, false)),
        clock: clock.clone(),
    };
    let settings = arqueta_work::Settings::new(config.region.clone(), config.lifecycle.day());
    Lifecycle::new(on, settings, progress)
}
