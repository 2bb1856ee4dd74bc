use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use arqueta_policy::{Known, LookupError, PrincipalName, Principals};
use async_trait::async_trait;

/// Identities: every user that is asked for exists, until it is deleted.
#[derive(Debug, Default)]
pub struct People {
    /// Ids by ARN; none of who was deleted.
    ids: Mutex<BTreeMap<String, Option<String>>>,
}

impl People {
    /// Gives the user `arn` this id, or takes the user away.
    pub fn set(&self, arn: &str, id: Option<&str>) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.insert(arn.to_owned(), id.map(str::to_owned));
    }
}

/// The unique id of the user that [`user`](super::user) makes.
#[must_use]
pub fn user_id(account: &str, name: &str) -> String {
    format!("AIDA{account}{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), ""))
}

#[async_trait]
impl Principals for People {
    async fn identify(&self, name: PrincipalName<'_>) -> Result<Known, LookupError> {
        let PrincipalName::Identity(arn) = name else { return Ok(Known::AsNamed) };
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let (account, path) = (arn.split(':').nth(4).unwrap_or_default(), arn.rsplit('/').next().unwrap_or_default());
        let id = ids.entry(arn.to_owned()).or_insert_with(|| Some(user_id(account, path)));
        Ok(id.clone().map_or(Known::Nobody, Known::Id))
    }

    async fn arn_of(&self, unique_id: &str) -> Result<Option<String>, LookupError> {
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_id = ids.iter().filter(|(_, id)| id.as_deref() == Some(unique_id));
        Ok(of_id.next().map(|(arn, _)| arn.clone()))
    }
}
