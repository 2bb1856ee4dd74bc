//! Roles (IAM API Reference: CreateRole, GetRole, ListRoles, UpdateRole, UpdateAssumeRolePolicy,
//! DeleteRole, TagRole, PutRolePermissionsBoundary).

use arqueta_model::{AccountId, Arn, Timestamp};
use arqueta_policy::{Policy, PolicyKind};

use crate::Error;
use crate::id::{Prefix, fresh};
use crate::names::{self, Tag};
use crate::page::{List, Page};
use crate::policies::Policies;
use crate::record::{Grants, InstanceProfileRecord, RoleRecord};
use crate::state::State;
use crate::users::{NAME, delete_conflict, no_boundary};

/// Shortest of a role's longest sessions, and the default, seconds.
pub(crate) const SESSION_DEFAULT: u32 = 3600;
/// Longest session that any role may allow: twelve hours.
const SESSION_LONGEST: u32 = 43_200;
/// Longest description, characters.
const DESCRIPTION: usize = 1000;

/// A role as IAM describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Begins and ends with `/`.
    pub path: String,
    /// Unique in the account, ignoring case.
    pub role_name: String,
    /// `AROA…`, never used again.
    pub role_id: String,
    /// ARN, path included.
    pub arn: Arn,
    /// When it was created.
    pub create_date: Timestamp,
    /// The trust policy's document, as it was given.
    pub assume_role_policy_document: String,
    /// Description.
    pub description: Option<String>,
    /// Longest session, seconds.
    pub max_session_duration: u32,
    /// ARN of the managed policy that bounds its permissions.
    pub permissions_boundary: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// When a session of it last made a request, to the quarter of an hour.
    pub last_used: Option<Timestamp>,
}

impl Role {
    /// `trust` is the trust policy as it is shown.
    fn of(account: &AccountId, record: RoleRecord, trust: String, last_used: Option<Timestamp>) -> Self {
        Self {
            arn: record.arn(account),
            path: record.path,
            role_name: record.name,
            role_id: record.id,
            create_date: record.created,
            assume_role_policy_document: trust,
            description: record.description,
            max_session_duration: record.max_session,
            permissions_boundary: record.boundary,
            tags: record.tags,
            last_used,
        }
    }
}

/// A role to create.
#[derive(Debug, Clone, Default)]
pub struct CreateRole {
    /// 1 to 64 of `A-Za-z0-9_+=,.@-`.
    pub role_name: String,
    /// `/` by default.
    pub path: Option<String>,
    /// Who may assume it.
    pub assume_role_policy_document: String,
    /// At most 1,000 characters.
    pub description: Option<String>,
    /// 3,600 (default) to 43,200 seconds.
    pub max_session_duration: Option<u32>,
    /// ARN of a managed policy.
    pub permissions_boundary: Option<String>,
    /// At most 50.
    pub tags: Vec<Tag>,
}

/// Roles and whom they trust.
#[derive(Debug, Clone, Copy)]
pub struct Roles<'a> {
    pub(crate) state: &'a State,
}

impl<'a> Roles<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Roles<'_> {
    /// Creates a role without any permission.
    ///
    /// # Errors
    /// [`Error::EntityAlreadyExists`], [`Error::MalformedPolicyDocument`], [`Error::Validation`],
    /// [`Error::NoSuchEntity`] for the boundary.
    pub async fn create(self, account: &AccountId, input: CreateRole) -> Result<Role, Error> {
        names::check_name("roleName", &input.role_name, NAME)?;
        names::check_tags(&input.tags)?;
        let path = names::path(input.path)?;
        let description = check_description(input.description)?;
        let max_session = check_session(input.max_session_duration.unwrap_or(SESSION_DEFAULT))?;
        let trust = self.trust(&input.assume_role_policy_document).await?;
        let mut change = self.state.directory.begin().await?;
        self.state.require_free::<RoleRecord>(account, &input.role_name).await?;
        if let Some(boundary) = &input.permissions_boundary {
            Policies::over(self.state).require_boundary(account, boundary).await?;
        }
        let record = RoleRecord {
            name: input.role_name,
            path,
            id: fresh(Prefix::Role),
            created: self.state.directory.now(),
            trust,
            description,
            max_session,
            boundary: input.permissions_boundary,
            tags: input.tags,
            grants: Grants::default(),
        };
        change.put(account, &record);
        change.put_id(&record.id, account, &record.name);
        change.commit().await?;
        self.shown(account, record).await
    }

    /// A trust policy as it is stored: it names whom it trusts by unique ids.
    async fn trust(self, document: &str) -> Result<String, Error> {
        let policy = Policy::parse(document, PolicyKind::Trust)?;
        policy.check_served()?;
        Ok(arqueta_policy::identified(&policy, document, &*self.state.directory).await?)
    }

