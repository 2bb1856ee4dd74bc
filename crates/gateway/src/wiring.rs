//! Configuration to a working gateway: every part is opened here, in order, and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{AuditSink, History, JsonLines, Outbox, Told};
use arqueta_aws::{AwsEdge, Services};
use arqueta_engine::{BucketKeyTable, Engine, SweepSchedule, name_of};
use arqueta_envelope::{BucketKeyConfig, Envelope};
use arqueta_iam::Iam;
use arqueta_keys::api::CreateKeyRequest;
use arqueta_keys::{Authenticated, Embedded};
use arqueta_kms::{Adopted, Caller, Identity, KeyHolder, Metered};
use arqueta_model::{Clock, Principal, RequestInfo};
use arqueta_notify::Courier;
use arqueta_s3::{EdgeConfig, Recorder, S3Edge};
use arqueta_store::{BlobStore, Damages, Headroom, MetaStore, RedbStore};
use arqueta_trail::Trails;
use arqueta_work::{Lifecycle, Progress};

use crate::Error;
use crate::accounts;
use crate::anchor;
use crate::backends::Backends;
use crate::banner::NewRoot;
use crate::clusters;
use crate::config::{Config, Only};
use crate::control::Desk;
use crate::credentials::{self, KeyServiceSealer};
use crate::dependents::DependentsDesk;
use crate::foundations::Foundations;
use crate::issuers::HttpsIssuers;
use crate::lifecycle;
use crate::listen::seats::Seats;
use crate::live::{self, Live};
use crate::metadata;
use crate::metrics::{Metrics, Observed};
use crate::notifications;
use crate::readiness::{Probed, Readiness};
use crate::record::{Home, SealedRecord};
use crate::regions::{self, RegionEdge};
use crate::root;
use crate::route::Router;
use crate::strays::Strays;
use crate::trails;

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
    lifecycle: Arc<Lifecycle>,
    courier: Arc<Courier>,
    trails: Arc<Trails>,
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
        let (kms, meta) = Self::open_kms(config, &backends, (meta, outbox.as_ref()), &damages, &audit, &clock).await?;
        let readiness = Arc::new(Readiness::new(probed(config, &meta, record.clone(), &backends, &clock)));
        let record = seal(config, (record, outbox), &kms, &meta, &clock).await?;
        // Before keys that the configuration asks for: an account that has keys is not made.
        let (iam, created) = open_iam(config, &meta, &clock, &kms).await?;
        ensure_keys(config, &kms, &*clock).await?;
        kms.join_identities(iam.principals()).await.map_err(Error::open("key service"))?;

        let metered = Arc::new(Metered::new(kms.clone()));
        let envelope = Arc::new(envelope(config, metered.clone(), &meta, &clock));
        let seats = Seats::new(live::bounds(config));
        let orphans = knows_bodies(config, &*meta, &*blobs).await?;
        let engine = Engine::open(meta.clone(), blobs, envelope.clone(), clock.clone(), engine_settings(config));
        let room = Arc::new(room(config)?);
        let engine = engine.map_err(Error::open("engine"))?;
        let engine = Arc::new(engine.noting(damages.clone()).within(room.clone()));
        let progress = Arc::new(Progress::default());
        let notified = notifications::progress(&config.notifications);
        let metrics = Arc::new(Metrics::new(Observed {
            envelope,
            kms: metered,
            backends,
            seats: seats.clone(),
            folder: config.data_dir.clone(),
            engine: engine.clone(),
            room: room.clone(),
            damages: damages.clone(),
            lifecycle: progress.clone(),
            notifications: notified.clone(),
            clock: clock.clone(),
        }));
        let dependents = Arc::new(DependentsDesk::new(meta.clone(), clock.clone(), config.region.clone()));
        let standing = standing((&meta, &audit), &engine, (&kms, &clock));
        let trails = Arc::new(trails::open(config, standing).await?);

        let courier = notifications::open(config, &meta, (&engine, &clock), &notified)?;
        let lifecycle = lifecycle::open(config, meta, (&engine, &audit, &trails, &clock), progress);
        let s3 = s3(config, (&engine, &iam), (&audit, &trails), &clock);
        let history = record.as_ref().map(|record: &Arc<SealedRecord>| record.history().clone());
        let aws = aws(config, (&kms, iam.clone()), (&audit, history), &trails, &clock);
        let regions = (!config.regions.is_empty()).then(|| RegionEdge::new(kms.clone()));
        let live = Live::of(config, metrics.lost_lines())?;
        let router = Router {
            s3,
            aws,
            regions,
            metrics: metrics.clone(),
            seats: seats.clone(),
            live: live.clone(),
            clock: clock.clone(),
            strays: Arc::new(Strays::beside(&config.domains)),
        };
        Ok(Self {
            damages,
            desk: Desk::new((stored, iam), (audit.clone(), clock.clone()), config),
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
            lifecycle: Arc::new(lifecycle),
            courier: Arc::new(courier),
            trails,
            audit,
            record,
            clock,
            orphans,
        })
    }

    /// The key service, and the metadata that its root key makes authentic, whose commits carry the
    /// events that tell them where there is an outbox for those.
    async fn open_kms(
        config: &Config,
        backends: &Backends,
        (meta, outbox): (Arc<dyn MetaStore>, Option<&Arc<Outbox>>),
        damages: &Arc<Damages>,
        audit: &Arc<dyn AuditSink>,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Embedded, Arc<dyn MetaStore>), Error> {
        let failed = || Error::open("key service");
        let clusters = clusters::open(&config.kms, clock).await?;
        let protector = root::protector(config, &clusters, &backends.holders)?;
        let authenticated = arqueta_keys::authenticate(meta, &*protector, damages.clone()).await;
        let Authenticated { meta, root } = authenticated.map_err(failed())?;
        let meta: Arc<dyn MetaStore> = match outbox {
            Some(outbox) => Arc::new(Told::new(meta, outbox.clone())),
            None => meta,
        };
        let mut holders = backends.holders.clone();
        holders.extend(clusters.iter().map(|(id, cluster)| (id.clone(), cluster.clone() as Arc<dyn KeyHolder>)));
        let settings = arqueta_keys::Config {
            clusters,
            quotas: config.quotas()?,
            holders,
            home: config.kms.home().map(str::to_owned),
            ..arqueta_keys::Config::new(config.account_id.clone(), config.region.clone(), root)
        };
        let kms = Embedded::open(meta.clone(), audit.clone(), clock.clone(), settings).await;
        let kms = kms.map_err(failed())?;
        kms.join_regions(regions::open(config)?);
        Ok((kms, meta))
    }

    /// Work that no request waits for, until `stop` resolves.
    pub async fn work(&self, stop: impl Future<Output = ()> + Send) {
        let keys = tokio::spawn(self.kms.clone().run());
        let regions = tokio::spawn(self.kms.clone().run_regions());
        let trails = self.trails.clone();
        let trails = tokio::spawn(async move { trails.run().await });
        let record = self.record.clone().map(|record| tokio::spawn(record.run()));
        let lifecycle = self.lifecycle.clone();
        let lifecycle = tokio::spawn(async move { lifecycle.run().await });
        let courier = self.courier.clone();
        let courier = tokio::spawn(async move { courier.run().await });
        let room = tokio::spawn(watch_room(self.room.clone(), self.clock.clone()));
        let engine = self.engine.clone();
        let collector = tokio::spawn(async move { engine.collector().run().await });
        let schedule = SweepSchedule { orphans: self.orphans, ..SweepSchedule::default() };
        self.engine.sweeper().run(schedule, stop).await;
        collector.abort();
        room.abort();
        lifecycle.abort();
        courier.abort();
        keys.abort();
        regions.abort();
        trails.abort();
        if let Some(record) = record {
            record.abort();
        }
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
        self.trails.deliver_all().await;
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
    meta: &Arc<dyn MetaStore>,
    record: Option<Arc<JsonLines>>,
    backends: &Backends,
    clock: &Arc<dyn Clock>,
) -> Probed {
    let (meta, backends, clock) = (meta.clone(), Arc::new(backends.clone()), clock.clone());
    Probed { meta, record, backends, folder: config.data_dir.clone(), clock }
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
        notices: notifications::notices(config),
        ..arqueta_engine::Config::new(config.region.clone())
    }
}

