//! Grants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::EpochSeconds;

/// `CreateGrant`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
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
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// 1 to 256 of `A-Za-z0-9:/_-`. With a name, an identical request answers the same grant id.
    pub name: Option<String>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
    /// Not supported.
    pub grantee_service_principal: Option<String>,
    /// Not supported.
    pub retiring_service_principal: Option<String>,
}

/// Constraints on the encryption context.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GrantConstraints {
    /// The call's context contains these pairs. Up to 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption_context_subset: Option<BTreeMap<String, String>>,
    /// The call's context is exactly this. Up to 8 pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption_context_equals: Option<BTreeMap<String, String>>,
    /// Not supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_arn: Option<String>,
}

/// Answer to [`CreateGrantRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateGrantResponse {
    /// Names the grant in later calls. Grants take effect at once, so a token is never needed.
    pub grant_token: String,
    /// Id of the grant.
    pub grant_id: String,
}

/// `ListGrants`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListGrantsRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// Only this grant.
    pub grant_id: Option<String>,
    /// Only grants to this principal.
    pub grantee_principal: Option<String>,
    /// 1 to 100; 50 if absent.
    pub limit: Option<i64>,
    /// `next_marker` of the page before.
    pub marker: Option<String>,
    /// Not supported.
    pub grantee_service_principal: Option<String>,
}

/// `ListRetirableGrants`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListRetirableGrantsRequest {
    /// Whose; a principal of the caller's account.
    pub retiring_principal: String,
    /// 1 to 100; 50 if absent.
    pub limit: Option<i64>,
    /// `next_marker` of the page before.
    pub marker: Option<String>,
    /// Not supported.
    pub retiring_service_principal: Option<String>,
}

/// Answer to [`ListGrantsRequest`] and [`ListRetirableGrantsRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGrantsResponse {
    /// Grants in the order of their ids.
    pub grants: Vec<GrantListEntry>,
    /// Present when truncated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
    /// Whether there are more.
    pub truncated: bool,
}

/// One grant of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GrantListEntry {
    /// ARN of the key.
    pub key_id: String,
    /// Id of the grant.
    pub grant_id: String,
    /// Name, possibly empty.
    pub name: String,
    /// When it was created.
    pub creation_date: EpochSeconds,
    /// Who may use the key.
    pub grantee_principal: String,
    /// Who may retire it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retiring_principal: Option<String>,
    /// Account that created it, as its root ARN.
    pub issuing_account: String,
    /// Names of operations.
    pub operations: Vec<String>,
    /// Constraints on the encryption context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraints: Option<GrantConstraints>,
}

/// `RetireGrant`: by token, or by key and grant id.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
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
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RevokeGrantRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// Id of the grant.
    pub grant_id: String,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}
