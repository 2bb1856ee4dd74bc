//! `arqueta keys import`

use std::io::Write;
use std::path::PathBuf;

use arqueta_keys::{Backup, Restored};
use clap::Args;

use super::{PassphraseArgs, clock};
use crate::{Config, Error, data_folder, metadata, root};

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// File that `arqueta keys export` wrote.
    file: PathBuf,

    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl ImportArgs {
    pub(super) async fn run(&self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let failed = || Error::open("exported key service");
        let sealed = std::fs::read(&self.file)
            .map_err(|error| Error::Config(format!("cannot read {}: {error}", self.file.display())))?;
        // Nothing is created for a file that does not open.
        let backup = Backup::open(&sealed, &self.passphrase.read()?).map_err(failed())?;
        let protector = root::open(config, &clock()).await?;
        let data = &config.data_dir;
        metadata::require_whole(config)?;
        data_folder::open(data)?;
        let meta = metadata::open(config)?;
        let place = (&config.region, &config.account_id);
        let done = backup.restore(&meta, &*protector, place).await.map_err(failed())?;
        let (keys, _) = backup.keys().map_err(failed())?;
        let (taken, at) = (backup.taken().rfc3339(), data.display());
        match done {
            Restored::Everything => writeln!(out, "{keys} keys and the root key of {taken} are in {at} now"),
            Restored::RootKey => writeln!(out, "{at} had the records of this key service; its root key is back"),
        }
        .map_err(Error::Output)
    }
}
