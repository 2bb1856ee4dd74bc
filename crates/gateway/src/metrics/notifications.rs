//! What targets of notifications were told, and what waits for them.

use std::fmt;
use std::sync::Arc;

use arqueta_model::Clock;
use arqueta_notify::Progress;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The courier's counters.
#[derive(Debug)]
pub(super) struct Notifications(pub(super) Arc<Progress>, pub(super) Arc<dyn Clock>);

impl Collector for Notifications {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(progress, clock) = self;
        let help = "Events that a target took";
        let mut sent = encoder.encode_descriptor("notifications_sent", help, None, MetricType::Counter)?;
        for (name, counts) in progress.targets() {
            ConstCounter::new(counts.sent()).encode(sent.encode_family(&[("target", name)])?)?;
        }
        let help = "Attempts that failed and are made again";
        let mut failures = encoder.encode_descriptor("notifications_failures", help, None, MetricType::Counter)?;
        for (name, counts) in progress.targets() {
            ConstCounter::new(counts.failures()).encode(failures.encode_family(&[("target", name)])?)?;
        }
        let help = "Events in the outbox";
        let mut waiting = encoder.encode_descriptor("notifications_waiting", help, None, MetricType::Gauge)?;
        for (name, counts) in progress.targets() {
            let count = i64::try_from(counts.waiting()).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(waiting.encode_family(&[("target", name)])?)?;
        }
        let help = "Events in the outbox for targets that the configuration does not name";
        let unnamed = i64::try_from(progress.unnamed()).unwrap_or(i64::MAX);
        let family = encoder.encode_descriptor("notifications_unnamed", help, None, MetricType::Gauge)?;
        ConstGauge::new(unnamed).encode(family)?;
        let help = "Age of the oldest event in the outbox, in seconds; 0 if none waits";
        let mut age = encoder.encode_descriptor("notifications_age_seconds", help, None, MetricType::Gauge)?;
        for (name, counts) in progress.targets() {
            let seconds = counts.oldest().map_or(0.0, |oldest| clock.now().since(oldest).as_secs_f64());
            ConstGauge::new(seconds).encode(age.encode_family(&[("target", name)])?)?;
        }
        Ok(())
    }
}
