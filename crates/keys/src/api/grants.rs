//! Grants.

use arqueta_model::{EncryptionContext, Timestamp};

/// `CreateGrant`.
#[derive(Debug, Clone, Default)]
pub struct CreateGrantRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// ARN of who may use the key.
    pub grantee_principal: String,
    /// ARN of who may retire the grant.
    pub retiring_principal: Option<String>,
    /// Names of operations, at least one.
    pub operations: Vec<String>,
    /// What the encryption context of a call must be.
    pub constraints: Option<GrantConstraints>,
    /// Possibly empty. With a name, an identical request answers the same grant id.
    pub name: String,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Constraints on the encryption context.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantConstraints {
    /// The call's context contains these pairs. Up to 8.
    pub encryption_context_subset: Option<EncryptionContext>,
    /// The call's context is exactly this. Up to 8 pairs.
    pub encryption_context_equals: Option<EncryptionContext>,
}

/// Answer to [`CreateGrantRequest`].
#[derive(Debug, Clone)]
pub struct CreateGrantResponse {
    /// Names the grant in later calls. Grants take effect at once, so a token is never needed.
    pub grant_token: String,
    /// Id of the grant.
    pub grant_id: String,
}

/// `ListGrants`.
#[derive(Debug, Clone, Default)]
pub struct ListGrantsRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// Only this grant.
    pub grant_id: Option<String>,
    /// Only grants to this principal.
    pub grantee_principal: Option<String>,
    /// Most that are answered; 50 if absent.
    pub limit: Option<usize>,
    /// `next_marker` of the page before: what follows it.
    pub marker: Option<String>,
}

/// `ListRetirableGrants`.
#[derive(Debug, Clone, Default)]
pub struct ListRetirableGrantsRequest {
    /// Whose; a principal of the caller's account.
    pub retiring_principal: String,
    /// Most that are answered; 50 if absent.
    pub limit: Option<usize>,
    /// `next_marker` of the page before: what follows it.
    pub marker: Option<String>,
}

/// Answer to [`ListGrantsRequest`] and [`ListRetirableGrantsRequest`].
#[derive(Debug, Clone)]
pub struct ListGrantsResponse {
    /// Grants in the order of their ids.
    pub grants: Vec<GrantListEntry>,
    /// The last one's id, where there are more.
    pub next_marker: Option<String>,
}

/// One grant of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantListEntry {
    /// ARN of the key.
    pub key_id: String,
    /// Id of the grant.
    pub grant_id: String,
    /// Name, possibly empty.
    pub name: String,
    /// When it was created.
    pub creation_date: Timestamp,
    /// Who may use the key.
    pub grantee_principal: String,
    /// Who may retire it.
    pub retiring_principal: Option<String>,
    /// Account that created it, as its root ARN.
    pub issuing_account: String,
    /// Names of operations.
    pub operations: Vec<String>,
    /// Constraints on the encryption context.
    pub constraints: Option<GrantConstraints>,
}

/// `RetireGrant`: by token, or by key and grant id.
#[derive(Debug, Clone, Default)]
pub struct RetireGrantRequest {
    /// Token of CreateGrant.
    pub grant_token: Option<String>,
    /// Key ARN.
    pub key_id: Option<String>,
    /// Id of the grant.
    pub grant_id: Option<String>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// `RevokeGrant`.
#[derive(Debug, Clone, Default)]
pub struct RevokeGrantRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// Id of the grant.
    pub grant_id: String,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}
