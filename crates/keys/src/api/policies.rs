//! Key policies. A key has exactly one, named `default`.

use serde::{Deserialize, Serialize};

/// `PutKeyPolicy`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PutKeyPolicyRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// `default`, or absent.
    pub policy_name: Option<String>,
    /// The policy, up to 32 KiB.
    pub policy: String,
    /// Skips the check that the caller can still change the policy.
    pub bypass_policy_lockout_safety_check: bool,
}

/// `GetKeyPolicy`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetKeyPolicyRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// `default`, or absent.
    pub policy_name: Option<String>,
}

/// Answer to [`GetKeyPolicyRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetKeyPolicyResponse {
    /// The policy as it was put.
    pub policy: String,
    /// `default`.
    pub policy_name: String,
}

/// `ListKeyPolicies`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListKeyPoliciesRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// 1 to 1,000; 100 if absent.
    pub limit: Option<i64>,
    /// `next_marker` of the page before.
    pub marker: Option<String>,
}

/// Answer to [`ListKeyPoliciesRequest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListKeyPoliciesResponse {
    /// `default`.
    pub policy_names: Vec<String>,
    /// Whether there are more: never.
    pub truncated: bool,
}
