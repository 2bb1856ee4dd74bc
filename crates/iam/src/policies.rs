//! Managed policies (IAM API Reference: CreatePolicy, GetPolicy, ListPolicies, DeletePolicy,
//! ListEntitiesForPolicy).

mod usage;

use std::collections::BTreeMap;

use arqueta_model::{AccountId, Timestamp};
use arqueta_policy::{Policy, PolicyKind};

use crate::Error;
use crate::id::{Prefix, fresh};
use crate::managed::{AWS_POLICIES, AwsPolicy, ManagedArn};
use crate::names::{self, Tag};
use crate::page::{List, Page};
use crate::record::{GroupRecord, PolicyRecord, RoleRecord, UserRecord, VersionRecord};
use crate::state::State;
use usage::Usage;

const NAME: usize = 128;
/// Characters of a managed policy.
pub(crate) const SIZE: usize = 6144;

/// A managed policy as IAM describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// Name.
    pub policy_name: String,
    /// `ANPA…`.
    pub policy_id: String,
    /// ARN, path included.
    pub arn: String,
    /// Begins and ends with `/`.
    pub path: String,
    /// `v1`, `v2`, …
    pub default_version_id: String,
    /// Users, groups and roles it is attached to.
    pub attachment_count: usize,
    /// Users and roles it bounds.
    pub permissions_boundary_usage_count: usize,
    /// Description.
    pub description: Option<String>,
    /// When it was created.
    pub create_date: Timestamp,
    /// When its newest version was created or its default changed.
    pub update_date: Timestamp,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// A managed policy to create.
#[derive(Debug, Clone, Default)]
pub struct CreatePolicy {
    /// 1 to 128 of `A-Za-z0-9_+=,.@-`.
    pub policy_name: String,
    /// `/` by default.
    pub path: Option<String>,
    /// At most 6,144 characters without white space.
    pub document: String,
    /// Description.
    pub description: Option<String>,
    /// At most 50.
    pub tags: Vec<Tag>,
}

/// Which managed policies to list (`Scope`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PolicyScope {
    /// Both.
    #[default]
    All,
    /// AWS's.
    Aws,
    /// The account's.
    Local,
}

/// Names and ids of whom a policy is attached to, or bounds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyEntities {
    /// Users: name, id.
    pub users: Vec<(String, String)>,
    /// Groups: name, id.
    pub groups: Vec<(String, String)>,
    /// Roles: name, id.
    pub roles: Vec<(String, String)>,
}

/// How an entity uses a policy (`PolicyUsageFilter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyUsage {
    /// Attached to it.
    Permissions,
    /// Bounding it.
    Boundary,
}

/// Managed policies and their versions.
#[derive(Debug, Clone, Copy)]
pub struct Policies<'a> {
    pub(crate) state: &'a State,
}

impl<'a> Policies<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Policies<'_> {
    /// Creates a managed policy whose version `v1` is in effect.
    ///
    /// # Errors
    /// [`Error::EntityAlreadyExists`], [`Error::MalformedPolicyDocument`],
    /// [`Error::LimitExceeded`], [`Error::Validation`]; [`Error::Damaged`] for one that is attached and gone.
    pub async fn create(self, account: &AccountId, input: CreatePolicy) -> Result<ManagedPolicy, Error> {
        names::check_name("policyName", &input.policy_name, NAME)?;
        names::check_tags(&input.tags)?;
        let path = names::path(input.path)?;
        check_document(&input.document)?;
        let mut change = self.state.directory.begin().await?;
        self.state.require_free::<PolicyRecord>(account, &input.policy_name).await?;
        self.require_unused(account, &path, &input.policy_name).await?;
        let now = self.state.directory.now();
        let record = PolicyRecord {
            name: input.policy_name,
            path,
            id: fresh(Prefix::Policy),
            created: now,
            updated: now,
            description: input.description,
            tags: input.tags,
            default: 1,
            next: 2,
            versions: BTreeMap::from([(1, VersionRecord { document: input.document, created: now })]),
        };
        change.put(account, &record);
        change.commit().await?;
        Ok(ManagedPolicy::own(account, record, &Usage::default()))
    }

