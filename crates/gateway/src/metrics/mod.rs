//! What the gateway counts, in Prometheus text.

mod lifecycle;
mod notifications;
mod place;
mod process;
mod replication;
mod scrub;
mod store;
mod usage;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arqueta_engine::Engine;
use arqueta_envelope::{Direction, Envelope};
use arqueta_keys::Embedded;
use arqueta_kms::Metered;
use arqueta_model::Clock;
use arqueta_store::{Damages, Headroom};
use arqueta_work::Progress;
use http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::backends::Backends;
use crate::listen::seats::Seats;
use lifecycle::Lifecycle;
use notifications::Notifications;
use place::{Connections, Disk, LostLines};
use process::Process;
use replication::Replication;
use scrub::Scrub;
use store::{DamagedRecords, StoreSpace};
use usage::Usage;

/// The registries, and what this crate counts itself.
pub struct Metrics {
    /// `arqueta_*`
    own: Registry,
    /// What every process has, by its usual names.
    usual: Registry,
    requests: Family<RequestLabels, Counter>,
    operations: Family<OperationLabels, Histogram>,
    apis: [OfApi; 4],
    lost_lines: Arc<AtomicU64>,
}

/// What is counted for each edge, looked up once.
struct OfApi {
    seconds: Histogram,
    under_way: Gauge,
    received: Counter,
    sent: Counter,
}

/// What is looked at when somebody asks.
pub struct Observed {
    /// Bucket keys.
    pub envelope: Arc<Envelope>,
    /// Calls to the key service.
    pub kms: Arc<Metered<Embedded>>,
    /// Calls to external ones.
    pub backends: Backends,
    /// Connections.
    pub seats: Arc<Seats>,
    /// The data folder.
    pub folder: PathBuf,
    /// What is stored.
    pub engine: Arc<Engine>,
    /// Space that is kept back.
    pub room: Arc<Headroom>,
    /// Damaged records.
    pub damages: Arc<Damages>,
    /// What scrubs do.
    pub scrub: Arc<arqueta_work::scrub::Progress>,
    /// What lifecycle does.
    pub lifecycle: Arc<Progress>,
    /// What targets of notifications are told.
    pub notifications: Arc<arqueta_notify::Progress>,
    /// What destinations of replication took.
    pub replication: Arc<arqueta_replicate::Progress>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Which edge answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// S3.
    S3,
    /// KMS, IAM, STS, CloudTrail.
    Aws,
    /// Other Regions.
    Regions,
    /// Pages of the console; the calls that they make are no requests of their own.
    Console,
}

impl Api {
    /// In their order.
    const ALL: [Self; 4] = [Self::S3, Self::Aws, Self::Regions, Self::Console];

