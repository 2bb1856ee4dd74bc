//! Clusters of PKCS#11 tokens, opened from the configuration. Each token's worker is this program,
//! started as `token-worker`.

use std::path::Path;
use std::sync::Arc;

use arqueta_hsm::{Cluster, Launch, Settings};
use arqueta_kms::Clusters;
use arqueta_model::Clock;
use zeroize::Zeroizing;

use crate::Error;
use crate::config::{self, Kms};
use crate::credentials;

/// Opens every cluster of the configuration. Tokens that are not there are tried again for ever.
///
/// # Errors
/// [`Error::Config`] for a PIN or certificate that cannot be read.
pub async fn open(config: &Kms, clock: &Arc<dyn Clock>) -> Result<Clusters, Error> {
    let mut clusters = Clusters::new();
    for cluster in &config.clusters {
        let settings = Settings {
            module: cluster.module.clone(),
            tokens: cluster.tokens.clone(),
            pin: pin(cluster)?,
            trust_anchor: cluster.trust_anchor.as_deref().map(|path| read(cluster, path)).transpose()?,
        };
        let program = std::env::current_exe();
        let launch = Launch {
            program: program.map_err(|error| refused(cluster, format!("this program is not found: {error}")))?,
            arguments: vec!["token-worker".to_owned()],
            environment: cluster.environment.clone().into_iter().collect(),
            withheld: withheld(config),
        };
        let opened = Cluster::open(settings, launch, clock.clone()).await;
        clusters.insert(cluster.id.clone(), Arc::new(opened));
    }
    Ok(clusters)
}

/// What a module is not told: the root's credentials, and the PINs of all clusters. A worker is
/// told the one that it needs over its pipe.
fn withheld(config: &Kms) -> Vec<String> {
    let pins = config.clusters.iter().filter_map(|cluster| cluster.pin_env.clone());
    pins.chain(credentials::VARIABLES.map(str::to_owned)).collect()
}

fn pin(cluster: &config::Cluster) -> Result<Zeroizing<String>, Error> {
    let pin = match (&cluster.pin_file, &cluster.pin_env) {
        (Some(path), _) => read(cluster, path)?,
        (None, Some(name)) => std::env::var(name).map_err(|_| refused(cluster, format!("{name} is not set")))?,
        (None, None) => return Err(refused(cluster, "there is no PIN".to_owned())),
    };
    let pin = Zeroizing::new(pin);
    Ok(Zeroizing::new(pin.trim_end_matches(['\r', '\n']).to_owned()))
}

fn read(cluster: &config::Cluster, path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| refused(cluster, format!("cannot read {}: {error}", path.display())))
}

fn refused(cluster: &config::Cluster, what: String) -> Error {
    Error::Config(format!("[[kms.clusters]] `{}`: {what}", cluster.id))
}