    /// One managed policy.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn get(self, account: &AccountId, arn: &str) -> Result<ManagedPolicy, Error> {
        let usage = self.usage(account).await?;
        match self.managed(account, arn).await? {
            Some(Managed::Own(record)) => Ok(ManagedPolicy::own(account, record, &usage)),
            Some(Managed::Aws(policy)) => Ok(ManagedPolicy::aws(policy, &usage)),
            None => Err(not_found(arn)),
        }
    }

    /// A page of managed policies, by name.
    ///
    /// # Errors
    /// [`Error::Validation`] for the page's size.
    pub async fn list(
        self,
        account: &AccountId,
        scope: PolicyScope,
        only_attached: bool,
        list: &List,
    ) -> Result<Page<ManagedPolicy>, Error> {
        let mut all = self.all(account, scope).await?;
        let prefix = list.path_prefix.as_deref().unwrap_or("/");
        all.retain(|policy| policy.path.starts_with(prefix) && (!only_attached || policy.attachment_count > 0));
        list.page(all.into_iter(), |policy| format!("{} {}", policy.policy_name, policy.arn).into())
    }

    /// All managed policies of a scope, by name.
    pub(crate) async fn all(self, account: &AccountId, scope: PolicyScope) -> Result<Vec<ManagedPolicy>, Error> {
        let usage = self.usage(account).await?;
        let mut all = Vec::new();
        if scope != PolicyScope::Local {
            all.extend(AWS_POLICIES.iter().map(|policy| ManagedPolicy::aws(policy, &usage)));
        }
        if scope != PolicyScope::Aws {
            let own: Vec<PolicyRecord> = self.state.directory.all(account).await?;
            all.extend(own.into_iter().map(|record| ManagedPolicy::own(account, record, &usage)));
        }
        // An account may give its policy the name of one of AWS's: the ARN tells them apart.
        all.sort_by_key(|policy| (policy.policy_name.to_lowercase(), policy.arn.clone()));
        Ok(all)
    }

    /// Deletes a managed policy that nobody uses and that has one version left.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::DeleteConflict`], [`Error::Unmodifiable`].
    pub async fn delete(self, account: &AccountId, arn: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let record = self.own(account, arn).await?;
        let usage = self.usage(account).await?;
        if usage.of(arn) != (0, 0) {
            return Err(conflict("Cannot delete a policy attached to entities."));
        }
        if record.versions.len() > 1 {
            return Err(conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
            ));
        }
        change.delete::<PolicyRecord>(account, &record.name);
        change.commit().await
    }

    /// Adds tags to a managed policy, over those of equal keys.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::Validation`], [`Error::InvalidInput`], [`Error::Unmodifiable`].
    pub async fn tag(self, account: &AccountId, arn: &str, tags: Vec<Tag>) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record = self.own(account, arn).await?;
        names::merge_tags(&mut record.tags, tags)?;
        change.put(account, &record);
        change.commit().await
    }

    /// Removes tags of a managed policy; missing ones are fine.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::Unmodifiable`].
    pub async fn untag(self, account: &AccountId, arn: &str, keys: &[String]) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record = self.own(account, arn).await?;
        names::remove_tags(&mut record.tags, keys.iter().map(String::as_str));
        change.put(account, &record);
        change.commit().await
    }

    /// Whom a policy is attached to, or bounds. Both for `None`.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn entities(
        self,
        account: &AccountId,
        arn: &str,
        usage: Option<PolicyUsage>,
    ) -> Result<PolicyEntities, Error> {
        self.require_managed(account, arn, || format!("Policy {arn} was not found.")).await?;
        let (attached, bounding) = (usage != Some(PolicyUsage::Boundary), usage != Some(PolicyUsage::Permissions));
        let uses = |grants: &crate::record::Grants, boundary: Option<&str>| {
            attached && grants.attached.contains(arn) || bounding && boundary == Some(arn)
        };
        let users: Vec<UserRecord> = self.state.directory.all(account).await?;
        let groups: Vec<GroupRecord> = self.state.directory.all(account).await?;
        let roles: Vec<RoleRecord> = self.state.directory.all(account).await?;
        Ok(PolicyEntities {
            users: users
                .into_iter()
                .filter(|own| uses(&own.grants, own.boundary.as_deref()))
                .map(|own| (own.name, own.id))
                .collect(),
            groups: groups.into_iter().filter(|own| uses(&own.grants, None)).map(|own| (own.name, own.id)).collect(),
            roles: roles
                .into_iter()
                .filter(|own| uses(&own.grants, own.boundary.as_deref()))
                .map(|own| (own.name, own.id))
                .collect(),
        })
    }

    /// Fails unless the policy exists, with `otherwise` for a message.
    pub(crate) async fn require_managed(
        self,
        account: &AccountId,
        arn: &str,
        otherwise: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        self.managed(account, arn).await?.map(|_| ()).ok_or_else(|| Error::no_such(otherwise()))
    }

    pub(crate) async fn require_boundary(self, account: &AccountId, arn: &str) -> Result<(), Error> {
        self.require_managed(account, arn, || format!("Scope ARN: {arn} does not exist or is not attachable.")).await
    }

    /// The document in effect of a managed policy.
    pub(crate) async fn document(self, account: &AccountId, arn: &str) -> Result<Option<String>, Error> {
        Ok(match self.managed(account, arn).await? {
            Some(Managed::Aws(policy)) => Some(policy.document.to_owned()),
            Some(Managed::Own(record)) => Some(record.document()?.to_owned()),
            None => None,
        })
    }

    pub(crate) async fn managed(self, account: &AccountId, arn: &str) -> Result<Option<Managed>, Error> {
        match ManagedArn::parse(account, arn) {
            None => Ok(None),
            Some(ManagedArn::Aws(policy)) => Ok(Some(Managed::Aws(policy))),
            Some(ManagedArn::Own { path, name }) => {
                let record: Option<PolicyRecord> = self.state.directory.find(account, name).await?;
                Ok(record.filter(|record| record.path == path && record.name == name).map(Managed::Own))
            }
        }
    }

    pub(crate) async fn own(self, account: &AccountId, arn: &str) -> Result<PolicyRecord, Error> {
        match self.managed(account, arn).await? {
            Some(Managed::Own(record)) => Ok(record),
            Some(Managed::Aws(_)) => Err(Error::Unmodifiable { message: format!("Policy {arn} is managed by AWS.") }),
            None => Err(not_found(arn)),
        }
    }

    /// Fails where a policy that is to be made is attached already: no call deletes such a policy, so
    /// its record was taken away otherwise, and who may make policies may not give them to anyone.
    async fn require_unused(self, account: &AccountId, path: &str, name: &str) -> Result<(), Error> {
        let arn = format!("arn:aws:iam::{account}:policy{path}{name}");
        if self.usage(account).await?.of(&arn) == (0, 0) {
            return Ok(());
        }
        tracing::error!(arn, "this policy is attached and its record is gone: it is not made before it is detached");
        Err(Error::Damaged { what: format!("policy {arn}") })
    }
}

