//! Rows, as a table and as JSON.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::options::{Mode, Operation};

/// One measured combination.
#[derive(Debug, Serialize)]
pub struct Row {
    operation: Operation,
    mode: Mode,
    size: usize,
    concurrency: usize,
    requests: usize,
    errors: usize,
    first_error: Option<String>,
    requests_per_second: f64,
    megabytes_per_second: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    server_cpu_us_per_request: Option<f64>,
    server_gigabytes_per_cpu_second: Option<f64>,
    server_peak_memory_mib: Option<f64>,
}

impl Row {
    /// From sorted latencies of the requests that succeeded.
    #[allow(clippy::too_many_arguments)] // one measurement's raw readings, turned into a row in one place
    pub fn new(
        operation: Operation,
        mode: Mode,
        size: usize,
        concurrency: usize,
        elapsed: Duration,
        latencies: &[Duration],
        bytes: usize,
        cpu: Option<Duration>,
        peak: Option<u64>,
    ) -> Self {
        let requests = latencies.len();
        let at = |share: f64| {
            let index = ((requests as f64 * share) as usize).min(requests.saturating_sub(1));
            latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
        };
        let seconds = elapsed.as_secs_f64();
        Self {
            operation,
            mode,
            size,
            concurrency,
            requests,
            errors: 0,
            first_error: None,
            requests_per_second: requests as f64 / seconds,
            megabytes_per_second: bytes as f64 / 1e6 / seconds,
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: at(1.0),
            server_cpu_us_per_request: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / requests.max(1) as f64),
            server_gigabytes_per_cpu_second: cpu.map(|cpu| bytes as f64 / 1e9 / cpu.as_secs_f64().max(1e-9)),
            server_peak_memory_mib: peak.map(|peak| peak as f64 / f64::from(1 << 20)),
        }
    }

    /// Adds what failed.
    pub fn with_errors(self, errors: usize, first_error: Option<String>) -> Self {
        Self { errors, first_error, ..self }
    }
}

/// Prints the table, and the JSON where it was asked for.
pub fn print(rows: &[Row], json: Option<&Path>) {
    println!(
        "{:<6} {:<15} {:>9} {:>5} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7} {:>9} {:>8} {:>8}",
        "op",
        "sse",
        "size",
        "conc",
        "req/s",
        "MB/s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "errors",
        "cpu µs/rq",
        "GB/cpu-s",
        "peak MiB"
    );
    for row in rows {
        let known = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        println!(
            "{:<6} {:<15} {:>9} {:>5} {:>9.0} {:>9.1} {:>8.3} {:>8.3} {:>8.3} {:>7} {:>9} {:>8} {:>8}",
            format!("{:?}", row.operation),
            format!("{:?}", row.mode),
            row.size,
            row.concurrency,
            row.requests_per_second,
            row.megabytes_per_second,
            row.p50_ms,
            row.p95_ms,
            row.p99_ms,
            row.errors,
            known(row.server_cpu_us_per_request, 0),
            known(row.server_gigabytes_per_cpu_second, 2),
            known(row.server_peak_memory_mib, 0)
        );
        if let Some(error) = &row.first_error {
            println!("       first error: {error}");
        }
    }
    let Some(path) = json else { return };
    let text = serde_json::to_string_pretty(rows).expect("rows are plain numbers");
    if path.as_os_str() == "-" {
        println!("{text}");
    } else if let Err(error) = std::fs::write(path, text) {
        eprintln!("arqueta-bench: cannot write {}: {error}", path.display());
    }
}
