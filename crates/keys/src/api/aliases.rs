//! Aliases.

use arqueta_model::Timestamp;

/// `CreateAlias`.
#[derive(Debug, Clone, Default)]
pub struct CreateAliasRequest {
    /// `alias/` and 1 to 250 of `A-Za-z0-9:/_-`; not `alias/aws/…`.
    pub alias_name: String,
    /// Key id or key ARN of the same account.
    pub target_key_id: String,
}

/// `UpdateAlias`.
#[derive(Debug, Clone, Default)]
pub struct UpdateAliasRequest {
    /// An existing alias.
    pub alias_name: String,
    /// Key id or key ARN of the same account, of the same usage and spec family as the present target.
    pub target_key_id: String,
}

/// `DeleteAlias`.
#[derive(Debug, Clone, Default)]
pub struct DeleteAliasRequest {
    /// An existing alias.
    pub alias_name: String,
}

/// `ListAliases`.
#[derive(Debug, Clone, Default)]
pub struct ListAliasesRequest {
    /// Only aliases of this key (key id or key ARN).
    pub key_id: Option<String>,
    /// Most that are answered; 50 if absent.
    pub limit: Option<usize>,
    /// `next_marker` of the page before: what follows it.
    pub marker: Option<String>,
}

/// Answer to [`ListAliasesRequest`].
#[derive(Debug, Clone)]
pub struct ListAliasesResponse {
    /// Aliases of the caller's account, in the order of their names.
    pub aliases: Vec<AliasListEntry>,
    /// The last one's name, where there are more.
    pub next_marker: Option<String>,
}

/// One alias of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasListEntry {
    /// Name, with `alias/`.
    pub alias_name: String,
    /// ARN.
    pub alias_arn: String,
    /// Id of the key it stands for.
    pub target_key_id: Option<String>,
    /// When it was created.
    pub creation_date: Timestamp,
    /// When its target last changed.
    pub last_updated_date: Timestamp,
}
