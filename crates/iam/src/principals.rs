//! Whether those whom a policy names exist: S3 refuses a bucket policy that names anyone else (IAM
//! User Guide, "AWS JSON policy elements: Principal").

use arqueta_model::{AccountId, Arn};
use arqueta_policy::{Policy, PrincipalName, Statement};

use crate::record::{RoleRecord, UserRecord};
use crate::{Error, Iam};

impl Iam {
    /// Whether every principal that the policy of a resource names exists. Services do; identity
    /// providers are no principals of resources.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn knows_principals(&self, policy: &Policy) -> Result<bool, Error> {
        for name in policy.statements().iter().flat_map(Statement::principals) {
            let known = match name {
                PrincipalName::Everyone | PrincipalName::Service(_) => true,
                PrincipalName::Federated(_) => false,
                PrincipalName::Account(id) => self.knows_account(id).await?,
                PrincipalName::Identity(arn) => self.knows_identity(arn).await?,
                PrincipalName::Session(arn) => self.knows_session(arn).await?,
                PrincipalName::UniqueId(id) => self.knows_id(id).await?,
                PrincipalName::CanonicalUser(id) => {
                    self.accounts().await?.iter().any(|account| account.canonical_user_id() == id)
                }
            };
            if !known {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn knows_account(&self, id: &str) -> Result<bool, Error> {
        let Ok(account) = id.parse::<AccountId>() else { return Ok(false) };
        Ok(self.directory.account(&account).await?.is_some())
    }

    async fn knows_identity(&self, text: &str) -> Result<bool, Error> {
        let Some((account, arn)) = owned(text) else { return Ok(false) };
        let (kind, path) = arn.resource().split_once('/').unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        Ok(match kind {
            "user" => {
                let user: Option<UserRecord> = self.directory.find(&account, name).await?;
                user.is_some_and(|user| user.arn(&account).as_str() == text)
            }
            "role" => {
                let role: Option<RoleRecord> = self.directory.find(&account, name).await?;
                role.is_some_and(|role| role.arn(&account).as_str() == text)
            }
            // Federated users exist once somebody vouches for them.
            _ => self.directory.account(&account).await?.is_some(),
        })
    }

    async fn knows_session(&self, text: &str) -> Result<bool, Error> {
        let Some((account, arn)) = owned(text) else { return Ok(false) };
        let role = arn.resource().split('/').nth(1).unwrap_or_default();
        Ok(self.directory.find::<RoleRecord>(&account, role).await?.is_some())
    }

    async fn knows_id(&self, id: &str) -> Result<bool, Error> {
        if let Some((account, name)) = self.directory.user_by_id(id).await? {
            let user: Option<UserRecord> = self.directory.find(&account, &name).await?;
            return Ok(user.is_some_and(|user| user.id == id));
        }
        for account in self.accounts().await? {
            if self.directory.all::<RoleRecord>(&account).await?.iter().any(|role| role.id == id) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// An ARN and the account in it.
fn owned(text: &str) -> Option<(AccountId, Arn)> {
    let arn: Arn = text.parse().ok()?;
    Some((arn.account().parse().ok()?, arn))
}
