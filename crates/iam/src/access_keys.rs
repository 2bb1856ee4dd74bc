//! Access keys (IAM API Reference: CreateAccessKey, ListAccessKeys, UpdateAccessKey,
//! DeleteAccessKey, GetAccessKeyLastUsed).

use arqueta_model::{AccountId, Timestamp};

use crate::directory::Change;
use crate::id::{Prefix, fresh, fresh_secret};
use crate::record::{AccessKeyRecord, AccountRecord, KeyOwner, UserRecord};
use crate::state::State;
use crate::{Error, Secret};

/// Access keys that one user may have, so that keys can be rotated.
pub(crate) const KEYS_PER_USER: usize = 2;

/// Whose access keys are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHolder<'a> {
    /// The account's root user.
    Root,
    /// A user, by name.
    User(&'a str),
}

/// A new access key; the only moment its secret is shown.
#[derive(Debug)]
pub struct NewAccessKey {
    /// `AKIA…`.
    pub access_key_id: String,
    /// 40 characters.
    pub secret: Secret,
}

/// An access key as IAM describes it, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA…`.
    pub access_key_id: String,
    /// Whether it can be used.
    pub active: bool,
    /// When it was created.
    pub create_date: Timestamp,
}

/// When an access key was last used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUsed {
    /// Name of its user; `None` for the root user.
    pub user_name: Option<String>,
    /// To the quarter of an hour; `None` if never.
    pub at: Option<Timestamp>,
}

/// Where the ids of someone's access keys are kept.
enum Ring {
    Root(AccountRecord),
    User(UserRecord),
}

impl Ring {
    fn ids(&mut self) -> &mut Vec<String> {
        match self {
            Self::Root(record) => &mut record.root_keys,
            Self::User(record) => &mut record.access_keys,
        }
    }

    fn owner(&self) -> KeyOwner {
        match self {
            Self::Root(_) => KeyOwner::Root,
            Self::User(record) => KeyOwner::User(record.id.clone()),
        }
    }

    fn put(&self, account: &AccountId, change: &mut Change<'_>) {
        match self {
            Self::Root(record) => change.put_account(account, record),
            Self::User(record) => change.put(account, record),
        }
    }
}

/// Access keys of users and root users.
#[derive(Debug, Clone, Copy)]
pub struct AccessKeys<'a> {
    pub(crate) state: &'a State,
}

impl<'a> AccessKeys<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl AccessKeys<'_> {
    /// Creates an access key.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::LimitExceeded`] at the third one.
    pub async fn create(self, account: &AccountId, holder: KeyHolder<'_>) -> Result<NewAccessKey, Error> {
        let change = self.state.directory.begin().await?;
        let mut ring = self.ring(account, holder).await?;
        if ring.ids().len() >= KEYS_PER_USER {
            return Err(Error::limit(format!("Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}")));
        }
        self.add_key(change, account, ring).await
    }

    /// Creates an access key of an account's root user.
    ///
    /// # Errors
    /// As [`AccessKeys::create`].
    pub async fn create_root(self, account: &AccountId) -> Result<NewAccessKey, Error> {
        self.create(account, KeyHolder::Root).await
    }

    /// Puts a new account and the access key of its root user into one change.
    pub(crate) async fn create_first(
        self,
        change: Change<'_>,
        account: &AccountId,
        created: Timestamp,
    ) -> Result<NewAccessKey, Error> {
        self.add_key(change, account, Ring::Root(AccountRecord { created, alias: None, root_keys: Vec::new() })).await
    }

    async fn add_key(self, mut change: Change<'_>, account: &AccountId, mut ring: Ring) -> Result<NewAccessKey, Error> {
        let (id, owner, secret) = (fresh(Prefix::AccessKey), ring.owner(), fresh_secret());
        let record = AccessKeyRecord {
            account: account.clone(),
            sealed: self.state.sealer.seal(&secret_context(&id, account, &owner), secret.expose().as_bytes()),
            owner,
            active: true,
            created: self.state.directory.now(),
            id,
        };
        ring.ids().push(record.id.clone());
        ring.put(account, &mut change);
        change.put_access_key(&record);
        change.commit().await?;
        Ok(NewAccessKey { access_key_id: record.id, secret })
    }

