//! Accounts and their root users: the first one with the service, others by the operator.

use std::sync::Arc;

use arqueta_model::{AccountId, Clock};
use arqueta_store::MetaStore;

use crate::{Config, Error, Iam, NewAccessKey, SecretSealer};

impl Iam {
    /// Opens the service. The second value is the root key made at the very first start, for the
    /// operator to see once.
    ///
    /// # Errors
    /// [`Error::Validation`] for unusable root credentials, failures of the store.
    pub async fn open(
        meta: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        sealer: Arc<dyn SecretSealer>,
        config: Config,
    ) -> Result<(Self, Option<NewAccessKey>), Error> {
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
        iam.ensure_account(&config.account).await?;
        let known = iam.directory.account(&config.account).await?.is_some_and(|record| !record.root_keys.is_empty());
        let generated = match known || iam.configured_root.is_some() {
            true => None,
            false => Some(iam.create_root_access_key(&config.account).await?),
        };
        Ok((iam, generated))
    }

    /// Creates an account with a root access key.
    ///
    /// # Errors
    /// [`Error::EntityAlreadyExists`].
    pub async fn create_account(&self, account: &AccountId) -> Result<NewAccessKey, Error> {
        if self.directory.account(account).await?.is_some() {
            return Err(Error::EntityAlreadyExists { message: format!("Account {account} already exists.") });
        }
        self.ensure_account(account).await?;
        self.create_root_access_key(account).await
    }
}
