//! Shapes of key policies.

use arqueta_keys::api::{GetKeyPolicyRequest, ListKeyPoliciesRequest, PutKeyPolicyRequest};
use arqueta_keys::limits;
use arqueta_kms::Error;
use serde::Deserialize;

use super::parameters;
use super::shape::{Shape, Told};
use super::wire::answers;

/// The only name that a policy has.
const NAME: &str = "default";
/// Longest policy, characters (KMS API Reference, "PutKeyPolicy").
const MAX_POLICY: usize = 131_072;

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

/// `Marker` is not looked at: there is one page.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListKeyPolicies {
    key_id: String,
    limit: Option<i64>,
}

impl Shape for ListKeyPolicies {
    type Request = ListKeyPoliciesRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        parameters::limit(self.limit, 1000)?;
        Ok(ListKeyPoliciesRequest { key_id: self.key_id })
    }
}

answers! {
    GetKeyPolicyResponse { "Policy": policy, "PolicyName": policy_name }
    ListKeyPoliciesResponse { "PolicyNames": policy_names } + page
}
