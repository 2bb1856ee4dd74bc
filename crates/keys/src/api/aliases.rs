//! Aliases.

use serde::{Deserialize, Serialize};

use super::EpochSeconds;

/// `CreateAlias`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateAliasRequest {
    /// `alias/` and 1 to 250 of `A-Za-z0-9:/_-`; not `alias/aws/…`.
    pub alias_name: String,
    /// Key id or key ARN of the same account.
    pub target_key_id: String,
}

/// `UpdateAlias`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdateAliasRequest {
    /// An existing alias.
    pub alias_name: String,
    /// Key id or key ARN of the same account, of the same usage and spec family as the present target.
    pub target_key_id: String,
}

/// `DeleteAlias`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteAliasRequest {
    /// An existing alias.
    pub alias_name: String,
}

/// `ListAliases`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListAliasesRequest {
    /// Only aliases of this key (key id or key ARN).
    pub key_id: Option<String>,
    /// 1 to 100; 50 if absent.
    pub limit: Option<i64>,
    /// `next_marker` of the page before.
    pub marker: Option<String>,
}

/// Answer to [`ListAliasesRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAliasesResponse {
    /// Aliases of the caller's account, in the order of their names.
    pub aliases: Vec<AliasListEntry>,
    /// Present when truncated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// Whether there are more.
    pub truncated: bool,
}

/// One alias of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AliasListEntry {
    /// Name, with `alias/`.
    pub alias_name: String,
    /// ARN.
    pub alias_arn: String,
    /// Id of the key it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_key_id: Option<String>,
    /// When it was created.
    pub creation_date: EpochSeconds,
    /// When its target last changed.
    pub last_updated_date: EpochSeconds,
}
