//! Who a request acts as, with everything that limits it.

use std::sync::Arc;

use arqueta_model::{Principal, Requester, ScopeDigest};

use crate::Policy;
use crate::keys::Who;

/// An authenticated principal with the policies that apply to it, resolved once per request.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The principal. For [`PrincipalKind::Service`](arqueta_model::PrincipalKind::Service) its
    /// id is the service's name, such as `cloudtrail.amazonaws.com`.
    pub principal: Principal,
    /// Inline and managed policies of the user (and its groups) or role. Root has none and needs none.
    pub policies: Arc<[Arc<Policy>]>,
    /// Permissions boundary of the user or role.
    pub boundary: Option<Arc<Policy>>,
    /// Session policies; `None` where the credentials are not a scoped-down session. An empty
    /// list allows nothing.
    pub session: Option<Arc<[Arc<Policy>]>>,
    /// Digest of the session policies; zeros for `None`.
    pub scope: ScopeDigest,
    /// Tags of the user or role, session tags in place of equal ones (`aws:PrincipalTag/…`).
    pub tags: Arc<[(String, String)]>,
    /// The session tags among them that sessions assumed from this one inherit.
    pub transitive_tags: Arc<[(String, String)]>,
    /// Identity provider that vouched for a caller without AWS credentials (`Federated` principals).
    pub provider: Option<Arc<str>>,
    /// Condition keys that an identity provider gave the session: `<issuer>:sub` and so on.
    pub claims: Arc<[(String, String)]>,
}

impl Identity {
    /// An identity without any policy: root, a service of ours, or nobody.
    #[must_use]
    pub fn bare(principal: Principal) -> Self {
        Self {
            principal,
            policies: Arc::new([]),
            boundary: None,
            session: None,
            scope: ScopeDigest::default(),
            tags: Arc::new([]),
            transitive_tags: Arc::new([]),
            provider: None,
            claims: Arc::new([]),
        }
    }

    /// What condition keys tell of it.
    pub(crate) fn who(&self) -> Who<'_> {
        let Self { principal, tags, provider, claims, .. } = self;
        Who { principal, tags, provider: provider.as_deref(), claims }
    }

    /// The unit that bucket keys belong to.
    #[must_use]
    pub fn requester(&self) -> Requester {
        Requester { arn: self.principal.identity_arn().clone(), scope: self.scope }
    }
}
