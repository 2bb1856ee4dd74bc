//! What an account holds, and how much of it one may have.

use arqueta_model::AccountId;

use crate::record::{GroupRecord, OidcProviderRecord, PolicyRecord, RoleRecord, UserRecord};
use crate::{Error, Iam, access_keys, grants, groups, policies, versions};

impl Iam {
    /// Numbers of an account's entities and the quotas in force, by the names that
    /// GetAccountSummary has for them. Sizes are in characters.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn account_summary(&self, account: &AccountId) -> Result<Vec<(&'static str, usize)>, Error> {
        let policies = self.directory.all::<PolicyRecord>(account).await?;
        let record = self.directory.account(account).await?;
        let stored_root_key = record.is_some_and(|record| !record.root_keys.is_empty());
        let configured_root_key = self.configured_root.as_ref().is_some_and(|(of, _)| of == account);
        Ok(vec![
            ("Users", self.directory.all::<UserRecord>(account).await?.len()),
            ("Groups", self.directory.all::<GroupRecord>(account).await?.len()),
            ("Roles", self.directory.all::<RoleRecord>(account).await?.len()),
            ("Providers", self.directory.all::<OidcProviderRecord>(account).await?.len()),
            ("Policies", policies.len()),
            ("PolicyVersionsInUse", policies.iter().map(|policy| policy.versions.len()).sum()),
            ("AccountAccessKeysPresent", usize::from(stored_root_key || configured_root_key)),
            ("AccessKeysPerUserQuota", access_keys::KEYS_PER_USER),
            ("GroupsPerUserQuota", groups::GROUPS_PER_USER),
            ("AttachedPoliciesPerUserQuota", grants::ATTACHED),
            ("AttachedPoliciesPerGroupQuota", grants::ATTACHED),
            ("AttachedPoliciesPerRoleQuota", grants::ATTACHED),
            ("PolicySizeQuota", policies::SIZE),
            ("VersionsPerPolicyQuota", versions::VERSIONS),
        ])
    }
}
