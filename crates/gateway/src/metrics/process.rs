//! The process, as Prometheus names its figures by convention, from the kernel.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// CPU, memory, files, threads and start of this process (Linux; absent where the kernel does not
/// tell). Its open files are counted only where it runs as root: being not dumpable, it may not look.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(stat) = Stat::read() else { return Ok(()) };
        let seconds = encoder.encode_descriptor(
            "process_cpu_seconds",
            "CPU time, of users and of the system, in seconds",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(stat.cpu_seconds).encode(seconds)?;
        let mut gauges = vec![
            ("process_resident_memory_bytes", "Resident memory", stat.resident),
            ("process_virtual_memory_bytes", "Virtual memory", stat.virtual_memory),
            ("process_threads", "Threads", stat.threads),
            ("process_start_time_seconds", "Start, in seconds since 1970", stat.started),
        ];
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            gauges.push(("process_open_fds", "Open files and connections", files.count() as f64));
        }
        if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
            gauges.push(("process_max_fds", "Most open files and connections", most as f64));
        }
        for (name, help, value) in gauges {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)?;
        }
        Ok(())
    }
}

/// Of `/proc/self/stat` (proc(5)).
#[derive(Debug)]
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    started: f64,
    virtual_memory: f64,
    resident: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let system = std::fs::read_to_string("/proc/stat").ok()?;
        let booted = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Self::parse(&stat, booted)
    }

    fn parse(stat: &str, booted: f64) -> Option<Self> {
        // The name in parentheses may hold anything; what follows it is the third field and on.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / ticks,
            threads: field(20)?,
            started: booted + field(22)? / ticks,
            virtual_memory: field(23)?,
            resident: field(24)? * rustix::param::page_size() as f64,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_manual() {
        let line = "7 (a) b) S 1 7 7 0 -1 4194304 9 0 0 0 150 50 0 0 20 0 12 0 300 4096 3 18446744073709551615 1";
        let stat = Stat::parse(line, 1000.0).unwrap();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!((stat.cpu_seconds, stat.threads, stat.started), (200.0 / ticks, 12.0, 1000.0 + 300.0 / ticks));
        assert_eq!((stat.virtual_memory, stat.resident), (4096.0, 3.0 * rustix::param::page_size() as f64));
        let now = Stat::read().unwrap();
        assert!(now.resident > 1e5 && now.threads >= 1.0 && now.started > 1e9);
    }
}
