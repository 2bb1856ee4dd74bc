//! Who the principals are that policies name, and what unique ids they have (IAM User Guide, "AWS
//! JSON policy elements: Principal").

use arqueta_model::{AccountId, Arn};
use arqueta_policy::{Known, LookupError, PrincipalName, Principals};
use async_trait::async_trait;

use crate::Error;
use crate::directory::Directory;
use crate::record::{RoleRecord, UserRecord};

#[async_trait]
impl Principals for Directory {
    async fn identify(&self, name: PrincipalName<'_>) -> Result<Known, LookupError> {
        let known = match name {
            PrincipalName::Everyone | PrincipalName::Service(_) => true,
            // Providers are no principals of resources.
            PrincipalName::Federated(_) => false,
            PrincipalName::Account(id) => self.knows_account(id).await?,
            PrincipalName::Identity(arn) | PrincipalName::Session(arn) => return Ok(self.named(arn).await?),
            PrincipalName::UniqueId(id) => self.owner_of(id).await?.is_some(),
            PrincipalName::CanonicalUser(id) => {
                self.accounts().await?.iter().any(|account| account.canonical_user_id() == id)
            }
        };
        Ok(if known { Known::AsNamed } else { Known::Nobody })
    }

    async fn arn_of(&self, unique_id: &str) -> Result<Option<String>, LookupError> {
        let Some(owner) = self.owner_of(unique_id).await? else { return Ok(None) };
        let session = unique_id.split_once(':').map(|(_, session)| session);
        Ok(Some(match (owner, session) {
            (Owner::User(account, user), _) => user.arn(&account).into(),
            (Owner::Role(account, role), None) => role.arn(&account).into(),
            (Owner::Role(account, role), Some(session)) => {
                Arn::new("sts", "", account.as_str(), &format!("assumed-role/{}/{session}", role.name)).into()
            }
        }))
    }
}

/// Whose unique id it is.
enum Owner {
    User(AccountId, UserRecord),
    Role(AccountId, RoleRecord),
}

impl Directory {
    async fn knows_account(&self, id: &str) -> Result<bool, Error> {
        let Ok(account) = id.parse::<AccountId>() else { return Ok(false) };
        Ok(self.account(&account).await?.is_some())
    }

    /// Whom an ARN names.
    async fn named(&self, text: &str) -> Result<Known, Error> {
        let Some((account, arn)) = owned(text) else { return Ok(Known::Nobody) };
        let (kind, path) = arn.resource().split_once('/').unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let id = match kind {
            "user" => {
                let user: Option<UserRecord> = self.find(&account, name).await?;
                user.filter(|user| user.arn(&account).as_str() == text).map(|user| user.id)
            }
            "role" => {
                let role: Option<RoleRecord> = self.find(&account, name).await?;
                role.filter(|role| role.arn(&account).as_str() == text).map(|role| role.id)
            }
            "assumed-role" => {
                let (role, session) = path.split_once('/').unwrap_or_default();
                let found: Option<RoleRecord> = self.find(&account, role).await?;
                // Names are found ignoring case; an ARN names one spelling.
                let id = found.filter(|found| found.name == role).map(|role| format!("{}:{session}", role.id));
                // What could not be read again would deny everything.
                id.filter(|id| matches!(PrincipalName::of_aws(id), Some(PrincipalName::UniqueId(_))))
            }
            // Federated users exist once somebody vouches for them, and have no id of their own.
            _ => return Ok(if self.knows_account(account.as_str()).await? { Known::AsNamed } else { Known::Nobody }),
        };
        Ok(id.map_or(Known::Nobody, Known::Id))
    }

    /// Who has a unique id, or the session of a role's.
    async fn owner_of(&self, unique_id: &str) -> Result<Option<Owner>, Error> {
        let id = unique_id.split(':').next().unwrap_or_default();
        let found = self.by_id(id).await?;
        let Some((account, name)) = found else { return Ok(None) };
        if id.starts_with("AROA") {
            let role: Option<RoleRecord> = self.find(&account, &name).await?;
            return Ok(role.filter(|role| role.id == id).map(|role| Owner::Role(account, role)));
        }
        let user: Option<UserRecord> = self.find(&account, &name).await?;
        Ok(user.filter(|user| user.id == id).map(|user| Owner::User(account, user)))
    }
}

/// An ARN and the account in it.
fn owned(text: &str) -> Option<(AccountId, Arn)> {
    let arn: Arn = text.parse().ok()?;
    Some((arn.account().parse().ok()?, arn))
}
