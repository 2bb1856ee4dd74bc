//! `arqueta backup` and `arqueta restore`: copies of a data folder, also while it is served.

mod files;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arqueta_backup::{Depot, Error as BackupError, Source, Taken, restore, take, verify};
use arqueta_engine::{name_of, schema};
use arqueta_model::{BlobId, Clock as _, SystemClock};
use arqueta_root::{Argon2Cost, Passphrase};
use arqueta_store::{FsBlobs, MetaStore, RedbStore};
use clap::{Args, Subcommand};

use super::keys::{PassphraseArgs, metadata};
use crate::config::ServeArgs;
use crate::control::Running;
use crate::{Config, Error, data_folder, hardening};

/// How often a gateway is told that its folder is still being copied.
const STILL: Duration = Duration::from_secs(5);
const WHAT: &str = "passphrase of the back-ups:";

/// Options of `arqueta backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    #[command(subcommand)]
    command: BackupCommand,
}

#[derive(Debug, Subcommand)]
enum BackupCommand {
    /// Take a back-up of a data folder, of one moment; a gateway that runs on it goes on. What an earlier one
    /// has is not written again.
    Create {
        #[command(flatten)]
        place: PlaceArgs,
        /// Configuration file of the gateway whose data folder is meant.
        #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
        /// Data folder of that gateway [default: ./data]
        #[arg(long, env = "ARQUETA_DATA_DIR", value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Show the back-ups that are there.
    List {
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// Read everything that a back-up consists of.
    Verify {
        #[command(flatten)]
        place: PlaceArgs,
        /// Which one, by the name that `list` shows [default: the newest]
        #[arg(long)]
        name: Option<String>,
    },
}

/// Options of `arqueta restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The data folder to be made; it must not be there, or be empty.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Which back-up, by the name that `arqueta backup list` shows [default: the newest]
    #[arg(long)]
    name: Option<String>,
}

/// Where back-ups are, and what opens them.
#[derive(Debug, Args)]
struct PlaceArgs {
    /// Folder of the back-ups; the first one makes it.
    #[arg(value_name = "FOLDER")]
    depot: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl PlaceArgs {
    fn passphrase(&self) -> Result<Passphrase, Error> {
        self.passphrase.read_as(WHAT)
    }

    fn open(&self) -> Result<Depot, Error> {
        Depot::open(&self.depot, &self.passphrase()?).map_err(failed)
    }
}

/// Carries out one of the commands.
///
/// # Errors
/// [`Error::Open`] says what cannot be read or written; [`Error::Damage`] where a back-up is not whole, or could
/// not be taken of something that is damaged.
pub fn run(args: BackupArgs) -> Result<(), Error> {
    hardening::forbid_core_dumps();
    let out = &mut io::stdout().lock();
    match args.command {
        BackupCommand::Create { place, config, data_dir } => {
            let config = Config::load(&ServeArgs { config, data_dir, ..ServeArgs::default() })?;
            runtime()?.block_on(create(&place, &config, out))
        }
        BackupCommand::List { place } => {
            let depot = place.open()?;
            for name in depot.list().map_err(failed)? {
                let index = depot.index(Some(&name)).map_err(failed)?;
                writeln!(out, "{name}  {} records  {} bodies", index.records, index.bodies).map_err(Error::Output)?;
            }
            Ok(())
        }
        BackupCommand::Verify { place, name } => {
            let depot = place.open()?;
            let index = depot.index(name.as_deref()).map_err(failed)?;
            let findings = verify(&depot, &index, &body_of).map_err(failed)?;
            findings.iter().try_for_each(|finding| writeln!(out, "{finding}")).map_err(Error::Output)?;
            let found = findings.len();
            writeln!(out, "{}: {} records and {} bodies, {found} findings", index.name, index.records, index.bodies)
                .map_err(Error::Output)?;
            if found == 0 { Ok(()) } else { Err(Error::Damage(found as u64)) }
        }
    }
}

/// Makes a data folder of a back-up.
///
/// # Errors
/// [`Error::Open`] says what is in the way, or damaged.
pub fn run_restore(args: &RestoreArgs) -> Result<(), Error> {
    hardening::forbid_core_dumps();
    let depot = args.place.open()?;
    let index = depot.index(args.name.as_deref()).map_err(failed)?;
    let path_of = |folder: &Path, id| FsBlobs::path_in(&folder.join("blobs"), id);
    let open = |folder: &Path| -> Result<RedbStore, BackupError> { Ok(RedbStore::open(folder.join("meta.redb"))?) };
    runtime()?.block_on(restore(&depot, &index, &args.into, &body_of, &path_of, open)).map_err(failed)?;
    let (out, into) = (&mut io::stdout().lock(), args.into.display());
    writeln!(out, "{} is in {into} now: {} records and {} bodies", index.name, index.records, index.bodies)
        .and_then(|()| writeln!(out, "arqueta serve --data-dir {into} serves it"))
        .map_err(Error::Output)?;
    lacking(&index, out)
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

fn failed(error: BackupError) -> Error {
    Error::open("back-up")(error)
}

/// The body file that a record is the reference to.
fn body_of(key: &[u8]) -> Option<BlobId> {
    Some(BlobId::from_bytes(key.strip_prefix(schema::REFERENCED)?.try_into().ok()?))
}

async fn create(place: &PlaceArgs, config: &Config, out: &mut impl Write) -> Result<(), Error> {
    let passphrase = place.passphrase()?;
    let data = &config.data_dir;
    data_folder::check(data)?;
    // Before there is a depot: what cannot be backed up leaves none.
    let running = Running::on(data).await?.map(Arc::new);
    let stopped = if running.is_none() { Some(metadata(config)?) } else { None };
    let depot = Depot::make_or_open(&place.depot, &passphrase, Argon2Cost::default()).map_err(failed)?;
    let now = SystemClock.now();
    let name = format!("{}.{:03}Z", now.rfc3339().trim_end_matches('Z'), now.millis().rem_euclid(1000));
    let taken = match (&running, &stopped) {
        (Some(running), _) => of_running(&depot, &name, running, data).await?,
        (None, Some(meta)) => of(&depot, &name, &**meta, data, async || Ok(()), async || Ok(())).await?,
        (None, None) => return Err(Error::Config(format!("{} is no data folder of a gateway", data.display()))),
    };
    let Taken { index, written, known } = &taken;
    let new = index.bodies - known;
    writeln!(
        out,
        "{name}: {} records and {} bodies, {new} of them new; {written} bytes were written",
        index.records, index.bodies
    )
    .map_err(Error::Output)?;
    lacking(index, out)
}

/// One state of it, which the gateway keeps for as long as it is told that somebody copies.
async fn of_running(depot: &Depot, name: &str, running: &Arc<Running>, data: &Path) -> Result<Taken, Error> {
    running.freeze().await?;
    let told = running.clone();
    let telling = tokio::spawn(async move {
        while told.still_kept().await.is_ok() {
            tokio::time::sleep(STILL).await;
        }
    });
    let lost = |error: Error| BackupError::Damaged { what: format!("the state of the gateway ({})", error.line()) };
    let thaw = async || running.thaw().await.map_err(lost);
    let still = async || running.still_kept().await.map_err(lost);
    let taken = of(depot, name, &**running, data, thaw, still).await;
    telling.abort();
    taken
}

async fn of(
    depot: &Depot,
    name: &str,
    meta: &dyn MetaStore,
    data: &Path,
    read: impl AsyncFnOnce() -> Result<(), BackupError>,
    still: impl AsyncFnOnce() -> Result<(), BackupError>,
) -> Result<Taken, Error> {
    let head = meta.get(files::HEAD).await.map_err(Error::open("metadata"))?;
    let blobs = data.join("blobs");
    let source = Source {
        meta,
        body_of: &body_of,
        name_of: &name_of,
        path_of: &|id| FsBlobs::path_in(&blobs, id),
        files: files::of(data, head.as_deref())?,
    };
    take(depot, (name, env!("CARGO_PKG_VERSION")), source, read, still).await.map_err(failed)
}

/// What was damaged or missing when the back-up was taken.
fn lacking(index: &arqueta_backup::Index, out: &mut impl Write) -> Result<(), Error> {
    for record in &index.damaged {
        writeln!(out, "damaged, and not in it: {record}").map_err(Error::Output)?;
    }
    for body in &index.missing {
        writeln!(out, "missing, and not in it: the body {body}").map_err(Error::Output)?;
    }
    match index.damaged.len() + index.missing.len() {
        0 => Ok(()),
        lacking => Err(Error::Damage(lacking as u64)),
    }
}
