//! What lifecycle does.

use std::fmt;
use std::sync::Arc;

use arqueta_work::Progress;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The worker's counters.
#[derive(Debug)]
pub(super) struct Lifecycle(pub(super) Arc<Progress>);

impl Collector for Lifecycle {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(progress) = self;
        for (name, help, value) in [
            ("lifecycle_records_seen", "Records that lifecycle looked at", progress.seen()),
            ("lifecycle_rounds", "Rounds over all buckets with rules that were finished", progress.rounds()),
            ("lifecycle_failures", "Rounds that ended early and are tried again", progress.failures()),
        ] {
            ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let left = i64::try_from(progress.buckets_left()).unwrap_or(i64::MAX);
        for (name, help, value) in [
            ("lifecycle_buckets_left", "Buckets that the round under way has not finished", left),
            (
                "lifecycle_last_round_timestamp_seconds",
                "When a round was last finished; 0 before the first",
                progress.last_finished(),
            ),
        ] {
            ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let help = "What lifecycle removed, by what it was";
        let mut removed = encoder.encode_descriptor("lifecycle_removed", help, None, MetricType::Counter)?;
        for (what, count) in progress.removed() {
            ConstCounter::new(count).encode(removed.encode_family(&[("what", what)])?)?;
        }
        Ok(())
    }
}
