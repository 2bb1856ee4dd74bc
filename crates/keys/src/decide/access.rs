//! Who may do what: the one place where the service decides.
//!
//! Nothing is remembered between decisions: one takes about a microsecond, so that a change of a
//! key, a policy or a grant counts for the very next call without anything to invalidate.

use std::sync::Arc;

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error};
use arqueta_model::{AccountId, EncryptionContext, PrincipalKind};
use arqueta_policy::{
    ConditionKeys, Decision, Evaluation, Identity, Policy, PolicyType, Request, ResourcePolicy, evaluate,
};

use super::ask::{Ask, PassedOn};
use super::principals::{is_principal, names_of};
use super::resolve::Target;
use crate::Embedded;
use crate::key::Key;
use crate::schema::{GrantRecord, KeyRecord};

/// Whether the caller may do this with the key: key policy, identity policies, boundary and
/// session, then grants. An explicit deny is final.
///
/// # Errors
/// [`Error::Denied`] in AWS's words. A principal of another account cannot tell a key that
/// does not exist from one that it may not use.
pub(crate) fn authorize(service: &Embedded, ask: Ask<'_>, target: &Target) -> Result<Arc<Key>, Error> {
    let Target { key, named, alias } = target;
    let (Some(key), false) = (key, ask.caller.identity.principal.kind == PrincipalKind::Anonymous) else {
        return Err(unknown(service, ask, named, &target.account()));
    };
    decide(service, ask, key, named, alias.as_deref()).map(|()| key.clone())
}

pub(crate) fn decide(
    service: &Embedded,
    ask: Ask<'_>,
    key: &Key,
    named: &str,
    alias: Option<&str>,
) -> Result<(), Error> {
    let identity = &*ask.caller.identity;
    let Some(policy) = key.policy.as_deref() else { return Ok(()) };
    let foreign = identity.principal.account != key.record.account;
    let conditions = key_conditions(service, ask, key, alias);
    let action = ask.action();
    let request = Request { action, resource: key.arn.as_str(), keys: &conditions };
    let evaluation = evaluate(identity, &request, ResourcePolicy::required(policy, &key.record.account));
    let open = !foreign || ask.operation.row().cross_account;
    match evaluation.decision {
        Decision::Allow if open => Ok(()),
        Decision::ImplicitDeny { .. } if open && is_granted(service, ask, key, &request, foreign) => Ok(()),
        _ if foreign => Err(unknown(service, ask, named, &key.record.account)),
        _ => Err(refusal(identity, action, named, evaluation)),
    }
}

/// Whether the caller may do something that concerns no key, such as `ListKeys`, or an alias:
/// identity policies decide.
pub(crate) fn authorize_account(service: &Embedded, ask: Ask<'_>, resource: &str) -> Result<(), Error> {
    let identity = &*ask.caller.identity;
    let mut conditions = request_conditions(service, ask);
    conditions.set("kms:calleraccount", identity.principal.account.as_str());
    let action = ask.action();
    let request = Request { action, resource, keys: &conditions };
    let evaluation = evaluate(identity, &request, ResourcePolicy::additive(None, &identity.principal.account));
    if evaluation.is_allowed() && identity.principal.kind != PrincipalKind::Anonymous {
        return Ok(());
    }
    // There is no resource-based policy that could have allowed it.
    let evaluation = match evaluation.decision {
        Decision::ExplicitDeny { .. } => evaluation,
        _ => Evaluation { decision: Decision::ImplicitDeny { why: PolicyType::Identity }, ..evaluation },
    };
    Err(refusal(identity, action, resource, evaluation))
}

/// Whether `caller` could put a policy again if `policy` were the key's.
pub(crate) fn keeps_control(service: &Embedded, caller: &Caller, key: &Key, policy: &Policy) -> bool {
    let ask = Ask::new(caller, Kms::PutKeyPolicy);
    let conditions = key_conditions(service, ask, key, None);
    let action = ask.action();
    let request = Request { action, resource: key.arn.as_str(), keys: &conditions };
    evaluate(&caller.identity, &request, ResourcePolicy::required(policy, &key.record.account)).is_allowed()
}

/// The denial for a key of another account, `owner`, which may not be there: nothing in it
/// depends on the key.
pub(crate) fn unknown(service: &Embedded, ask: Ask<'_>, named: &str, owner: &AccountId) -> Error {
    let identity = &*ask.caller.identity;
    let conditions = request_conditions(service, ask);
    let action = ask.action();
    let request = Request { action, resource: named, keys: &conditions };
    // The caller's own side is told.
    let own = evaluate(identity, &request, ResourcePolicy::additive(None, owner));
    match own.decision {
        Decision::ExplicitDeny { .. }
        | Decision::ImplicitDeny { why: PolicyType::Identity | PolicyType::Boundary | PolicyType::Session } => {
            refusal(identity, action, named, own)
        }
        _ => denial(identity, action, named, NO_ORACLE),
    }
}

