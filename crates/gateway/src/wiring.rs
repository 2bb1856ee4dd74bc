//! Configuration to a working gateway: every part is opened here, in order, and nowhere else.

mod edges;
mod identities;
mod key_service;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{AuditSink, JsonLines, Outbox};
use arqueta_engine::{BucketKeyTable, Engine, SweepSchedule, name_of};
use arqueta_envelope::{BucketKeyConfig, Envelope};
use arqueta_keys::Embedded;
use arqueta_kms::Metered;
use arqueta_model::Clock;
use arqueta_store::{BlobStore, Damages, Headroom, MetaStore, RedbStore};
use tokio::task::JoinSet;

use crate::Error;
use crate::anchor;
use crate::backends::Backends;
use crate::banner::NewRoot;
use crate::config::Config;
use crate::console::Watched;
use crate::control::Desk;
use crate::dependents::DependentsDesk;
use crate::foundations::Foundations;
use crate::listen::seats::Seats;
use crate::live::{self, Live};
use crate::metadata;
use crate::metrics::{Metrics, Observed};
use crate::notifications;
use crate::readiness::{Probed, Readiness};
use crate::record::{Home, SealedRecord};
use crate::reviewer::Reviewer;
use crate::route::Router;
use crate::scrub;
use crate::trails;

pub use identities::identities;
use workers::{Followed, Ground, Workers};

/// A gateway with all its parts.
pub struct Gateway {
    /// What the S3 port serves.
    pub router: Router,
    /// What the administration port shows.
    pub metrics: Arc<Metrics>,
    /// Root credentials made just now, for the operator to see once.
    pub created: Vec<NewRoot>,
    /// What depends on keys, for the administration port.
    pub dependents: Arc<DependentsDesk>,
    /// Damaged records that were met, for the administration port.
    pub damages: Arc<Damages>,
    /// What works, for the administration port.
    pub readiness: Arc<Readiness>,
    /// Places for clients.
    pub seats: Arc<Seats>,
    /// What may change while it runs.
    pub live: Arc<Live>,
    desk: Desk,
    journaled: Option<Arc<RedbStore>>,
    room: Arc<Headroom>,
    engine: Arc<Engine>,
    kms: Embedded,
    workers: Workers,
    audit: Arc<dyn AuditSink>,
    record: Option<Arc<SealedRecord>>,
    clock: Arc<dyn Clock>,
    /// Whether bodies that the metadata does not name are removed.
    orphans: bool,
}

