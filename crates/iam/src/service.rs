//! [`Iam`]: what it holds, and what its operations share.

use std::fmt;
use std::sync::Arc;

use arqueta_model::{AccountId, Clock, Timestamp};
use arqueta_store::MetaStore;
use tokio::sync::Semaphore;

use crate::directory::Directory;
use crate::known::Credentials;
use crate::oidc::{IssuerDocuments, Issuers};
use crate::record::{AccountRecord, Named};
use crate::{Error, Secret, SecretSealer};

/// Simulations that run at once; others wait.
const SIMULATIONS: usize = 2;

/// Root credentials given by the operator.
#[derive(Debug)]
pub struct RootKey {
    /// 3 to 128 of `A-Za-z0-9` and `_+=,.@-`: it becomes part of a credential scope.
    pub access_key_id: String,
    /// At least 8 characters.
    pub secret: Secret,
}

/// How to open the identity service.
#[derive(Debug)]
pub struct Config {
    /// The account that exists without anyone creating it.
    pub account: AccountId,
    /// Root credentials of that account for this run, beside those in the store. Without them, an
    /// account that has none gets a key at its first start.
    pub root: Option<RootKey>,
}

/// A new access key; the only moment its secret is shown.
#[derive(Debug)]
pub struct NewAccessKey {
    /// `AKIA…`.
    pub access_key_id: String,
    /// 40 characters.
    pub secret: Secret,
}

/// Identities of all accounts over one metadata store.
pub struct Iam {
    pub(crate) directory: Directory,
    pub(crate) sealer: Arc<dyn SecretSealer>,
    pub(crate) credentials: Credentials,
    pub(crate) issuers: Issuers,
    pub(crate) simulations: Arc<Semaphore>,
    pub(crate) configured_root: Option<(AccountId, Arc<RootKey>)>,
}

impl Iam {
    /// The service over a store that has been opened before: creates neither account nor key.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn attach(
        meta: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        sealer: Arc<dyn SecretSealer>,
    ) -> Result<Self, Error> {
        let iam = Self::over(meta, clock, sealer, None);
        iam.directory.refresh().await?;
        Ok(iam)
    }

    pub(crate) fn over(
        meta: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        sealer: Arc<dyn SecretSealer>,
        configured_root: Option<(AccountId, Arc<RootKey>)>,
    ) -> Self {
        Self {
            directory: Directory::new(meta, clock),
            sealer,
            credentials: Credentials::new(),
            issuers: Issuers::new(None),
            simulations: Arc::new(Semaphore::new(SIMULATIONS)),
            configured_root,
        }
    }

    /// Fetches the documents of identity providers from `documents`; without, none can be reached.
    #[must_use]
    pub fn with_issuers(self, documents: Arc<dyn IssuerDocuments>) -> Self {
        Self { issuers: Issuers::new(Some(documents)), ..self }
    }

    /// Creates an account whose root user has no access key; one that exists stays as it is.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn ensure_account(&self, account: &AccountId) -> Result<(), Error> {
        if self.directory.account(account).await?.is_some() {
            return Ok(());
        }
        let mut change = self.directory.begin().await?;
        if self.directory.account(account).await?.is_none() {
            change.put_account(account, &AccountRecord { created: self.directory.now(), root_keys: Vec::new() });
            change.commit().await?;
        }
        Ok(())
    }

    /// When an account was created.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn account_created(&self, account: &AccountId) -> Result<Timestamp, Error> {
        let record = self.directory.account(account).await?;
        record.map(|record| record.created).ok_or_else(|| Error::no_such(format!("Account {account} does not exist.")))
    }

    /// All accounts, in order.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn accounts(&self) -> Result<Vec<AccountId>, Error> {
        self.directory.accounts().await
    }

    /// Notices changes that other gateways over the same store made. What a gateway changes
    /// itself is in force with the call that changed it; for changes elsewhere, the time between
    /// two calls of this function is the bound.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn refresh(&self) -> Result<(), Error> {
        self.directory.refresh().await
    }

    /// A record that must exist.
    pub(crate) async fn existing<R: Named>(&self, account: &AccountId, name: &str) -> Result<R, Error> {
        self.directory.find(account, name).await?.ok_or_else(|| missing::<R>(name))
    }

    /// Fails if the name is taken.
    pub(crate) async fn require_free<R: Named>(&self, account: &AccountId, name: &str) -> Result<(), Error> {
        match self.directory.find::<R>(account, name).await? {
            None => Ok(()),
            Some(_) if R::LETTER == 'p' => Err(Error::EntityAlreadyExists {
                message: format!("A policy called {name} already exists. Duplicate names are not allowed."),
            }),
            Some(_) => {
                Err(Error::EntityAlreadyExists { message: format!("{} with name {name} already exists.", noun::<R>()) })
            }
        }
    }
}

fn noun<R: Named>() -> &'static str {
    match R::LETTER {
        'u' => "User",
        'g' => "Group",
        'r' => "Role",
        _ => "Policy",
    }
}

fn missing<R: Named>(name: &str) -> Error {
    Error::no_such(format!("The {} with name {name} cannot be found.", noun::<R>().to_lowercase()))
}

impl fmt::Debug for Iam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iam").field("generation", &self.directory.generation()).finish_non_exhaustive()
    }
}
