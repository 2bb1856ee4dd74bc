//! The decision, in AWS's order (IAM User Guide, "Policy evaluation logic" with its pages on
//! single-account and cross-account requests).

use std::fmt;
use std::sync::Arc;

use arqueta_model::{AccountId, PrincipalKind};

use crate::Identity;
use crate::denial::denial;
use crate::document::{Policy, PolicyKind};
use crate::effect::Effect;
use crate::glob::Steps;
use crate::keys::{ConditionKeys, Environment};
use crate::principal::Reach;

/// What someone wants to do.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Service and action, such as `s3:GetObject`.
    pub action: &'a str,
    /// ARN of the resource. An action without one, such as `s3:ListAllMyBuckets`, names the
    /// widest ARN of its service (`arn:aws:s3:::*`) or `*`.
    pub resource: &'a str,
    /// Condition keys of the request and of the service.
    pub keys: &'a ConditionKeys<'a>,
}

/// What the absence of a grant in the resource's policy means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceRole {
    /// The resource policy adds to the identity-based policies of its own account: S3 buckets.
    Additive,
    /// Nobody gets in without the resource policy, the account's root user included; naming the
    /// account there lets identity-based policies decide: KMS keys, role trust.
    Required,
}

/// The resource's side of a decision.
#[derive(Debug, Clone, Copy)]
pub struct ResourcePolicy<'a> {
    /// The policy attached to the resource.
    pub policy: Option<&'a Policy>,
    /// The account that owns the resource.
    pub owner: &'a AccountId,
    /// What the policy's silence means.
    pub role: ResourceRole,
}

impl<'a> ResourcePolicy<'a> {
    /// A bucket's side, or that of a resource without any policy.
    #[must_use]
    pub fn additive(policy: Option<&'a Policy>, owner: &'a AccountId) -> Self {
        Self { policy, owner, role: ResourceRole::Additive }
    }

    /// A KMS key's or a role's side.
    #[must_use]
    pub fn required(policy: &'a Policy, owner: &'a AccountId) -> Self {
        Self { policy: Some(policy), owner, role: ResourceRole::Required }
    }
}

/// Which of the policies decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyType {
    /// Inline and managed policies of the identity.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// The session's policies.
    Session,
    /// The resource's policy.
    Resource,
    /// The role's trust policy.
    Trust,
}

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Go ahead.
    Allow,
    /// Nothing of this type allows it.
    ImplicitDeny {
        /// The type that had to.
        why: PolicyType,
    },
    /// A Deny statement applies.
    ExplicitDeny {
        /// Where it stands.
        why: PolicyType,
    },
    /// The policies and the request's values cost more to compare than one decision may: a denial
    /// that nothing overrides.
    TooCostly,
}

impl Decision {
    /// AWS's words for a denial, such as `because no identity-based policy allows the
    /// s3:GetObject action`; nothing for [`Decision::Allow`].
    #[must_use]
    pub fn because(self, action: &str) -> Option<String> {
        match self {
            Self::Allow => None,
            Self::ImplicitDeny { why } => Some(format!("because no {why} allows the {action} action")),
            Self::ExplicitDeny { why } => {
                let article = match why {
                    PolicyType::Identity => "an",
                    PolicyType::Trust => "the",
                    PolicyType::Boundary | PolicyType::Session | PolicyType::Resource => "a",
                };
                Some(format!("with an explicit deny in {article} {why}"))
            }
            Self::TooCostly => Some("because the policies that apply are too complex to evaluate".to_owned()),
        }
    }
}

impl fmt::Display for PolicyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Resource => "resource-based policy",
            Self::Trust => "role trust policy",
        })
    }
}

/// A decision and what a caller may conclude from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evaluation {
    /// The decision.
    pub decision: Decision,
    /// Whether the resource belongs to another account. Such a denial should not tell its reason.
    pub cross_account: bool,
    /// Comparisons that it took, at most a little more than [`BUDGET`](crate::BUDGET).
    pub steps: u64,
}

impl Evaluation {
    /// Whether the answer is yes.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.decision == Decision::Allow
    }

    /// AWS's message for a denial: `User: … is not authorized to perform: … on resource: …
    /// because …`; nothing if allowed.
    #[must_use]
    pub fn denial(&self, identity: &Identity, request: &Request<'_>) -> Option<String> {
        let because = self.decision.because(request.action)?;
        Some(denial(&identity.principal, request.action, Some(request.resource), &because))
    }
}

/// Decides. The same evaluator serves every kind of policy.
#[must_use]
pub fn evaluate(identity: &Identity, request: &Request<'_>, resource: ResourcePolicy<'_>) -> Evaluation {
    let env = environment(identity, request, resource);
    let kind = identity.principal.kind;
    let cross_account = is_foreign(identity, resource.owner);
    let stances = Stances::take(identity, request, resource, &env);
    let decision = match stances.explicit_deny(resource) {
        _ if env.steps.are_spent() => Decision::TooCostly,
        Some(why) => Decision::ExplicitDeny { why },
        None => match stances.lacking(kind, cross_account, resource) {
            Some(why) => Decision::ImplicitDeny { why },
            None => Decision::Allow,
        },
    };
    Evaluation { decision, cross_account, steps: env.steps.taken() }
}