impl Gateway {
    /// Opens every part over `foundations`.
    ///
    /// # Errors
    /// [`Error::Open`] names the part; [`Error::Config`].
    pub async fn open(config: &Config, foundations: Foundations) -> Result<Self, Error> {
        let Foundations { meta, journaled, blobs, audit, record, outbox, clock } = foundations;
        let backends = Backends::new(&config.kms, &clock)?;
        let damages = Arc::new(Damages::named_by(name_of));
        let stored = meta.clone();
        let (kms, meta) =
            key_service::open(config, &backends, (meta, outbox.as_ref()), &damages, &audit, &clock).await?;
        let room = Arc::new(room(config)?);
        let probed = probed(config, (&meta, room.clone()), record.clone(), &backends, &clock);
        let readiness = Arc::new(Readiness::new(probed));
        let record = seal(config, (record, outbox), &kms, &meta, &clock).await?;
        // Before keys that the configuration asks for: an account that has keys is not made.
        let (iam, created) = identities::open(config, &meta, &clock, &kms).await?;
        key_service::ensure_keys(config, &kms, &*clock).await?;
        kms.join_identities(iam.principals()).await.map_err(Error::open("key service"))?;

        let metered = Arc::new(Metered::new(kms.clone()));
        let envelope = Arc::new(envelope(config, metered.clone(), &meta, &clock));
        let seats = Seats::new(live::bounds(config));
        let orphans = knows_bodies(config, &*meta, &*blobs).await?;
        let engine = Engine::open(meta.clone(), blobs, envelope.clone(), clock.clone(), engine_settings(config));
        let engine = engine.map_err(Error::open("engine"))?;
        let engine = Arc::new(engine.noting(damages.clone()).within(room.clone()));
        let scrub = Arc::new(scrub::open(config, meta.clone(), (&engine, &clock)));
        let followed = Followed::new(config);
        let reviewer = Reviewer::new(&meta, &clock, config);
        let watched =
            watched((&envelope, &metered, &engine), (&readiness, &seats, record.as_ref()), (&followed, reviewer));
        let metrics = Arc::new(Metrics::new(Observed {
            envelope,
            kms: metered,
            backends,
            seats: seats.clone(),
            folder: config.data_dir.clone(),
            engine: engine.clone(),
            room: room.clone(),
            damages: damages.clone(),
            lifecycle: followed.lifecycle.clone(),
            scrub: scrub.progress().clone(),
            notifications: followed.notifications.clone(),
            replication: followed.replication.clone(),
            clock: clock.clone(),
        }));
        let dependents = Arc::new(DependentsDesk::new(meta.clone(), clock.clone(), config.region.clone()));
        let standing = standing((&meta, &audit), &engine, (&kms, &clock));
        let trails = Arc::new(trails::open(config, standing).await?);

        let (meta, kms_calls) = (&meta, &watched.kms);
        let ground =
            Ground { meta, engine: &engine, iam: &iam, kms: kms_calls, audit: &audit, trails: &trails, clock: &clock };
        let workers = Workers::open(config, ground, scrub, followed).await?;
        let s3 = edges::s3(config, (&engine, &iam), (&audit, &trails), &clock);
        let history = record.as_ref().map(|record: &Arc<SealedRecord>| record.history().clone());
        let aws = edges::aws(config, (&kms, iam.clone()), (&audit, history), &trails, &clock);
        let live = Live::of(config, metrics.lost_lines())?;
        let router = edges::router(config, (s3, aws), &kms, watched, (&metrics, &live), &clock)?;
        let kept = (workers.scrub.clone(), workers.rekey.clone(), journaled.clone());
        Ok(Self {
            damages,
            desk: Desk::new((stored, iam, engine.clone()), (audit.clone(), clock.clone()), kept, config),
            journaled,
            room,
            router,
            metrics,
            created,
            dependents,
            readiness,
            seats,
            live,
            engine,
            kms,
            workers,
            audit,
            record,
            clock,
            orphans,
        })
    }

    /// Work that no request waits for, until `stop` resolves.
    pub async fn work(&self, stop: impl Future<Output = ()> + Send) {
        let mut tasks = JoinSet::new();
        self.workers.start(&mut tasks);
        tasks.spawn(self.kms.clone().run());
        tasks.spawn(self.kms.clone().run_regions());
        if let Some(record) = self.record.clone() {
            tasks.spawn(record.run());
        }
        tasks.spawn(watch_room(self.room.clone(), self.clock.clone()));
        // So that the first who looks sees every bucket, and one that was never counted is.
        let usage = self.engine.usage().clone();
        tasks.spawn(async move {
            // Whoever looks is told why it could not be counted.
            let _ = usage.all().await;
        });
        let engine = self.engine.clone();
        tasks.spawn(async move { engine.collector().run().await });
        let schedule = SweepSchedule { orphans: self.orphans, ..SweepSchedule::default() };
        self.engine.sweeper().run(schedule, stop).await;
        // What has not ended goes on after the next start.
        tasks.shutdown().await;
    }

    /// The use cases, for commands that work on a folder which no gateway has open.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What commands on this machine are answered from.
    pub(crate) fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// The record's chain, where there is one.
    #[must_use]
    pub fn record(&self) -> Option<&Arc<SealedRecord>> {
        self.record.as_ref()
    }

    /// Makes durable what is only in memory, the rest of the record and when keys were last used, and
    /// delivers the record.
    pub async fn flush(&self) {
        self.workers.trails.deliver_all().await;
        if let Err(error) = self.kms.flush().await {
            tracing::warn!(%error, "the last uses of keys could not be written back");
        }
        if let Err(error) = self.audit.flush().await {
            tracing::error!(%error, "the record could not be flushed");
        }
        if let Some(record) = &self.record {
            if let Err(error) = record.settle().await {
                tracing::error!(%error, "events of calls that were given up could not be recorded");
            }
            if let Err(error) = record.keep(None).await {
                tracing::error!(%error, "the end of the audit record could not be kept");
            }
            if let Err(error) = record.note().await {
                tracing::error!(%error, "the record could not note what the metadata knows of it");
            }
        }
        if let Some(store) = &self.journaled {
            metadata::last_checkpoint(store, &*self.clock).await;
        }
    }
}

