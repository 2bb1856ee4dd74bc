//! What lies in buckets.

use std::fmt;
use std::sync::Arc;

use arqueta_engine::usage::UsageBook;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// Most buckets that have rows of their own: the largest. A gateway may have any number.
const NAMED: usize = 100;

/// A number of a bucket's usage.
type Of = fn(&arqueta_engine::usage::Usage) -> u64;

/// Usage as it is known right now.
#[derive(Debug)]
pub(super) struct Usage(pub(super) Arc<UsageBook>);

impl Collector for Usage {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut known = self.0.known();
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let total = |of: Of| whole(known.iter().fold(0, |sum: u64, bucket| sum.saturating_add(of(&bucket.usage))));
        for (name, help, value) in [
            ("stored_bytes", "Bytes of all versions in all buckets, as clients sent them", total(|usage| usage.bytes)),
            ("stored_objects", "Objects in all buckets", total(|usage| usage.objects)),
            ("stored_versions", "Versions in all buckets, delete markers included", total(|usage| usage.versions)),
            ("buckets", "Buckets", i64::try_from(known.len()).unwrap_or(i64::MAX)),
        ] {
            ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        known.sort_by(|a, b| b.usage.bytes.cmp(&a.usage.bytes).then_with(|| a.bucket.cmp(&b.bucket)));
        known.truncate(NAMED);
        let rows: [(&str, &str, Of); 2] = [
            ("bucket_bytes", "Bytes of all versions, of the 100 largest buckets", |usage| usage.bytes),
            ("bucket_objects", "Objects, of the same buckets", |usage| usage.objects),
        ];
        for (name, help, of) in rows {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for bucket in &known {
                let labels = [("bucket", bucket.bucket.as_str())];
                ConstGauge::new(whole(of(&bucket.usage))).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
