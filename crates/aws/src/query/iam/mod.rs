//! IAM's operations: who is meant, whether the caller may, and the identity service's answer.

mod absent;
mod access_keys;
mod grants;
mod groups;
mod oidc;
mod operations;
mod policies;
mod roles;
mod simulate;
mod summary;
mod users;

use arqueta_iam::{List, Tag};
use arqueta_model::{AccountId, Arn, PrincipalKind};

use super::{Answer, Call};
use crate::Error;
use crate::access::{self, Wish};

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

        other => absent::perform(other, call).await,
    }
}

/// One IAM call.
pub(super) struct Iam<'a> {
    operation: &'static str,
    call: &'a Call<'a>,
}

/// Condition keys of a call.
type Keys = Vec<(String, String)>;

impl<'a> Iam<'a> {
    fn service(&self) -> &'a arqueta_iam::Iam {
        &self.call.services.iam
    }

    fn form(&self) -> &'a super::Form {
        self.call.form
    }

    fn account(&self) -> &'a AccountId {
        &self.call.identity.principal.account
    }

    /// A parameter that must be there.
    fn required(&self, name: &str) -> Result<&'a str, Error> {
        self.form().required(name)
    }

    /// A parameter that may be.
    fn optional(&self, name: &str) -> Option<String> {
        self.form().value(name).map(str::to_owned)
    }

    /// The page that is asked for.
    fn page(&self) -> Result<List, Error> {
        let max_items = self.form().number("MaxItems", 1..=1000)?;
        Ok(List {
            path_prefix: self.optional("PathPrefix"),
            marker: self.optional("Marker"),
            max_items: max_items.map(|n| n as usize),
        })
    }

    /// The page of `tags` that is asked for, sorted by key ("ListUserTags").
    fn tag_page(&self, mut tags: Vec<Tag>) -> Result<arqueta_iam::Page<Tag>, Error> {
        tags.sort_by_key(|tag| tag.key.to_lowercase());
        Ok(self.page()?.page(tags.into_iter(), |tag| tag.key.clone().into())?)
    }

    fn tags(&self) -> Result<Vec<Tag>, Error> {
        Ok(self.form().pairs("Tags", "Key", "Value")?.into_iter().map(|(key, value)| Tag::new(key, value)).collect())
    }

    /// The members of a list of texts.
    fn list(&self, name: &str) -> Result<Vec<String>, Error> {
        Ok(self.form().list(name)?.into_iter().map(str::to_owned).collect())
    }

    fn tag_keys(&self) -> Result<Vec<String>, Error> {
        Ok(self.form().list("TagKeys")?.into_iter().map(str::to_owned).collect())
    }

    /// Asks the caller's policies for this operation on `resource`.
    fn authorize(&self, resource: &str, keys: &Keys) -> Result<(), Error> {
        let action = format!("iam:{}", self.operation);
        let keys: Vec<(&str, &str)> = keys.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let wish = Wish { action: &action, resource, owner: self.account(), keys: &keys };
        access::check(self.call.services, self.call.identity, self.call.info, &wish)
    }

    /// ARN of a resource of the caller's account.
    fn arn(&self, resource: &str) -> Arn {
        Arn::new("iam", "", self.account().as_str(), resource)
    }

    /// The user that the call is about: the one named, or the caller itself.
    fn named_or_own_user(&self) -> Result<Option<String>, Error> {
        if let Some(name) = self.form().value("UserName") {
            return Ok(Some(name.to_owned()));
        }
        let principal = &self.call.identity.principal;
        match principal.kind {
            PrincipalKind::User => Ok(principal.arn.resource().rsplit('/').next().map(str::to_owned)),
            PrincipalKind::Root => Ok(None),
            _ => Err(must_name_user()),
        }
    }

    /// ARN and tags of a user, as policies see it. One that does not exist is asked about by the
    /// name given, so that only those who may see it learn that it is missing.
    async fn user(&self, name: &str) -> Result<(String, Keys), Error> {
        match self.service().user(self.account(), name).await {
            Ok(user) => Ok((user.arn.into(), tag_keys("ResourceTag", &user.tags))),
            Err(arqueta_iam::Error::NoSuchEntity { .. }) => Ok((self.arn(&format!("user/{name}")).into(), Keys::new())),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Iam::user`], for a role.
    async fn role(&self, name: &str) -> Result<(String, Keys), Error> {
        match self.service().role(self.account(), name).await {
            Ok(role) => Ok((role.arn.into(), tag_keys("ResourceTag", &role.tags))),
            Err(arqueta_iam::Error::NoSuchEntity { .. }) => Ok((self.arn(&format!("role/{name}")).into(), Keys::new())),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Iam::user`], for a group.
    async fn group(&self, name: &str) -> Result<(String, Keys), Error> {
        let none = List { max_items: Some(1), ..List::default() };
        match self.service().group(self.account(), name, &none).await {
            Ok((group, _)) => Ok((group.arn.into(), Keys::new())),
            Err(arqueta_iam::Error::NoSuchEntity { .. }) => {
                Ok((self.arn(&format!("group/{name}")).into(), Keys::new()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn must_name_user() -> Error {
    Error::Validation("Must specify userName when calling with non-User credentials".to_owned())
}

/// `aws:ResourceTag/…` or `aws:RequestTag/…` and, for resources, IAM's own name of it.
fn tag_keys(kind: &str, tags: &[Tag]) -> Keys {
    let mut keys: Keys = tags.iter().map(|tag| (format!("aws:{kind}/{}", tag.key), tag.value.clone())).collect();
    match kind {
        "ResourceTag" => {
            keys.extend(tags.iter().map(|tag| (format!("iam:ResourceTag/{}", tag.key), tag.value.clone())))
        }
        _ => keys.extend(tags.iter().map(|tag| ("aws:TagKeys".to_owned(), tag.key.clone()))),
    }
    keys
}

/// Adds the condition key for a boundary.
fn boundary_key(keys: &mut Keys, arn: Option<&str>) {
    keys.extend(arn.map(|arn| ("iam:PermissionsBoundary".to_owned(), arn.to_owned())));
}