/// Everything that the evaluation of a request can ask about.
pub(crate) fn environment<'a>(
    identity: &'a Identity,
    request: &Request<'a>,
    resource: ResourcePolicy<'a>,
) -> Environment<'a> {
    Environment {
        who: identity.who(),
        keys: request.keys,
        action: request.action,
        owner: resource.owner,
        steps: Steps::default(),
    }
}

/// Whether a principal with an account of its own belongs to another one than the resource.
pub(crate) fn is_foreign(identity: &Identity, owner: &AccountId) -> bool {
    let outside = matches!(identity.principal.kind, PrincipalKind::Anonymous | PrincipalKind::Service);
    !outside && identity.principal.account != *owner
}

/// What one set of policies says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stance {
    Deny,
    Allow(Reach),
    Silent,
}

impl Stance {
    fn of<'p>(policies: impl Iterator<Item = &'p Policy>, request: &Request<'_>, env: &Environment<'_>) -> Self {
        let mut found = Reach::None;
        for statement in policies.flat_map(Policy::statements) {
            if env.steps.are_spent() {
                break;
            }
            let reach = statement.reach(request.action, request.resource, env);
            match statement.effect {
                Effect::Deny if reach > Reach::None => return Self::Deny,
                Effect::Allow => found = found.max(reach),
                Effect::Deny => {}
            }
        }
        Self::reaching(found)
    }

    /// That of Allows which come so close, where no Deny applies.
    pub(crate) fn reaching(reach: Reach) -> Self {
        if reach == Reach::None { Self::Silent } else { Self::Allow(reach) }
    }

    /// As the stance of an identity's own policies: the root user holds every permission of its account and
    /// has no policies to say so.
    pub(crate) fn of_identity(self, kind: PrincipalKind) -> Self {
        match (kind, self) {
            (PrincipalKind::Root, Self::Silent) => Self::Allow(Reach::Direct),
            (_, own) => own,
        }
    }

    fn allows(self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

/// What every set of policies that applies says; sets that do not exist are `None`.
pub(crate) struct Stances {
    pub(crate) identity: Stance,
    pub(crate) boundary: Option<Stance>,
    pub(crate) session: Option<Stance>,
    pub(crate) resource: Stance,
}

impl Stances {
    fn take(identity: &Identity, request: &Request<'_>, resource: ResourcePolicy<'_>, env: &Environment<'_>) -> Self {
        let of = |policies: &[Arc<Policy>]| Stance::of(policies.iter().map(AsRef::as_ref), request, env);
        Self {
            identity: of(&identity.policies).of_identity(identity.principal.kind),
            boundary: identity.boundary.as_ref().map(|policy| of(std::slice::from_ref(policy))),
            session: identity.session.as_deref().map(of),
            resource: Stance::of(resource.policy.into_iter(), request, env),
        }
    }

    fn explicit_deny(&self, resource: ResourcePolicy<'_>) -> Option<PolicyType> {
        let sides = [
            (Some(self.identity), PolicyType::Identity),
            (self.boundary, PolicyType::Boundary),
            (self.session, PolicyType::Session),
            (Some(self.resource), resource_type(resource)),
        ];
        sides.into_iter().find(|(stance, _)| *stance == Some(Stance::Deny)).map(|(_, why)| why)
    }

    /// The first type of policy that had to allow and did not. No stance is a deny any more.
    pub(crate) fn lacking(
        &self,
        kind: PrincipalKind,
        cross_account: bool,
        resource: ResourcePolicy<'_>,
    ) -> Option<PolicyType> {
        let reach = match self.resource {
            Stance::Allow(reach) => reach,
            Stance::Deny | Stance::Silent => Reach::None,
        };
        let resource_lacking = (reach == Reach::None).then(|| resource_type(resource));
        match kind {
            // Nobody's identity-based policies: the resource decides alone.
            PrincipalKind::Anonymous | PrincipalKind::Service => resource_lacking,
            _ if cross_account => self.identity_side().or(resource_lacking),
            _ => match reach {
                Reach::Direct => None,
                Reach::Issuer => self.limits(),
                Reach::Account => self.identity_side(),
                Reach::None if resource.role == ResourceRole::Required => resource_lacking,
                Reach::None => self.identity_side(),
            },
        }
    }

    /// The identity-based policies and what limits them.
    fn identity_side(&self) -> Option<PolicyType> {
        if self.identity.allows() { self.limits() } else { Some(PolicyType::Identity) }
    }

    fn limits(&self) -> Option<PolicyType> {
        let lacks = |stance: Option<Stance>| stance.is_some_and(|stance| !stance.allows());
        if lacks(self.boundary) {
            Some(PolicyType::Boundary)
        } else {
            lacks(self.session).then_some(PolicyType::Session)
        }
    }
}

pub(crate) fn resource_type(resource: ResourcePolicy<'_>) -> PolicyType {
    match resource.policy.map(Policy::kind) {
        Some(PolicyKind::Trust) => PolicyType::Trust,
        _ => PolicyType::Resource,
    }
}
