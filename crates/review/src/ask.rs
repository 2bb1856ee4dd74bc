//! One action on one resource, with everything on the resource's side that decides.

use std::collections::BTreeSet;
use std::sync::Arc;

use arqueta_iam::{Identity, is_barred};
use arqueta_keys::ReviewedGrant;
use arqueta_model::{AccountId, EncryptionContext, PrincipalKind};
use arqueta_policy::{
    ConditionKeys, Decision, Mention, Outlook, Policy, Request, ResourcePolicy, ResourceRole, evaluate, foresee,
    is_unserved_key,
};

/// A resource's policy.
#[derive(Debug, Clone)]
pub(crate) struct Attached {
    /// Such as `bucket policy`.
    pub(crate) what: &'static str,
    pub(crate) policy: Arc<Policy>,
    /// As it is stored.
    pub(crate) document: String,
}

/// One action on one resource.
#[derive(Debug, Clone)]
pub struct Ask {
    /// As policies name it.
    pub(crate) action: String,
    /// Its ARN.
    pub(crate) resource: String,
    /// Who owns it; each principal's own account where nobody in particular does.
    pub(crate) owner: Option<AccountId>,
    pub(crate) attached: Option<Attached>,
    pub(crate) role: ResourceRole,
    /// Condition keys that are known, by lower-case name; those without a value are known to be absent.
    pub(crate) facts: Vec<(String, Vec<String>)>,
    /// Prefixes of condition keys of which all that a request has are among the facts.
    pub(crate) families: Vec<&'static str>,
    /// Grants that allow the action.
    pub(crate) grants: Vec<ReviewedGrant>,
    /// The encryption context, where it is known.
    pub(crate) context: Option<EncryptionContext>,
    pub(crate) rules: Rules,
}

/// What beside policies decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Whether somebody who did not sign can be let in.
    pub(crate) anonymous: bool,
    /// Whether somebody of another account can be let in.
    pub(crate) foreign: bool,
    /// Whether the root user can be.
    pub(crate) root: bool,
    /// RestrictPublicBuckets on a public policy: the owner's account and services only.
    pub(crate) restricted: bool,
    /// The owner's root user gets past the bucket policy: it mends it.
    pub(crate) mends: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { anonymous: false, foreign: true, root: true, restricted: false, mends: false }
    }
}

/// What can be said of one principal before the open keys are known.
pub(crate) struct Foreseen {
    pub(crate) outlook: Outlook,
    pub(crate) mentions: Vec<Mention>,
    /// Which grants let it in, or may.
    pub(crate) granted: Vec<(usize, Outlook)>,
    pub(crate) steps: u64,
}

pub(crate) const CONTEXT: &str = "kms:encryptioncontext:";

/// Keys that the evaluator takes from the principal.
const OF_PRINCIPAL: [&str; 10] = [
    "aws:username",
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principaltype",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:federatedprovider",
    "aws:resourceaccount",
    "s3:resourceaccount",
];

impl Ask {
    /// The action, as policies name it.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The resource's ARN.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Who owns the resource, where somebody does.
    #[must_use]
    pub fn owner(&self) -> Option<&AccountId> {
        self.owner.as_ref()
    }

