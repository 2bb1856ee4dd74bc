//! IAM's operations: who is meant, whether the caller may, and the identity service's answer.

mod absent;
mod access_keys;
mod account;
mod call;
mod grants;
mod groups;
mod instance_profiles;
mod oidc;
mod policies;
mod roles;
mod simulate;
mod summary;
mod users;

use arqueta_call::Iam as Op;

use super::call::{Answer, Call};
use crate::Error;

use call::Iam;

/// Performs an operation.
///
/// # Errors
/// Denials and refusals of the identity service.
#[allow(clippy::too_many_lines)] // a table: one line an operation
pub(super) async fn perform(operation: Op, call: &Call<'_>) -> Result<Answer, Error> {
    let call = &Iam { operation: operation.row(), call };
    match operation {
        Op::CreateUser => users::create(call).await,
        Op::GetUser => users::describe(call).await,
        Op::ListUsers => users::list(call).await,
        Op::UpdateUser => users::update(call).await,
        Op::DeleteUser => users::delete(call).await,
        Op::TagUser => users::tag(call).await,
        Op::UntagUser => users::untag(call).await,
        Op::ListUserTags => users::tags(call).await,
        Op::PutUserPermissionsBoundary => users::bound(call).await,
        Op::DeleteUserPermissionsBoundary => users::unbound(call).await,

        Op::CreateGroup => groups::create(call).await,
        Op::GetGroup => groups::describe(call).await,
        Op::ListGroups => groups::list(call).await,
        Op::UpdateGroup => groups::update(call).await,
        Op::DeleteGroup => groups::delete(call).await,
        Op::AddUserToGroup => groups::add(call).await,
        Op::RemoveUserFromGroup => groups::remove(call).await,
        Op::ListGroupsForUser => groups::of_user(call).await,

        Op::CreateRole => roles::create(call).await,
        Op::GetRole => roles::describe(call).await,
        Op::ListRoles => roles::list(call).await,
        Op::UpdateRole => roles::update(call).await,
        Op::UpdateRoleDescription => roles::redescribe(call).await,
        Op::UpdateAssumeRolePolicy => roles::trust(call).await,
        Op::DeleteRole => roles::delete(call).await,
        Op::TagRole => roles::tag(call).await,
        Op::UntagRole => roles::untag(call).await,
        Op::ListRoleTags => roles::tags(call).await,
        Op::PutRolePermissionsBoundary => roles::bound(call).await,
        Op::DeleteRolePermissionsBoundary => roles::unbound(call).await,

        Op::CreateAccessKey => access_keys::create(call).await,
        Op::ListAccessKeys => access_keys::list(call).await,
        Op::UpdateAccessKey => access_keys::update(call).await,
        Op::DeleteAccessKey => access_keys::delete(call).await,
        Op::GetAccessKeyLastUsed => access_keys::last_used(call).await,

        Op::PutUserPolicy | Op::PutGroupPolicy | Op::PutRolePolicy => grants::put(call).await,
        Op::GetUserPolicy | Op::GetGroupPolicy | Op::GetRolePolicy => grants::describe(call).await,
        Op::ListUserPolicies | Op::ListGroupPolicies | Op::ListRolePolicies => grants::list(call).await,
        Op::DeleteUserPolicy | Op::DeleteGroupPolicy | Op::DeleteRolePolicy => grants::delete(call).await,
        Op::AttachUserPolicy | Op::AttachGroupPolicy | Op::AttachRolePolicy => grants::attach(call).await,
        Op::DetachUserPolicy | Op::DetachGroupPolicy | Op::DetachRolePolicy => grants::detach(call).await,
        Op::ListAttachedUserPolicies | Op::ListAttachedGroupPolicies | Op::ListAttachedRolePolicies => {
            grants::attached(call).await
        }

        Op::CreatePolicy => policies::create(call).await,
        Op::GetPolicy => policies::describe(call).await,
        Op::ListPolicies => policies::list(call).await,
        Op::DeletePolicy => policies::delete(call).await,
        Op::CreatePolicyVersion => policies::create_version(call).await,
        Op::GetPolicyVersion => policies::version(call).await,
        Op::ListPolicyVersions => policies::versions(call).await,
        Op::SetDefaultPolicyVersion => policies::set_default(call).await,
        Op::DeletePolicyVersion => policies::delete_version(call).await,
        Op::TagPolicy => policies::tag(call).await,
        Op::UntagPolicy => policies::untag(call).await,
        Op::ListPolicyTags => policies::tags(call).await,
        Op::ListEntitiesForPolicy => policies::entities(call).await,

        Op::CreateInstanceProfile => instance_profiles::create(call).await,
        Op::GetInstanceProfile => instance_profiles::describe(call).await,
        Op::ListInstanceProfiles => instance_profiles::list(call).await,
        Op::ListInstanceProfilesForRole => instance_profiles::of_role(call).await,
        Op::AddRoleToInstanceProfile => instance_profiles::add_role(call).await,
        Op::RemoveRoleFromInstanceProfile => instance_profiles::remove_role(call).await,
        Op::DeleteInstanceProfile => instance_profiles::delete(call).await,
        Op::TagInstanceProfile => instance_profiles::tag(call).await,
        Op::UntagInstanceProfile => instance_profiles::untag(call).await,
        Op::ListInstanceProfileTags => instance_profiles::tags(call).await,

        Op::CreateOpenIDConnectProvider => oidc::create(call).await,
        Op::GetOpenIDConnectProvider => oidc::describe(call).await,
        Op::ListOpenIDConnectProviders => oidc::list(call).await,
        Op::DeleteOpenIDConnectProvider => oidc::delete(call).await,
        Op::UpdateOpenIDConnectProviderThumbprint => oidc::set_thumbprints(call).await,
        Op::AddClientIDToOpenIDConnectProvider => oidc::add_client_id(call).await,
        Op::RemoveClientIDFromOpenIDConnectProvider => oidc::remove_client_id(call).await,
        Op::TagOpenIDConnectProvider => oidc::tag(call).await,
        Op::UntagOpenIDConnectProvider => oidc::untag(call).await,
        Op::ListOpenIDConnectProviderTags => oidc::tags(call).await,

        Op::SimulatePrincipalPolicy | Op::SimulateCustomPolicy => simulate::run(call).await,
        Op::GetContextKeysForPrincipalPolicy | Op::GetContextKeysForCustomPolicy => simulate::context_keys(call).await,

        Op::CreateAccountAlias => account::create_alias(call).await,
        Op::ListAccountAliases => account::aliases(call).await,
        Op::DeleteAccountAlias => account::delete_alias(call).await,
        Op::GetAccountSummary => summary::of_account(call).await,
        Op::GetAccountAuthorizationDetails => account::details(call).await,
        Op::GenerateCredentialReport => account::generate_report(call).await,
        Op::GetCredentialReport => account::report(call).await,

        Op::ListMFADevices => absent::none(call, "MFADevices", true).await,
        Op::ListVirtualMFADevices => absent::none(call, "VirtualMFADevices", true).await,
        Op::ListSSHPublicKeys => absent::none(call, "SSHPublicKeys", true).await,
        Op::ListSigningCertificates => absent::none(call, "Certificates", true).await,
        Op::ListServerCertificates => absent::none(call, "ServerCertificateMetadataList", true).await,
        Op::ListServiceSpecificCredentials => absent::none(call, "ServiceSpecificCredentials", false).await,
        Op::ListSAMLProviders => absent::none(call, "SAMLProviderList", false).await,
        Op::GetLoginProfile | Op::DeleteLoginProfile => absent::login_profile(call).await,
        Op::GetAccountPasswordPolicy => absent::password_policy(call).await,
    }
}
