//! How the service is opened, and with what.

use std::fmt;
use std::sync::Arc;

use arqueta_kms::{Clusters, Holders, RootKey};
use arqueta_model::{AccountId, Region};

use crate::quotas::Quotas;

/// How to open the service.
#[derive(Clone)]
pub struct Config {
    /// Account that the service-owned key is kept under.
    pub account: AccountId,
    /// The one region served.
    pub region: Region,
    /// What seals key material at rest.
    pub root: Arc<dyn RootKey>,
    /// Who holds material outside this service. Names are stored with the keys: keep them.
    pub holders: Holders,
    /// Clusters of tokens that custom key stores can be made for.
    pub clusters: Clusters,
    /// Which of `holders` makes the material of new symmetric keys, the AWS-managed and the
    /// service-owned ones included; this service itself if absent.
    pub home: Option<String>,
    /// Requests a second that an account may make.
    pub quotas: Quotas,
}

impl Config {
    /// A service that keeps all material itself and has no quotas.
    #[must_use]
    pub fn new(account: AccountId, region: Region, root: Arc<dyn RootKey>) -> Self {
        let (holders, clusters) = (Holders::new(), Clusters::new());
        Self { account, region, root, holders, clusters, home: None, quotas: Quotas::default() }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Config");
        shown.field("account", &self.account).field("region", &self.region).field("home", &self.home);
        shown.finish_non_exhaustive()
    }
}
