//! What scrubs read and found.

use std::fmt;
use std::sync::Arc;

use arqueta_work::scrub::Progress;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The worker's counters.
#[derive(Debug)]
pub(super) struct Scrub(pub(super) Arc<Progress>);

impl Collector for Scrub {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(progress) = self;
        for (name, help, value) in [
            ("scrub_records", "Records that scrubs read", progress.records()),
            ("scrub_bodies", "Bodies that scrubs read to their ends", progress.bodies()),
            ("scrub_read_bytes", "Bytes of bodies that scrubs read", progress.bytes()),
            (
                "scrub_unopened",
                "Versions of which scrubs saw the outside only: their key did not open",
                progress.unopened(),
            ),
            ("scrub_failures", "Steps of scrubs that failed and are tried again", progress.failures()),
        ] {
            ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let found = i64::try_from(progress.found()).unwrap_or(i64::MAX);
        for (name, help, value) in [
            ("scrub_running", "Whether a scrub is under way", i64::from(progress.is_running())),
            ("scrub_findings", "What the last scrub found, or the one under way so far", found),
            (
                "scrub_last_finished_timestamp_seconds",
                "When a scrub last read everything; 0 before the first",
                progress.last_finished(),
            ),
        ] {
            ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}
