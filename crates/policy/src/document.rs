//! Policy documents: parsed, validated for their kind and compiled in one step (IAM User Guide,
//! "Grammar of the IAM JSON policy language").

use std::collections::BTreeSet;

use crate::condition::Condition;
use crate::effect::Effect;
use crate::glob::{Case, Steps};
use crate::keys::Environment;
use crate::pattern::{ArnPattern, Outcome, Pattern, Syntax};
use crate::principal::{PrincipalClause, PrincipalName, Reach};

/// Where a policy stands, which decides what it may contain and how large it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// Attached to a user, group or role, or managed. No Principal. At most 10,240 characters,
    /// the largest of IAM's quotas; the tighter ones are for whoever stores it.
    Identity,
    /// Attached to a bucket. Principal required. At most 20 KiB.
    Resource,
    /// A role's trust policy. Principal required, no Resource, `sts:` actions. At most 2,048 characters.
    Trust,
    /// A KMS key policy. Principal required. At most 32 KiB.
    Key,
    /// Passed with AssumeRole or GetFederationToken. No Principal. At most 2,048 characters.
    Session,
    /// A permissions boundary. No Principal. At most 6,144 characters.
    Boundary,
}

impl PolicyKind {
    /// Largest size, in the unit of [`Policy::size`].
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Identity => 10_240,
            Self::Resource => 20 * 1024,
            Self::Trust | Self::Session => 2048,
            Self::Key => 32 * 1024,
            Self::Boundary => 6144,
        }
    }

    pub(crate) const fn has_principal(self) -> bool {
        matches!(self, Self::Resource | Self::Trust | Self::Key)
    }

    /// Bytes for policies of resources, characters without white space for IAM's.
    pub(crate) fn measure(self, text: &str) -> usize {
        match self {
            Self::Resource | Self::Key => text.len(),
            _ => text.chars().filter(|c| !c.is_whitespace()).count(),
        }
    }
}

/// A parsed policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    kind: PolicyKind,
    id: Option<Box<str>>,
    statements: Box<[Statement]>,
    size: usize,
    is_current: bool,
    /// Lower-case names of the condition keys that it asks for, sorted.
    asked: Box<[Box<str>]>,
}

impl Policy {
    pub(crate) fn new(kind: PolicyKind, id: Option<Box<str>>, statements: Box<[Statement]>, size: usize) -> Self {
        let asked: BTreeSet<String> =
            statements.iter().flat_map(Statement::condition_keys).map(str::to_lowercase).collect();
        Self { kind, id, statements, size, is_current: true, asked: asked.into_iter().map(Into::into).collect() }
    }

    /// The same, written in the version of the language that has no variables.
    pub(crate) fn of_2008(self) -> Self {
        Self { is_current: false, ..self }
    }

    /// Whether its Version is 2012-10-17, and not 2008-10-17, which is also what no Version means.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.is_current
    }

    /// What it was parsed as.
    #[must_use]
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// The Id element.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Size as AWS counts it: bytes for bucket and key policies, characters without white space
    /// for all others.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The statements in order.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The condition keys that the policy asks for, as it writes them, in conditions and as
    /// variables in resources.
    #[must_use]
    pub fn context_keys(&self) -> BTreeSet<&str> {
        self.statements.iter().flat_map(Statement::condition_keys).collect()
    }

    /// Whether the policy asks for the condition key `name`, given in lower case; a name that ends
    /// in `/` or `:` stands for every key that begins so. Who has to look a value up asks first.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        let at = self.asked.partition_point(|asked| **asked < *name);
        let family = name.ends_with(['/', ':']);
        self.asked.get(at).is_some_and(|asked| if family { asked.starts_with(name) } else { **asked == *name })
    }

    /// Whether S3 calls the policy public: some Allow lets an open set of principals in without
    /// a condition that fixes who or from where (S3 User Guide, "The meaning of 'public'").
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.statements.iter().any(Statement::is_public)
    }
}

/// One statement, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    pub(crate) principals: Option<PrincipalClause>,
    pub(crate) actions: Actions,
    /// Absent in trust policies, which are about their own role.
    pub(crate) resources: Option<Resources>,
    pub(crate) conditions: Box<[Condition]>,
}

