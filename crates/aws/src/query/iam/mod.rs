//! IAM's operations: who is meant, whether the caller may, and the identity service's answer.

mod absent;
mod access_keys;
mod account;
mod call;
mod grants;
mod groups;
mod oidc;
mod operations;
mod policies;
mod roles;
mod simulate;
mod summary;
mod users;

use super::call::{Answer, Call};
use crate::Error;

use call::Iam;

pub(super) use operations::OPERATIONS;

/// Performs an operation of [`OPERATIONS`].
///
/// # Errors
/// [`Error::Unsupported`] for those that are not served.
pub(super) async fn perform(operation: &'static str, call: &Call<'_>) -> Result<Answer, Error> {
    let call = &Iam { operation, call };
    match operation {
        "CreateUser" => users::create(call).await,
        "GetUser" => users::describe(call).await,
        "ListUsers" => users::list(call).await,
        "UpdateUser" => users::update(call).await,
        "DeleteUser" => users::delete(call).await,
        "TagUser" => users::tag(call).await,
        "UntagUser" => users::untag(call).await,
        "ListUserTags" => users::tags(call).await,
        "PutUserPermissionsBoundary" => users::bound(call).await,
        "DeleteUserPermissionsBoundary" => users::unbound(call).await,

        "CreateGroup" => groups::create(call).await,
        "GetGroup" => groups::describe(call).await,
        "ListGroups" => groups::list(call).await,
        "UpdateGroup" => groups::update(call).await,
        "DeleteGroup" => groups::delete(call).await,
        "AddUserToGroup" => groups::add(call).await,
        "RemoveUserFromGroup" => groups::remove(call).await,
        "ListGroupsForUser" => groups::of_user(call).await,

        "CreateRole" => roles::create(call).await,
        "GetRole" => roles::describe(call).await,
        "ListRoles" => roles::list(call).await,
        "UpdateRole" | "UpdateRoleDescription" => roles::update(call).await,
        "UpdateAssumeRolePolicy" => roles::trust(call).await,
        "DeleteRole" => roles::delete(call).await,
        "TagRole" => roles::tag(call).await,
        "UntagRole" => roles::untag(call).await,
        "ListRoleTags" => roles::tags(call).await,
        "PutRolePermissionsBoundary" => roles::bound(call).await,
        "DeleteRolePermissionsBoundary" => roles::unbound(call).await,
        "ListInstanceProfilesForRole" => roles::instance_profiles(call).await,

        "CreateAccessKey" => access_keys::create(call).await,
        "ListAccessKeys" => access_keys::list(call).await,
        "UpdateAccessKey" => access_keys::update(call).await,
        "DeleteAccessKey" => access_keys::delete(call).await,
        "GetAccessKeyLastUsed" => access_keys::last_used(call).await,

        "PutUserPolicy" | "PutGroupPolicy" | "PutRolePolicy" => grants::put(call).await,
        "GetUserPolicy" | "GetGroupPolicy" | "GetRolePolicy" => grants::describe(call).await,
        "ListUserPolicies" | "ListGroupPolicies" | "ListRolePolicies" => grants::list(call).await,
        "DeleteUserPolicy" | "DeleteGroupPolicy" | "DeleteRolePolicy" => grants::delete(call).await,
        "AttachUserPolicy" | "AttachGroupPolicy" | "AttachRolePolicy" => grants::attach(call).await,
        "DetachUserPolicy" | "DetachGroupPolicy" | "DetachRolePolicy" => grants::detach(call).await,
        "ListAttachedUserPolicies" | "ListAttachedGroupPolicies" | "ListAttachedRolePolicies" => {
            grants::attached(call).await
        }

        "CreatePolicy" => policies::create(call).await,
        "GetPolicy" => policies::describe(call).await,
        "ListPolicies" => policies::list(call).await,
        "DeletePolicy" => policies::delete(call).await,
        "CreatePolicyVersion" => policies::create_version(call).await,
        "GetPolicyVersion" => policies::version(call).await,
        "ListPolicyVersions" => policies::versions(call).await,
        "SetDefaultPolicyVersion" => policies::set_default(call).await,
        "DeletePolicyVersion" => policies::delete_version(call).await,
        "TagPolicy" => policies::tag(call).await,
        "UntagPolicy" => policies::untag(call).await,
        "ListPolicyTags" => policies::tags(call).await,
        "ListEntitiesForPolicy" => policies::entities(call).await,

        "CreateOpenIDConnectProvider" => oidc::create(call).await,
        "GetOpenIDConnectProvider" => oidc::describe(call).await,
        "ListOpenIDConnectProviders" => oidc::list(call).await,
        "DeleteOpenIDConnectProvider" => oidc::delete(call).await,
        "UpdateOpenIDConnectProviderThumbprint" => oidc::set_thumbprints(call).await,
        "AddClientIDToOpenIDConnectProvider" => oidc::add_client_id(call).await,
        "RemoveClientIDFromOpenIDConnectProvider" => oidc::remove_client_id(call).await,
        "TagOpenIDConnectProvider" => oidc::tag(call).await,
        "UntagOpenIDConnectProvider" => oidc::untag(call).await,
        "ListOpenIDConnectProviderTags" => oidc::tags(call).await,

        "SimulatePrincipalPolicy" | "SimulateCustomPolicy" => simulate::run(call).await,
        "GetContextKeysForPrincipalPolicy" | "GetContextKeysForCustomPolicy" => simulate::context_keys(call).await,

        "GetAccountSummary" => summary::of_account(call).await,
        "GetAccountAuthorizationDetails" => account::details(call).await,
        "GenerateCredentialReport" => account::generate_report(call).await,
        "GetCredentialReport" => account::report(call).await,

        other => absent::perform(other, call).await,
    }
}
