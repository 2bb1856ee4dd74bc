//! Measures the embedded stores on a folder: the figures of docs/adr/0003.
//!
//! `cargo run --release --ignore-rust-version -p arqueta-store --example store-rates -- <folder> [redb|sled|blobs]`
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arqueta_model::BlobId;
use arqueta_store::{Batch, BlobStore, FsBlobs, MetaStore, RedbStore, Scan};
use bytes::Bytes;
use futures::TryStreamExt;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const RECORD: usize = 400;
const RECORDS: u64 = 100_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: store-rates <folder> [redb|sled|blobs]")?;
    let only = arguments.next();
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let folder = Path::new(&folder).join("store-rates");
    std::fs::create_dir_all(&folder)?;
    if wanted("redb") {
        metadata("redb", Arc::new(RedbStore::open(folder.join("meta.redb"))?)).await?;
    }
    #[cfg(feature = "sled")]
    if wanted("sled") {
        metadata("sled", Arc::new(arqueta_store::SledStore::open(folder.join("meta.sled"))?)).await?;
    }
    if wanted("blobs") {
        blobs(FsBlobs::open(folder.join("blobs"))?).await?;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn key(n: u64) -> Bytes {
    // Spread over the key space, as object names are.
    format!("c/bucket\0{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into()
}

async fn metadata(name: &str, store: Arc<impl MetaStore + 'static>) -> Result<(), Failure> {
    let mut next = 0;
    let mut fill = Instant::now();
    while next < RECORDS {
        let end = next + 1000;
        store.commit((next..end).fold(Batch::default(), |batch, n| batch.put(key(n), vec![7; RECORD]))).await?;
        next = end;
    }
    println!("{name}: {RECORDS} records of {RECORD} bytes in batches of 1000: {:.1?}", fill.elapsed());
    for writers in [1, 8, 64, 256] {
        let until = Instant::now() + Duration::from_secs(3);
        let tasks: Vec<_> = (0..writers)
            .map(|writer| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut latencies = Vec::new();
                    while Instant::now() < until {
                        let n = RECORDS + (latencies.len() * writers + writer) as u64;
                        let begun = Instant::now();
                        store.commit(Batch::default().put(key(n), vec![7; RECORD])).await?;
                        latencies.push(begun.elapsed());
                    }
                    Ok::<_, arqueta_store::Error>(latencies)
                })
            })
            .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        report(&format!("{name}: commit, {writers} writers"), latencies, Duration::from_secs(3));
    }
    fill = Instant::now();
    let mut latencies = Vec::new();
    for n in 0..200_000u64 {
        let begun = Instant::now();
        let found = store.get(&key(n * 7919 % RECORDS)).await?;
        latencies.push(begun.elapsed());
        assert!(found.is_some());
    }
    report(&format!("{name}: get, one task"), latencies, fill.elapsed());
    fill = Instant::now();
    let mut latencies = Vec::new();
    for n in 0..2000 {
        let begun = Instant::now();
        store.scan(Scan { start: key(n), end: None, limit: 1000 }).await?;
        latencies.push(begun.elapsed());
    }
    report(&format!("{name}: page of 1000"), latencies, fill.elapsed());
    Ok(())
}

async fn blobs(store: FsBlobs) -> Result<(), Failure> {
    let block = Bytes::from(vec![7; 64 << 10]);
    for (blocks, writers, rounds) in [(2, 1, 100), (2, 64, 20), (1024, 1, 4), (1024, 64, 1)] {
        let begun = Instant::now();
        let tasks: Vec<_> = (0..writers)
            .map(|_| {
                let (store, block) = (store.clone(), block.clone());
                tokio::spawn(async move {
                    let mut written = Vec::new();
                    for _ in 0..rounds {
                        let (id, begun) = (BlobId::random(), Instant::now());
                        let mut writer = store.create(id).await?;
                        for _ in 0..blocks {
                            // A copy of its own, as sealed bytes are.
                            writer.write(Bytes::copy_from_slice(&block)).await?;
                        }
                        writer.finish().await?;
                        written.push((id, begun.elapsed()));
                    }
                    Ok::<_, arqueta_store::Error>(written)
                })
            })
            .collect();
        let mut written = Vec::new();
        for task in tasks {
            written.extend(task.await??);
        }
        let name = format!("blobs of {} KiB, {writers} at once", blocks * 64);
        report(&format!("put {name}"), written.iter().map(|(_, latency)| *latency).collect(), begun.elapsed());
        println!("    resident at most {} MiB so far", peak_mebibytes()?);
        let (begun, mut latencies) = (Instant::now(), Vec::new());
        for (id, _) in &written {
            let begun = Instant::now();
            let mut stream = store.read(*id, blocks << 16, 0..blocks << 16).await?;
            while stream.try_next().await?.is_some() {}
            latencies.push(begun.elapsed());
        }
        report(&format!("get {name}, one by one"), latencies, begun.elapsed());
        for (id, _) in written {
            store.delete(id).await?;
        }
    }
    Ok(())
}

fn report(name: &str, mut latencies: Vec<Duration>, within: Duration) {
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    let rate = latencies.len() as f64 / within.as_secs_f64();
    println!("{name}: {rate:.0}/s, p50 {:.1?}, p99 {:.1?}", at(50), at(99));
}

/// Linux only; `VmHWM` of proc(5).
fn peak_mebibytes() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}
