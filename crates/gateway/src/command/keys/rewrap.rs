//! `arqueta keys rewrap`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::{clock, metadata};
use crate::config::ServeArgs;
use crate::{Config, Error, root};

#[derive(Debug, Args)]
pub(super) struct RewrapArgs {
    /// Configuration file whose [kms.root] is to protect the root key from now on; --config is the
    /// one whose [kms.root] protects it now.
    #[arg(long, value_name = "FILE")]
    to_config: PathBuf,
}

impl RewrapArgs {
    pub(super) async fn run(&self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let to = ServeArgs {
            config: Some(self.to_config.clone()),
            data_dir: Some(config.data_dir.clone()),
            ..ServeArgs::default()
        };
        let to = Config::load(&to)?;
        let meta = metadata(config)?;
        let (from, into) = (root::open(config, &clock()).await?, root::open(&to, &clock()).await?);
        arqueta_keys::rewrap(&meta, &*from, &*into).await.map_err(Error::open("key service"))?;
        let shown = into.path().display();
        writeln!(out, "the root key is protected as {} says, in {shown}", self.to_config.display())
            .map_err(Error::Output)
    }
}
