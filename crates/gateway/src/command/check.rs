//! `arqueta check`: a data folder on which no gateway runs, looked through from end to end.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use arqueta_engine::check::{Finding, check};
use arqueta_keys::Authenticated;
use arqueta_model::{Clock as _, SystemClock};
use arqueta_store::{FsBlobs, MetaStore};
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
/// [`Error::Open`] while a gateway runs on the folder; [`Error::Config`] if something is left that does
/// not fit, so that scripts can tell.
pub fn run(args: CheckArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config, data_dir: args.data_dir, ..ServeArgs::default() };
    let config = Config::load(&serve)?;
    hardening::forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(perform(args.repair, args.free_unnamed, &config, &mut io::stdout().lock()))
}

async fn perform(repair: bool, free_unnamed: bool, config: &Config, out: &mut impl Write) -> Result<(), Error> {
    let failed = || Error::open("data folder");
    let (raw, Authenticated { meta, .. }) = raw_and_authenticated(config).await?;
    let earlier = damaged_files(&config.data_dir)?;
    if let Some(path) = earlier.iter().find(|_| free_unnamed) {
        return Err(Error::Config(format!(
            "{} lists damaged records, whose bodies nothing names any more; move it away when they are not needed",
            path.display()
        )));
    }
    let blobs = FsBlobs::open(config.data_dir.join("blobs")).map_err(Error::open("bodies in the data folder"))?;
    let report = check(&*meta, &blobs).await.map_err(failed())?;
    for Finding { record, fault, .. } in &report.findings {
        writeln!(out, "{record} {fault}").map_err(Error::Output)?;
    }
    let found = report.findings.len();
    writeln!(out, "{} records and {} bodies: {found} findings", report.records, report.bodies)
        .map_err(Error::Output)?;
    if !repair || found == 0 {
        return if found == 0 { Ok(()) } else { Err(Error::Config(format!("{found} things do not fit"))) };
    }
    let aside: Vec<_> = report.removable().collect();
    if let Some(path) = put_aside(&config.data_dir, &*raw, &aside).await? {
        writeln!(out, "{} damaged records are kept in {}", aside.len(), path.display()).map_err(Error::Output)?;
    }
    let is_whole = free_unnamed && !report.has_damage();
    let left = report.mend(&*meta, free_unnamed).await.map_err(failed())?;
    if is_whole {
        anchor::cast(&*meta, &config.data_dir.join("blobs")).await?;
    }
    writeln!(out, "{} findings were mended", found - left.len()).map_err(Error::Output)?;
    for Finding { record, fault, .. } in &left {
        writeln!(out, "left: {record} {fault}").map_err(Error::Output)?;
    }
    if left.is_empty() { Ok(()) } else { Err(Error::Config(format!("{} things are left", left.len()))) }
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