/// Action or NotAction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actions {
    pub(crate) inverted: bool,
    pub(crate) texts: Box<[Box<str>]>,
    pub(crate) patterns: Box<[Pattern]>,
}

/// Resource or NotResource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resources {
    pub(crate) inverted: bool,
    pub(crate) texts: Box<[Box<str>]>,
    pub(crate) patterns: Box<[ArnPattern]>,
}

/// The syntax of action names: wildcards, never variables.
pub(crate) const ACTION_SYNTAX: Syntax = Syntax { wildcards: true, variables: false };

impl Statement {
    /// The Sid element.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// Allow or Deny.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The Action or NotAction texts as written.
    pub fn actions(&self) -> impl ExactSizeIterator<Item = &str> {
        self.actions.texts.iter().map(|text| &**text)
    }

    /// Whether [`Statement::actions`] are those that the statement is not about.
    #[must_use]
    pub fn is_not_action(&self) -> bool {
        self.actions.inverted
    }

    /// Whether the pattern number `at` of [`Statement::actions`] matches `action`.
    #[must_use]
    pub fn pattern_matches(&self, at: usize, action: &str) -> bool {
        self.actions
            .patterns
            .get(at)
            .is_some_and(|pattern| pattern.matches_plain(action, Case::Ignore, &Steps::default()))
    }

    /// The condition keys that the statement asks for, as it writes them.
    pub fn condition_keys(&self) -> impl Iterator<Item = &str> {
        let resources = self.resources.iter().flat_map(|resources| &resources.patterns);
        self.conditions.iter().flat_map(Condition::asked_keys).chain(resources.flat_map(ArnPattern::variables))
    }

    /// Whether [`Statement::resources`] are those that the statement is not about.
    #[must_use]
    pub fn is_not_resource(&self) -> bool {
        self.resources.as_ref().is_some_and(|resources| resources.inverted)
    }

    /// Whom Principal or NotPrincipal names; nobody in policies that stand with an identity.
    pub fn principals(&self) -> impl Iterator<Item = PrincipalName<'_>> {
        self.principals.iter().flat_map(PrincipalClause::names)
    }

    /// The Resource or NotResource texts as written; none in a trust policy.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().flat_map(|resources| resources.texts.iter().map(|text| &**text))
    }

    /// How close the statement comes to the principal if it applies to the request at all.
    /// Policies without principals reach whoever they are attached to.
    pub(crate) fn reach(&self, action: &str, resource: &str, env: &Environment<'_>) -> Reach {
        env.steps.charge(1);
        if !self.covers_action(action, &env.steps) || !self.covers_resource(resource, env) {
            return Reach::None;
        }
        let reach = self.principals.as_ref().map_or(Reach::Direct, |clause| clause.reach(self.effect, env));
        if reach > Reach::None && self.conditions.iter().all(|condition| condition.holds(self.effect, env)) {
            reach
        } else {
            Reach::None
        }
    }

    pub(crate) fn covers_action(&self, action: &str, steps: &Steps) -> bool {
        let listed = self.actions.patterns.iter().any(|pattern| pattern.matches_plain(action, Case::Ignore, steps));
        listed != self.actions.inverted
    }

    pub(crate) fn covers_resource(&self, resource: &str, env: &Environment<'_>) -> bool {
        let Some(resources) = &self.resources else { return true };
        let listed = Outcome::any(resources.patterns.iter().map(|pattern| pattern.matches(resource, env)));
        match (listed, resources.inverted) {
            (Outcome::Match, inverted) => !inverted,
            (Outcome::Differ, inverted) => inverted,
            // A variable without a value: an Allow shrinks, a Deny grows.
            (Outcome::Unresolved, inverted) => inverted && self.effect == Effect::Deny,
        }
    }

    fn is_public(&self) -> bool {
        let open = self.principals.as_ref().is_some_and(PrincipalClause::is_open);
        let fixed = |condition: &Condition| FIXING_KEYS.contains(&condition.key_name()) && condition.is_fixed();
        self.effect == Effect::Allow && open && !self.conditions.iter().any(fixed)
    }
}

/// Keys whose fixed values keep a policy with an open principal from being public.
const FIXING_KEYS: [&str; 14] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];