    /// The access keys, oldest first.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn list(self, account: &AccountId, holder: KeyHolder<'_>) -> Result<Vec<AccessKey>, Error> {
        let mut keys = Vec::new();
        for id in self.ring(account, holder).await?.ids() {
            let record = self.state.directory.access_key(id).await?.ok_or_else(|| no_key(id))?;
            keys.push(AccessKey { access_key_id: record.id, active: record.active, create_date: record.created });
        }
        Ok(keys)
    }

    /// Activates or deactivates an access key, at once.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn update(self, account: &AccountId, holder: KeyHolder<'_>, id: &str, active: bool) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record = self.key_on(&mut self.ring(account, holder).await?, id).await?;
        record.active = active;
        change.put_access_key(&record);
        change.commit().await
    }

    /// Deletes an access key, at once.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn delete(self, account: &AccountId, holder: KeyHolder<'_>, id: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut ring = self.ring(account, holder).await?;
        self.key_on(&mut ring, id).await?;
        ring.ids().retain(|own| own != id);
        ring.put(account, &mut change);
        change.delete_access_key(id);
        change.commit().await
    }

    /// Whose an access key is and when it was last used.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], also for keys of other accounts.
    pub async fn last_used(self, account: &AccountId, id: &str) -> Result<LastUsed, Error> {
        let record = self.state.directory.access_key(id).await?.filter(|record| record.account == *account);
        let user_name = match record.ok_or_else(|| no_key(id))?.owner {
            KeyOwner::Root => None,
            KeyOwner::User(user_id) => self.state.directory.by_id(&user_id).await?.map(|(_, name)| name),
        };
        Ok(LastUsed { user_name, at: self.state.directory.last_use(id).await? })
    }

    /// The account of an access key, whoever asks (STS: GetAccessKeyInfo).
    ///
    /// # Errors
    /// [`Error::Validation`] for keys that are not known: temporary ones are kept nowhere.
    pub async fn account_of(self, id: &str) -> Result<AccountId, Error> {
        if let Some((account, root)) = &self.state.configured_root
            && root.access_key_id == id
        {
            return Ok(account.clone());
        }
        let record = self.state.directory.access_key(id).await?;
        record.map(|record| record.account).ok_or_else(|| {
            Error::validation("The specified access key id does not belong to an account that can be told.")
        })
    }

    async fn ring(self, account: &AccountId, holder: KeyHolder<'_>) -> Result<Ring, Error> {
        match holder {
            KeyHolder::User(name) => Ok(Ring::User(self.state.existing(account, name).await?)),
            KeyHolder::Root => {
                let record = self.state.directory.account(account).await?;
                Ok(Ring::Root(record.ok_or_else(|| Error::no_such(format!("Account {account} cannot be found.")))?))
            }
        }
    }

    async fn key_on(self, ring: &mut Ring, id: &str) -> Result<AccessKeyRecord, Error> {
        let known = ring.ids().iter().any(|own| own == id);
        let record = if known { self.state.directory.access_key(id).await? } else { None };
        record.ok_or_else(|| no_key(id))
    }
}

/// What a stored secret is bound to.
/// Bound to whose key it is: an edited record cannot give a key to somebody else. None of the
/// three can hold the separator.
pub(crate) fn secret_context(access_key_id: &str, account: &AccountId, owner: &KeyOwner) -> Vec<u8> {
    let owner = match owner {
        KeyOwner::Root => "root",
        KeyOwner::User(id) => id,
    };
    format!("arqueta/1/access-key/{access_key_id}/{account}/{owner}").into_bytes()
}

fn no_key(id: &str) -> Error {
    Error::no_such(format!("The Access Key with id {id} cannot be found."))
}
