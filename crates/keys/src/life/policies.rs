//! Key policies.

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error};

use super::change::change_key_in;
use crate::Embedded;
use crate::api::{
    GetKeyPolicyRequest, GetKeyPolicyResponse, ListKeyPoliciesRequest, ListKeyPoliciesResponse, PutKeyPolicyRequest,
};
use crate::call::{Call, finish};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::lockout::{MAX_POLICY, check_lockout};
use crate::decide::principals::{identified, shown_policy};
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::limits::{self, refused};
use crate::schema::KeyRecord;

/// The only name a policy can have.
const NAME: &str = "default";

/// `PutKeyPolicy`. Takes effect with the next call under the key.
///
/// # Errors
/// As the API names them; a policy that its author could not replace is
/// `MalformedPolicyDocumentException` unless the check is bypassed.
pub async fn put_key_policy(service: &Embedded, caller: &Caller, request: PutKeyPolicyRequest) -> Result<(), Error> {
    let bypass = request.bypass_policy_lockout_safety_check;
    let mut call = Call::new(caller, Kms::PutKeyPolicy)
        .with("keyId", request.key_id.as_str())
        .with("policyName", request.policy_name.as_deref().unwrap_or(NAME))
        .with("policy", request.policy.as_str())
        .with("bypassPolicyLockoutSafetyCheck", bypass);
    let bypasses = [bypass.to_string()];
    let conditions = [("kms:BypassPolicyLockoutSafetyCheck", &bypasses[..])];
    let ask = Ask::new(caller, Kms::PutKeyPolicy).conditions(&conditions);
    let outcome = async {
        // Whom a policy names is looked up for those who may put it.
        admit(service, &mut call, &request.key_id, Names::Keys, ask).await?;
        named_default(request.policy_name.as_deref())?;
        limits::length(&request.policy, "policy", 1, MAX_POLICY)?;
        let policy = identified(service, &request.policy).await?;
        let edit = |_: &Key, record: &mut KeyRecord| {
            record.policy = policy;
            if bypass { Ok(()) } else { check_lockout(service, caller, record) }
        };
        change_key_in(service, &mut call, &request.key_id, ask, edit).await
    }
    .await;
    finish(service, call, outcome).await
}

/// `GetKeyPolicy`.
///
/// # Errors
/// As the API names them.
pub async fn get_key_policy(
    service: &Embedded,
    caller: &Caller,
    request: GetKeyPolicyRequest,
) -> Result<GetKeyPolicyResponse, Error> {
    let mut call = Call::new(caller, Kms::GetKeyPolicy)
        .with("keyId", request.key_id.as_str())
        .with("policyName", request.policy_name.as_deref().unwrap_or(NAME));
    let outcome = admit(service, &mut call, &request.key_id, Names::Keys, Ask::new(caller, Kms::GetKeyPolicy)).await;
    let outcome = async {
        let key = outcome?;
        named_default(request.policy_name.as_deref())?;
        let policy = shown_policy(service, &key.record.policy).await?;
        Ok(GetKeyPolicyResponse { policy, policy_name: NAME.to_owned() })
    }
    .await;
    finish(service, call, outcome).await
}

/// `ListKeyPolicies`.
///
/// # Errors
/// As the API names them.
pub async fn list_key_policies(
    service: &Embedded,
    caller: &Caller,
    request: ListKeyPoliciesRequest,
) -> Result<ListKeyPoliciesResponse, Error> {
    let mut call = Call::new(caller, Kms::ListKeyPolicies).with("keyId", request.key_id.as_str());
    let outcome = admit(service, &mut call, &request.key_id, Names::Keys, Ask::new(caller, Kms::ListKeyPolicies)).await;
    let outcome = outcome.and_then(|_| {
        request.limit.map_or(Ok(0), |limit| limits::range(limit, "limit", 1, 1000))?;
        Ok(ListKeyPoliciesResponse { policy_names: vec![NAME.to_owned()], truncated: false })
    });
    finish(service, call, outcome).await
}

fn named_default(name: Option<&str>) -> Result<(), Error> {
    match name {
        None | Some(NAME) => Ok(()),
        Some(_) => Err(refused("NotFoundException", "No such policy exists")),
    }
}
