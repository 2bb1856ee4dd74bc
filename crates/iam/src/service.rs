//! [`Iam`]: opened over a store, and its roles.

use std::fmt;
use std::sync::Arc;

use arqueta_model::{AccountId, Clock};
use arqueta_policy::Principals;
use arqueta_store::MetaStore;

use crate::access_keys::AccessKeys;
use crate::accounts::{Accounts, Standing};
use crate::credential::Authentication;
use crate::grants::Permissions;
use crate::groups::Groups;
use crate::instance_profiles::InstanceProfiles;
use crate::oidc::{IssuerDocuments, Providers};
use crate::policies::Policies;
use crate::report::Reports;
use crate::roles::Roles;
use crate::simulate::Simulator;
use crate::state::{RootKey, State};
use crate::sts::Sessions;
use crate::users::Users;
use crate::{Error, NewAccessKey, SecretSealer};

/// How to open the identity service.
#[derive(Debug)]
pub struct Config {
    /// The account that exists without anyone creating it.
    pub account: AccountId,
    /// Root credentials of that account for this run, beside those in the store. Without them, an
    /// account that has none gets a key at its first start.
    pub root: Option<RootKey>,
}

/// Identities of all accounts over one metadata store, by role.
pub struct Iam {
    pub(crate) state: State,
}

impl Iam {
    /// Opens the service, and its account where that is missing. The second value is the root key made
    /// at the very first start, for the operator to see once.
    ///
    /// That an account is missing is no proof that it never was. Where there may be something to take,
    /// see [`Iam::connect`].
    ///
    /// # Errors
    /// [`Error::Validation`] for unusable root credentials, failures of the store.
    pub async fn open(
        meta: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        sealer: Arc<dyn SecretSealer>,
        config: Config,
    ) -> Result<(Self, Option<NewAccessKey>), Error> {
        let account = config.account.clone();
        let iam = Self::connect(meta, clock, sealer, config).await?;
        let generated = match (iam.accounts().standing(&account).await?, iam.state.configured_root.is_some()) {
            (Standing::RootKey | Standing::Damaged, _) | (Standing::NoRootKey, true) => None,
            (Standing::Absent, true) => {
                iam.accounts().ensure(&account).await?;
                None
            }
            (Standing::Absent, false) => Some(iam.accounts().create(&account).await?),
            (Standing::NoRootKey, false) => Some(iam.access_keys().create_root(&account).await?),
        };
        Ok((iam, generated))
    }

    /// Opens the service, and creates neither account nor key.
    ///
    /// # Errors
    /// [`Error::Validation`] for unusable root credentials, failures of the store.
    pub async fn connect(
        meta: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        sealer: Arc<dyn SecretSealer>,
        config: Config,
    ) -> Result<Self, Error> {
        if let Some(root) = &config.root {
            crate::names::check_name("root access key id", &root.access_key_id, 128)?;
            if root.access_key_id.len() < 3 || crate::id::is_temporary(&root.access_key_id) {
                return Err(Error::validation(
                    "the root access key id has 3 to 128 characters and does not begin with ASIA",
                ));
            }
            if root.secret.expose().chars().count() < 8 {
                return Err(Error::validation("the root secret access key has at least 8 characters"));
            }
        }
        let configured_root = config.root.map(|root| (config.account.clone(), Arc::new(root)));
        let iam = Self { state: State::new(meta, clock, sealer, configured_root) };
        iam.refresh().await?;
        iam.accounts().index_roles().await?;
        Ok(iam)
    }

    /// The service over a store that has been opened before: creates neither account nor key.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn attach(
        meta: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        sealer: Arc<dyn SecretSealer>,
    ) -> Result<Self, Error> {
        let iam = Self { state: State::new(meta, clock, sealer, None) };
        iam.refresh().await?;
        Ok(iam)
    }

    /// Fetches the documents of identity providers from `documents`; without, none can be reached.
    #[must_use]
    pub fn with_issuers(self, documents: Arc<dyn IssuerDocuments>) -> Self {
        Self { state: self.state.with_issuers(documents) }
    }

    /// Notices changes that other gateways over the same store made. What a gateway changes
    /// itself is in force with the call that changed it; for changes elsewhere, the time between
    /// two calls of this function is the bound.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn refresh(&self) -> Result<(), Error> {
        self.state.directory.refresh().await
    }

    /// Whom policies name.
    #[must_use]
    pub fn principals(&self) -> Arc<dyn Principals> {
        self.state.directory.clone()
    }

    /// Users.
    #[must_use]
    pub fn users(&self) -> Users<'_> {
        Users::over(&self.state)
    }

    /// Groups and their members.
    #[must_use]
    pub fn groups(&self) -> Groups<'_> {
        Groups::over(&self.state)
    }

    /// Roles and whom they trust.
    #[must_use]
    pub fn roles(&self) -> Roles<'_> {
        Roles::over(&self.state)
    }

    /// Instance profiles, and the role in each.
    #[must_use]
    pub fn instance_profiles(&self) -> InstanceProfiles<'_> {
        InstanceProfiles::over(&self.state)
    }

    /// Managed policies and their versions.
    #[must_use]
    pub fn policies(&self) -> Policies<'_> {
        Policies::over(&self.state)
    }

    /// What users, groups and roles are granted: inline policies and attached ones.
    #[must_use]
    pub fn permissions(&self) -> Permissions<'_> {
        Permissions::over(&self.state)
    }

    /// Access keys.
    #[must_use]
    pub fn access_keys(&self) -> AccessKeys<'_> {
        AccessKeys::over(&self.state)
    }

    /// OpenID Connect providers.
    #[must_use]
    pub fn providers(&self) -> Providers<'_> {
        Providers::over(&self.state)
    }

    /// Accounts and their root users.
    #[must_use]
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts::over(&self.state)
    }

    /// What an account holds, as a whole.
    #[must_use]
    pub fn reports(&self) -> Reports<'_> {
        Reports::over(&self.state)
    }

    /// Who is behind an access key id.
    #[must_use]
    pub fn authentication(&self) -> Authentication<'_> {
        Authentication::over(&self.state)
    }

    /// Temporary credentials.
    #[must_use]
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions::over(&self.state)
    }

    /// What policies would decide.
    #[must_use]
    pub fn simulator(&self) -> Simulator<'_> {
        Simulator::over(&self.state)
    }
}

impl fmt::Debug for Iam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iam").field("state", &self.state).finish()
    }
}