    pub(crate) async fn shown(self, account: &AccountId, record: RoleRecord) -> Result<Role, Error> {
        let trust = arqueta_policy::shown(&record.trust, &*self.state.directory).await.map_err(Error::Lookup)?;
        let last_used = self.state.directory.last_use(&record.id).await?;
        Ok(Role::of(account, record, trust, last_used))
    }

    /// One role.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn get(self, account: &AccountId, name: &str) -> Result<Role, Error> {
        let record = self.state.existing(account, name).await?;
        self.shown(account, record).await
    }

    /// A page of roles.
    ///
    /// # Errors
    /// [`Error::Validation`] for the page's size.
    pub async fn list(self, account: &AccountId, list: &List) -> Result<Page<Role>, Error> {
        let Page { items, marker } = self.state.directory.page(account, list).await?;
        let mut roles = Vec::with_capacity(items.len());
        for record in items {
            roles.push(self.shown(account, record).await?);
        }
        Ok(Page { items: roles, marker })
    }

    /// Changes description and longest session; `None` leaves a value as it is. Sessions that
    /// exist keep their end.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::Validation`].
    pub async fn update(
        self,
        account: &AccountId,
        name: &str,
        description: Option<String>,
        max_session_duration: Option<u32>,
    ) -> Result<(), Error> {
        let description = check_description(description)?;
        let max_session = max_session_duration.map(check_session).transpose()?;
        self.change(account, name, |role| {
            role.description = description.or(role.description.take());
            role.max_session = max_session.unwrap_or(role.max_session);
            Ok(())
        })
        .await
    }

    /// Replaces the trust policy.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::MalformedPolicyDocument`].
    pub async fn update_trust(self, account: &AccountId, name: &str, document: String) -> Result<(), Error> {
        let trust = self.trust(&document).await?;
        self.change(account, name, |role| {
            role.trust = trust;
            Ok(())
        })
        .await
    }

    /// Deletes a role without policies that is in no instance profile. Its sessions die.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::DeleteConflict`].
    pub async fn delete(self, account: &AccountId, name: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let record: RoleRecord = self.state.existing(account, name).await?;
        if let Some(first) = record.grants.hinders_deletion() {
            return Err(delete_conflict(first));
        }
        let profiles = self.state.directory.all::<InstanceProfileRecord>(account).await?;
        if profiles.iter().any(|profile| profile.holds(&record.name)) {
            return Err(delete_conflict("remove roles from instance profile"));
        }
        change.delete::<RoleRecord>(account, name);
        change.delete_id(&record.id);
        change.commit().await
    }

    /// Sets or, with `None`, removes the boundary of a role.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`] for the role or the policy.
    pub async fn set_boundary(self, account: &AccountId, name: &str, arn: Option<String>) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record: RoleRecord = self.state.existing(account, name).await?;
        match &arn {
            Some(arn) => Policies::over(self.state).require_boundary(account, arn).await?,
            None if record.boundary.is_none() => return Err(no_boundary("role", name)),
            None => {}
        }
        record.boundary = arn;
        change.put(account, &record);
        change.commit().await
    }

    /// Adds tags to a role, over those of equal keys.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::Validation`], [`Error::InvalidInput`], [`Error::LimitExceeded`].
    pub async fn tag(self, account: &AccountId, name: &str, tags: Vec<Tag>) -> Result<(), Error> {
        self.change(account, name, |role| names::merge_tags(&mut role.tags, tags)).await
    }

    /// Removes tags of a role; missing ones are fine.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn untag(self, account: &AccountId, name: &str, keys: &[String]) -> Result<(), Error> {
        self.change(account, name, |role| {
            names::remove_tags(&mut role.tags, keys.iter().map(String::as_str));
            Ok(())
        })
        .await
    }

    async fn change(
        self,
        account: &AccountId,
        name: &str,
        with: impl FnOnce(&mut RoleRecord) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record: RoleRecord = self.state.existing(account, name).await?;
        with(&mut record)?;
        change.put(account, &record);
        change.commit().await
    }
}

fn check_session(seconds: u32) -> Result<u32, Error> {
    names::check_duration(seconds, SESSION_DEFAULT, SESSION_LONGEST)
}

fn check_description(description: Option<String>) -> Result<Option<String>, Error> {
    match description {
        Some(text) if text.chars().count() > DESCRIPTION => {
            Err(Error::validation(format!("The description has at most {DESCRIPTION} characters.")))
        }
        other => Ok(other),
    }
}
