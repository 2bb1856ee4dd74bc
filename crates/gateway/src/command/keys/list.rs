//! `arqueta keys list`

use std::io::Write;

use arqueta_keys::list_keys;
use arqueta_kms::KeyManager;

use super::authenticated;
use crate::{Config, Error};

pub(super) async fn run(config: &Config, out: &mut impl Write) -> Result<(), Error> {
    let meta = authenticated(config).await?.meta;
    for key in list_keys(&*meta, &config.region).await.map_err(Error::open("key service"))? {
        let manager = match key.manager {
            KeyManager::Customer => "customer",
            KeyManager::Aws => "aws",
            KeyManager::Owned => "service",
        };
        let aliases = key.aliases.join(" ");
        let line = format!("{}  {:?}  {:?}  {}  {manager}  {aliases}", key.arn, key.state, key.spec, key.origin);
        writeln!(out, "{}", line.trim_end()).map_err(Error::Output)?;
    }
    Ok(())
}
