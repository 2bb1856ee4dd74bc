//! An account as auditors' tools read it (GetAccountAuthorizationDetails, GenerateCredentialReport,
//! GetCredentialReport), and its alias.

use arqueta_iam::{AttachedPolicy as Attached, Detail, DetailKind, Held, List, PolicyVersion as Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::call::{Iam, Keys};
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::{
    AttachedPolicy, Date, Document, Group, InstanceProfile, Listing, ManagedPolicy, PolicyVersion, Role, RoleLastUsed,
    User,
};
use crate::query::xml::Members;

/// `PolicyDetail`, an inline policy.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Inline {
    policy_name: String,
    policy_document: Document,
}

/// `UserDetail`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UserDetail {
    #[serde(flatten)]
    user: User,
    user_policy_list: Members<Inline>,
    group_list: Members<String>,
    attached_managed_policies: Members<AttachedPolicy>,
}

/// `GroupDetail`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GroupDetail {
    #[serde(flatten)]
    group: Group,
    group_policy_list: Members<Inline>,
    attached_managed_policies: Members<AttachedPolicy>,
}

/// `RoleDetail`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RoleDetail {
    #[serde(flatten)]
    role: Role,
    instance_profile_list: Members<InstanceProfile>,
    role_policy_list: Members<Inline>,
    attached_managed_policies: Members<AttachedPolicy>,
}

/// `ManagedPolicyDetail`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDetail {
    #[serde(flatten)]
    policy: ManagedPolicy,
    policy_version_list: Members<PolicyVersion>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details {
    user_detail_list: Members<UserDetail>,
    group_detail_list: Members<GroupDetail>,
    role_detail_list: Members<RoleDetail>,
    policies: Members<PolicyDetail>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

const KINDS: [(&str, DetailKind); 5] = [
    ("User", DetailKind::User),
    ("Group", DetailKind::Group),
    ("Role", DetailKind::Role),
    ("LocalManagedPolicy", DetailKind::LocalManagedPolicy),
    ("AWSManagedPolicy", DetailKind::AwsManagedPolicy),
];

pub(super) async fn details(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    let kinds = kinds(&call.list("Filter")?)?;
    call.authorize("*", &Keys::new())?;
    let found = call.service().reports().details(call.account(), &kinds, &page).await?;
    let (mut users, mut groups, mut roles, mut policies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for detail in found.items {
        match detail {
            Detail::User(user, names, held) => users.push(UserDetail {
                user: user.into(),
                user_policy_list: inline(&held),
                group_list: names.into_iter().collect(),
                attached_managed_policies: attached(held.attached),
            }),
            Detail::Group(group, held) => groups.push(GroupDetail {
                group: group.into(),
                group_policy_list: inline(&held),
                attached_managed_policies: attached(held.attached),
            }),
            Detail::Role(role, held) => {
                let profiles = call.service().instance_profiles();
                let profiles = profiles.list(call.account(), Some(&role.role_name), &List::default()).await?;
                let region = call.call.services.region.to_string();
                let last_used = RoleLastUsed::of(role.last_used, region);
                roles.push(RoleDetail {
                    role: Role {
                        description: None,
                        max_session_duration: None,
                        role_last_used: Some(last_used),
                        ..role.into()
                    },
                    instance_profile_list: profiles.items.into_iter().map(InstanceProfile::from).collect(),
                    role_policy_list: inline(&held),
                    attached_managed_policies: attached(held.attached),
                });
            }
            Detail::Policy(policy, versions) => policies.push(PolicyDetail {
                // As in AWS, tags are left out.
                policy: ManagedPolicy { tags: None, ..policy.into() },
                policy_version_list: versions.into_iter().map(version).collect(),
            }),
        }
    }
    let details = Details {
        user_detail_list: users.into_iter().collect(),
        group_detail_list: groups.into_iter().collect(),
        role_detail_list: roles.into_iter().collect(),
        policies: policies.into_iter().collect(),
        is_truncated: found.marker.is_some(),
        marker: found.marker,
    };
    Answer::of(call.operation, &details)
}

pub(super) async fn create_alias(call: &Iam<'_>) -> Result<Answer, Error> {
    let alias = call.required("AccountAlias")?;
    call.authorize("*", &Keys::new())?;
    call.service().accounts().set_alias(call.account(), alias).await?;
    Ok(Answer::nothing())
}

pub(super) async fn delete_alias(call: &Iam<'_>) -> Result<Answer, Error> {
    let alias = call.required("AccountAlias")?;
    call.authorize("*", &Keys::new())?;
    call.service().accounts().delete_alias(call.account(), alias).await?;
    Ok(Answer::nothing())
}

/// ListAccountAliases: one or none.
pub(super) async fn aliases(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    call.authorize("*", &Keys::new())?;
    let alias = call.service().accounts().alias(call.account()).await?;
    let page = page.page(alias.into_iter(), |alias| alias.as_str().into())?;
    Answer::of(call.operation, &Listing::<String>::of("AccountAliases", page))
}

/// What is wanted; everything by default.
fn kinds(wanted: &[String]) -> Result<Vec<DetailKind>, Error> {
    if wanted.is_empty() {
        return Ok(KINDS.map(|(_, kind)| kind).to_vec());
    }
    let kind = |name: &String| {
        let found = KINDS.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind);
        found.ok_or_else(|| {
            Error::Validation(
                "1 validation error detected: Value at 'filter' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [Role, AWSManagedPolicy, User, Group, LocalManagedPolicy]]".to_owned(),
            )
        })
    };
    wanted.iter().map(kind).collect()
}

fn inline(held: &Held) -> Members<Inline> {
    let shown = |(name, document): &(String, String)| Inline {
        policy_name: name.clone(),
        policy_document: Document(document.clone()),
    };
    held.inline.iter().map(shown).collect()
}

fn attached(policies: Vec<Attached>) -> Members<AttachedPolicy> {
    policies.into_iter().map(AttachedPolicy::from).collect()
}

fn version(version: Version) -> PolicyVersion {
    PolicyVersion {
        document: Some(Document(version.document)),
        version_id: version.version_id,
        is_default_version: version.is_default_version,
        create_date: Date(version.create_date),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Generated {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'static str>,
}

pub(super) async fn generate_report(call: &Iam<'_>) -> Result<Answer, Error> {
    call.authorize("*", &Keys::new())?;
    let made = call.service().reports().generate_credentials(call.account()).await?;
    let description = made.then_some("No report exists. Starting a new report generation task");
    Answer::of(call.operation, &Generated { state: "COMPLETE", description })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    content: String,
    report_format: &'static str,
    generated_time: Date,
}

pub(super) async fn report(call: &Iam<'_>) -> Result<Answer, Error> {
    call.authorize("*", &Keys::new())?;
    let report = call.service().reports().credentials(call.account()).await?;
    let content = STANDARD.encode(report.content);
    let shown = Report { content, report_format: "text/csv", generated_time: Date(report.generated) };
    Answer::of(call.operation, &shown)
}
