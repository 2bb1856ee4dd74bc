//! Managed policies and their versions.

use arqueta_iam::{CreatePolicy, PolicyScope, PolicyUsage};
use serde::Serialize;

use super::call::{Iam, Keys, tag_keys};
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::{Date, Document, Listing, ManagedPolicy, One, PolicyVersion, Tag};
use crate::query::xml::Members;

pub(super) async fn create(call: &Iam<'_>) -> Result<Answer, Error> {
    let (name, document) = (call.required("PolicyName")?, call.required("PolicyDocument")?);
    let path = call.optional("Path");
    let tags = call.tags()?;
    let resource = format!("policy{}{name}", path.as_deref().unwrap_or("/"));
    call.authorize(call.arn(&resource).as_str(), &tag_keys("RequestTag", &tags))?;
    let input = CreatePolicy {
        policy_name: name.to_owned(),
        path,
        document: document.to_owned(),
        description: call.optional("Description"),
        tags,
    };
    let policy = call.service().policies().create(call.account(), input).await?;
    // As in AWS, only GetPolicy shows the description.
    let policy = ManagedPolicy { description: None, ..ManagedPolicy::from(policy) };
    Answer::of(call.operation, &One("Policy", policy))
}

pub(super) async fn describe(call: &Iam<'_>) -> Result<Answer, Error> {
    let arn = named(call, Keys::new()).await?;
    let policy = call.service().policies().get(call.account(), arn).await?;
    Answer::of(call.operation, &One("Policy", ManagedPolicy::from(policy)))
}

pub(super) async fn list(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    let only_attached = call.form().flag("OnlyAttached")?;
    let scope = match call.form().value("Scope") {
        None | Some("All") => PolicyScope::All,
        Some("AWS") => PolicyScope::Aws,
        Some("Local") => PolicyScope::Local,
        Some(other) => return Err(not_one_of(other, "scope", "[All, AWS, Local]")),
    };
    if call.form().mentions("PolicyUsageFilter") {
        return Err(Error::UnsupportedParameter { parameter: "PolicyUsageFilter" });
    }
    call.authorize(call.arn("policy/*").as_str(), &Keys::new())?;
    let policies = call.service().policies().list(call.account(), scope, only_attached, &page).await?;
    // As in AWS, a listing leaves tags and descriptions out.
    let policies =
        policies.map(|policy| ManagedPolicy { tags: None, description: None, ..ManagedPolicy::from(policy) });
    Answer::of(call.operation, &Listing::<ManagedPolicy>::of("Policies", policies))
}

pub(super) async fn delete(call: &Iam<'_>) -> Result<Answer, Error> {
    let arn = named(call, Keys::new()).await?;
    call.service().policies().delete(call.account(), arn).await?;
    Ok(Answer::nothing())
}

pub(super) async fn create_version(call: &Iam<'_>) -> Result<Answer, Error> {
    let document = call.required("PolicyDocument")?;
    let set_as_default = call.form().flag("SetAsDefault")?;
    let arn = named(call, Keys::new()).await?;
    let version =
        call.service().policies().create_version(call.account(), arn, document.to_owned(), set_as_default).await?;
    Answer::of(call.operation, &One("PolicyVersion", shown(version, false)))
}

pub(super) async fn version(call: &Iam<'_>) -> Result<Answer, Error> {
    let version = call.required("VersionId")?;
    let arn = named(call, Keys::new()).await?;
    let version = call.service().policies().version(call.account(), arn, version).await?;
    Answer::of(call.operation, &One("PolicyVersion", shown(version, true)))
}

pub(super) async fn versions(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    let arn = named(call, Keys::new()).await?;
    let versions = call.service().policies().versions(call.account(), arn, &page).await?;
    let versions = versions.map(|version| shown(version, false));
    Answer::of(call.operation, &Listing::<PolicyVersion>::of("Versions", versions))
}

pub(super) async fn set_default(call: &Iam<'_>) -> Result<Answer, Error> {
    let version = call.required("VersionId")?;
    let arn = named(call, Keys::new()).await?;
    call.service().policies().set_default_version(call.account(), arn, version).await?;
    Ok(Answer::nothing())
}