/// A managed policy, found.
pub(crate) enum Managed {
    Aws(&'static AwsPolicy),
    Own(PolicyRecord),
}

impl ManagedPolicy {
    fn own(account: &AccountId, record: PolicyRecord, usage: &Usage) -> Self {
        let arn = String::from(record.arn(account));
        let (attachment_count, permissions_boundary_usage_count) = usage.of(&arn);
        Self {
            policy_name: record.name,
            policy_id: record.id,
            arn,
            path: record.path,
            default_version_id: version_id(record.default),
            attachment_count,
            permissions_boundary_usage_count,
            description: record.description,
            create_date: record.created,
            update_date: record.updated,
            tags: record.tags,
        }
    }

    fn aws(policy: &AwsPolicy, usage: &Usage) -> Self {
        let arn = policy.arn();
        let (attachment_count, permissions_boundary_usage_count) = usage.of(&arn);
        Self {
            policy_name: policy.name.to_owned(),
            policy_id: policy.id.to_owned(),
            arn,
            path: "/".to_owned(),
            default_version_id: version_id(1),
            attachment_count,
            permissions_boundary_usage_count,
            description: Some(policy.description.to_owned()),
            create_date: policy.created(),
            update_date: policy.created(),
            tags: Vec::new(),
        }
    }
}

pub(crate) fn check_document(document: &str) -> Result<(), Error> {
    if names::characters(document) > SIZE {
        return Err(Error::limit(format!("Cannot exceed quota for PolicySize: {SIZE}")));
    }
    let policy = Policy::parse(document, PolicyKind::Identity)?;
    if !policy.is_current() {
        // Inline policies may be older (IAM User Guide, "IAM JSON policy elements: Version").
        let message = "Policy document must be version 2012-10-17 or greater.".to_owned();
        return Err(Error::MalformedPolicyDocument { message });
    }
    Ok(policy.check_served()?)
}

pub(crate) fn version_id(number: u32) -> String {
    format!("v{number}")
}

pub(crate) fn not_found(arn: &str) -> Error {
    Error::no_such(format!("Policy {arn} was not found."))
}

pub(crate) fn conflict(message: &str) -> Error {
    Error::DeleteConflict { message: message.to_owned() }
}
