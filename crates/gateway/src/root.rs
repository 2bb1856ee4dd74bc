//! What protects the root key, set up from the configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arqueta_kms::{Clusters, Holders, KeyHolder, RootProtector};
use arqueta_model::{Clock, KeyArn};
use arqueta_root::{FileRootKey, HeldBy, Passphrase, ROOT_FILES, WrappedRootKey};
use zeroize::Zeroizing;

use crate::backends::Backends;
use crate::config::Root;
use crate::{Config, Error, clusters};

/// The protector that the configuration names, over clusters and backends that are open.
///
/// # Errors
/// [`Error::Config`] for a passphrase that cannot be read.
pub fn protector(config: &Config, clusters: &Clusters, backends: &Holders) -> Result<Arc<dyn RootProtector>, Error> {
    let [bare, wrapped] = ROOT_FILES.map(|name| config.data_dir.join(name));
    let held = |holder: &str, through: Option<Arc<dyn KeyHolder>>, key: Option<&String>| {
        let through = through.ok_or_else(|| Error::Config(format!("[kms.root] there is no `{holder}`")))?;
        let made_for = KeyArn::new(&config.region, &config.account_id, "root");
        let by = HeldBy { holder: holder.to_owned(), through, key: key.cloned(), made_for };
        Ok::<_, Error>(WrappedRootKey::by_holder(&wrapped, by))
    };
    Ok(match &config.kms.root {
        Root::File(_) => Arc::new(FileRootKey::new(bare)),
        Root::Passphrase(by) => {
            let words = passphrase(by.passphrase_file.as_deref(), by.passphrase_env.as_deref(), "[kms.root]")?;
            Arc::new(WrappedRootKey::by_passphrase(wrapped, words, by.cost()))
        }
        Root::Pkcs11(by) => {
            // By its id, so that naming it otherwise does not make it another one.
            let id = config.kms.cluster(&by.cluster).map_or(by.cluster.as_str(), |cluster| &cluster.id);
            let through = clusters.get(id).map(|cluster| cluster.clone() as Arc<dyn KeyHolder>);
            Arc::new(held(id, through, by.key.as_ref())?)
        }
        Root::Kms(by) => Arc::new(held(&by.backend, backends.get(&by.backend).cloned(), Some(&by.key))?),
    })
}

/// The protector for a command that has nothing open yet.
///
/// # Errors
/// As [`protector`], and for clusters and backends that cannot be set up.
pub async fn open(config: &Config, clock: &Arc<dyn Clock>) -> Result<Arc<dyn RootProtector>, Error> {
    let backends = Backends::new(&config.kms, clock)?;
    let clusters = match config.kms.root {
        Root::Pkcs11(_) => clusters::open(&config.kms, clock).await?,
        _ => Clusters::new(),
    };
    protector(config, &clusters, &backends.holders)
}

/// A passphrase from a file or from an environment variable; `asked` says who wants it.
///
/// # Errors
/// [`Error::Config`].
pub fn passphrase(file: Option<&Path>, variable: Option<&str>, asked: &str) -> Result<Passphrase, Error> {
    let refused = |what: String| Error::Config(format!("{asked} {what}"));
    let place = match (file, variable) {
        (Some(path), _) => format!("in {}", path.display()),
        (None, name) => format!("in {}", name.unwrap_or_default()),
    };
    let text = match (file, variable) {
        (Some(path), _) => std::fs::read(path)
            .map_err(|error| refused(format!("cannot read the passphrase in {}: {error}", path.display())))?,
        (None, Some(name)) => std::env::var(name)
            .map_err(|_| refused(format!("{name}, which should hold the passphrase, is not set")))?
            .into_bytes(),
        (None, None) => return Err(refused("needs a passphrase, from a file or an environment variable".to_owned())),
    };
    let text = Zeroizing::new(text);
    let line = text.strip_suffix(b"\n").unwrap_or(&text);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Passphrase::new(line).map_err(|error| refused(format!("the one {place} is too short: {error}")))
}

/// What the operator should know about where the root key lies.
#[must_use]
pub fn warning(config: &Config) -> Option<String> {
    let bare: PathBuf = config.data_dir.join(ROOT_FILES[0]);
    match config.kms.root {
        Root::File(_) => Some(format!(
            "the root key lies beside the data that it protects, in {}; [kms.root] of the configuration keeps it elsewhere",
            bare.display()
        )),
        _ if bare.exists() => Some(format!(
            "{} still holds a root key in the clear; run `arqueta keys rewrap` again, or remove it",
            bare.display()
        )),
        _ => None,
    }
}
