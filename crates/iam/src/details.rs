//! All of an account at once (IAM API Reference: GetAccountAuthorizationDetails): what auditors'
//! tools read instead of asking about each identity.

use arqueta_model::AccountId;

use crate::page::{List, Page};
use crate::policies::{Policies, PolicyScope};
use crate::record::{Grants, GroupRecord, RoleRecord, UserRecord};
use crate::report::Reports;
use crate::roles::Roles;
use crate::{AttachedPolicy, Error, Group, ManagedPolicy, PolicyVersion, Role, User};

/// What there is to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailKind {
    /// Users.
    User,
    /// Groups.
    Group,
    /// Roles.
    Role,
    /// The account's managed policies.
    LocalManagedPolicy,
    /// AWS's managed policies that something of the account uses.
    AwsManagedPolicy,
}

/// The policies that an identity has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Inline ones: name and document.
    pub inline: Vec<(String, String)>,
    /// Managed ones.
    pub attached: Vec<AttachedPolicy>,
}

/// One entity with everything that grants it something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// A user, its groups and policies.
    User(User, Vec<String>, Held),
    /// A group and its policies.
    Group(Group, Held),
    /// A role and its policies.
    Role(Role, Held),
    /// A managed policy and its versions, newest first.
    Policy(ManagedPolicy, Vec<PolicyVersion>),
}

impl Reports<'_> {
    /// A page of everything in an account, of the kinds that are wanted: users, groups, roles,
    /// policies, each by name.
    ///
    /// # Errors
    /// [`Error::Validation`] for the page's size, failures of the store.
    pub async fn details(self, account: &AccountId, kinds: &[DetailKind], list: &List) -> Result<Page<Detail>, Error> {
        let mut all: Vec<(String, Entity)> = Vec::new();
        if kinds.contains(&DetailKind::User) {
            let users = self.state.directory.all::<UserRecord>(account).await?;
            all.extend(users.into_iter().map(|record| (format!("1 {}", record.name), Entity::User(record))));
        }
        if kinds.contains(&DetailKind::Group) {
            let groups = self.state.directory.all::<GroupRecord>(account).await?;
            all.extend(groups.into_iter().map(|record| (format!("2 {}", record.name), Entity::Group(record))));
        }
        if kinds.contains(&DetailKind::Role) {
            let roles = self.state.directory.all::<RoleRecord>(account).await?;
            all.extend(roles.into_iter().map(|record| (format!("3 {}", record.name), Entity::Role(record))));
        }
        for (kind, scope) in
            [(DetailKind::LocalManagedPolicy, PolicyScope::Local), (DetailKind::AwsManagedPolicy, PolicyScope::Aws)]
        {
            if kinds.contains(&kind) {
                let policies = Policies::over(self.state).all(account, scope).await?;
                let used = |policy: &ManagedPolicy| {
                    policy.attachment_count + policy.permissions_boundary_usage_count > 0 || scope == PolicyScope::Local
                };
                let entry = |policy: ManagedPolicy| (format!("4 {}", policy.arn), Entity::Policy(Box::new(policy)));
                all.extend(policies.into_iter().filter(used).map(entry));
            }
        }
        all.sort_by_key(|(key, _)| key.to_lowercase());
        let Page { items, marker } = list.page(all.into_iter(), |(key, _)| key.into())?;
        let mut details = Vec::with_capacity(items.len());
        for (_, entity) in items {
            details.push(self.detail(account, entity).await?);
        }
        Ok(Page { items: details, marker })
    }

    async fn detail(self, account: &AccountId, entity: Entity) -> Result<Detail, Error> {
        Ok(match entity {
            Entity::User(record) => {
                let (groups, held) = (record.groups.iter().cloned().collect(), Held::of(&record.grants));
                Detail::User(User::of(account, record), groups, held)
            }
            Entity::Group(record) => {
                let held = Held::of(&record.grants);
                Detail::Group(Group::of(account, record), held)
            }
            Entity::Role(record) => {
                let held = Held::of(&record.grants);
                Detail::Role(Roles::over(self.state).shown(account, record).await?, held)
            }
            Entity::Policy(policy) => {
                let versions = Policies::over(self.state).all_versions(account, &policy.arn).await?;
                Detail::Policy(*policy, versions)
            }
        })
    }
}

/// What a detail is told of.
enum Entity {
    User(UserRecord),
    Group(GroupRecord),
    Role(RoleRecord),
    Policy(Box<ManagedPolicy>),
}

impl Held {
    fn of(grants: &Grants) -> Self {
        Self {
            inline: grants.inline.iter().map(|(name, document)| (name.clone(), document.clone())).collect(),
            attached: grants.attached.iter().map(|arn| AttachedPolicy::of(arn)).collect(),
        }
    }
}
