//! What is asked of STS, and what it answers.

use arqueta_model::{AccountId, Arn, Region, RequestInfo, Timestamp};
use arqueta_policy::Identity;

use crate::Secret;
use crate::names::Tag;

/// The request behind an STS call.
#[derive(Debug, Clone, Copy)]
pub struct StsCaller<'a> {
    /// Who calls.
    pub identity: &'a Identity,
    /// Where from.
    pub request: &'a RequestInfo,
    /// Region that answers.
    pub region: &'a Region,
}

/// What scopes a session down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Inline session policy, at most 2,048 characters.
    pub policy: Option<String>,
    /// Managed policies of the account of the session, at most 10.
    pub policy_arns: Vec<String>,
}

/// Input of AssumeRole.
#[derive(Debug, Clone, Default)]
pub struct AssumeRole {
    /// ARN of the role.
    pub role_arn: String,
    /// 2 to 64 of `A-Za-z0-9_+=,.@-`.
    pub role_session_name: String,
    /// What scopes the session down.
    pub scope: Scope,
    /// 900 seconds to the role's maximum; 3,600 by default.
    pub duration_seconds: Option<u32>,
    /// Compared by the trust policy (`sts:ExternalId`).
    pub external_id: Option<String>,
    /// Session tags.
    pub tags: Vec<Tag>,
    /// Keys of tags that sessions assumed from this one inherit.
    pub transitive_tag_keys: Vec<String>,
}

/// Input of GetFederationToken.
#[derive(Debug, Clone, Default)]
pub struct FederationToken {
    /// 2 to 32 of `A-Za-z0-9_+=,.@-`.
    pub name: String,
    /// What the federated user may do within what the caller may; nothing at all without it.
    pub scope: Scope,
    /// 900 to 129,600 seconds; 43,200 by default.
    pub duration_seconds: Option<u32>,
    /// Session tags.
    pub tags: Vec<Tag>,
}

/// Temporary credentials; the only moment their secret is shown.
#[derive(Debug)]
pub struct TemporaryCredentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// 40 characters.
    pub secret: Secret,
    /// Goes with every request.
    pub session_token: Secret,
    /// When they end.
    pub expiration: Timestamp,
}

/// Answer of AssumeRole and GetFederationToken.
#[derive(Debug)]
pub struct Issued {
    /// The credentials.
    pub credentials: TemporaryCredentials,
    /// ARN of the session.
    pub arn: Arn,
    /// `AROA…:session`, or `account:name` of a federated user.
    pub id: String,
    /// Percent of what policies and tags may take; `None` without any.
    pub packed_policy_size: Option<u32>,
}

/// Answer of GetCallerIdentity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// Account.
    pub account: AccountId,
    /// ARN; for a role's session that of the session.
    pub arn: Arn,
    /// Unique id.
    pub user_id: String,
}
