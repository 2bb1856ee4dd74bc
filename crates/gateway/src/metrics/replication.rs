//! What destinations of replication took, and what waits for them.

use std::fmt;
use std::sync::Arc;

use arqueta_engine::Engine;
use arqueta_model::Clock;
use arqueta_replicate::Progress;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The worker's counters, and the outbox's.
#[derive(Debug)]
pub(super) struct Replication {
    pub(super) progress: Arc<Progress>,
    pub(super) engine: Arc<Engine>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Replication {
    fn done(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let destinations = self.progress.destinations();
        let help = "Versions, delete markers and changes that a destination took";
        let mut taken = encoder.encode_descriptor("replication_replicated", help, None, MetricType::Counter)?;
        for (name, counts) in &destinations {
            ConstCounter::new(counts.taken().0).encode(taken.encode_family(&[("destination", &**name)])?)?;
        }
        let help = "Bytes of content that a destination took";
        let mut bytes = encoder.encode_descriptor("replication_replicated_bytes", help, None, MetricType::Counter)?;
        for (name, counts) in &destinations {
            ConstCounter::new(counts.taken().1).encode(bytes.encode_family(&[("destination", &**name)])?)?;
        }
        let help = "Attempts that failed and are made again";
        let mut again = encoder.encode_descriptor("replication_put_off", help, None, MetricType::Counter)?;
        for (name, counts) in &destinations {
            let count = ConstCounter::new(counts.attempts_put_off());
            count.encode(again.encode_family(&[("destination", &**name)])?)?;
        }
        let help = "What a destination did not take, by reason";
        let mut failed = encoder.encode_descriptor("replication_failed", help, None, MetricType::Counter)?;
        for (name, counts) in &destinations {
            for (reason, count) in counts.denied() {
                let labels = [("destination", &**name), ("reason", &*reason)];
                ConstCounter::new(count).encode(failed.encode_family(&labels)?)?;
            }
        }
        let help = "Age of the oldest that waits, in seconds; 0 if nothing waits";
        let mut age = encoder.encode_descriptor("replication_age_seconds", help, None, MetricType::Gauge)?;
        for (name, counts) in &destinations {
            let seconds = counts.oldest().map_or(0.0, |oldest| self.clock.now().since(oldest).as_secs_f64());
            ConstGauge::new(seconds).encode(age.encode_family(&[("destination", &**name)])?)?;
        }
        Ok(())
    }
}

impl Collector for Replication {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.done(&mut encoder)?;
        let loads = self.engine.replication().outgoing().loads();
        let gauge = |count: u64| ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
        let help = "Versions, delete markers and changes that wait";
        let mut waiting = encoder.encode_descriptor("replication_waiting", help, None, MetricType::Gauge)?;
        for (name, load) in &loads {
            gauge(load.rows).encode(waiting.encode_family(&[("destination", &**name)])?)?;
        }
        let help = "Bytes of content that wait";
        let mut bytes = encoder.encode_descriptor("replication_waiting_bytes", help, None, MetricType::Gauge)?;
        for (name, load) in &loads {
            gauge(load.bytes).encode(bytes.encode_family(&[("destination", &**name)])?)?;
        }
        Ok(())
    }
}
