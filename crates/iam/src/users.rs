//! Users (IAM API Reference: CreateUser, GetUser, ListUsers, UpdateUser, DeleteUser, TagUser,
//! PutUserPermissionsBoundary).

use arqueta_model::{AccountId, Arn, Timestamp};

use crate::Error;
use crate::id::{Prefix, fresh};
use crate::names::{self, Tag};
use crate::page::{List, Page};
use crate::policies::Policies;
use crate::record::{Grants, UserRecord};
use crate::state::State;

/// A user as IAM describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Begins and ends with `/`.
    pub path: String,
    /// Unique in the account, ignoring case.
    pub user_name: String,
    /// `AIDA…`, never used again.
    pub user_id: String,
    /// ARN, path included.
    pub arn: Arn,
    /// When it was created.
    pub create_date: Timestamp,
    /// ARN of the managed policy that bounds its permissions.
    pub permissions_boundary: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl User {
    pub(crate) fn of(account: &AccountId, record: UserRecord) -> Self {
        Self {
            arn: record.arn(account),
            path: record.path,
            user_name: record.name,
            user_id: record.id,
            create_date: record.created,
            permissions_boundary: record.boundary,
            tags: record.tags,
        }
    }
}

/// A user to create.
#[derive(Debug, Clone, Default)]
pub struct CreateUser {
    /// 1 to 64 of `A-Za-z0-9_+=,.@-`.
    pub user_name: String,
    /// `/` by default.
    pub path: Option<String>,
    /// ARN of a managed policy.
    pub permissions_boundary: Option<String>,
    /// At most 50.
    pub tags: Vec<Tag>,
}

/// Longest user or role name.
pub(crate) const NAME: usize = 64;

/// Users.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a> {
    pub(crate) state: &'a State,
}

impl<'a> Users<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Users<'_> {
    /// Creates a user without any permission.
    ///
    /// # Errors
    /// [`Error::EntityAlreadyExists`], [`Error::Validation`], [`Error::NoSuchEntity`] for the boundary.
    pub async fn create(self, account: &AccountId, input: CreateUser) -> Result<User, Error> {
        names::check_name("userName", &input.user_name, NAME)?;
        names::check_tags(&input.tags)?;
        let path = names::path(input.path)?;
        let mut change = self.state.directory.begin().await?;
        self.state.require_free::<UserRecord>(account, &input.user_name).await?;
        if let Some(boundary) = &input.permissions_boundary {
            Policies::over(self.state).require_boundary(account, boundary).await?;
        }
        let record = UserRecord {
            name: input.user_name,
            path,
            id: fresh(Prefix::User),
            created: self.state.directory.now(),
            boundary: input.permissions_boundary,
            tags: input.tags,
            grants: Grants::default(),
            groups: Default::default(),
            access_keys: Vec::new(),
        };
        change.put(account, &record);
        change.put_id(&record.id, account, &record.name);
        change.commit().await?;
        Ok(User::of(account, record))
    }

    /// One user.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn get(self, account: &AccountId, name: &str) -> Result<User, Error> {
        Ok(User::of(account, self.state.existing(account, name).await?))
    }

    /// A page of users.
    ///
    /// # Errors
    /// [`Error::Validation`] for the page's size.
    pub async fn list(self, account: &AccountId, list: &List) -> Result<Page<User>, Error> {
        Ok(self.state.directory.page(account, list).await?.map(|record| User::of(account, record)))
    }

    /// Renames or moves a user. Its id, keys, groups, policies and sessions stay, and policies of
    /// resources go on meaning it; conditions on its old ARN do not.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::EntityAlreadyExists`], [`Error::Validation`].
    pub async fn update(
        self,
        account: &AccountId,
        name: &str,
        new_name: Option<String>,
        new_path: Option<String>,
    ) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record: UserRecord = self.state.existing(account, name).await?;
        if let Some(new_name) = new_name {
            names::check_name("newUserName", &new_name, NAME)?;
            if new_name.to_lowercase() != record.name.to_lowercase() {
                self.state.require_free::<UserRecord>(account, &new_name).await?;
            }
            change.delete::<UserRecord>(account, name);
            record.name = new_name;
        }
        if let Some(new_path) = new_path {
            record.path = names::path(Some(new_path))?;
        }
        change.put(account, &record);
        change.put_id(&record.id, account, &record.name);
        change.commit().await
    }

    /// Deletes a user that nothing hangs on any more. Its sessions die.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::DeleteConflict`].
    pub async fn delete(self, account: &AccountId, name: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let record: UserRecord = self.state.existing(account, name).await?;
        let conflict = match &record {
            UserRecord { access_keys, .. } if !access_keys.is_empty() => Some("delete access keys"),
            UserRecord { groups, .. } if !groups.is_empty() => Some("remove users from group"),
            UserRecord { grants, .. } => grants.hinders_deletion(),
        };
        if let Some(first) = conflict {
            return Err(delete_conflict(first));
        }
        change.delete::<UserRecord>(account, name);
        change.delete_id(&record.id);
        change.commit().await
    }

    /// Sets or, with `None`, removes the boundary of a user.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`] for the user or the policy.
    pub async fn set_boundary(self, account: &AccountId, name: &str, arn: Option<String>) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record: UserRecord = self.state.existing(account, name).await?;
        match &arn {
            Some(arn) => Policies::over(self.state).require_boundary(account, arn).await?,
            None if record.boundary.is_none() => return Err(no_boundary("user", name)),
            None => {}
        }
        record.boundary = arn;
        change.put(account, &record);
        change.commit().await
    }

    /// Adds tags to a user, over those of equal keys.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::Validation`], [`Error::InvalidInput`], [`Error::LimitExceeded`].
    pub async fn tag(self, account: &AccountId, name: &str, tags: Vec<Tag>) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record: UserRecord = self.state.existing(account, name).await?;
        names::merge_tags(&mut record.tags, tags)?;
        change.put(account, &record);
        change.commit().await
    }

    /// Removes tags of a user; missing ones are fine.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn untag(self, account: &AccountId, name: &str, keys: &[String]) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record: UserRecord = self.state.existing(account, name).await?;
        names::remove_tags(&mut record.tags, keys.iter().map(String::as_str));
        change.put(account, &record);
        change.commit().await
    }
}

pub(crate) fn delete_conflict(first: &str) -> Error {
    Error::DeleteConflict { message: format!("Cannot delete entity, must {first} first.") }
}

pub(crate) fn no_boundary(noun: &str, name: &str) -> Error {
    Error::no_such(format!("The {noun} with name {name} does not have a permissions boundary."))
}
