//! Instance profiles (IAM API Reference: CreateInstanceProfile, GetInstanceProfile, ListInstanceProfiles,
//! ListInstanceProfilesForRole, AddRoleToInstanceProfile, RemoveRoleFromInstanceProfile,
//! DeleteInstanceProfile, TagInstanceProfile). No instance here takes a role out of one; tools that
//! describe an account make them, and a role that is in one is not deleted.

use arqueta_model::{AccountId, Arn, Timestamp};

use crate::Error;
use crate::id::{Prefix, fresh};
use crate::names::{self, Tag};
use crate::page::{List, Page};
use crate::record::{InstanceProfileRecord, RoleRecord};
use crate::roles::{Role, Roles};
use crate::state::State;
use crate::users::delete_conflict;

/// Longest name, characters.
const NAME: usize = 128;
/// Most instance profiles of an account (IAM User Guide, "IAM and AWS STS quotas").
pub(crate) const PROFILES: usize = 1000;

/// An instance profile as IAM describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceProfile {
    /// Begins and ends with `/`.
    pub path: String,
    /// Unique in the account, ignoring case.
    pub name: String,
    /// `AIPA…`, never used again.
    pub id: String,
    /// ARN, path included.
    pub arn: Arn,
    /// When it was created.
    pub create_date: Timestamp,
    /// The role in it.
    pub role: Option<Role>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// An instance profile to create.
#[derive(Debug, Clone, Default)]
pub struct CreateInstanceProfile {
    /// 1 to 128 of `A-Za-z0-9_+=,.@-`.
    pub name: String,
    /// `/` by default.
    pub path: Option<String>,
    /// At most 50.
    pub tags: Vec<Tag>,
}

/// Instance profiles, and the role in each.
#[derive(Debug, Clone, Copy)]
pub struct InstanceProfiles<'a> {
    state: &'a State,
}

impl<'a> InstanceProfiles<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl InstanceProfiles<'_> {
    /// Creates an instance profile without a role.
    ///
    /// # Errors
    /// [`Error::EntityAlreadyExists`], [`Error::Validation`], [`Error::LimitExceeded`].
    pub async fn create(self, account: &AccountId, input: CreateInstanceProfile) -> Result<InstanceProfile, Error> {
        names::check_name("instanceProfileName", &input.name, NAME)?;
        names::check_tags(&input.tags)?;
        let path = names::path(input.path)?;
        let mut change = self.state.directory.begin().await?;
        if self.state.directory.find::<InstanceProfileRecord>(account, &input.name).await?.is_some() {
            return Err(Error::EntityAlreadyExists {
                message: format!("Instance Profile {} already exists.", input.name),
            });
        }
        if self.state.directory.all::<InstanceProfileRecord>(account).await?.len() >= PROFILES {
            return Err(Error::limit(format!("Cannot exceed quota for InstanceProfilesPerAccount: {PROFILES}")));
        }
        let record = InstanceProfileRecord {
            name: input.name,
            path,
            id: fresh(Prefix::InstanceProfile),
            created: self.state.directory.now(),
            role: None,
            tags: input.tags,
        };
        change.put(account, &record);
        change.commit().await?;
        self.shown(account, record).await
    }

    /// One instance profile.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn get(self, account: &AccountId, name: &str) -> Result<InstanceProfile, Error> {
        let record = self.existing(account, name).await?;
        self.shown(account, record).await
    }

    /// A page of instance profiles: all, or those that a role is in.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`] for the role, [`Error::Validation`] for the page's size.
    pub async fn list(
        self,
        account: &AccountId,
        role: Option<&str>,
        list: &List,
    ) -> Result<Page<InstanceProfile>, Error> {
        let page: Page<InstanceProfileRecord> = match role {
            Some(role) => {
                self.state.existing::<RoleRecord>(account, role).await?;
                let all = self.state.directory.all::<InstanceProfileRecord>(account).await?;
                list.page(all.into_iter().filter(|record| record.holds(role)), |record| record.name.as_str().into())?
            }
            None => self.state.directory.page(account, list).await?,
        };
        let mut items = Vec::with_capacity(page.items.len());
        for record in page.items {
            items.push(self.shown(account, record).await?);
        }
        Ok(Page { items, marker: page.marker })
    }

    /// Puts a role into an instance profile.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`] for either, [`Error::LimitExceeded`] where it has a role.
    pub async fn add_role(self, account: &AccountId, name: &str, role: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record = self.existing(account, name).await?;
        let role: RoleRecord = self.state.existing(account, role).await?;
        if record.role.is_some() {
            return Err(Error::limit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1".to_owned()));
        }
        record.role = Some(role.name);
        change.put(account, &record);
        change.commit().await
    }

    /// Takes a role out of an instance profile.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`] for either, and for a role that is not in it.
    pub async fn remove_role(self, account: &AccountId, name: &str, role: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record = self.existing(account, name).await?;
        if !record.holds(role) {
            self.state.existing::<RoleRecord>(account, role).await?;
            return Err(Error::no_such(format!("Role {role} is not in instance profile {name}.")));
        }
        record.role = None;
        change.put(account, &record);
        change.commit().await
    }

    /// Deletes an instance profile without a role.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::DeleteConflict`].
    pub async fn delete(self, account: &AccountId, name: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let record = self.existing(account, name).await?;
        if record.role.is_some() {
            return Err(delete_conflict("remove roles from instance profile"));
        }
        change.delete::<InstanceProfileRecord>(account, name);
        change.commit().await
    }

    /// Adds tags to an instance profile, over those of equal keys.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::Validation`], [`Error::InvalidInput`], [`Error::LimitExceeded`].
    pub async fn tag(self, account: &AccountId, name: &str, tags: Vec<Tag>) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record = self.existing(account, name).await?;
        names::merge_tags(&mut record.tags, tags)?;
        change.put(account, &record);
        change.commit().await
    }

    /// Removes tags of an instance profile; missing ones are fine.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn untag(self, account: &AccountId, name: &str, keys: &[String]) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record = self.existing(account, name).await?;
        names::remove_tags(&mut record.tags, keys.iter().map(String::as_str));
        change.put(account, &record);
        change.commit().await
    }

    async fn existing(self, account: &AccountId, name: &str) -> Result<InstanceProfileRecord, Error> {
        let found = self.state.directory.find(account, name).await?;
        found.ok_or_else(|| Error::no_such(format!("Instance Profile {name} cannot be found.")))
    }

    async fn shown(self, account: &AccountId, record: InstanceProfileRecord) -> Result<InstanceProfile, Error> {
        let role = match &record.role {
            Some(role) => Some(Roles::over(self.state).get(account, role).await?),
            None => None,
        };
        Ok(InstanceProfile {
            arn: record.arn(account),
            path: record.path,
            name: record.name,
            id: record.id,
            create_date: record.created,
            role,
            tags: record.tags,
        })
    }
}
