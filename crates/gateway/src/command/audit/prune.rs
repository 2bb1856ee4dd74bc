//! `arqueta audit prune`: removes the oldest part of the record, so that the rest stays provable.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arqueta_audit::Pruned;
use arqueta_engine::name_of;
use arqueta_keys::{Authenticated, RecordSealer};
use arqueta_model::Timestamp;
use arqueta_store::Damages;
use clap::Args;
use time::OffsetDateTime;

use super::search::moment;
use super::write;
use crate::foundations::Foundations;
use crate::record::{Home, SealedRecord};
use crate::{Config, Error, metadata, root};

#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Remove what was recorded on days before this one: 2026-11-21. The latest file always stays, and
    /// so does what a trail has still to deliver.
    #[arg(long, value_name = "DAY", value_parser = moment)]
    before: OffsetDateTime,

    /// Copy each file into this folder first. `arqueta audit verify` vouches for its digest.
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
}

impl PruneArgs {
    pub fn run(&self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        match runtime.block_on(self.prune(config))? {
            None => write(out, "nothing to remove"),
            Some(Pruned { files, events, sequence, findings }) => {
                write(out, &format!("removed {events} events in {files} files, up to group {sequence}"))?;
                findings
                    .iter()
                    .try_for_each(|finding| write(out, &format!("they were not what was recorded: {finding}")))
            }
        }
    }

    /// On a data folder that no gateway holds; one that runs prunes by `audit.keep_days`.
    async fn prune(&self, config: &Config) -> Result<Option<Pruned>, Error> {
        if !config.data_dir.join("audit").is_dir() {
            return Err(Error::Config(format!("{} is no data folder of a gateway", config.data_dir.display())));
        }
        if !metadata::exists(config) {
            // What trails have still to deliver is not known without.
            return Err(Error::Config(format!("{} has no metadata", config.data_dir.display())));
        }
        let Foundations { meta, record, clock, .. } = Foundations::open(config).await?;
        let Some(lines) = record else { return Ok(None) };
        let protector = root::open(config, &clock).await?;
        let damages = Arc::new(Damages::named_by(name_of));
        let authenticated = arqueta_keys::authenticate(meta, &*protector, damages).await;
        let Authenticated { meta, root } = authenticated.map_err(Error::open("key service"))?;
        let root = root.unlock().await.map_err(Error::open("root key"))?;
        let home = Home {
            region: config.region.clone(),
            account: config.account_id.clone(),
            keep_days: None,
            accept_older_metadata: false,
            clock,
        };
        let sealed =
            SealedRecord::begin((lines, None), RecordSealer::new(&root), meta, home).await.map_err(Error::Record)?;
        let before = Timestamp::from_millis(self.before.unix_timestamp().saturating_mul(1000));
        let pruned = sealed.prune(before, self.archive.clone()).await.map_err(Error::Record)?;
        sealed.keep(None).await.map_err(Error::Record)?;
        Ok(pruned)
    }
}
