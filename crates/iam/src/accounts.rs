//! Accounts and their root users: the first one with the service, others by the operator.

use std::sync::Arc;

use arqueta_model::{AccountId, Clock};
use arqueta_store::MetaStore;

use crate::record::RoleRecord;
use crate::{Config, Error, Iam, NewAccessKey, SecretSealer};

/// What the store says of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Absent,
    /// Something that no gateway wrote.
    Damaged,
    /// It exists, and its root user has no access key.
    NoRootKey,
    /// It exists, and its root user has an access key.
    RootKey,
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
        let generated = match (iam.standing(&account).await?, iam.configured_root.is_some()) {
            (Standing::RootKey | Standing::Damaged, _) | (Standing::NoRootKey, true) => None,
            (Standing::Absent, true) => {
                iam.ensure_account(&account).await?;
                None
            }
            (Standing::Absent, false) => Some(iam.create_account(&account).await?),
            (Standing::NoRootKey, false) => Some(iam.create_root_access_key(&account).await?),
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
        let iam = Self::over(meta, clock, sealer, configured_root);
        iam.directory.refresh().await?;
        iam.index_roles().await?;
        Ok(iam)
    }

    /// What the store says of an account.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn standing(&self, account: &AccountId) -> Result<Standing, Error> {
        match self.directory.account(account).await {
            Ok(None) => Ok(Standing::Absent),
            Ok(Some(record)) if record.root_keys.is_empty() => Ok(Standing::NoRootKey),
            Ok(Some(_)) => Ok(Standing::RootKey),
            Err(Error::Damaged { .. } | Error::Store(arqueta_store::Error::Damaged { .. })) => Ok(Standing::Damaged),
            Err(other) => Err(other),
        }
    }

    /// Whether an account has users, groups, roles, policies or providers, damaged ones, too.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn has_identities(&self, account: &AccountId) -> Result<bool, Error> {
        self.directory.has_any(account).await
    }

    /// Roles of old stores are found by their ids, too, from now on.
    async fn index_roles(&self) -> Result<(), Error> {
        for account in self.directory.accounts().await? {
            let mut missing = Vec::new();
            for role in self.directory.all::<RoleRecord>(&account).await? {
                if matches!(self.directory.by_id(&role.id).await, Ok(None)) {
                    missing.push(role);
                }
            }
            if missing.is_empty() {
                continue;
            }
            let mut change = self.directory.begin().await?;
            missing.iter().for_each(|role| change.put_id(&role.id, &account, &role.name));
            change.commit().await?;
        }
        Ok(())
    }

    /// Creates an account with a root access key.
    ///
    /// # Errors
    /// [`Error::EntityAlreadyExists`].
    pub async fn create_account(&self, account: &AccountId) -> Result<NewAccessKey, Error> {
        let change = self.directory.begin().await?;
        if self.directory.account(account).await?.is_some() {
            return Err(Error::EntityAlreadyExists { message: format!("Account {account} already exists.") });
        }
        self.create_root(change, account, self.directory.now()).await
    }
}
