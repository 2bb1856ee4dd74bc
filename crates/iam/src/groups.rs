//! Groups (IAM API Reference: CreateGroup, GetGroup, ListGroups, UpdateGroup, DeleteGroup,
//! AddUserToGroup, RemoveUserFromGroup, ListGroupsForUser).

use arqueta_model::{AccountId, Arn, Timestamp};

use crate::id::{Prefix, fresh};
use crate::page::{List, Page};
use crate::record::{Grants, GroupRecord, UserRecord};
use crate::state::State;
use crate::users::delete_conflict;
use crate::{Error, User, names};

/// A group as IAM describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Begins and ends with `/`.
    pub path: String,
    /// Unique in the account, ignoring case.
    pub group_name: String,
    /// `AGPA…`.
    pub group_id: String,
    /// ARN, path included.
    pub arn: Arn,
    /// When it was created.
    pub create_date: Timestamp,
}

impl Group {
    pub(crate) fn of(account: &AccountId, record: GroupRecord) -> Self {
        Self {
            arn: record.arn(account),
            path: record.path,
            group_name: record.name,
            group_id: record.id,
            create_date: record.created,
        }
    }
}

const NAME: usize = 128;
/// Groups a user may be in (IAM User Guide, "IAM object quotas").
pub(crate) const GROUPS_PER_USER: usize = 10;

/// Groups and their members.
#[derive(Debug, Clone, Copy)]
pub struct Groups<'a> {
    pub(crate) state: &'a State,
}

impl<'a> Groups<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Groups<'_> {
    /// Creates a group without any permission.
    ///
    /// # Errors
    /// [`Error::EntityAlreadyExists`], [`Error::Validation`].
    pub async fn create(self, account: &AccountId, name: &str, path: Option<String>) -> Result<Group, Error> {
        names::check_name("groupName", name, NAME)?;
        let path = names::path(path)?;
        let mut change = self.state.directory.begin().await?;
        self.state.require_free::<GroupRecord>(account, name).await?;
        let record = GroupRecord {
            name: name.to_owned(),
            path,
            id: fresh(Prefix::Group),
            created: self.state.directory.now(),
            grants: Grants::default(),
        };
        change.put(account, &record);
        change.commit().await?;
        Ok(Group::of(account, record))
    }

    /// A group and a page of its users.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn get(self, account: &AccountId, name: &str, list: &List) -> Result<(Group, Page<User>), Error> {
        let group: GroupRecord = self.state.existing(account, name).await?;
        let members = self.members(account, &group.name).await?;
        let page = list.page(members.into_iter(), |member| member.name.as_str().into())?;
        Ok((Group::of(account, group), page.map(|member| User::of(account, member))))
    }

    /// A page of groups.
    ///
    /// # Errors
    /// [`Error::Validation`] for the page's size.
    pub async fn list(self, account: &AccountId, list: &List) -> Result<Page<Group>, Error> {
        Ok(self.state.directory.page(account, list).await?.map(|record| Group::of(account, record)))
    }

    /// The groups of a user.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn of_user(self, account: &AccountId, user_name: &str, list: &List) -> Result<Page<Group>, Error> {
        let user: UserRecord = self.state.existing(account, user_name).await?;
        let page = list.page(user.groups.iter(), |name| name.as_str().into())?;
        let mut groups = Vec::with_capacity(page.items.len());
        for name in page.items {
            groups.push(Group::of(account, self.state.existing(account, name).await?));
        }
        Ok(Page { items: groups, marker: page.marker })
    }

    /// Renames or moves a group; its members stay.
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
        let mut record: GroupRecord = self.state.existing(account, name).await?;
        if let Some(new_name) = new_name {
            names::check_name("newGroupName", &new_name, NAME)?;
            if new_name.to_lowercase() != record.name.to_lowercase() {
                self.state.require_free::<GroupRecord>(account, &new_name).await?;
            }
            for mut member in self.members(account, &record.name).await? {
                member.groups.remove(&record.name);
                member.groups.insert(new_name.clone());
                change.put(account, &member);
            }
            change.delete::<GroupRecord>(account, name);
            record.name = new_name;
        }
        if let Some(new_path) = new_path {
            record.path = names::path(Some(new_path))?;
        }
        change.put(account, &record);
        change.commit().await
    }

    /// Deletes an empty group without policies.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::DeleteConflict`].
    pub async fn delete(self, account: &AccountId, name: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let record: GroupRecord = self.state.existing(account, name).await?;
        let peopled = !self.members(account, &record.name).await?.is_empty();
        let conflict = if peopled { Some("remove users from group") } else { record.grants.hinders_deletion() };
        if let Some(first) = conflict {
            return Err(delete_conflict(first));
        }
        change.delete::<GroupRecord>(account, name);
        change.commit().await
    }

    /// Adds a user to a group; being in it already is fine.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::LimitExceeded`].
    pub async fn add_user(self, account: &AccountId, group_name: &str, user_name: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let group: GroupRecord = self.state.existing(account, group_name).await?;
        let mut user: UserRecord = self.state.existing(account, user_name).await?;
        user.groups.insert(group.name);
        if user.groups.len() > GROUPS_PER_USER {
            return Err(Error::limit(format!("Cannot exceed quota for GroupsPerUser: {GROUPS_PER_USER}")));
        }
        change.put(account, &user);
        change.commit().await
    }

    /// Takes a user out of a group; not being in it is fine.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn remove_user(self, account: &AccountId, group_name: &str, user_name: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let group: GroupRecord = self.state.existing(account, group_name).await?;
        let mut user: UserRecord = self.state.existing(account, user_name).await?;
        user.groups.remove(&group.name);
        change.put(account, &user);
        change.commit().await
    }

    async fn members(self, account: &AccountId, group_name: &str) -> Result<Vec<UserRecord>, Error> {
        let users: Vec<UserRecord> = self.state.directory.all(account).await?;
        Ok(users.into_iter().filter(|user| user.groups.contains(group_name)).collect())
    }
}
