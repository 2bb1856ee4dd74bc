//! `arqueta adopt`: takes over a data folder whose metadata was written before records carried
//! authentication tags. Asked for and never done by itself: whoever does it vouches for what is there.

use std::io::{self, Write};
use std::path::PathBuf;

use arqueta_kms::{Error as KeyError, RootKeyError};
use arqueta_store::Damages;
use clap::Args;

use super::ServeArgs;
use super::keys::{clock, metadata};
use crate::{Config, Error, data_folder, hardening, root};

/// Options of `arqueta adopt`.
#[derive(Debug, Args)]
pub struct AdoptArgs {
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
/// [`Error::Open`] while a gateway runs on the folder, and for another root key.
pub fn run(args: AdoptArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config, data_dir: args.data_dir, ..ServeArgs::default() };
    let config = Config::load(&serve)?;
    hardening::forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(perform(&config, &mut io::stdout().lock()))
}

async fn perform(config: &Config, out: &mut impl Write) -> Result<(), Error> {
    let failed = || Error::open("key service");
    let meta = metadata(config)?;
    if !arqueta_keys::is_initialized(&*meta).await.map_err(failed())? {
        return Err(Error::open("key service")(RootKeyError::Nothing));
    }
    let protector = root::open(config, &clock()).await?;
    let at = config.data_dir.display();
    match arqueta_keys::authenticate(meta.clone(), &*protector, Damages::default().into()).await {
        Ok(_) => return writeln!(out, "the metadata in {at} carries its tags already").map_err(Error::Output),
        Err(KeyError::RootKey(RootKeyError::Untagged)) => {}
        Err(error) => return Err(failed()(error)),
    }
    // First: an older Arqueta must not touch what is half done.
    data_folder::open(&config.data_dir)?;
    let records = arqueta_keys::adopt(meta, &*protector).await.map_err(failed())?.unwrap_or_default();
    writeln!(out, "{records} records in {at} carry authentication tags from now on").map_err(Error::Output)
}
