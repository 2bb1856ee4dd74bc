//! What is told of one principal.

use std::collections::BTreeMap;

use arqueta_iam::Person;
use arqueta_model::PrincipalKind;
use arqueta_policy::{Effect, Mention, Outlook, PolicyType};
use serde::Serialize;
use serde_json::Value;

use crate::ask::{Ask, Foreseen};

/// A request that is allowed: values of condition keys; none where the key is absent.
pub type Example = BTreeMap<String, Vec<String>>;

/// Whether somebody may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum May {
    /// Whatever the request.
    Always,
    /// It depends on the request; this one would be allowed.
    Sometimes(Example),
    /// It depends on the request, and whether any would be allowed was not found out.
    Undecided,
}

/// Why: a statement or a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// The action that it is about.
    pub action: String,
    /// Such as `identity policy`, `key policy`, `grant`, `root user`.
    pub by: String,
    /// Name or ARN of the policy, id of the grant.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The group that holds the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Sid of the statement, or its number, from 1.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub statement: String,
    /// Conditions that depend on the request, as the statement or grant writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_if: Option<Value>,
}

/// Somebody who may, or whom nobody can rule out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// ARN of the user, role, session or account; the name of a service; `anonymous`.
    pub principal: String,
    /// `root`, `user`, `role`, `session`, `federated user`, `service`, `anonymous`, `web identity`.
    pub kind: &'static str,
    /// Its account; empty for services and who did not sign.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Whether it may.
    pub may: May,
    /// What lets it in.
    pub by: Vec<Said>,
    /// Denies that depend on the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Said>,
}

impl Finding {
    pub(crate) fn of(person: &Person, named: bool, may: May, asks: &[Ask], each: &[Foreseen]) -> Self {
        let principal = &person.identity.principal;
        let (kind, shown) = match principal.kind {
            PrincipalKind::Root => ("root", principal.arn.as_str()),
            PrincipalKind::User => ("user", principal.arn.as_str()),
            PrincipalKind::AssumedRole if named => ("session", principal.arn.as_str()),
            PrincipalKind::AssumedRole => ("role", principal.identity_arn().as_str()),
            PrincipalKind::FederatedUser => ("federated user", principal.arn.as_str()),
            PrincipalKind::Service => ("service", principal.id.as_str()),
            PrincipalKind::Anonymous => match &person.identity.provider {
                Some(provider) => ("web identity", &**provider),
                None => ("anonymous", "anonymous"),
            },
        };
        let outside = matches!(principal.kind, PrincipalKind::Service | PrincipalKind::Anonymous);
        let account = if outside { String::new() } else { principal.account.to_string() };
        let (mut by, mut unless) = (Vec::new(), Vec::new());
        for (ask, foreseen) in asks.iter().zip(each) {
            for mention in &foreseen.mentions {
                let into = if mention.effect == Effect::Allow { &mut by } else { &mut unless };
                into.push(statement(person, ask, mention));
            }
            by.extend(foreseen.granted.iter().map(|(at, outlook)| grant(ask, *at, *outlook)));
            let has_identity = by.iter().any(|said: &Said| said.action == ask.action);
            if principal.kind == PrincipalKind::Root && !has_identity {
                by.push(Said { by: "root user of the account".to_owned(), ..said(ask) });
            }
        }
        Self { principal: shown.to_owned(), kind, account, may, by, unless }
    }
}

fn said(ask: &Ask) -> Said {
    Said {
        action: ask.action.clone(),
        by: String::new(),
        name: String::new(),
        group: None,
        statement: String::new(),
        only_if: None,
    }
}

fn statement(person: &Person, ask: &Ask, mention: &Mention) -> Said {
    let held = match mention.of {
        PolicyType::Identity => person.policies.get(mention.policy),
        PolicyType::Boundary => person.boundary.as_ref(),
        PolicyType::Session | PolicyType::Resource | PolicyType::Trust => None,
    };
    let attached = ask.attached.as_ref();
    let by = match (mention.of, attached) {
        (PolicyType::Identity, _) => "identity policy",
        (PolicyType::Boundary, _) => "permissions boundary",
        (PolicyType::Session, _) => "session policy",
        (PolicyType::Resource | PolicyType::Trust, attached) => attached.map_or("resource policy", |it| it.what),
    };
    let document = held.map_or_else(|| attached.map(|it| it.document.as_str()), |held| Some(&held.document));
    let written = document.and_then(|document| written(document, mention.statement));
    let sid = written.as_ref().and_then(|statement| statement["Sid"].as_str()).map(str::to_owned);
    let conditions = written.as_ref().map(|statement| statement["Condition"].clone());
    Said {
        by: by.to_owned(),
        name: held.map_or_else(String::new, |held| held.name.clone()),
        group: held.and_then(|held| held.group.clone()),
        statement: sid.filter(|sid| !sid.is_empty()).unwrap_or_else(|| format!("#{}", mention.statement + 1)),
        only_if: conditions.filter(|conditions| !mention.certain && !conditions.is_null()),
        ..said(ask)
    }
}

fn written(document: &str, at: usize) -> Option<Value> {
    let policy: Value = serde_json::from_str(document).ok()?;
    match &policy["Statement"] {
        Value::Array(all) => all.get(at).cloned(),
        one => Some(one.clone()),
    }
}

fn grant(ask: &Ask, at: usize, outlook: Outlook) -> Said {
    let grant = &ask.grants[at];
    let mut constraints = serde_json::Map::new();
    for (name, context) in [("EncryptionContextEquals", &grant.equals), ("EncryptionContextSubset", &grant.subset)] {
        if let Some(context) = context {
            let pairs = context.pairs().map(|(key, value)| (key.to_owned(), Value::from(value)));
            constraints.insert(name.to_owned(), Value::Object(pairs.collect()));
        }
    }
    let by = if grant.name.is_empty() { "grant".to_owned() } else { format!("grant {}", grant.name) };
    let only_if = (outlook == Outlook::Depends && !constraints.is_empty()).then_some(Value::Object(constraints));
    Said { by, name: grant.id.clone(), only_if, ..said(ask) }
}
