//! What would be decided where a part of the request is open: an access review asks not about one call
//! but about all that could come.
//!
//! Actions, principals, resources and the conditions on keys that are known are held against the request by
//! the code that decides requests; only what asks for an open key is left undecided. With no key open the
//! answer is the evaluator's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::Identity;
use crate::condition::Condition;
use crate::document::{Policy, Statement};
use crate::effect::Effect;
use crate::evaluate::{PolicyType, Request, ResourcePolicy, Stance, Stances, environment, is_foreign, resource_type};
use crate::keys::Environment;
use crate::pattern::{ArnPattern, Outcome};
use crate::principal::Reach;
use crate::samples::Samples;

/// What is said over all values that the open keys may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlook {
    /// For none of them.
    Never,
    /// For some, or for none: nobody has looked.
    Depends,
    /// For all of them.
    Always,
}

/// A statement that applies, or may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    /// The set of policies that it stands in.
    pub of: PolicyType,
    /// Which policy of the set, in the order of the [`Identity`].
    pub policy: usize,
    /// Which statement of the policy.
    pub statement: usize,
    /// Allow or Deny.
    pub effect: Effect,
    /// Whether it applies whatever the open keys are.
    pub certain: bool,
}

/// What can be said before the open keys are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foresight {
    /// Whether it is allowed.
    pub allowed: Outlook,
    /// Whether an explicit deny applies.
    pub denied: Outlook,
    /// The statements that matter.
    pub mentions: Vec<Mention>,
    /// Comparisons that it took. One that takes more than [`BUDGET`](crate::BUDGET) is left undecided.
    pub steps: u64,
}

/// Decides as far as that can be done while the keys in `open`, given in lower case, may have any value.
#[must_use]
pub fn foresee(
    identity: &Identity,
    request: &Request<'_>,
    resource: ResourcePolicy<'_>,
    open: &BTreeSet<String>,
) -> Foresight {
    let env = environment(identity, request, resource);
    let mut sets = Sets { env: &env, request, open, denied: Outlook::Never, mentions: Vec::new() };
    let of = |sets: &mut Sets<'_, '_>, policies: &[Arc<Policy>], of| sets.take(policies.iter().map(AsRef::as_ref), of);
    let own = of(&mut sets, &identity.policies, PolicyType::Identity);
    let boundary =
        identity.boundary.as_ref().map(|policy| of(&mut sets, std::slice::from_ref(policy), PolicyType::Boundary));
    let session = identity.session.as_deref().map(|policies| of(&mut sets, policies, PolicyType::Session));
    let attached = sets.take(resource.policy.into_iter(), resource_type(resource));
    let stances = |bound: fn(&Bounds) -> Reach| {
        let stance = |bounds: &Bounds| Stance::reaching(bound(bounds));
        Stances {
            identity: stance(&own).of_identity(identity.principal.kind),
            boundary: boundary.as_ref().map(stance),
            session: session.as_ref().map(stance),
            resource: stance(&attached),
        }
    };
    let foreign = is_foreign(identity, resource.owner);
    let lacks = |stances: &Stances| stances.lacking(identity.principal.kind, foreign, resource).is_some();
    let Sets { denied, mentions, .. } = sets;
    let spent = env.steps.are_spent();
    let allowed = if spent {
        if open.is_empty() { Outlook::Never } else { Outlook::Depends }
    } else if denied == Outlook::Always || lacks(&stances(|bounds| bounds.most)) {
        Outlook::Never
    } else if denied == Outlook::Never && !lacks(&stances(|bounds| bounds.least)) {
        Outlook::Always
    } else {
        Outlook::Depends
    };
    Foresight { allowed, denied, mentions, steps: env.steps.taken() }
}