fn edge(config: &Config) -> EdgeConfig {
    EdgeConfig {
        domains: config.domains.clone(),
        body_idle: Duration::from_secs(config.limits.body_idle_seconds),
        block_public_access: config.objects.block_public_access,
        signature_v2: config.objects.signature_v2,
        any_region: config.objects.any_region,
        lifecycle_day: config.lifecycle.day(),
        ..EdgeConfig::new(config.region.clone())
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

/// The edge of S3, where S3 is served.
fn s3(
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
fn aws(
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

/// The keys that the configuration asks for.
async fn ensure_keys(config: &Config, kms: &Embedded, clock: &dyn Clock) -> Result<(), Error> {
    let operator = operator(config, clock);
    for id in &config.kms.ensure_keys {
        let made = kms.provision_key(&operator, id, CreateKeyRequest::default()).await;
        made.map_err(Error::open("key service"))?;
    }
    for key in &config.kms.keys {
        let at = Adopted { holder: &key.backend, name: &key.remote };
        let made = kms.provision_held_key(&operator, &key.id, at, CreateKeyRequest::default()).await;
        made.map_err(Error::open("key service"))?;
    }
    Ok(())
}

/// The identities of a data folder on which no gateway runs. Creates nothing.
///
/// # Errors
/// [`Error::Open`] names the part.
pub async fn identities(config: &Config, foundations: &Foundations) -> Result<Iam, Error> {
    let Foundations { meta, audit, clock, .. } = foundations;
    let backends = Backends::new(&config.kms, clock)?;
    let damages = Arc::new(Damages::named_by(name_of));
    let (kms, meta) = Gateway::open_kms(config, &backends, (meta.clone(), None), &damages, audit, clock).await?;
    let sealer = Arc::new(KeyServiceSealer(kms));
    Iam::attach(meta, clock.clone(), sealer).await.map_err(Error::open("identities"))
}

/// Identities, and the root keys of accounts that are new.
async fn open_iam(
    config: &Config,
    meta: &Arc<dyn MetaStore>,
    clock: &Arc<dyn Clock>,
    kms: &Embedded,
) -> Result<(Arc<Iam>, Vec<NewRoot>), Error> {
    let failed = || Error::open("identities");
    let settings = arqueta_iam::Config { account: config.account_id.clone(), root: credentials::from_environment()? };
    let sealer = Arc::new(KeyServiceSealer(kms.clone()));
    let is_configured = settings.root.is_some();
    let iam = Iam::connect(meta.clone(), clock.clone(), sealer, settings).await.map_err(failed())?;
    let iam = iam.with_issuers(Arc::new(HttpsIssuers::new(clock.clone())?));
    let created = accounts::establish(config, &iam, &**meta, is_configured).await?;
    Ok((Arc::new(iam), created))
}

/// Who creates the keys that the configuration asks for: the account's root, from this machine.
fn operator(config: &Config, clock: &dyn Clock) -> Caller {
    let request = RequestInfo::internal(config.listen.ip(), "arqueta serve", clock.now());
    Caller::new(Arc::new(Identity::bare(Principal::root(&config.account_id, ""))), Arc::new(request))
}