    /// As labels and logs have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Aws => "aws",
            Self::Regions => "regions",
            Self::Console => "console",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    api: &'static str,
    operation: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    api: &'static str,
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabel {
    api: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

impl Metrics {
    /// Counts requests, and shows what is `observed`.
    #[must_use]
    pub fn new(observed: Observed) -> Self {
        let Observed { envelope, kms, backends, seats, folder, engine, room, damages, .. } = observed;
        let scrub = observed.scrub;
        let replication =
            Replication { progress: observed.replication, engine: engine.clone(), clock: observed.clock.clone() };
        let (lifecycle, notifications) = (observed.lifecycle, Notifications(observed.notifications, observed.clock));
        let mut metrics = Self::of_requests();
        metrics.own.register_collector(Box::new(BucketKeys(envelope)));
        metrics.own.register_collector(Box::new(backends));
        metrics.own.register_collector(Box::new(KeyService(kms)));
        metrics.own.register_collector(Box::new(Connections(seats)));
        metrics.own.register_collector(Box::new(Disk(folder)));
        metrics.own.register_collector(Box::new(Usage(engine.usage().clone())));
        metrics.own.register_collector(Box::new(StoreSpace(engine, room)));
        metrics.own.register_collector(Box::new(DamagedRecords(damages)));
        metrics.own.register_collector(Box::new(Lifecycle(lifecycle)));
        metrics.own.register_collector(Box::new(Scrub(scrub)));
        metrics.own.register_collector(Box::new(notifications));
        metrics.own.register_collector(Box::new(replication));
        metrics.usual.register_collector(Box::new(Process));
        metrics
    }

    /// Counts requests, and shows nothing else.
    fn of_requests() -> Self {
        let mut own = Registry::with_prefix("arqueta");
        let build = Family::<BuildLabels, Gauge>::default();
        build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
        own.register("build_info", "Version of Arqueta; always 1", build);
        let requests = Family::default();
        own.register("http_requests", "Requests answered, by edge, operation and status", requests.clone());
        let seconds = Family::<ApiLabel, Histogram>::new_with_constructor(latency as fn() -> Histogram);
        own.register("http_answer_seconds", "Time from a request's head to its answer's head", seconds.clone());
        let operations = Family::<_, Histogram>::new_with_constructor(coarse as fn() -> Histogram);
        let help = "Time from a request's head to its answer's head, by operation";
        own.register("http_operation_seconds", help, operations.clone());
        let under_way = Family::<ApiLabel, Gauge>::default();
        own.register("http_requests_in_flight", "Requests whose answers are not out yet", under_way.clone());
        let received = Family::<ApiLabel, Counter>::default();
        own.register("http_received_bytes", "Bytes of request bodies", received.clone());
        let sent = Family::<ApiLabel, Counter>::default();
        own.register("http_sent_bytes", "Bytes of answer bodies", sent.clone());
        let apis = Api::ALL.map(|api| {
            let label = ApiLabel { api: api.name() };
            OfApi {
                seconds: seconds.get_or_create_owned(&label),
                under_way: under_way.get_or_create_owned(&label),
                received: received.get_or_create_owned(&label),
                sent: sent.get_or_create_owned(&label),
            }
        });
        let lost_lines = Arc::default();
        own.register_collector(Box::new(LostLines(Arc::clone(&lost_lines))));
        Self { own, usual: Registry::default(), requests, operations, apis, lost_lines }
    }

    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        Self::of_requests()
    }

    /// A request has come.
    pub fn begun(&self, api: Api) {
        self.apis[api as usize].under_way.inc();
    }

    /// Its answer's head is there.
    pub fn answered(&self, api: Api, operation: Option<&'static str>, status: StatusCode, after: Duration) {
        let operation = operation.unwrap_or("unknown");
        let labels = RequestLabels { api: api.name(), operation, status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        let labels = OperationLabels { api: api.name(), operation };
        self.operations.get_or_create(&labels).observe(after.as_secs_f64());
        self.apis[api as usize].seconds.observe(after.as_secs_f64());
    }

    /// Its answer is out, or was given up.
    pub fn ended(&self, api: Api, received: u64, sent: u64) {
        let of = &self.apis[api as usize];
        of.under_way.dec();
        of.received.inc_by(received);
        of.sent.inc_by(sent);
    }

    /// Counts lines of the request log that could not be written.
    #[must_use]
    pub fn lost_lines(&self) -> &Arc<AtomicU64> {
        &self.lost_lines
    }

    /// All of it, as text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        let own = encode_registry(&mut text, &self.own);
        let all = own.and_then(|()| encode_registry(&mut text, &self.usual)).and_then(|()| encode_eof(&mut text));
        if all.is_err() {
            // Writing into a string fails only if a collector does.
            tracing::error!("metrics cannot be encoded");
        }
        text
    }
}

/// 100 µs to about 26 s.
fn latency() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 19))
}

/// 500 µs to 30 s. One such for each operation that was called: few buckets.
fn coarse() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}

/// Calls to the key service, by operation and outcome.
struct KeyService(Arc<Metered<Embedded>>);

impl fmt::Debug for KeyService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyService")
    }
}

impl Collector for KeyService {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.0.snapshot();
        for (name, help, service_owned) in [
            ("kms_requests", "Calls to the key service on behalf of users, by operation and outcome", false),
            ("kms_service_requests", "Calls under the service-owned key behind SSE-S3", true),
        ] {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for row in counts.iter().filter(|row| row.service_owned == service_owned) {
                let labels = [("operation", row.operation.name()), ("outcome", row.outcome.name())];
                ConstCounter::new(row.calls).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// What bucket keys saved.
struct BucketKeys(Arc<Envelope>);

impl fmt::Debug for BucketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BucketKeys")
    }
}

impl Collector for BucketKeys {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let rows = self.0.counters().snapshot();
        type Reading = fn(&arqueta_envelope::CountersOf) -> u64;
        let metrics: [(&str, &str, Reading); 3] = [
            ("bucket_key_hits", "Uses of a live bucket key that needed no key-service call", |row| row.hits),
            ("bucket_key_misses", "Uses that had to ask the key service", |row| row.misses),
            (
                "bucket_key_calls_saved",
                "Key-service calls that bucket keys saved",
                arqueta_envelope::CountersOf::calls_saved,
            ),
        ];
        for (name, help, reading) in metrics {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for row in &rows {
                let direction = match row.direction {
                    Direction::Write => "write",
                    Direction::Read => "read",
                };
                let labels = [("bucket", row.bucket.as_str()), ("key", row.key.as_str()), ("direction", direction)];
                ConstCounter::new(reading(row)).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
