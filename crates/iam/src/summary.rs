//! What an account holds, and how much of it one may have.

use arqueta_model::AccountId;

use crate::record::{GroupRecord, InstanceProfileRecord, OidcProviderRecord, PolicyRecord, RoleRecord, UserRecord};
use crate::report::Reports;
use crate::{Error, access_keys, grants, groups, instance_profiles, policies, versions};

impl Reports<'_> {
    /// Numbers of an account's entities and the quotas in force, by the names that
    /// GetAccountSummary has for them. Sizes are in characters.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn summary(self, account: &AccountId) -> Result<Vec<(&'static str, usize)>, Error> {
        let policies = self.state.directory.all::<PolicyRecord>(account).await?;
        let record = self.state.directory.account(account).await?;
        let stored_root_key = record.is_some_and(|record| !record.root_keys.is_empty());
        let configured_root_key = self.state.configured_root.as_ref().is_some_and(|(of, _)| of == account);
        Ok(vec![
            ("Users", self.state.directory.all::<UserRecord>(account).await?.len()),
            ("Groups", self.state.directory.all::<GroupRecord>(account).await?.len()),
            ("Roles", self.state.directory.all::<RoleRecord>(account).await?.len()),
            ("Providers", self.state.directory.all::<OidcProviderRecord>(account).await?.len()),
            ("InstanceProfiles", self.state.directory.all::<InstanceProfileRecord>(account).await?.len()),
            ("Policies", policies.len()),
            ("PolicyVersionsInUse", policies.iter().map(|policy| policy.versions.len()).sum()),
            ("AccountAccessKeysPresent", usize::from(stored_root_key || configured_root_key)),
            ("AccessKeysPerUserQuota", access_keys::KEYS_PER_USER),
            ("GroupsPerUserQuota", groups::GROUPS_PER_USER),
            ("AttachedPoliciesPerUserQuota", grants::ATTACHED),
            ("AttachedPoliciesPerGroupQuota", grants::ATTACHED),
            ("AttachedPoliciesPerRoleQuota", grants::ATTACHED),
            ("InstanceProfilesQuota", instance_profiles::PROFILES),
            ("PolicySizeQuota", policies::SIZE),
            ("VersionsPerPolicyQuota", versions::VERSIONS),
        ])
    }
}
