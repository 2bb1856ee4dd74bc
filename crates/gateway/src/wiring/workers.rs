//! Work that no request waits for and that goes on where it was after a restart.

use std::sync::Arc;

use arqueta_audit::AuditSink;
use arqueta_engine::Engine;
use arqueta_iam::Iam;
use arqueta_keys::Embedded;
use arqueta_kms::Metered;
use arqueta_model::Clock;
use arqueta_notify::{AuditStream, Courier};
use arqueta_replicate::Replicator;
use arqueta_store::MetaStore;
use arqueta_trail::Trails;
use arqueta_work::rekey::Rekey;
use arqueta_work::scrub::Scrub;
use arqueta_work::{Lifecycle, Progress};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::{Error, lifecycle, notifications, rekey, replication};

/// What the workers stand on.
pub(super) struct Ground<'a> {
    pub meta: &'a Arc<dyn MetaStore>,
    pub engine: &'a Arc<Engine>,
    pub iam: &'a Arc<Iam>,
    pub kms: &'a Arc<Metered<Embedded>>,
    pub audit: &'a Arc<dyn AuditSink>,
    pub trails: &'a Arc<Trails>,
    pub clock: &'a Arc<dyn Clock>,
}

/// How far they are, for metrics and the console.
#[derive(Clone)]
pub(super) struct Followed {
    pub lifecycle: Arc<Progress>,
    pub notifications: Arc<arqueta_notify::Progress>,
    pub replication: Arc<arqueta_replicate::Progress>,
}

impl Followed {
    /// Nothing is done yet.
    pub fn new(config: &Config) -> Self {
        Self { lifecycle: Arc::default(), notifications: notifications::progress(config), replication: Arc::default() }
    }
}

/// The workers.
pub(super) struct Workers {
    pub scrub: Arc<Scrub>,
    pub rekey: Arc<Rekey>,
    pub trails: Arc<Trails>,
    lifecycle: Arc<Lifecycle>,
    courier: Arc<Courier>,
    audit_stream: Option<Arc<AuditStream>>,
    replicator: Arc<Replicator>,
}

impl Workers {
    /// All of them; none works yet.
    ///
    /// # Errors
    /// [`Error::Open`] if what waits cannot be read; [`Error::Config`].
    pub async fn open(config: &Config, ground: Ground<'_>, scrub: Arc<Scrub>, on: Followed) -> Result<Self, Error> {
        let Ground { meta, engine, iam, kms, audit, trails, clock } = ground;
        let Followed { lifecycle, notifications: notified, replication: replicated } = on;
        let parts = replication::Parts { engine, iam, audit, trails, clock };
        let lifecycle = lifecycle::open(config, meta.clone(), (engine, audit, trails, clock), lifecycle);
        Ok(Self {
            scrub,
            rekey: Arc::new(rekey::open(config, meta, (engine, audit, trails, clock), kms.clone())),
            trails: trails.clone(),
            lifecycle: Arc::new(lifecycle),
            courier: Arc::new(notifications::open(config, meta, (engine, clock), &notified).await?),
            audit_stream: notifications::audit(config, meta, (audit, clock), &notified).await?,
            replicator: Arc::new(replication::open(config, meta, parts, replicated).await?),
        })
    }

    /// Lets them work, each as a task of `tasks`.
    pub fn start(&self, tasks: &mut JoinSet<()>) {
        let (lifecycle, scrub, rekey) = (self.lifecycle.clone(), self.scrub.clone(), self.rekey.clone());
        tasks.spawn(async move { lifecycle.run().await });
        tasks.spawn(async move { scrub.run().await });
        tasks.spawn(async move { rekey.run().await });
        let (courier, trails) = (self.courier.clone(), self.trails.clone());
        tasks.spawn(async move { courier.run().await });
        tasks.spawn(async move { trails.run().await });
        if let Some(stream) = self.audit_stream.clone() {
            tasks.spawn(async move { stream.run().await });
        }
        let replicator = self.replicator.clone();
        let existing = replicator.existing();
        tasks.spawn(async move { existing.run().await });
        tasks.spawn(async move { replicator.run().await });
    }
}
