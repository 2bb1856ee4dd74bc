//! Who asks: principals, their sessions, and the requester that bucket keys are scoped by.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AccountId, Arn, RequestId, Timestamp};

/// What kind of identity a principal is (CloudTrail `userIdentity.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// The account's root user.
    Root,
    /// An IAM user.
    User,
    /// A session of a role (`sts:AssumeRole*`).
    AssumedRole,
    /// A session of GetFederationToken.
    FederatedUser,
    /// A service of the gateway itself, such as replication or audit delivery.
    Service,
    /// No signature at all.
    Anonymous,
}

/// The session behind temporary credentials (CloudTrail `sessionContext`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionContext {
    /// ARN of the identity that issued the session: the role, or the user of GetSessionToken.
    pub issuer: Arn,
    /// Unique id of the issuer (`AROA…`, `AIDA…`).
    pub issuer_id: String,
    /// When the session began.
    pub created: Timestamp,
    /// Whether multi-factor authentication was used.
    pub mfa: bool,
    /// Who vouched for the session's holder, of a session that AssumeRoleWithWebIdentity gave.
    #[serde(default)]
    pub web: Option<WebFederation>,
}

/// What an identity provider said of a session's holder (CloudTrail `webIdFederationData`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebFederation {
    /// ARN of the provider.
    pub provider: String,
    /// Condition keys and values of the token's claims, such as `<issuer>:sub`.
    pub attributes: Vec<(String, String)>,
}

/// An authenticated principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Account the principal belongs to.
    pub account: AccountId,
    /// `arn:aws:iam::<account>:root`, `…:user/<name>`, `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
    pub arn: Arn,
    /// Unique id: the account id for root, `AIDA…` for a user, `AROA…:session` for a role session.
    pub id: String,
    /// Kind of identity.
    pub kind: PrincipalKind,
    /// Access key id that signed the request; empty for services and anonymous callers.
    pub access_key_id: String,
    /// Present for temporary credentials.
    pub session: Option<SessionContext>,
}

impl Principal {
    /// The root user of `account`.
    #[must_use]
    pub fn root(account: &AccountId, access_key_id: &str) -> Self {
        Self {
            account: account.clone(),
            arn: Arn::new("iam", "", account.as_str(), "root"),
            id: account.as_str().to_owned(),
            kind: PrincipalKind::Root,
            access_key_id: access_key_id.to_owned(),
            session: None,
        }
    }

    /// The ARN that policies name: the role for a role session, the principal itself otherwise
    /// (IAM User Guide, "AWS JSON policy elements: Principal").
    #[must_use]
    pub fn identity_arn(&self) -> &Arn {
        match (&self.kind, &self.session) {
            (PrincipalKind::AssumedRole, Some(session)) => &session.issuer,
            _ => &self.arn,
        }
    }
}

/// SHA-256 over the session policies that scope a session down; all zeros when there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct ScopeDigest(pub [u8; 32]);

/// The unit that a bucket key belongs to: the identity's ARN and the scope of its session.
///
/// Sessions of one role with the same scoped-down policy are one requester; another role,
/// account or scope is another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requester {
    /// [`Principal::identity_arn`].
    pub arn: Arn,
    /// Digest of the session policies.
    pub scope: ScopeDigest,
}

/// How a connection is secured (CloudTrail `tlsDetails`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsDetails {
    /// `TLSv1.2`, `TLSv1.3`.
    pub version: &'static str,
    /// Such as `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: Arc<str>,
    /// Host that the client asked for.
    pub host: Arc<str>,
}

/// Where a request came from: what the record and condition keys need beside the principal.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// Id returned in `x-amz-request-id` / `x-amzn-RequestId`.
    pub id: RequestId,
    /// Address of the peer.
    pub source_ip: IpAddr,
    /// `User-Agent`, as sent, cut at 512 characters.
    pub user_agent: Arc<str>,
    /// Whether the connection is TLS.
    pub secure_transport: bool,
    /// How the connection is secured, if it is TLS and known.
    pub tls: Option<TlsDetails>,
    /// When the request arrived.
    pub received: Timestamp,
    /// `s3.<region>.amazonaws.com` when a service of ours calls on the principal's behalf
    /// (`kms:ViaService`).
    pub via_service: Option<Arc<str>>,
}

impl RequestInfo {
    /// A fresh request from `source_ip` that arrived at `received`, of which nothing else is known: not
    /// secured, and nobody's errand.
    #[must_use]
    pub fn new(source_ip: IpAddr, user_agent: &str, received: Timestamp) -> Self {
        Self {
            id: RequestId::random(),
            source_ip,
            user_agent: user_agent.into(),
            secure_transport: false,
            tls: None,
            received,
            via_service: None,
        }
    }

    /// What a part of this gateway asks of another: nobody can listen.
    #[must_use]
    pub fn internal(source_ip: IpAddr, user_agent: &str, received: Timestamp) -> Self {
        Self { secure_transport: true, ..Self::new(source_ip, user_agent, received) }
    }
}