/// Data keys by way of bucket keys, as the configuration bounds them.
fn envelope(
    config: &Config,
    kms: Arc<Metered<Embedded>>,
    meta: &Arc<dyn MetaStore>,
    clock: &Arc<dyn Clock>,
) -> Envelope {
    let window = BucketKeyConfig {
        window: config.window(),
        max_objects: config.bucket_key.max_objects,
        max_bytes: config.bucket_key.max_bytes,
    };
    let table = Arc::new(BucketKeyTable::new(meta.clone()));
    Envelope::new(kms, table, clock.clone(), config.region.clone(), window)
}

fn probed(
    config: &Config,
    (meta, room): (&Arc<dyn MetaStore>, Arc<Headroom>),
    record: Option<Arc<JsonLines>>,
    backends: &Backends,
    clock: &Arc<dyn Clock>,
) -> Probed {
    let (meta, backends, clock) = (meta.clone(), Arc::new(backends.clone()), clock.clone());
    Probed { meta, room, record, backends, folder: config.data_dir.clone(), clock }
}

/// The record, sealed from here on, if one is kept here.
async fn seal(
    config: &Config,
    (record, outbox): (Option<Arc<JsonLines>>, Option<Arc<Outbox>>),
    kms: &Embedded,
    meta: &Arc<dyn MetaStore>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<SealedRecord>>, Error> {
    let Some(lines) = record else { return Ok(None) };
    let home = Home {
        region: config.region.clone(),
        account: config.account_id.clone(),
        keep_days: (config.audit.keep_days > 0).then_some(config.audit.keep_days),
        accept_older_metadata: config.accept_older_metadata,
        clock: clock.clone(),
    };
    let sealed = SealedRecord::begin((lines, outbox), kms.record_sealer(), meta.clone(), home).await;
    Ok(Some(Arc::new(sealed.map_err(Error::open("audit record"))?)))
}

fn engine_settings(config: &Config) -> arqueta_engine::Config {
    arqueta_engine::Config {
        encrypt_by_default: config.objects.default_encryption,
        block_customer_keys: config.objects.block_sse_c,
        notices: notifications::notices(config),
        ..arqueta_engine::Config::new(config.region.clone())
    }
}

/// What the console tells of.
fn watched(
    (envelope, kms, engine): (&Arc<Envelope>, &Arc<Metered<Embedded>>, &Arc<Engine>),
    (readiness, seats, record): (&Arc<Readiness>, &Arc<Seats>, Option<&Arc<SealedRecord>>),
    (followed, reviewer): (&Followed, Reviewer),
) -> Watched {
    Watched {
        envelope: envelope.clone(),
        kms: kms.clone(),
        readiness: readiness.clone(),
        seats: seats.clone(),
        engine: engine.clone(),
        lifecycle: followed.lifecycle.clone(),
        notifications: followed.notifications.clone(),
        record: record.cloned(),
        reviewer,
    }
}

/// What trails stand on.
fn standing(
    (meta, audit): (&Arc<dyn MetaStore>, &Arc<dyn AuditSink>),
    engine: &Arc<Engine>,
    (kms, clock): (&Embedded, &Arc<dyn Clock>),
) -> trails::Standing {
    trails::Standing {
        meta: meta.clone(),
        audit: audit.clone(),
        engine: engine.clone(),
        kms: kms.clone(),
        clock: clock.clone(),
    }
}

/// The space under the data folder.
fn room(config: &Config) -> Result<Headroom, Error> {
    let failed = |source| Error::DataDir { path: config.data_dir.clone(), source };
    Headroom::open(&config.data_dir, config.storage.room()).map_err(failed)
}

/// Whether the bodies of the data folder are those of its metadata. Bodies elsewhere are.
async fn knows_bodies(config: &Config, meta: &dyn MetaStore, blobs: &dyn BlobStore) -> Result<bool, Error> {
    let folder = config.data_dir.join("blobs");
    if folder.is_dir() { anchor::holds(meta, blobs, &folder).await } else { Ok(true) }
}

/// Looks every second how much space is left.
async fn watch_room(room: Arc<Headroom>, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep(Duration::from_secs(1)).await;
        let look = room.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || look.look()).await {
            tracing::warn!(%error, "the space under the data folder cannot be told");
        }
    }
}
