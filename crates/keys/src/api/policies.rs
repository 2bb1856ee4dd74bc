//! Key policies. A key has exactly one, named `default`.

/// `PutKeyPolicy`.
#[derive(Debug, Clone, Default)]
pub struct PutKeyPolicyRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// `default`, or absent.
    pub policy_name: Option<String>,
    /// The policy.
    pub policy: String,
    /// Skips the check that the caller can still change the policy.
    pub bypass_policy_lockout_safety_check: bool,
}

/// `GetKeyPolicy`.
#[derive(Debug, Clone, Default)]
pub struct GetKeyPolicyRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// `default`, or absent.
    pub policy_name: Option<String>,
}

/// Answer to [`GetKeyPolicyRequest`].
#[derive(Debug, Clone)]
pub struct GetKeyPolicyResponse {
    /// The policy as it was put.
    pub policy: String,
    /// `default`.
    pub policy_name: String,
}

/// `ListKeyPolicies`. A key has no policy but `default`.
#[derive(Debug, Clone, Default)]
pub struct ListKeyPoliciesRequest {
    /// Key id or key ARN.
    pub key_id: String,
}

/// Answer to [`ListKeyPoliciesRequest`].
#[derive(Debug, Clone)]
pub struct ListKeyPoliciesResponse {
    /// `default`.
    pub policy_names: Vec<&'static str>,
    /// There is never more.
    pub next_marker: Option<String>,
}