pub(super) async fn delete_version(call: &Iam<'_>) -> Result<Answer, Error> {
    let version = call.required("VersionId")?;
    let arn = named(call, Keys::new()).await?;
    call.service().policies().delete_version(call.account(), arn, version).await?;
    Ok(Answer::nothing())
}

pub(super) async fn tag(call: &Iam<'_>) -> Result<Answer, Error> {
    let tags = call.tags()?;
    let arn = named(call, tag_keys("RequestTag", &tags)).await?;
    call.service().policies().tag(call.account(), arn, tags).await?;
    Ok(Answer::nothing())
}

pub(super) async fn untag(call: &Iam<'_>) -> Result<Answer, Error> {
    let removed = call.tag_keys()?;
    let keys = removed.iter().map(|key| ("aws:TagKeys".to_owned(), key.clone())).collect();
    let arn = named(call, keys).await?;
    call.service().policies().untag(call.account(), arn, &removed).await?;
    Ok(Answer::nothing())
}

pub(super) async fn tags(call: &Iam<'_>) -> Result<Answer, Error> {
    let arn = named(call, Keys::new()).await?;
    let policy = call.service().policies().get(call.account(), arn).await?;
    let page = call.tag_page(policy.tags)?;
    Answer::of(call.operation, &Listing::<Tag>::of("Tags", page))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entities {
    policy_groups: Members<PolicyGroup>,
    policy_users: Members<PolicyUser>,
    policy_roles: Members<PolicyRole>,
    is_truncated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyGroup {
    group_name: String,
    group_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyUser {
    user_name: String,
    user_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyRole {
    role_name: String,
    role_id: String,
}

/// All entities at once; AWS allows a page to be any size.
pub(super) async fn entities(call: &Iam<'_>) -> Result<Answer, Error> {
    let usage = match call.form().value("PolicyUsageFilter") {
        None => None,
        Some("PermissionsPolicy") => Some(PolicyUsage::Permissions),
        Some("PermissionsBoundary") => Some(PolicyUsage::Boundary),
        Some(other) => return Err(not_one_of(other, "policyUsageFilter", "[PermissionsPolicy, PermissionsBoundary]")),
    };
    for parameter in ["PathPrefix", "Marker"] {
        if call.form().mentions(parameter) {
            return Err(Error::UnsupportedParameter { parameter });
        }
    }
    let filter = call.form().value("EntityFilter");
    if let Some(other) =
        filter.filter(|filter| !["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"].contains(filter))
    {
        return Err(not_one_of(other, "entityFilter", "[User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]"));
    }
    let wanted = |kind: &str| filter.is_none_or(|filter| filter == kind);
    let arn = named(call, Keys::new()).await?;
    let found = call.service().policies().entities(call.account(), arn, usage).await?;
    let groups = found.groups.into_iter().filter(|_| wanted("Group"));
    let users = found.users.into_iter().filter(|_| wanted("User"));
    let roles = found.roles.into_iter().filter(|_| wanted("Role"));
    let entities = Entities {
        policy_groups: groups.map(|(group_name, group_id)| PolicyGroup { group_name, group_id }).collect(),
        policy_users: users.map(|(user_name, user_id)| PolicyUser { user_name, user_id }).collect(),
        policy_roles: roles.map(|(role_name, role_id)| PolicyRole { role_name, role_id }).collect(),
        is_truncated: false,
    };
    Answer::of(call.operation, &entities)
}

fn shown(version: arqueta_iam::PolicyVersion, with_document: bool) -> PolicyVersion {
    PolicyVersion {
        document: with_document.then_some(Document(version.document)),
        version_id: version.version_id,
        is_default_version: version.is_default_version,
        create_date: Date(version.create_date),
    }
}

fn not_one_of(value: &str, member: &str, set: &str) -> Error {
    Error::Validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy \
         enum value set: {set}"
    ))
}

/// The policy named, once the caller is allowed to act on it.
async fn named<'a>(call: &Iam<'a>, mut keys: Keys) -> Result<&'a str, Error> {
    let arn = call.required("PolicyArn")?;
    if let Ok(policy) = call.service().policies().get(call.account(), arn).await {
        keys.extend(tag_keys("ResourceTag", &policy.tags));
    }
    call.authorize(arn, &keys)?;
    Ok(arn)
}