    /// What is known of every request by `identity`.
    pub(crate) fn keys(&self, identity: &Identity) -> ConditionKeys<'_> {
        let mut keys = ConditionKeys::new();
        for (name, values) in &self.facts {
            keys.insert_all(name, values.iter().map(String::as_str));
        }
        keys.insert("kms:calleraccount", identity.principal.account.as_str());
        keys
    }

    /// Names of the condition keys that could matter for `identity` and that only a request tells.
    pub(crate) fn open(&self, identity: &Identity, takes_tags: bool) -> BTreeSet<String> {
        let own = identity.policies.iter().chain(&identity.boundary).map(AsRef::as_ref);
        let policies = own.chain(self.policy_for(identity));
        let asked = policies.flat_map(Policy::context_keys).map(str::to_lowercase);
        let constraints = self.grants.iter().flat_map(|grant| grant.equals.iter().chain(&grant.subset));
        let pairs = constraints.flat_map(|context| context.pairs().map(|(name, _)| name.to_lowercase()));
        asked
            .chain(pairs.map(|name| [CONTEXT, &name].concat()))
            .filter(|name| !self.knows(name, identity, takes_tags))
            .collect()
    }

    /// Whether every request by `identity` has the same value of the key, or none has one.
    pub(crate) fn knows(&self, name: &str, identity: &Identity, takes_tags: bool) -> bool {
        let is_session = identity.principal.kind == PrincipalKind::AssumedRole;
        match name {
            _ if OF_PRINCIPAL.contains(&name) || name == "kms:calleraccount" => true,
            // A session's name is whatever its maker says, unless it is a session that policies name.
            "aws:userid" => !is_session,
            _ if name.starts_with("aws:principaltag/") => !(is_session && takes_tags),
            // Nobody here has a second factor.
            "aws:multifactorauthage" => true,
            _ if self.families.iter().any(|family| name.starts_with(family)) => true,
            _ => is_unserved_key(name) || self.facts.iter().any(|(known, _)| known == name),
        }
    }

    pub(crate) fn side<'a>(&'a self, identity: &'a Identity) -> ResourcePolicy<'a> {
        let owner = self.owner.as_ref().unwrap_or(&identity.principal.account);
        ResourcePolicy { policy: self.policy_for(identity), owner, role: self.role }
    }

    /// The resource's policy as far as it binds `identity`.
    fn policy_for(&self, identity: &Identity) -> Option<&Policy> {
        let principal = &identity.principal;
        let is_mender = self.rules.mends
            && principal.kind == PrincipalKind::Root
            && self.owner.as_ref() == Some(&principal.account);
        self.attached.as_ref().filter(|_| !is_mender).map(|attached| &*attached.policy)
    }

    fn is_foreign(&self, identity: &Identity) -> bool {
        let principal = &identity.principal;
        let outside = matches!(principal.kind, PrincipalKind::Anonymous | PrincipalKind::Service);
        !outside && self.owner.as_ref().is_some_and(|owner| *owner != principal.account)
    }

    /// Whether policies are asked at all.
    fn admits(&self, identity: &Identity) -> bool {
        let Rules { anonymous, foreign, root, restricted, .. } = self.rules;
        let is_foreign = self.is_foreign(identity);
        match identity.principal.kind {
            PrincipalKind::Anonymous if !anonymous || restricted => return false,
            PrincipalKind::Root if !root => return false,
            _ => {}
        }
        !(is_foreign && (!foreign || restricted)) && !is_barred(identity, &self.action)
    }

    /// What can be said while the keys in `open` are not known.
    pub(crate) fn foresee(&self, identity: &Identity, keys: &ConditionKeys<'_>, open: &BTreeSet<String>) -> Foreseen {
        if !self.admits(identity) {
            return Foreseen { outlook: Outlook::Never, mentions: Vec::new(), granted: Vec::new(), steps: 0 };
        }
        let request = Request { action: &self.action, resource: &self.resource, keys };
        let policies = foresee(identity, &request, self.side(identity), open);
        let mut outlook = policies.allowed;
        let mut granted = Vec::new();
        let mut steps = policies.steps;
        let mine = self.grants.iter().enumerate().filter(|(_, grant)| grant.is_for(identity));
        for (at, grant) in mine.filter(|_| policies.denied != Outlook::Always) {
            let mut by_grant = self.fits(grant, keys, open);
            if self.is_foreign(identity) {
                let own = ResourcePolicy::additive(None, &identity.principal.account);
                let own = foresee(identity, &request, own, open);
                steps += own.steps;
                by_grant = by_grant.min(own.allowed);
            }
            if by_grant > Outlook::Never {
                granted.push((at, by_grant));
            }
            let undenied = if policies.denied == Outlook::Never { Outlook::Always } else { Outlook::Depends };
            outlook = outlook.max(by_grant.min(undenied));
        }
        Foreseen { outlook, mentions: policies.mentions, granted, steps }
    }

    /// The decision about one request, by the evaluator that decides it.
    pub(crate) fn is_allowed(&self, identity: &Identity, keys: &ConditionKeys<'_>) -> bool {
        if !self.admits(identity) {
            return false;
        }
        let request = Request { action: &self.action, resource: &self.resource, keys };
        match evaluate(identity, &request, self.side(identity)).decision {
            Decision::Allow => true,
            Decision::ImplicitDeny { .. } => {
                let own = ResourcePolicy::additive(None, &identity.principal.account);
                let nothing = BTreeSet::new();
                let covers = |grant: &ReviewedGrant| {
                    grant.is_for(identity) && self.fits(grant, keys, &nothing) == Outlook::Always
                };
                self.grants.iter().any(covers)
                    && (!self.is_foreign(identity) || evaluate(identity, &request, own).is_allowed())
            }
            Decision::ExplicitDeny { .. } | Decision::TooCostly => false,
        }
    }

    /// Whether the encryption context is one that the grant is for. Where it is not known, what a request
    /// says of each pair is in its keys.
    fn fits(&self, grant: &ReviewedGrant, keys: &ConditionKeys<'_>, open: &BTreeSet<String>) -> Outlook {
        if let Some(context) = &self.context {
            let has =
                |wanted: &EncryptionContext| wanted.pairs().all(|(name, value)| context.value(name) == Some(value));
            let fits =
                grant.equals.as_ref().is_none_or(|equals| equals == context) && grant.subset.as_ref().is_none_or(has);
            return if fits { Outlook::Always } else { Outlook::Never };
        }
        let pairs = grant.equals.iter().chain(&grant.subset).flat_map(EncryptionContext::pairs);
        let says = |(name, value): (&str, &str)| {
            let key = [CONTEXT, &name.to_lowercase()].concat();
            match open.contains(&key) {
                true => Outlook::Depends,
                false if keys.is_only(&key, value) => Outlook::Always,
                false => Outlook::Never,
            }
        };
        pairs.map(says).min().unwrap_or(Outlook::Always)
    }

    /// Values that grants ask for in the pair of the encryption context behind the key `name`.
    pub(crate) fn granted_values(&self, name: &str) -> Vec<String> {
        let Some(pair) = name.strip_prefix(CONTEXT) else { return Vec::new() };
        let contexts = self.grants.iter().flat_map(|grant| grant.equals.iter().chain(&grant.subset));
        let pairs = contexts.flat_map(EncryptionContext::pairs);
        pairs.filter(|(own, _)| own.to_lowercase() == pair).map(|(_, value)| value.to_owned()).collect()
    }
}
