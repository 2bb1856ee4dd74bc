//! Aliases and last uses.

use arqueta_model::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::names::ALIASES;

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AliasRecord {
    pub account: AccountId,
    /// With `alias/`.
    pub name: String,
    /// Key id in the same account.
    pub target: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl AliasRecord {
    pub(crate) fn store_key(&self) -> String {
        format!("{ALIASES}{}/{}", self.account, self.name)
    }
}

/// The last successful cryptographic operation of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastUse {
    pub operation: String,
    pub at: Timestamp,
    pub event_id: String,
    pub request_id: String,
}
