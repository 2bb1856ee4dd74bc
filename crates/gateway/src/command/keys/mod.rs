//! `arqueta keys`: the key service of a data folder. What only reads asks the gateway that runs on the
//! folder for its metadata, or opens the folder where none does; what changes it needs the gateway
//! stopped.

mod destroy_certificate;
mod destroy_plan;
mod export;
mod import;
mod list;
mod rewrap;
mod usage;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arqueta_engine::name_of;
use arqueta_keys::Authenticated;
use arqueta_kms::RootKeyError;
use arqueta_model::{Clock, SystemClock};
use arqueta_root::Passphrase;
use arqueta_store::{Damages, MetaStore};
use clap::{Args, Subcommand};

use super::told::read_enough;
use crate::control::Running;
use crate::{Config, Error, ServeArgs, data_folder, hardening, metadata, root};

/// Options of `arqueta keys`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,

    /// Configuration file of the gateway whose keys are meant.
    #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Data folder of that gateway; to import and rewrap it must not be running [default: ./data]
    #[arg(long, env = "ARQUETA_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Show all keys: ARN, state, spec, origin, who manages them, aliases.
    List,
    /// Show what depends on a key, bucket by bucket: objects, uploads in progress, bucket keys.
    Usage(usage::UsageArgs),
    /// Show what would become unreadable if a key were destroyed: objects, versions and bytes, bucket by
    /// bucket, what is locked or replicated of it, and what else names the key.
    DestroyPlan(destroy_plan::DestroyPlanArgs),
    /// Certify out of the record that a key was destroyed: who set it, who approved, when, which materials,
    /// every event of the key with its place, and the proof of the record. The same record gives the same bytes.
    DestroyCertificate(destroy_certificate::DestroyCertificateArgs),
    /// Write the whole key service, root key included, into one file sealed by a passphrase.
    Export(export::ExportArgs),
    /// Put an exported key service into a data folder that has none, or has lost its root key.
    Import(import::ImportArgs),
    /// Protect the root key in another way. No key changes, and nothing is encrypted anew.
    Rewrap(rewrap::RewrapArgs),
}

/// Carries out one of the commands.
///
/// # Errors
/// [`Error::Config`] for what does not fit, and where a gateway runs that would have to be stopped.
pub fn run(args: KeysArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config, data_dir: args.data_dir, ..ServeArgs::default() };
    let config = Config::load(&serve)?;
    hardening::forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let out = &mut io::stdout().lock();
    // It verifies the record on a runtime of its own.
    if let KeysCommand::DestroyCertificate(certificate) = args.command {
        return certificate.run(&config, out);
    }
    runtime.block_on(async {
        match args.command {
            KeysCommand::DestroyCertificate(_) => Ok(()),
            KeysCommand::DestroyPlan(plan) => read_enough(plan.run(&config, out).await),
            KeysCommand::List => list::run(&config, out).await,
            KeysCommand::Usage(usage) => usage.run(&config, out).await,
            KeysCommand::Export(export) => export.run(&config, out).await,
            KeysCommand::Import(import) => import.run(&config, out).await,
            KeysCommand::Rewrap(rewrap) => rewrap.run(&config, out).await,
        }
    })
}

/// Where the passphrase of an exported key service, or of back-ups, is. Not an option of its own: every process sees
/// the options of every other.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct PassphraseArgs {
    /// File with the passphrase, 12 bytes or more.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// Environment variable with the passphrase.
    #[arg(long, value_name = "NAME")]
    passphrase_env: Option<String>,
}

impl PassphraseArgs {
    fn read(&self) -> Result<Passphrase, Error> {
        self.read_as("passphrase of the exported keys:")
    }

    /// The passphrase, which messages call `what`.
    pub(super) fn read_as(&self, what: &'static str) -> Result<Passphrase, Error> {
        root::passphrase(self.passphrase_file.as_deref(), self.passphrase_env.as_deref(), what)
    }
}

pub(super) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The metadata of a data folder, every record of it authentic, and its root key. Of a folder on which
/// a gateway runs it can be read and not be changed.
pub(super) async fn authenticated(config: &Config) -> Result<Authenticated, Error> {
    Ok(raw_and_authenticated(config).await?.1)
}

/// The metadata as it lies there, and as [`authenticated`].
pub(super) async fn raw_and_authenticated(config: &Config) -> Result<(Arc<dyn MetaStore>, Authenticated), Error> {
    let failed = || Error::open("key service");
    let meta = match Running::on(&config.data_dir).await? {
        Some(running) => Arc::new(running),
        None => metadata(config)?,
    };
    if !arqueta_keys::is_initialized(&*meta).await.map_err(failed())? {
        return Err(Error::open("key service")(RootKeyError::Nothing));
    }
    let protector = root::open(config, &clock()).await?;
    let damages = Arc::new(Damages::named_by(name_of));
    let authenticated = arqueta_keys::authenticate(meta.clone(), &*protector, damages).await.map_err(failed())?;
    Ok((meta, authenticated))
}

/// The metadata of a data folder that exists and that no gateway has open, as it lies there.
pub(super) fn metadata(config: &Config) -> Result<Arc<dyn MetaStore>, Error> {
    if !metadata::exists(config) {
        return Err(Error::Config(format!("{} is no data folder of a gateway", config.data_dir.display())));
    }
    data_folder::check(&config.data_dir)?;
    metadata::open(config)
}
