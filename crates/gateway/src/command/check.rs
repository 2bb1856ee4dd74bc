//! `arqueta check`: a data folder on which no gateway runs, looked through from end to end.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use arqueta_engine::check::{Finding, check};
use arqueta_model::{Clock as _, SystemClock};
use arqueta_store::FsBlobs;
use clap::Args;
use serde_json::json;

use super::ServeArgs;
use super::keys::authenticated;
use crate::{Config, Error, hardening};

/// Options of `arqueta check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Mend what was found: bring references, marks and current versions in order, put damaged records
    /// of objects and uploads aside into a file of the data folder, and free what nothing names.
    #[arg(long)]
    repair: bool,

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
    runtime.block_on(perform(args.repair, &config, &mut io::stdout().lock()))
}

async fn perform(repair: bool, config: &Config, out: &mut impl Write) -> Result<(), Error> {
    let failed = || Error::open("data folder");
    let meta = authenticated(config).await?.meta;
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
    if let Some(path) = put_aside(&config.data_dir, &aside)? {
        writeln!(out, "{} damaged records are listed in {}", aside.len(), path.display()).map_err(Error::Output)?;
    }
    let left = report.mend(&*meta).await.map_err(failed())?;
    writeln!(out, "{} findings were mended", found - left.len()).map_err(Error::Output)?;
    for Finding { record, fault, .. } in &left {
        writeln!(out, "left: {record} {fault}").map_err(Error::Output)?;
    }
    if left.is_empty() { Ok(()) } else { Err(Error::Config(format!("{} things are left", left.len()))) }
}

/// Lists what is about to be removed, durably. One line of JSON each: its key in hexadecimal digits,
/// and what it was.
fn put_aside(folder: &Path, aside: &[&Finding]) -> Result<Option<PathBuf>, Error> {
    if aside.is_empty() {
        return Ok(None);
    }
    let path = folder.join(format!("damaged-{}.jsonl", SystemClock.now().millis()));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).and_then(|mut file| {
        for Finding { key, record, .. } in aside {
            writeln!(file, "{}", json!({ "key": hex::encode(key), "record": record }))?;
        }
        file.sync_all()
    });
    written.map_err(|error| Error::Config(format!("cannot write {}: {error}", path.display())))?;
    Ok(Some(path))
}
