//! Who the principals are that key policies and grants name, for this service.

use std::sync::{Arc, OnceLock};

use arqueta_policy::{Known, LookupError, PrincipalName, Principals};
use async_trait::async_trait;

/// Who answers. Before the service joins the identities there are no users and roles.
#[derive(Default)]
pub(crate) struct People(pub(crate) OnceLock<Arc<dyn Principals>>);

impl People {
    pub(crate) fn get(&self) -> &dyn Principals {
        match self.0.get() {
            Some(people) => &**people,
            None => &NoPeople,
        }
    }
}

struct NoPeople;

#[async_trait]
impl Principals for NoPeople {
    async fn identify(&self, name: PrincipalName<'_>) -> Result<Known, LookupError> {
        Ok(if is_person(&name) { Known::Nobody } else { Known::AsNamed })
    }

    async fn arn_of(&self, _: &str) -> Result<Option<String>, LookupError> {
        Ok(None)
    }
}

/// Whether the name of a principal can be given again.
pub(crate) fn is_person(name: &PrincipalName<'_>) -> bool {
    matches!(name, PrincipalName::Identity(_) | PrincipalName::Session(_) | PrincipalName::UniqueId(_))
}
