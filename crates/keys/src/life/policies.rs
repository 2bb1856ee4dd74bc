//! Key policies.

use arqueta_call::Kms;
use arqueta_kms::Error;

use super::change::change_key_in;
use crate::Embedded;
use crate::api::{
    GetKeyPolicyRequest, GetKeyPolicyResponse, ListKeyPoliciesRequest, ListKeyPoliciesResponse, PutKeyPolicyRequest,
};
use crate::call::{Call, Operation};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::lockout::check_lockout;
use crate::decide::principals::{identified, shown_policy};
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::limits::refused;
use crate::schema::KeyRecord;

/// The only name a policy can have.
const NAME: &str = "default";

/// `PutKeyPolicy`. Takes effect with the next call under the key.
///
/// Refuses: a policy that its author could not replace is
/// `MalformedPolicyDocumentException` unless the check is bypassed.
impl Operation for PutKeyPolicyRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::PutKeyPolicy;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let (bypass, caller) = (self.bypass_policy_lockout_safety_check, call.caller);
        let bypasses = [bypass.to_string()];
        let conditions = [("kms:BypassPolicyLockoutSafetyCheck", &bypasses[..])];
        let ask = Ask::new(caller, Kms::PutKeyPolicy).conditions(&conditions);
        // Whom a policy names is looked up for those who may put it.
        admit(service, call, &self.key_id, Names::Keys, ask).await?;
        named_default(self.policy_name.as_deref())?;
        let policy = identified(service, &self.policy).await?;
        let edit = |_: &Key, record: &mut KeyRecord| {
            record.policy = policy;
            if bypass { Ok(()) } else { check_lockout(service, caller, record) }
        };
        change_key_in(service, call, &self.key_id, ask, edit).await
    }
}

/// `GetKeyPolicy`.
impl Operation for GetKeyPolicyRequest {
    type Answer = GetKeyPolicyResponse;
    const OPERATION: Kms = Kms::GetKeyPolicy;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let ask = Ask::new(call.caller, Kms::GetKeyPolicy);
        let key = admit(service, call, &self.key_id, Names::Keys, ask).await?;
        named_default(self.policy_name.as_deref())?;
        let policy = shown_policy(service, &key.record.policy).await?;
        Ok(GetKeyPolicyResponse { policy, policy_name: NAME.to_owned() })
    }
}

/// `ListKeyPolicies`.
impl Operation for ListKeyPoliciesRequest {
    type Answer = ListKeyPoliciesResponse;
    const OPERATION: Kms = Kms::ListKeyPolicies;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let ask = Ask::new(call.caller, Kms::ListKeyPolicies);
        admit(service, call, &self.key_id, Names::Keys, ask).await?;
        Ok(ListKeyPoliciesResponse { policy_names: vec![NAME], next_marker: None })
    }
}

fn named_default(name: Option<&str>) -> Result<(), Error> {
    match name {
        None | Some(NAME) => Ok(()),
        Some(_) => Err(refused("NotFoundException", "No such policy exists")),
    }
}