/// Whether a grant allows what no policy does. A session's policies still bound it, and a
/// principal of another account needs its own account's permission as well.
fn is_granted(service: &Embedded, ask: Ask<'_>, key: &Key, request: &Request<'_>, foreign: bool) -> bool {
    let identity = &*ask.caller.identity;
    let covered = {
        let directory = service.state.directory();
        let KeyRecord { account, id, .. } = &key.record;
        let grants = directory.issued.of_key(account, id);
        grants.is_some_and(|grants| names_of(identity).any(|name| grants.to(name).any(|grant| covers(grant, ask))))
    };
    if !covered {
        return false;
    }
    let own = |identity: &Identity| {
        evaluate(identity, request, ResourcePolicy::additive(None, &identity.principal.account)).is_allowed()
    };
    match &identity.session {
        _ if foreign => own(identity),
        Some(session) => {
            own(&Identity { policies: session.clone(), session: None, boundary: None, ..identity.clone() })
        }
        None => true,
    }
}

fn request_conditions<'a>(service: &'a Embedded, ask: Ask<'a>) -> ConditionKeys<'a> {
    let mut keys = ConditionKeys::of_request(&ask.caller.request, ask.region.unwrap_or(&service.state.region));
    for (name, values) in ask.conditions {
        keys.insert_all(name, values.iter().map(String::as_str));
    }
    if let Some(same) = ask.same_key {
        keys.set("kms:reencryptonsamekey", if same { "true" } else { "false" });
    }
    if let Some(context) = ask.context {
        for (name, value) in context.pairs() {
            keys.insert(&["kms:EncryptionContext:", name].concat(), value);
        }
        for (name, _) in context.pairs() {
            keys.set("kms:encryptioncontextkeys", name);
        }
    }
    keys
}

/// The condition keys of KMS (Service Authorization Reference, "Condition keys for AWS Key
/// Management Service").
fn key_conditions<'a>(service: &'a Embedded, ask: Ask<'a>, key: &Key, alias: Option<&str>) -> ConditionKeys<'a> {
    let mut keys = request_conditions(service, ask);
    keys.set("kms:calleraccount", ask.caller.identity.principal.account.as_str());
    fixed_facts(&key.record, key.arn.region()).for_each(|(name, value)| keys.set(name, value));
    keys.insert_all("kms:ResourceAliases", key.aliases.iter().map(String::as_str));
    if let Some(alias) = alias {
        keys.insert("kms:RequestAlias", alias);
    }
    if ask.context.is_some() {
        keys.set("kms:encryptionalgorithm", ask.algorithm.name());
    }
    for (name, value) in &key.record.tags {
        keys.insert(&["aws:ResourceTag/", name].concat(), value.as_str());
    }
    keys
}

/// Condition keys that tell what a key is, whoever asks.
pub(crate) fn fixed_facts(record: &KeyRecord, region: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let KeyRecord { spec, usage, origin, .. } = record;
    let regions = record.multi_region.as_ref();
    let place = regions.map(|regions| if regions.primary.as_str() == region { "PRIMARY" } else { "REPLICA" });
    let always = [
        ("kms:keyspec", spec.name()),
        ("kms:customermasterkeyspec", spec.name()),
        ("kms:keyusage", usage.name()),
        ("kms:customermasterkeyusage", usage.name()),
        ("kms:keyorigin", origin.name()),
        ("kms:multiregion", if regions.is_some() { "true" } else { "false" }),
    ];
    always.into_iter().chain(place.map(|place| ("kms:multiregionkeytype", place)))
}

/// AWS's wording for "you will not learn whether it exists".
const NO_ORACLE: &str = "because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access";

fn denial(identity: &Identity, action: &str, resource: &str, because: &str) -> Error {
    Error::Denied { message: arqueta_policy::denial(&identity.principal, action, Some(resource), because) }
}

/// The evaluator's reason.
fn refusal(identity: &Identity, action: &str, named: &str, evaluation: Evaluation) -> Error {
    let because = evaluation.decision.because(action);
    denial(identity, action, named, because.as_deref().unwrap_or(NO_ORACLE))
}

/// A grant lets its grantee retire it and no other one, so that is no permission of the key's.
fn covers(grant: &GrantRecord, ask: Ask<'_>) -> bool {
    ask.operation != Kms::RetireGrant
        && grant.operations.contains(ask.permission())
        && is_principal(&grant.grantee, &ask.caller.identity)
        && fits(grant, ask.context)
        && ask.passes_on.is_none_or(|child| bounds(grant, child))
}

/// Whether what is passed on is equally or more restrictive than what was received, in operations
/// and in constraints (KMS Developer Guide, "Creating grants", "Granting CreateGrant permission").
/// One received grant must hold all of it: two do not add up.
fn bounds(received: &GrantRecord, child: PassedOn<'_>) -> bool {
    let holds = |narrow: &EncryptionContext, wide: &EncryptionContext| {
        wide.pairs().all(|(name, value)| narrow.value(name) == Some(value))
    };
    child.operations.iter().all(|operation| received.operations.contains(operation))
        && received.equals.as_ref().is_none_or(|equals| child.equals == Some(equals))
        && received
            .subset
            .as_ref()
            .is_none_or(|subset| child.equals.or(child.subset).is_some_and(|own| holds(own, subset)))
}

/// Constraints bind only operations that have an encryption context.
fn fits(grant: &GrantRecord, context: Option<&EncryptionContext>) -> bool {
    let Some(context) = context else { return true };
    grant.equals.as_ref().is_none_or(|equals| equals == context)
        && grant.subset.as_ref().is_none_or(|subset| subset.pairs().all(|(k, v)| context.value(k) == Some(v)))
}
