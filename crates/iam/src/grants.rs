//! Policies of users, groups and roles: inline ones and attached managed ones (IAM API Reference:
//! PutUserPolicy, AttachUserPolicy and their siblings).

use arqueta_model::AccountId;
use arqueta_policy::{Policy, PolicyKind};

use crate::directory::Change;
use crate::managed::ManagedArn;
use crate::page::{List, Page};
use crate::policies::Policies;
use crate::record::{Grants, GroupRecord, RoleRecord, UserRecord};
use crate::state::State;
use crate::{Error, names};

/// Managed policies that may be attached to one entity (IAM's default quota).
pub(crate) const ATTACHED: usize = 10;
/// Longest policy name.
const NAME: usize = 128;

/// Whom a policy belongs to or is attached to, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity<'a> {
    /// A user.
    User(&'a str),
    /// A group.
    Group(&'a str),
    /// A role.
    Role(&'a str),
}

impl Entity<'_> {
    fn noun(self) -> &'static str {
        match self {
            Self::User(_) => "User",
            Self::Group(_) => "Group",
            Self::Role(_) => "Role",
        }
    }

    /// Characters of all inline policies together (IAM User Guide, "IAM and STS character limits").
    fn inline_limit(self) -> usize {
        match self {
            Self::User(_) => 2048,
            Self::Group(_) => 5120,
            Self::Role(_) => 10_240,
        }
    }
}

/// A managed policy that is attached to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedPolicy {
    /// Last part of the ARN.
    pub policy_name: String,
    /// ARN.
    pub policy_arn: String,
}

enum Holder {
    User(UserRecord),
    Group(GroupRecord),
    Role(RoleRecord),
}

impl Holder {
    fn grants(&mut self) -> &mut Grants {
        match self {
            Self::User(record) => &mut record.grants,
            Self::Group(record) => &mut record.grants,
            Self::Role(record) => &mut record.grants,
        }
    }

    fn put(&self, account: &AccountId, change: &mut Change<'_>) {
        match self {
            Self::User(record) => change.put(account, record),
            Self::Group(record) => change.put(account, record),
            Self::Role(record) => change.put(account, record),
        }
    }
}

impl Grants {
    /// What must go before the entity can.
    pub(crate) fn hinders_deletion(&self) -> Option<&'static str> {
        if !self.attached.is_empty() {
            return Some("detach all policies");
        }
        (!self.inline.is_empty()).then_some("delete policies")
    }
}

/// Inline and attached policies of users, groups and roles.
#[derive(Debug, Clone, Copy)]
pub struct Permissions<'a> {
    pub(crate) state: &'a State,
}

impl<'a> Permissions<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Permissions<'_> {
    /// Writes an inline policy, over one of the same name.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::MalformedPolicyDocument`], [`Error::LimitExceeded`] for
    /// the entity's inline policies together.
    pub async fn put_inline(
        self,
        account: &AccountId,
        entity: Entity<'_>,
        policy_name: &str,
        document: String,
    ) -> Result<(), Error> {
        names::check_name("policyName", policy_name, NAME)?;
        Policy::parse(&document, PolicyKind::Identity)?.check_served()?;
        let mut change = self.state.directory.begin().await?;
        let mut holder = self.holder(account, entity).await?;
        holder.grants().inline.insert(policy_name.to_owned(), document);
        let size: usize = holder.grants().inline.values().map(|document| names::characters(document)).sum();
        if size > entity.inline_limit() {
            let (noun, limit) = (entity.noun().to_lowercase(), entity.inline_limit());
            return Err(Error::limit(format!("Maximum policy size of {limit} bytes exceeded for {noun}")));
        }
        holder.put(account, &mut change);
        change.commit().await
    }

    /// The document of an inline policy.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn inline(self, account: &AccountId, entity: Entity<'_>, policy_name: &str) -> Result<String, Error> {
        let document = self.holder(account, entity).await?.grants().inline.remove(policy_name);
        document.ok_or_else(|| no_inline(entity, policy_name))
    }

    /// The names of inline policies.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn inline_names(
        self,
        account: &AccountId,
        entity: Entity<'_>,
        list: &List,
    ) -> Result<Page<String>, Error> {
        let mut names: Vec<String> = self.holder(account, entity).await?.grants().inline.keys().cloned().collect();
        names.sort_by_key(|name| name.to_lowercase());
        list.page(names.into_iter(), |name| name.into())
    }

    /// Deletes an inline policy.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn delete_inline(self, account: &AccountId, entity: Entity<'_>, policy_name: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut holder = self.holder(account, entity).await?;
        if holder.grants().inline.remove(policy_name).is_none() {
            return Err(no_inline(entity, policy_name));
        }
        holder.put(account, &mut change);
        change.commit().await
    }

    /// Attaches a managed policy; one that is attached already is fine.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`] for either, [`Error::LimitExceeded`], [`Error::Validation`] for what is
    /// no ARN.
    pub async fn attach(self, account: &AccountId, entity: Entity<'_>, arn: &str) -> Result<(), Error> {
        check_policy_arn(arn)?;
        let mut change = self.state.directory.begin().await?;
        let mut holder = self.holder(account, entity).await?;
        Policies::over(self.state)
            .require_managed(account, arn, || format!("Policy {arn} does not exist or is not attachable."))
            .await?;
        let attached = &mut holder.grants().attached;
        attached.insert(arn.to_owned());
        if attached.len() > ATTACHED {
            return Err(Error::limit(format!("Cannot exceed quota for PoliciesPer{}: {ATTACHED}", entity.noun())));
        }
        holder.put(account, &mut change);
        change.commit().await
    }

    /// Detaches a managed policy.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`] if it is not attached.
    pub async fn detach(self, account: &AccountId, entity: Entity<'_>, arn: &str) -> Result<(), Error> {
        check_policy_arn(arn)?;
        let mut change = self.state.directory.begin().await?;
        let mut holder = self.holder(account, entity).await?;
        if !holder.grants().attached.remove(arn) {
            return Err(Error::no_such(format!("Policy {arn} was not found.")));
        }
        holder.put(account, &mut change);
        change.commit().await
    }

    /// The managed policies attached to an entity.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn attached(
        self,
        account: &AccountId,
        entity: Entity<'_>,
        list: &List,
    ) -> Result<Page<AttachedPolicy>, Error> {
        let mut attached: Vec<AttachedPolicy> =
            self.holder(account, entity).await?.grants().attached.iter().map(|arn| AttachedPolicy::of(arn)).collect();
        attached.sort_by_key(|policy| policy.policy_name.to_lowercase());
        list.page(attached.into_iter(), |policy| policy.policy_name.as_str().into())
    }

    async fn holder(self, account: &AccountId, entity: Entity<'_>) -> Result<Holder, Error> {
        Ok(match entity {
            Entity::User(name) => Holder::User(self.state.existing(account, name).await?),
            Entity::Group(name) => Holder::Group(self.state.existing(account, name).await?),
            Entity::Role(name) => Holder::Role(self.state.existing(account, name).await?),
        })
    }
}

fn check_policy_arn(arn: &str) -> Result<(), Error> {
    match arn.parse::<arqueta_model::Arn>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::validation("Invalid ARN:  Could not be parsed!")),
    }
}

impl AttachedPolicy {
    pub(crate) fn of(arn: &str) -> Self {
        Self { policy_name: ManagedArn::name_of(arn).to_owned(), policy_arn: arn.to_owned() }
    }
}

fn no_inline(entity: Entity<'_>, policy_name: &str) -> Error {
    Error::no_such(format!("The {} policy with name {policy_name} cannot be found.", entity.noun().to_lowercase()))
}
