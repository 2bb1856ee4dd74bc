//! Shapes of key policies.

use arqueta_keys::api::{GetKeyPolicyRequest, ListKeyPoliciesRequest, PutKeyPolicyRequest};
use arqueta_kms::Error;
use serde::Deserialize;

use super::limits;
use super::parameters::{MAX_POLICY, limit, marker};
use super::shape::{Shape, Told};
use super::wire::answers;

/// The only name that a policy has.
const NAME: &str = "default";

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PutKeyPolicy {
    key_id: String,
    policy_name: Option<String>,
    policy: String,
    bypass_policy_lockout_safety_check: bool,
}

impl Shape for PutKeyPolicy {
    type Request = PutKeyPolicyRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        let Self { key_id, policy_name, policy, bypass_policy_lockout_safety_check } = self;
        told.with("keyId", key_id.as_str()).with("policyName", policy_name.as_deref().unwrap_or(NAME));
        told.with("policy", policy.as_str());
        told.with("bypassPolicyLockoutSafetyCheck", bypass_policy_lockout_safety_check);
        limits::length(&policy, "policy", 1, MAX_POLICY)?;
        Ok(PutKeyPolicyRequest { key_id, policy_name, policy, bypass_policy_lockout_safety_check })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GetKeyPolicy {
    key_id: String,
    policy_name: Option<String>,
}

impl Shape for GetKeyPolicy {
    type Request = GetKeyPolicyRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        let Self { key_id, policy_name } = self;
        told.with("keyId", key_id.as_str()).with("policyName", policy_name.as_deref().unwrap_or(NAME));
        Ok(GetKeyPolicyRequest { key_id, policy_name })
    }
}

/// There is one page: `Marker` must only be one.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListKeyPolicies {
    key_id: String,
    limit: Option<i64>,
    marker: Option<String>,
}

impl Shape for ListKeyPolicies {
    type Request = ListKeyPoliciesRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        limit(self.limit, 1000)?;
        marker(self.marker.as_deref())?;
        Ok(ListKeyPoliciesRequest { key_id: self.key_id })
    }
}

answers! {
    GetKeyPolicyResponse { "Policy": policy, "PolicyName": policy_name }
    ListKeyPoliciesResponse { "PolicyNames": policy_names } + page(next_marker)
}
