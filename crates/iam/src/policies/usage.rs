//! How often policies are used.

use std::collections::BTreeMap;

use arqueta_model::AccountId;

use super::Policies;
use crate::Error;
use crate::record::{GroupRecord, RoleRecord, UserRecord};

/// How often each policy is attached and bounds.
#[derive(Default)]
pub(super) struct Usage {
    attached: BTreeMap<String, usize>,
    bounding: BTreeMap<String, usize>,
}

impl Usage {
    /// Entities it is attached to, and entities it bounds.
    pub(super) fn of(&self, arn: &str) -> (usize, usize) {
        let count = |of: &BTreeMap<String, usize>| of.get(arn).copied().unwrap_or_default();
        (count(&self.attached), count(&self.bounding))
    }
}

impl Policies<'_> {
    pub(super) async fn usage(self, account: &AccountId) -> Result<Usage, Error> {
        let users: Vec<UserRecord> = self.state.directory.all(account).await?;
        let groups: Vec<GroupRecord> = self.state.directory.all(account).await?;
        let roles: Vec<RoleRecord> = self.state.directory.all(account).await?;
        let mut usage = Usage::default();
        let grants = users.iter().map(|user| &user.grants).chain(groups.iter().map(|group| &group.grants));
        for arn in grants.chain(roles.iter().map(|role| &role.grants)).flat_map(|grants| &grants.attached) {
            *usage.attached.entry(arn.clone()).or_default() += 1;
        }
        let boundaries = users.iter().map(|user| &user.boundary).chain(roles.iter().map(|role| &role.boundary));
        for arn in boundaries.flatten() {
            *usage.bounding.entry(arn.clone()).or_default() += 1;
        }
        Ok(usage)
    }
}
