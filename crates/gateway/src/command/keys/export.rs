//! `arqueta keys export`

use std::io::Write;
use std::path::PathBuf;

use arqueta_keys::{Authenticated, Backup};
use arqueta_root::{Argon2Cost, Draft};
use arqueta_store::{MetaStore, Pair, Scan};
use clap::Args;

use super::{PassphraseArgs, authenticated, clock};
use crate::{Config, Error};

/// Key services may change while a running one is read: how often that is tried.
const ATTEMPTS: usize = 8;
/// Records read at a time.
const PAGE: usize = 256;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// File to write; it must not exist.
    file: PathBuf,

    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl ExportArgs {
    pub(super) async fn run(&self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let failed = || Error::open("key service");
        let passphrase = self.passphrase.read()?;
        if self.file.exists() {
            return Err(Error::Config(format!("{} exists; exports never replace a file", self.file.display())));
        }
        let Authenticated { meta, root } = authenticated(config).await?;
        let settings = arqueta_keys::Config::new(config.account_id.clone(), config.region.clone(), root);
        let backup = undisturbed(&*meta, &settings).await?;
        let (keys, held) = backup.keys().map_err(failed())?;
        let sealed = backup.seal(&passphrase, Argon2Cost::default()).map_err(failed())?;
        // What cannot be opened again is no backup.
        Backup::open(&sealed, &passphrase).map_err(failed())?;
        let written = Draft::write(&self.file, &sealed).and_then(Draft::create);
        written.map_err(|error| Error::Config(format!("cannot write {}: {error}", self.file.display())))?;
        writeln!(out, "{keys} keys and the root key were exported to {}", self.file.display())
            .map_err(Error::Output)?;
        if held > 0 {
            let line = "have their material in tokens or at external key services, which need backups of their own";
            writeln!(out, "{held} of them {line}").map_err(Error::Output)?;
        }
        let line = "identities, buckets and objects are not in it: they are in meta.redb, meta.journal and blobs";
        writeln!(out, "{line}").map_err(Error::Output)
    }
}

/// A backup during which nothing changed: what was there before it is there after it.
async fn undisturbed(meta: &dyn MetaStore, settings: &arqueta_keys::Config) -> Result<Backup, Error> {
    for _ in 0..ATTEMPTS {
        let before = records(meta).await?;
        let backup = Backup::take(meta, settings, clock().now()).await.map_err(Error::open("key service"))?;
        if before == records(meta).await? {
            return Ok(backup);
        }
    }
    Err(Error::Config("the key service changes all the time; export it in a quieter moment".into()))
}

/// All records of the key service (docs/architecture.md).
async fn records(meta: &dyn MetaStore) -> Result<Vec<Pair>, Error> {
    let (mut all, mut scan) = (Vec::new(), Scan::prefix(b"kms/", PAGE));
    loop {
        let page = meta.scan(scan.clone()).await.map_err(Error::open("metadata"))?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        scan.start = [last, &[0][..]].concat().into();
        all.extend(page);
    }
}