/// Values of the key `name`, given in lower case, that tell apart what all these policies say.
#[must_use]
pub fn samples(identity: &Identity, request: &Request<'_>, resource: ResourcePolicy<'_>, name: &str) -> Samples {
    let env = environment(identity, request, resource);
    let mut samples = Samples::any();
    let own = identity.policies.iter().chain(&identity.boundary).chain(identity.session.iter().flat_map(|it| &**it));
    for statement in own.map(AsRef::as_ref).chain(resource.policy).flat_map(Policy::statements) {
        for condition in &statement.conditions {
            if condition.key_name() == name {
                condition.sample(&env, &mut samples);
            } else if condition.asked_keys().any(|key| key.to_lowercase() == name) {
                // What fits depends on the value of the other key.
                samples.note_partial();
            }
        }
        let patterns = statement.resources.iter().flat_map(|resources| &resources.patterns);
        if patterns.flat_map(ArnPattern::variables).any(|key| key.to_lowercase() == name) {
            samples.note_partial();
            request.resource.split([':', '/']).filter(|part| !part.is_empty()).for_each(|part| samples.add(part));
        }
    }
    samples
}

/// How close a set of policies comes to the principal, at least and at most.
struct Bounds {
    least: Reach,
    most: Reach,
}

/// Set after set is looked at.
struct Sets<'a, 'e> {
    env: &'a Environment<'e>,
    request: &'a Request<'a>,
    open: &'a BTreeSet<String>,
    denied: Outlook,
    mentions: Vec<Mention>,
}

impl Sets<'_, '_> {
    fn take<'p>(&mut self, policies: impl Iterator<Item = &'p Policy>, of: PolicyType) -> Bounds {
        let mut bounds = Bounds { least: Reach::None, most: Reach::None };
        for (number, policy) in policies.enumerate() {
            for (at, statement) in policy.statements().iter().enumerate() {
                if self.env.steps.are_spent() {
                    return bounds;
                }
                let (outlook, reach) = self.applies(statement);
                if outlook == Outlook::Never {
                    continue;
                }
                let certain = outlook == Outlook::Always;
                let effect = statement.effect();
                self.mentions.push(Mention { of, policy: number, statement: at, effect, certain });
                match effect {
                    Effect::Deny => self.denied = self.denied.max(outlook),
                    Effect::Allow => {
                        bounds.most = bounds.most.max(reach);
                        bounds.least = bounds.least.max(if certain { reach } else { Reach::None });
                    }
                }
            }
        }
        bounds
    }

    fn applies(&self, statement: &Statement) -> (Outlook, Reach) {
        let (env, never) = (self.env, (Outlook::Never, Reach::None));
        env.steps.charge(1);
        if !statement.covers_action(self.request.action, &env.steps) {
            return never;
        }
        let mut outlook = self.covers(statement);
        if outlook == Outlook::Never {
            return never;
        }
        let principals = statement.principals.as_ref();
        let reach = principals.map_or(Reach::Direct, |clause| clause.reach(statement.effect, env));
        if reach == Reach::None {
            return never;
        }
        for condition in &statement.conditions {
            outlook = outlook.min(self.holds(condition, statement.effect));
            if outlook == Outlook::Never {
                return never;
            }
        }
        (outlook, reach)
    }

    fn holds(&self, condition: &Condition, effect: Effect) -> Outlook {
        if condition.asked_keys().any(|key| self.is_open(key)) {
            return Outlook::Depends;
        }
        if condition.holds(effect, self.env) { Outlook::Always } else { Outlook::Never }
    }

    fn covers(&self, statement: &Statement) -> Outlook {
        let waits = |pattern: &&ArnPattern| pattern.variables().any(|key| self.is_open(key));
        let Some(resources) = statement.resources.as_ref().filter(|it| it.patterns.iter().any(|p| waits(&p))) else {
            let covered = statement.covers_resource(self.request.resource, self.env);
            return if covered { Outlook::Always } else { Outlook::Never };
        };
        let known = resources.patterns.iter().filter(|pattern| !waits(pattern));
        match Outcome::any(known.map(|pattern| pattern.matches(self.request.resource, self.env))) {
            Outcome::Match if resources.inverted => Outlook::Never,
            Outcome::Match => Outlook::Always,
            Outcome::Differ | Outcome::Unresolved => Outlook::Depends,
        }
    }

    fn is_open(&self, key: &str) -> bool {
        !self.open.is_empty() && self.open.contains(&key.to_lowercase())
    }
}
