//! Grants.

use std::collections::BTreeSet;

use arqueta_model::{AccountId, EncryptionContext, Timestamp};
use serde::{Deserialize, Serialize};

use super::names::GRANTS;

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantRecord {
    pub account: AccountId,
    pub key_id: String,
    pub id: String,
    pub name: String,
    pub created: Timestamp,
    /// The unique id of a user, role or session of a role; the ARN of an account's root user or a
    /// federated user. ARNs of users and roles, from earlier releases, name nobody.
    pub grantee: String,
    /// As `grantee`.
    pub retiring: Option<String>,
    pub issuer: AccountId,
    pub operations: BTreeSet<String>,
    pub equals: Option<EncryptionContext>,
    pub subset: Option<EncryptionContext>,
}

impl GrantRecord {
    pub(crate) fn store_key(&self) -> String {
        format!("{GRANTS}{}/{}/{}", self.account, self.key_id, self.id)
    }
}
