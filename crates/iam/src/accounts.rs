//! Accounts and their root users: the first one with the service, others by the operator.

use arqueta_model::{AccountId, Timestamp};

use crate::access_keys::AccessKeys;
use crate::record::{AccountRecord, RoleRecord};
use crate::state::State;
use crate::{Error, NewAccessKey};

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

/// Accounts and their root users.
#[derive(Debug, Clone, Copy)]
pub struct Accounts<'a> {
    pub(crate) state: &'a State,
}

impl<'a> Accounts<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Accounts<'_> {
    /// What the store says of an account.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn standing(self, account: &AccountId) -> Result<Standing, Error> {
        match self.state.directory.account(account).await {
            Ok(None) => Ok(Standing::Absent),
            Ok(Some(record)) if record.root_keys.is_empty() => Ok(Standing::NoRootKey),
            Ok(Some(_)) => Ok(Standing::RootKey),
            Err(Error::Damaged { .. } | Error::Store(arqueta_store::Error::Damaged { .. })) => Ok(Standing::Damaged),
            Err(other) => Err(other),
        }
    }

    /// Creates an account whose root user has no access key; one that exists stays as it is.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn ensure(self, account: &AccountId) -> Result<(), Error> {
        if self.state.directory.account(account).await?.is_some() {
            return Ok(());
        }
        let mut change = self.state.directory.begin().await?;
        if self.state.directory.account(account).await?.is_none() {
            change.put_account(
                account,
                &AccountRecord { created: self.state.directory.now(), alias: None, root_keys: Vec::new() },
            );
            change.commit().await?;
        }
        Ok(())
    }

    /// When an account was created.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn created(self, account: &AccountId) -> Result<Timestamp, Error> {
        let record = self.state.directory.account(account).await?;
        record.map(|record| record.created).ok_or_else(|| Error::no_such(format!("Account {account} does not exist.")))
    }

    /// All accounts, in order.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn list(self) -> Result<Vec<AccountId>, Error> {
        self.state.directory.accounts().await
    }

    /// Whether an account has users, groups, roles, policies or providers, damaged ones, too.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn has_identities(self, account: &AccountId) -> Result<bool, Error> {
        self.state.directory.has_any(account).await
    }

    /// Roles of old stores are found by their ids, too, from now on.
    pub(crate) async fn index_roles(self) -> Result<(), Error> {
        for account in self.state.directory.accounts().await? {
            let mut missing = Vec::new();
            for role in self.state.directory.all::<RoleRecord>(&account).await? {
                if matches!(self.state.directory.by_id(&role.id).await, Ok(None)) {
                    missing.push(role);
                }
            }
            if missing.is_empty() {
                continue;
            }
            let mut change = self.state.directory.begin().await?;
            missing.iter().for_each(|role| change.put_id(&role.id, &account, &role.name));
            change.commit().await?;
        }
        Ok(())
    }

    /// Creates an account with a root access key.
    ///
    /// # Errors
    /// [`Error::EntityAlreadyExists`].
    pub async fn create(self, account: &AccountId) -> Result<NewAccessKey, Error> {
        let change = self.state.directory.begin().await?;
        if self.state.directory.account(account).await?.is_some() {
            return Err(Error::EntityAlreadyExists { message: format!("Account {account} already exists.") });
        }
        AccessKeys::over(self.state).create_first(change, account, self.state.directory.now()).await
    }
}
