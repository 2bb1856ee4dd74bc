//! Connections and disk space.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::disk::Space;
use crate::listen::seats::Seats;

/// Places on the S3 port.
#[derive(Debug)]
pub(super) struct Connections(pub(super) Arc<Seats>);

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let seen = self.0.occupancy();
        for (name, help, value) in [
            ("connections_open", "Connections of clients", seen.open),
            ("connections_idle", "Those of them without a request under way", seen.idle),
            ("connections_undecided", "Those with nothing but requests of whom nobody knows yet", seen.undecided),
            ("connections_limit", "Most connections at once", seen.limit),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(metric)?;
        }
        for (name, help, value) in [
            (
                "connections_refused",
                "Connections and requests refused because their address had its share",
                seen.refused,
            ),
            (
                "connections_displaced",
                "Idle and undecided connections that ended to make room for others",
                seen.displaced,
            ),
            ("connections_waited", "Connections that had to wait because all were busy", seen.waited),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)?;
        }
        Ok(())
    }
}

/// The file system under the data folder.
#[derive(Debug)]
pub(super) struct Disk(pub(super) PathBuf);

impl Collector for Disk {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Ok(space) = Space::of(&self.0) else { return Ok(()) };
        let files = ["meta.redb", "meta.journal"].map(|name| allocated(&self.0.join(name)).unwrap_or(0));
        for (name, help, value) in [
            ("metadata_bytes", "Space on the disk of the metadata and its journal", files.iter().sum()),
            ("disk_free_bytes", "Free space of the file system under the data folder", space.free),
            ("disk_total_bytes", "Size of the file system under the data folder", space.total),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(metric)?;
        }
        Ok(())
    }
}

/// What a file, or the files of a folder, take of the disk.
fn allocated(path: &Path) -> io::Result<u64> {
    let found = std::fs::metadata(path)?;
    if !found.is_dir() {
        // st_blocks counts in units of 512 bytes, whatever the file system's are (stat(2)).
        return Ok(found.blocks() * 512);
    }
    std::fs::read_dir(path)?.map(|entry| Ok(entry?.metadata()?.blocks() * 512)).sum()
}

/// Lines of the request log that could not be written.
#[derive(Debug)]
pub(super) struct LostLines(pub(super) Arc<AtomicU64>);

impl Collector for LostLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Lines of the request log that could not be written";
        let metric = encoder.encode_descriptor("request_log_lost_lines", help, None, MetricType::Counter)?;
        ConstCounter::new(self.0.load(Ordering::Relaxed)).encode(metric)
    }
}
