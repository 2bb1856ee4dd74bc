//! `arqueta check`, or `arqueta fsck`: a data folder on which no gateway runs, looked through from end to end.

mod bodies;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use arqueta_engine::check::{Finding, check};
use arqueta_engine::scrub::Flaw;
use arqueta_keys::Authenticated;
use arqueta_model::{Clock as _, SystemClock};
use arqueta_store::{FsBlobs, MetaStore};
use arqueta_work::scrub::Told;
use clap::Args;
use serde_json::json;

use super::ServeArgs;
use super::keys::raw_and_authenticated;
use crate::{Config, Error, anchor, hardening};

/// Options of `arqueta check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Mend what was found: bring references, marks and current versions in order, and put damaged
    /// records of objects and uploads aside into a file of the data folder, as they are stored.
    #[arg(long)]
    repair: bool,

    /// Also free bodies that nothing names. Not while a damaged record is found, nor while a file of
    /// damaged records lies in the data folder: such bodies may be what those named.
    #[arg(long, requires = "repair")]
    free_unnamed: bool,

    /// Also read every body to its end: open it where its key opens, and hold it against what was sealed. With
    /// --repair usage is counted again, too. The key service records who asked: the owners' roots.
    #[arg(long)]
    bodies: bool,

    /// Show a JSON document in each line: findings first, then what was read and mended.
    #[arg(long)]
    json: bool,

    /// Configuration file of the gateway whose data folder is meant.
    #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Data folder of that gateway, which must not be running [default: ./data]
    #[arg(long, env = "ARQUETA_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Carries it out.
///
/// # Errors
/// [`Error::Open`] while a gateway runs on the folder; [`Error::Damage`] if something is left that does
/// not fit, so that scripts can tell.
pub fn run(args: CheckArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config.clone(), data_dir: args.data_dir.clone(), ..ServeArgs::default() };
    let config = Config::load(&serve)?;
    hardening::forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let out = &mut io::stdout().lock();
        let mut left = perform(&args, &config, out).await?;
        if args.bodies {
            left += bodies::look(&config, (args.repair, args.json), out).await?;
        }
        if left == 0 { Ok(()) } else { Err(Error::Damage(left)) }
    })
}

/// All but what is in the bodies. How much is left that does not fit.
async fn perform(args: &CheckArgs, config: &Config, out: &mut impl Write) -> Result<u64, Error> {
    let failed = || Error::open("data folder");
    let (raw, Authenticated { meta, .. }) = raw_and_authenticated(config).await?;
    let earlier = damaged_files(&config.data_dir)?;
    if let Some(path) = earlier.iter().find(|_| args.free_unnamed) {
        return Err(Error::Config(format!(
            "{} lists damaged records, whose bodies nothing names any more; move it away when they are not needed",
            path.display()
        )));
    }
    let blobs = FsBlobs::open(config.data_dir.join("blobs")).map_err(Error::open("bodies in the data folder"))?;
    let report = check(&*meta, &blobs).await.map_err(failed())?;
    for finding in &report.findings {
        show(out, finding, args.json, "").map_err(Error::Output)?;
    }
    let (found, records, bodies) = (report.findings.len(), report.records, report.bodies);
    let summary = match args.json {
        true => json!({ "records": records, "bodies": bodies, "findings": found }).to_string(),
        false => format!("{records} records and {bodies} bodies: {found} findings"),
    };
    writeln!(out, "{summary}").map_err(Error::Output)?;
    if !args.repair || found == 0 {
        return Ok(found as u64);
    }
    let aside: Vec<_> = report.removable().collect();
    if let Some(path) = put_aside(&config.data_dir, &*raw, &aside).await? {
        let (count, path) = (aside.len(), path.display().to_string());
        let line = match args.json {
            true => json!({ "keptDamagedRecords": count, "file": path }).to_string(),
            false => format!("{count} damaged records are kept in {path}"),
        };
        writeln!(out, "{line}").map_err(Error::Output)?;
    }
    let is_whole = args.free_unnamed && !report.has_damage();
    let left = report.mend(&*meta, args.free_unnamed).await.map_err(failed())?;
    if is_whole {
        anchor::cast(&*meta, &config.data_dir.join("blobs")).await?;
    }
    let mended = found - left.len();
    let line = match args.json {
        true => json!({ "mended": mended, "left": left.len() }).to_string(),
        false => format!("{mended} findings were mended"),
    };
    writeln!(out, "{line}").map_err(Error::Output)?;
    for finding in left.iter().filter(|_| !args.json) {
        show(out, finding, false, "left: ").map_err(Error::Output)?;
    }
    Ok(left.len() as u64)
}

/// A finding: in words, or as a document of one line.
fn show(out: &mut impl Write, finding: &Finding, as_json: bool, before: &str) -> io::Result<()> {
    let Finding { record, fault, .. } = finding;
    if as_json {
        return writeln!(out, "{}", json!(Told::from(Flaw::from(finding))));
    }
    writeln!(out, "{before}{record} {fault}")
}

/// Keeps what is about to be removed, durably. One line of JSON each: its key in hexadecimal digits, what
/// it was, and its bytes as they are stored, its tag included; `null` where the store itself cannot read
/// them any more.
async fn put_aside(folder: &Path, raw: &dyn MetaStore, aside: &[&Finding]) -> Result<Option<PathBuf>, Error> {
    if aside.is_empty() {
        return Ok(None);
    }
    let mut lines = Vec::new();
    for Finding { key, record, .. } in aside {
        let stored = raw.get(key).await.ok().flatten().map(hex::encode);
        lines.push(json!({ "key": hex::encode(key), "record": record, "stored": stored }));
    }
    let path = folder.join(format!("damaged-{}.jsonl", SystemClock.now().millis()));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).and_then(|mut file| {
        for line in &lines {
            writeln!(file, "{line}")?;
        }
        file.sync_all()
    });
    written.map_err(|error| Error::Config(format!("cannot write {}: {error}", path.display())))?;
    Ok(Some(path))
}

/// What earlier runs have put aside.
fn damaged_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::DataDir { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("damaged-") && name.ends_with(".jsonl") {
            found.push(entry.path());
        }
    }
    Ok(found)
}
