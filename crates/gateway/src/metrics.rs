//! What the gateway counts, in Prometheus text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arqueta_envelope::{Direction, Envelope};
use arqueta_kms::{Embedded, Metered};
use http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::backends::Backends;

/// The registry, and the counters that this crate moves itself.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<ApiLabel, Histogram>,
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
}

impl Api {
    const fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Aws => "aws",
            Self::Regions => "regions",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    api: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabel {
    api: &'static str,
}

impl Metrics {
    /// Counts what `envelope`, `kms` and its backends do beside the requests.
    #[must_use]
    pub fn new(envelope: Arc<Envelope>, kms: Arc<Metered<Embedded>>, backends: Backends) -> Self {
        let mut registry = Registry::with_prefix("arqueta");
        let requests = Family::default();
        registry.register("http_requests", "Requests answered, by edge and status", requests.clone());
        let seconds = Family::new_with_constructor(latency as fn() -> Histogram);
        registry.register("http_answer_seconds", "Time from a request's head to its answer's head", seconds.clone());
        registry.register_collector(Box::new(BucketKeys(envelope)));
        registry.register_collector(Box::new(backends));
        registry.register_collector(Box::new(KeyService(kms)));
        registry.register_collector(Box::new(Process));
        Self { registry, requests, seconds }
    }

    /// Counts nothing but requests.
    #[cfg(test)]
    pub(crate) fn empty() -> Self {
        let seconds = Family::new_with_constructor(latency as fn() -> Histogram);
        Self { registry: Registry::default(), requests: Family::default(), seconds }
    }

    /// One request was answered.
    pub fn answered(&self, api: Api, status: StatusCode, after: Duration) {
        let labels = RequestLabels { api: api.name(), status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&ApiLabel { api: api.name() }).observe(after.as_secs_f64());
    }

    /// All of it, as text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &self.registry).is_err() {
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

/// CPU and memory of this process, from the kernel.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // /proc/self/statm: size and resident set in pages of 4 KiB (Linux).
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        if let Some(pages) = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<i64>().ok()) {
            let page = i64::try_from(rustix::param::page_size()).unwrap_or(4096);
            let resident = ConstGauge::new(pages * page);
            let metric = encoder.encode_descriptor(
                "process_resident_memory_bytes",
                "Resident memory",
                None,
                MetricType::Gauge,
            )?;
            resident.encode(metric)?;
        }
        Ok(())
    }
}
