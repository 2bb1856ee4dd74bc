//! Measures the record on a folder: events a second by callers that each wait for one event at a
//! time, beside the same events only written out as JSON, and one bare sync.
//!
//! `cargo run --release --ignore-rust-version -p arqueta-audit --features testing --example append-rates -- <folder>`
#![allow(clippy::print_stdout)]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arqueta_audit::{AuditSink, Error, Event, JsonLines, testing};
use arqueta_model::SystemClock;
use async_trait::async_trait;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const SECONDS: u64 = 3;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = std::env::args().nth(1).ok_or("usage: append-rates <folder>")?;
    let folder = Path::new(&folder).join("append-rates");
    std::fs::create_dir_all(&folder)?;
    bare(&folder)?;
    let unsynced: Arc<dyn AuditSink> = Arc::new(Unsynced);
    let synced = Arc::new(JsonLines::open(folder.join("record"), Arc::new(SystemClock)).await?);
    synced.seal(Arc::new(testing::TestSealer(1)), None).await?;
    let synced: Arc<dyn AuditSink> = synced;
    for callers in [1, 64, 256, 1024] {
        let (without, with) = (rate(&unsynced, callers).await?, rate(&synced, callers).await?);
        println!("{callers:4} callers: {without:8.0} events/s unsynced, {with:8.0} events/s synced");
    }
    drop(synced);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// One writer, one sync at a time.
fn bare(folder: &Path) -> Result<(), Failure> {
    for size in [1 << 10, 64 << 10] {
        let mut file = std::fs::File::create(folder.join("bare"))?;
        let (bytes, start) = (vec![b'x'; size], Instant::now());
        for _ in 0..200 {
            file.write_all(&bytes)?;
            file.sync_data()?;
        }
        println!("append and sync {size} bytes: {:.1?}", start.elapsed() / 200);
    }
    Ok(())
}

async fn rate(sink: &Arc<dyn AuditSink>, callers: u32) -> Result<f64, Failure> {
    let (event, start) = (testing::event("GenerateDataKey"), Instant::now());
    let until = start + Duration::from_secs(SECONDS);
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (sink, event) = (sink.clone(), event.clone());
            tokio::spawn(async move {
                let mut appended = 0_u32;
                while Instant::now() < until {
                    sink.append(event.clone()).await?;
                    appended += 1;
                    tokio::task::yield_now().await;
                }
                Ok::<_, Error>(appended)
            })
        })
        .collect();
    let mut appended = 0.0;
    for task in tasks {
        appended += f64::from(task.await??);
    }
    Ok(appended / start.elapsed().as_secs_f64())
}

/// Writes events out as JSON and forgets them.
struct Unsynced;

#[async_trait]
impl AuditSink for Unsynced {
    async fn append(&self, event: Event) -> Result<(), Error> {
        std::hint::black_box(serde_json::to_vec(&event).map_err(std::io::Error::from)?);
        Ok(())
    }

    async fn announce(&self, _: Event) -> Result<(), Error> {
        Ok(())
    }

    async fn flush(&self) -> Result<(), Error> {
        Ok(())
    }
}
