//! `[[kms.clusters]]`: clusters of PKCS#11 tokens.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::Kms;
use crate::Error;

/// The name of the one cluster, as a back end of the key service.
const PKCS11: &str = "pkcs11";

/// A cluster of tokens that hold the same keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// `cluster-` and 11 to 16 of `2-7a-zA-Z`. Stored with the keys: keep it.
    pub id: String,
    /// The module, a shared library.
    pub module: PathBuf,
    /// Labels of the tokens, two or more.
    pub tokens: Vec<String>,
    /// File with the PIN of the tokens' user.
    pub pin_file: Option<PathBuf>,
    /// Environment variable with it.
    pub pin_env: Option<String>,
    /// File with the certificate (PEM) that creators of custom key stores must present.
    pub trust_anchor: Option<PathBuf>,
    /// Environment variables for the module.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

impl Kms {
    /// The cluster that a back end's name stands for: its id, or `pkcs11` for the only one.
    #[must_use]
    pub fn cluster(&self, backend: &str) -> Option<&Cluster> {
        match &self.clusters[..] {
            [only] if backend == PKCS11 => Some(only),
            all => all.iter().find(|cluster| cluster.id == backend),
        }
    }

    pub(super) fn check_clusters(&self) -> Result<(), Error> {
        let refuse = |id: &str, what: &str| Err(Error::Config(format!("[[kms.clusters]] `{id}`: {what}")));
        for (n, Cluster { id, tokens, pin_file, pin_env, .. }) in self.clusters.iter().enumerate() {
            let name = id.strip_prefix("cluster-").unwrap_or_default();
            let fits = |c: char| c.is_ascii_alphabetic() || ('2'..='7').contains(&c);
            if !(11..=16).contains(&name.len()) || !name.chars().all(fits) {
                return refuse(id, "an id is cluster- and 11 to 16 of 2-7 a-z A-Z, as AWS's are");
            }
            if self.clusters[..n].iter().any(|other| other.id == *id) {
                return refuse(id, "there are two of this id");
            }
            if tokens.is_empty() || tokens.iter().enumerate().any(|(n, token)| tokens[..n].contains(token)) {
                return refuse(id, "tokens are different labels, two or more");
            }
            if pin_file.is_some() == pin_env.is_some() {
                return refuse(id, "one of pin_file and pin_env says where the PIN is");
            }
        }
        Ok(())
    }
}
