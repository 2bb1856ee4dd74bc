//! A gateway in this process, on a disk that can lose its power.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arqueta_audit::testing::Memory;
use arqueta_audit::{AuditSink, Journaled, JsonLines};
use arqueta_gateway::Config;
use arqueta_gateway::foundations::Foundations;
use arqueta_gateway::listen::seats::{Bounds, Seats};
use arqueta_gateway::listen::{Port, PortLimits};
use arqueta_gateway::route::Router;
use arqueta_gateway::wiring::Gateway;
use arqueta_model::{Clock, SystemClock, Timestamp};
use arqueta_store::power::Recorder;
use arqueta_store::{BlobStore, MetaStore, Scan};
use arqueta_tests::sdk;
use async_trait::async_trait;
use tokio::sync::watch;

/// Loops of a gateway that no request waits for: the sweeper, the key service's due work, deliveries of
/// trails, the watch over the space that is left, the collector of wrapped bucket keys, lifecycle, replication and
/// its walk over what was there before.
const BACKGROUND_LOOPS: usize = 8;

/// One port for all the gateways of a test, so that clients and their connections stay.
pub struct Front {
    /// Where clients go.
    pub url: String,
    router: Arc<Mutex<Option<Router>>>,
    /// Its end stops the port.
    _stop: watch::Sender<bool>,
}

impl Front {
    pub async fn start() -> Self {
        let port = Port::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}", port.address());
        let router = Arc::new(Mutex::new(None::<Router>));
        let shown = router.clone();
        let service = move |request, peer| {
            let router = shown.lock().unwrap().clone().expect("a gateway runs before its clients do");
            async move { router.answer(request, peer).await }
        };
        let long = Duration::from_secs(30);
        let limits = PortLimits { header: long, idle: long, unread: long, drain: Duration::from_secs(1) };
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(port.serve(None, Seats::new(Bounds::of(256)), limits, stopped, service));
        Self { url, router, _stop: stop }
    }
}

/// Clients of whoever is behind the front.
#[derive(Clone)]
pub struct Clients {
    pub s3: aws_sdk_s3::Client,
    pub kms: aws_sdk_kms::Client,
}

/// A running gateway and the disk under it.
pub struct Site {
    pub disk: Recorder,
    meta: Arc<dyn MetaStore>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<Resting>,
    gateway: Gateway,
}

impl Site {
    /// Starts a gateway on `disk` behind `front`. The root key lies in `data`: a real file, which
    /// is not what is tested here.
    ///
    /// # Errors
    /// Whatever keeps it from starting.
    pub async fn start(front: &Front, disk: Recorder, data: &Path) -> Result<Self, String> {
        let meta = disk.meta().map_err(|error| format!("metadata does not open: {error:?}"))?;
        Self::start_over(front, disk, Arc::new(meta), data, None).await
    }

    /// The same over metadata that was opened on `disk` already, with a `record` in real files if there
    /// is one.
    ///
    /// # Errors
    /// Whatever keeps it from starting.
    pub async fn start_over(
        front: &Front,
        disk: Recorder,
        meta: Arc<dyn MetaStore>,
        data: &Path,
        record: Option<Arc<JsonLines>>,
    ) -> Result<Self, String> {
        let blobs = disk.blobs().map_err(|error| format!("blobs do not open: {error:?}"))?;
        let blobs: Arc<dyn BlobStore> = Arc::new(blobs);
        let clock = Arc::new(Resting::default());
        let audit: Arc<dyn AuditSink> = match &record {
            Some(lines) => Arc::new(Journaled::new(lines.clone())),
            None => Arc::new(Memory::default()),
        };
        let outbox = record.is_some().then(Arc::default);
        let foundations = Foundations {
            meta: meta.clone(),
            journaled: None,
            blobs: blobs.clone(),
            audit,
            record,
            outbox,
            clock: clock.clone(),
        };
        let mut config = Config { data_dir: data.to_owned(), ..Config::default() };
        // The load writes in every mode.
        config.objects.block_sse_c = false;
        let gateway = Gateway::open(&config, foundations).await.map_err(|error| error.line())?;
        let site = Self { disk, meta, blobs, clock, gateway };
        site.serve(front);
        Ok(site)
    }

    /// Puts this gateway behind `front`, instead of another one.
    pub fn serve(&self, front: &Front) {
        *front.router.lock().unwrap() = Some(self.gateway.router.clone());
    }

    /// Clients with the root credentials that this start made, if it made some.
    pub fn clients(&self, front: &Front) -> Option<Clients> {
        let (id, secret) = self.root()?;
        Some(Clients { s3: sdk::s3_at(&front.url, &id, &secret), kms: sdk::kms_at(&front.url, &id, &secret) })
    }

    /// The root credentials that this start made, if it made some.
    pub fn root(&self) -> Option<(String, String)> {
        let created = &self.gateway.created.first()?.key;
        Some((created.access_key_id.clone(), created.secret.expose().to_owned()))
    }

    /// One round of what a gateway does in the background, as at every start.
    pub async fn sweep(&self) {
        let rested = self.clock.rests.load(Ordering::SeqCst) + BACKGROUND_LOOPS;
        let mut rests = self.clock.changed.subscribe();
        let swept = async move {
            // The clock lives as long as the gateway that is borrowed here.
            rests.wait_for(|rests| *rests >= rested).await.map(drop).expect("the clock is there");
        };
        self.gateway.work(swept).await;
    }

    /// Blobs and the metadata that names them agree: nothing named is missing, and what is there
    /// is named or waits to be removed.
    pub async fn check_blobs(&self) -> Result<(), String> {
        let (named, garbage) = (self.ids(b"x/").await, self.ids(b"g/").await);
        let blobs = self.blobs.list(None, 10_000).await.map_err(|error| format!("blobs cannot be listed: {error}"))?;
        let blobs: Vec<Vec<u8>> = blobs.into_iter().map(|blob| blob.id.as_bytes().to_vec()).collect();
        if let Some(missing) = named.iter().find(|id| !blobs.contains(id)) {
            return Err(format!("blob {missing:x?} is named and missing"));
        }
        if let Some(doubted) = named.iter().find(|id| garbage.contains(id)) {
            return Err(format!("blob {doubted:x?} is named and marked as garbage"));
        }
        match blobs.iter().find(|id| !named.contains(id) && !garbage.contains(id)) {
            Some(orphan) => Err(format!("blob {orphan:x?} is an orphan that the sweeper left")),
            None => Ok(()),
        }
    }

    /// Keys below each of these prefixes of the metadata, without it.
    pub async fn ids(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
        let page = self.meta.scan(Scan::prefix(prefix, 10_000)).await.unwrap();
        page.into_iter().map(|(key, _)| key[prefix.len()..].to_vec()).collect()
    }
}

/// The system's clock, whose sleepers never wake but are counted: a background loop that sleeps
/// has done its round.
#[derive(Debug, Default)]
struct Resting {
    rests: AtomicUsize,
    changed: watch::Sender<usize>,
}

#[async_trait]
impl Clock for Resting {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn sleep(&self, _for: Duration) {
        let rests = self.rests.fetch_add(1, Ordering::SeqCst) + 1;
        self.changed.send_replace(rests);
        std::future::pending().await
    }
}
