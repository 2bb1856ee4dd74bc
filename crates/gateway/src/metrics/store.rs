//! What is stored: what of it is damaged, wasted or kept back.

use std::fmt;
use std::sync::Arc;

use arqueta_engine::Engine;
use arqueta_store::{Damages, Headroom};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Space that is wasted or kept back.
#[derive(Debug)]
pub(super) struct StoreSpace(pub(super) Arc<Engine>, pub(super) Arc<Headroom>);

impl Collector for StoreSpace {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(engine, room) = self;
        let keys = engine.collector().collected();
        let reserve = if room.has_reserve() { room.limits().reserve } else { 0 };
        for (name, help, value) in [
            (
                "storage_dead_bytes",
                "Stored bodies that no record names, as of the last sweep",
                engine.sweeper().dead_bytes(),
            ),
            ("bucket_keys_kept", "Wrapped bucket keys that the last collection kept", keys.kept),
            ("storage_reserve_bytes", "Space reserved for deletes on a full disk; 0 once given up", reserve),
            ("storage_low_water_bytes", "Free space below which new bodies are refused", room.limits().low_water),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(metric)?;
        }
        let help = "Wrapped bucket keys removed because nothing needs them any more";
        let metric = encoder.encode_descriptor("bucket_keys_collected", help, None, MetricType::Counter)?;
        ConstCounter::new(keys.removed).encode(metric)
    }
}

/// Metadata records that are not what was written.
#[derive(Debug)]
pub(super) struct DamagedRecords(pub(super) Arc<Damages>);

impl Collector for DamagedRecords {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Damaged metadata records met since the start and not replaced yet, 1000 at most";
        let known = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        let metric = encoder.encode_descriptor("damaged_records", help, None, MetricType::Gauge)?;
        ConstGauge::new(known).encode(metric)?;
        let help = "Reads that met a damaged metadata record";
        let metric = encoder.encode_descriptor("damaged_record_reads", help, None, MetricType::Counter)?;
        ConstCounter::new(self.0.met()).encode(metric)
    }
}
