//! The load: a fixed number of connections, each with one request at a time, for a fixed time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::try_join_all;

use crate::options::{Mode, Operation, Options, Size};
use crate::process;
use crate::report::Row;
use crate::request::{Connection, Error, Signer, protection};

/// Runs every combination and returns its rows.
pub async fn run(options: &Options) -> Result<Vec<Row>, Error> {
    let signer = Arc::new(Signer::new(options)?);
    let bucket = format!("/{}", options.bucket);
    let mut connection = signer.connect().await?;
    if connection.send(signer.request("HEAD", &bucket, &[], Bytes::new())?).await.is_err() {
        let mut connection = signer.connect().await?;
        connection.send(signer.request("PUT", &bucket, &[], Bytes::new())?).await?;
    }
    let mut rows = Vec::new();
    for &mode in &options.modes {
        for &size in &options.sizes {
            for &operation in &options.operations {
                let plan = Plan::new(options, signer.clone(), mode, size, operation);
                if operation != Operation::Put {
                    plan.fill().await?;
                }
                for &concurrency in &options.concurrency {
                    rows.push(plan.measure(concurrency, Duration::from_secs(options.seconds), options.pid).await?);
                }
            }
        }
    }
    Ok(rows)
}

/// One operation on one kind of object.
struct Plan {
    signer: Arc<Signer>,
    folder: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    objects: usize,
    mode: Mode,
    operation: Operation,
}

impl Plan {
    fn new(options: &Options, signer: Arc<Signer>, mode: Mode, size: Size, operation: Operation) -> Arc<Self> {
        // Incompressible enough and never constant; the content does not matter to a sealed store.
        let body: Vec<u8> = (0..size.0).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        // Large objects need fewer copies to fill the time, and disks are finite.
        let objects = options.objects.min(((1 << 30) / size.0.max(1)).max(4));
        let headers = protection(mode, options.kms_key.as_deref());
        Arc::new(Self {
            signer,
            folder: format!("/{}/{mode:?}/{}", options.bucket, size.0),
            headers: headers.into_iter().map(|(name, value)| (name, value.to_owned())).collect(),
            body: body.into(),
            objects,
            mode,
            operation,
        })
    }

    /// Stores what GETs will read.
    async fn fill(self: &Arc<Self>) -> Result<(), Error> {
        let lanes = 8.min(self.objects);
        try_join_all((0..lanes).map(|lane| async move {
            let mut connection = self.signer.connect().await?;
            for n in (lane..self.objects).step_by(lanes) {
                self.once(&mut connection, Operation::Put, n).await?;
            }
            Ok::<_, Error>(())
        }))
        .await?;
        Ok(())
    }

    async fn once(&self, connection: &mut Connection, operation: Operation, n: usize) -> Result<usize, Error> {
        let path = format!("{}/{n}", self.folder);
        let request = match operation {
            Operation::Put => {
                let headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                self.signer.request("PUT", &path, &headers, self.body.clone())?
            }
            Operation::Head => self.signer.request("HEAD", &path, &[], Bytes::new())?,
            Operation::Get | Operation::Mixed => self.signer.request("GET", &path, &[], Bytes::new())?,
            Operation::List | Operation::Versions => {
                let (bucket, prefix) = self.folder[1..].split_once('/').unwrap_or((&self.folder, ""));
                let (what, marker) = match operation {
                    Operation::List => ("list-type=2", "start-after"),
                    _ => ("versions=", "key-marker"),
                };
                let page = format!("/{bucket}?{what}&prefix={prefix}/&{marker}={prefix}/{n}");
                self.signer.request("GET", &page, &[], Bytes::new())?
            }
        };
        let read = connection.send(request).await?;
        Ok(if operation == Operation::Put { self.body.len() } else { read })
    }

    async fn measure(self: &Arc<Self>, concurrency: usize, time: Duration, pid: Option<u32>) -> Result<Row, Error> {
        let cpu_before = pid.and_then(process::cpu);
        let start = Instant::now();
        let lanes = (0..concurrency).map(|lane| {
            let plan = self.clone();
            tokio::spawn(async move { plan.lane(lane, start + time).await })
        });
        let mut latencies = Vec::new();
        let (mut bytes, mut errors, mut first_error) = (0, 0, None);
        for lane in lanes.collect::<Vec<_>>() {
            let lane = lane.await.expect("a lane does not panic")?;
            latencies.extend(lane.latencies);
            bytes += lane.bytes;
            errors += lane.errors;
            first_error = first_error.or(lane.first_error);
        }
        let elapsed = start.elapsed();
        let cpu = pid.and_then(process::cpu).zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
        latencies.sort_unstable();
        let peak = pid.and_then(process::peak_memory);
        Ok(Row::new(self.operation, self.mode, self.body.len(), concurrency, elapsed, &latencies, bytes, cpu, peak)
            .with_errors(errors, first_error))
    }

    async fn lane(&self, lane: usize, until: Instant) -> Result<Lane, Error> {
        let mut connection = self.signer.connect().await?;
        let mut done = Lane::default();
        let mut n = lane.wrapping_mul(7919);
        while Instant::now() < until {
            let operation = match self.operation {
                Operation::Mixed if n.is_multiple_of(4) => Operation::Put,
                Operation::Mixed => Operation::Get,
                other => other,
            };
            let start = Instant::now();
            match self.once(&mut connection, operation, n % self.objects).await {
                Ok(bytes) => {
                    done.latencies.push(start.elapsed());
                    done.bytes += bytes;
                }
                Err(error) => {
                    done.errors += 1;
                    done.first_error.get_or_insert_with(|| error.to_string());
                    connection = self.signer.connect().await?;
                }
            }
            n += 1;
        }
        Ok(done)
    }
}

/// What one connection saw.
#[derive(Default)]
struct Lane {
    latencies: Vec<Duration>,
    bytes: usize,
    errors: usize,
    first_error: Option<String>,
}
