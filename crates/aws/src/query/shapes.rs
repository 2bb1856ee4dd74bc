//! The structures of IAM's and STS's answers, member for member (IAM API Reference, STS API
//! Reference, "Data types").

use arqueta_model::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::xml::Members;

/// RFC 3986 unreserved characters stay as they are.
const DOCUMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A result of one element: `<User>…</User>`.
pub(super) struct One<T>(pub &'static str, pub T);

impl<T: Serialize> Serialize for One<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

/// A page: the list under its name, `IsTruncated`, and `Marker` where there is more.
pub(super) struct Listing<T> {
    pub name: &'static str,
    pub items: Members<T>,
    pub marker: Option<String>,
}

impl<T> Listing<T> {
    pub(super) fn of<U: Into<T>>(name: &'static str, page: arqueta_iam::Page<U>) -> Self {
        Self { name, items: page.items.into_iter().map(Into::into).collect(), marker: page.marker }
    }
}

impl<T: Serialize> Serialize for Listing<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.name, &self.items)?;
        map.serialize_entry("IsTruncated", &self.marker.is_some())?;
        if let Some(marker) = &self.marker {
            map.serialize_entry("Marker", marker)?;
        }
        map.end()
    }
}

/// A policy document, percent-encoded (RFC 3986) as IAM returns documents.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Document(pub String);

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&utf8_percent_encode(&self.0, DOCUMENT))
    }
}

/// An instant as `2026-01-01T00:00:00Z`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Date(pub Timestamp);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.rfc3339())
    }
}

/// `User`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct User {
    pub path: String,
    pub user_name: String,
    pub user_id: String,
    pub arn: String,
    pub create_date: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<Boundary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Members<Tag>>,
}

/// `User`, of an account's root.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RootUser {
    pub user_id: String,
    pub arn: String,
    pub create_date: Date,
}

/// `Group`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Group {
    pub path: String,
    pub group_name: String,
    pub group_id: String,
    pub arn: String,
    pub create_date: Date,
}

/// `Role`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Role {
    pub path: String,
    pub role_name: String,
    pub role_id: String,
    pub arn: String,
    pub create_date: Date,
    pub assume_role_policy_document: Document,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Not in the answer to CreateRole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<Boundary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Members<Tag>>,
    /// In the answer to GetRole alone; empty of a role that was never used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_last_used: Option<RoleLastUsed>,
}

/// `InstanceProfile`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InstanceProfile {
    pub path: String,
    pub instance_profile_name: String,
    pub instance_profile_id: String,
    pub arn: String,
    pub create_date: Date,
    /// One or none.
    pub roles: Members<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Members<Tag>>,
}

/// `RoleLastUsed`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleLastUsed {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

impl RoleLastUsed {
    pub(super) fn of(last_used: Option<Timestamp>, region: String) -> Self {
        Self { last_used_date: last_used.map(Date), region: last_used.map(|_| region) }
    }
}

/// `AttachedPermissionsBoundary`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Boundary {
    permissions_boundary_type: &'static str,
    permissions_boundary_arn: String,
}

impl From<String> for Boundary {
    fn from(arn: String) -> Self {
        Self { permissions_boundary_type: "Policy", permissions_boundary_arn: arn }
    }
}

/// `Tag`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub key: String,
    pub value: String,
}

/// `AccessKey`, with the secret: in the answer to CreateAccessKey and nowhere else.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccessKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    pub access_key_id: String,
    pub status: &'static str,
    pub secret_access_key: String,
    pub create_date: Date,
}

/// `AccessKeyMetadata`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccessKeyMetadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    pub access_key_id: String,
    pub status: &'static str,
    pub create_date: Date,
}

/// `Policy`, a managed one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ManagedPolicy {
    pub policy_name: String,
    pub policy_id: String,
    pub arn: String,
    pub path: String,
    pub default_version_id: String,
    pub attachment_count: usize,
    pub permissions_boundary_usage_count: usize,
    pub is_attachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub create_date: Date,
    pub update_date: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Members<Tag>>,
}

/// `PolicyVersion`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyVersion {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
    pub version_id: String,
    pub is_default_version: bool,
    pub create_date: Date,
}

/// `AttachedPolicy`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttachedPolicy {
    pub policy_name: String,
    pub policy_arn: String,
}

/// `Credentials` of STS.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub expiration: Date,
}

impl From<arqueta_iam::Tag> for Tag {
    fn from(tag: arqueta_iam::Tag) -> Self {
        Self { key: tag.key, value: tag.value }
    }
}

/// The list, or nothing where there are no tags: AWS leaves the member out.
fn tags(tags: Vec<arqueta_iam::Tag>) -> Option<Members<Tag>> {
    (!tags.is_empty()).then(|| tags.into_iter().map(Tag::from).collect())
}

impl From<arqueta_iam::User> for User {
    fn from(user: arqueta_iam::User) -> Self {
        Self {
            path: user.path,
            user_name: user.user_name,
            user_id: user.user_id,
            arn: user.arn.into(),
            create_date: Date(user.create_date),
            permissions_boundary: user.permissions_boundary.map(Boundary::from),
            tags: tags(user.tags),
        }
    }
}

impl From<arqueta_iam::Group> for Group {
    fn from(group: arqueta_iam::Group) -> Self {
        Self {
            path: group.path,
            group_name: group.group_name,
            group_id: group.group_id,
            arn: group.arn.into(),
            create_date: Date(group.create_date),
        }
    }
}

impl From<arqueta_iam::Role> for Role {
    fn from(role: arqueta_iam::Role) -> Self {
        Self {
            path: role.path,
            role_name: role.role_name,
            role_id: role.role_id,
            arn: role.arn.into(),
            create_date: Date(role.create_date),
            assume_role_policy_document: Document(role.assume_role_policy_document),
            description: role.description,
            max_session_duration: Some(role.max_session_duration),
            permissions_boundary: role.permissions_boundary.map(Boundary::from),
            tags: tags(role.tags),
            role_last_used: None,
        }
    }
}

impl From<arqueta_iam::InstanceProfile> for InstanceProfile {
    fn from(profile: arqueta_iam::InstanceProfile) -> Self {
        // As in AWS, of the role only what names it and whom it trusts.
        let shown = |role| Role {
            description: None,
            max_session_duration: None,
            permissions_boundary: None,
            tags: None,
            ..Role::from(role)
        };
        Self {
            path: profile.path,
            instance_profile_name: profile.name,
            instance_profile_id: profile.id,
            arn: profile.arn.into(),
            create_date: Date(profile.create_date),
            roles: profile.role.into_iter().map(shown).collect(),
            tags: tags(profile.tags),
        }
    }
}

impl From<arqueta_iam::ManagedPolicy> for ManagedPolicy {
    fn from(policy: arqueta_iam::ManagedPolicy) -> Self {
        Self {
            policy_name: policy.policy_name,
            policy_id: policy.policy_id,
            arn: policy.arn,
            path: policy.path,
            default_version_id: policy.default_version_id,
            attachment_count: policy.attachment_count,
            permissions_boundary_usage_count: policy.permissions_boundary_usage_count,
            is_attachable: true,
            description: policy.description,
            create_date: Date(policy.create_date),
            update_date: Date(policy.update_date),
            tags: tags(policy.tags),
        }
    }
}

impl From<arqueta_iam::AttachedPolicy> for AttachedPolicy {
    fn from(policy: arqueta_iam::AttachedPolicy) -> Self {
        Self { policy_name: policy.policy_name, policy_arn: policy.policy_arn }
    }
}
