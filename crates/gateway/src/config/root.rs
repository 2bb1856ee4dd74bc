//! `[kms.root]`: what protects the root key.

use std::path::PathBuf;

use arqueta_root::Argon2Cost;
use serde::Deserialize;

use super::Kms;
use crate::Error;

/// What protects the root key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Root {
    /// A file beside the data that only its owner may read.
    File(BareFile),
    /// A passphrase.
    Passphrase(ByPassphrase),
    /// A key in the tokens of one of `[[kms.clusters]]`.
    Pkcs11(ByCluster),
    /// A key at one of `[kms.backends]`.
    Kms(ByBackend),
}

impl Default for Root {
    fn default() -> Self {
        Self::File(BareFile {})
    }
}

/// `kind = "file"`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BareFile {}

/// `kind = "passphrase"`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByPassphrase {
    /// File with the passphrase; one line end at its end is not part of it.
    pub passphrase_file: Option<PathBuf>,
    /// Environment variable with it.
    pub passphrase_env: Option<String>,
    /// Memory that Argon2id takes, 8 to 1024 MiB.
    #[serde(default = "memory")]
    pub memory_mib: u32,
    /// Its passes, 1 to 32.
    #[serde(default = "iterations")]
    pub iterations: u32,
    /// Its lanes, 1 to 16.
    #[serde(default = "lanes")]
    pub lanes: u32,
}

/// `kind = "pkcs11"`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByCluster {
    /// Id of the cluster, or `pkcs11` for the only one.
    pub cluster: String,
    /// Label of a key in its tokens; one is made there if absent.
    pub key: Option<String>,
}

/// `kind = "kms"`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByBackend {
    /// Name of the backend.
    pub backend: String,
    /// Name of the key there.
    pub key: String,
}

fn memory() -> u32 {
    Argon2Cost::default().memory_kib >> 10
}

fn iterations() -> u32 {
    Argon2Cost::default().iterations
}

fn lanes() -> u32 {
    Argon2Cost::default().lanes
}

impl ByPassphrase {
    /// What a guess costs.
    #[must_use]
    pub fn cost(&self) -> Argon2Cost {
        Argon2Cost {
            memory_kib: self.memory_mib.saturating_mul(1 << 10),
            iterations: self.iterations,
            lanes: self.lanes,
        }
    }
}

impl Kms {
    pub(super) fn check_root(&self) -> Result<(), Error> {
        let refuse = |what: String| Err(Error::Config(format!("[kms.root] {what}")));
        match &self.root {
            Root::File(_) => Ok(()),
            Root::Passphrase(by) if by.passphrase_file.is_some() == by.passphrase_env.is_some() => {
                refuse("one of passphrase_file and passphrase_env says where the passphrase is".to_owned())
            }
            Root::Passphrase(by) => by.cost().check().map(|_| ()).or_else(|error| refuse(error.to_string())),
            Root::Pkcs11(by) if self.cluster(&by.cluster).is_none() => {
                refuse(format!("cluster `{}` is none of [[kms.clusters]]", by.cluster))
            }
            Root::Kms(by) if !self.backends.contains_key(&by.backend) => {
                refuse(format!("backend `{}` is none of [kms.backends]", by.backend))
            }
            Root::Pkcs11(_) | Root::Kms(_) => Ok(()),
        }
    }
}
