//! Measures looking up events in a record of N events (default 400,000): reading all of it, as each
//! look-up once did, beside searches for a page of 50.
//!
//! `cargo run --release --ignore-rust-version -p arqueta-audit --features testing --example lookup-rates -- <folder> [N]`
#![allow(clippy::print_stdout)]

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arqueta_audit::{Attribute, Events, History, Query, pack, testing};
use arqueta_model::Timestamp;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Events of a file, about as many as in one of 64 MiB.
const FILE: usize = 80_000;
const START: i64 = 1_767_225_600_000;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: lookup-rates <folder> [N]")?;
    let folder = Path::new(&folder).join("lookup-rates");
    let count = arguments.next().map_or(Ok(400_000), |count| count.parse())?;
    std::fs::create_dir_all(&folder)?;
    let rare = write(&folder, count)?;
    let start = Instant::now();
    println!("reading all {}: {:.1?}", Events::open(&folder, None)?.count(), start.elapsed());
    let history = History::new(&folder, Arc::new(testing::TestSealer(1)));
    measure(&history, "plain files, the first time (indexes are made)", &rare)?;
    measure(&history, "plain files", &rare)?;
    let start = Instant::now();
    let packed = pack(&folder)?;
    println!("compressing {packed} files: {:.1?}", start.elapsed());
    let start = Instant::now();
    history.prepare()?;
    println!("their indexes: {:.1?}", start.elapsed());
    measure(&History::new(&folder, Arc::new(testing::TestSealer(1))), "compressed files, after a restart", &rare)?;
    measure(&history, "compressed files", &rare)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Writes the files; the id of an event in the middle.
fn write(folder: &Path, count: usize) -> Result<String, Failure> {
    let mut event = testing::event("Decrypt");
    let mut rare = String::new();
    let mut file = None;
    for n in 0..count {
        if n % FILE == 0 {
            let name = format!("events-2026-01-01-{:03}.jsonl", n / FILE);
            file = Some(BufWriter::new(std::fs::File::create(folder.join(name))?));
        }
        event.event_id = format!("{n:08x}-0000-4000-8000-000000000000");
        event.event_name = if n % 1000 == 500 { "CreateKey" } else { "Decrypt" }.to_owned();
        event.user_identity.user_name = Some(format!("user{}", n % 100));
        event.event_time = Timestamp::from_millis(START + i64::try_from(n)? * 100).rfc3339();
        if n == count / 2 {
            rare.clone_from(&event.event_id);
        }
        let Some(file) = &mut file else { continue };
        serde_json::to_writer(&mut *file, &event)?;
        file.write_all(b"\n")?;
    }
    Ok(rare)
}

fn measure(history: &History, what: &str, rare: &str) -> Result<(), Failure> {
    println!("{what}:");
    for (kind, attribute) in [
        ("newest", None),
        ("EventName CreateKey, one in 1,000", Some((Attribute::EventName, "CreateKey"))),
        ("Username user7, one in 100", Some((Attribute::Username, "user7"))),
        ("EventId in the middle", Some((Attribute::EventId, rare))),
        ("Username that nobody has", Some((Attribute::Username, "nobody"))),
    ] {
        let to = Timestamp::from_millis(START).plus(Duration::from_secs(90 * 86_400));
        let from = Timestamp::from_millis(START);
        let query = Query { account: "111122223333", from, to, attribute, before: None };
        let (start, mut found) = (Instant::now(), 0);
        history.search(&query, |_| {
            found += 1;
            found < 51
        })?;
        println!("  {kind}: {found} found in {:.2?}", start.elapsed());
    }
    Ok(())
}
