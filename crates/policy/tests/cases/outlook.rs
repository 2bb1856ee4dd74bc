//! What is foreseen while keys are open is what the evaluator then decides.

use std::collections::BTreeSet;
use std::sync::Arc;

use arqueta_policy::{ConditionKeys, Outlook, Policy, PolicyKind, Request, ResourcePolicy, evaluate, foresee, samples};
use proptest::prelude::*;

use crate::harness::{ACCOUNT, account, parse, who};

/// Keys and all values that the statements below tell apart.
const WORLD: [(&str, &[&str]); 3] = [
    ("s3:prefix", &["", "a", "b"]),
    ("aws:sourceip", &["10.0.0.1", "10.1.0.1", "192.0.2.1"]),
    ("aws:securetransport", &["true", "false"]),
];

fn statement(principal: bool) -> impl Strategy<Value = String> {
    let select = |values: &'static [&'static str]| proptest::sample::select(values);
    let conditions = select(&[
        "{}",
        "{}",
        r#"{"StringEquals":{"s3:prefix":"a"}}"#,
        r#"{"StringNotEqualsIfExists":{"s3:prefix":["a","b"]}}"#,
        r#"{"Null":{"s3:prefix":"true"}}"#,
        r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
        r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/16"}}"#,
        r#"{"Bool":{"aws:SecureTransport":"false"}}"#,
        r#"{"StringLike":{"s3:prefix":"a*"},"Bool":{"aws:SecureTransport":"true"}}"#,
        r#"{"StringEquals":{"aws:username":"alice"}}"#,
    ]);
    let resources = select(&[
        r#""Resource":"*""#,
        r#""Resource":"arn:aws:s3:::b/${s3:prefix}""#,
        r#""NotResource":"arn:aws:s3:::b/${s3:prefix}""#,
        r#""Resource":"arn:aws:s3:::c/*""#,
    ]);
    let whom = select(&[
        r#""Principal":"*","#,
        r#""Principal":{"AWS":"111122223333"},"#,
        r#""NotPrincipal":{"AWS":["arn:aws:iam::111122223333:user/alice","111122223333"]},"#,
    ]);
    (select(&["Allow", "Allow", "Deny"]), resources, conditions, whom).prop_map(move |(effect, on, when, whom)| {
        let whom = if principal { whom } else { "" };
        format!(r#"{{"Effect":"{effect}",{whom}"Action":"s3:Get*",{on},"Condition":{when}}}"#)
    })
}

fn policy(statements: &[String], kind: PolicyKind) -> Option<Arc<Policy>> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    (!statements.is_empty()).then(|| parse(&text, kind))
}

/// Every request there is: each key with each value, or without one; the last two always have one.
fn requests() -> Vec<ConditionKeys<'static>> {
    let mut all = vec![ConditionKeys::new()];
    for (name, values) in WORLD {
        let mut next = if name == "s3:prefix" { all.clone() } else { Vec::new() };
        next.extend(all.iter().flat_map(|keys| values.iter().map(|value| keys.clone().with(name, *value))));
        all = next;
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_is_foreseen_comes_true(
        name in proptest::sample::select(&["root", "user", "role", "stranger", "anonymous", "service"][..]),
        own in proptest::collection::vec(statement(false), 0..3),
        boundary in proptest::collection::vec(statement(false), 0..2),
        resource in proptest::collection::vec(statement(true), 0..3),
        required in any::<bool>(),
        open in proptest::sample::subsequence(vec![0_usize, 1, 2], 0..=3),
    ) {
        let mut identity = who(name);
        identity.policies = policy(&own, PolicyKind::Identity).into_iter().collect();
        identity.boundary = policy(&boundary, PolicyKind::Boundary);
        let resource = policy(&resource, PolicyKind::Key);
        let owner = account(ACCOUNT);
        let side = match (&resource, required) {
            (Some(policy), true) => ResourcePolicy::required(policy, &owner),
            (policy, _) => ResourcePolicy::additive(policy.as_deref(), &owner),
        };
        let names: BTreeSet<String> = open.iter().map(|at| WORLD[*at].0.to_owned()).collect();
        for keys in requests() {
            let request = Request { action: "s3:GetObject", resource: "arn:aws:s3:::b/a", keys: &keys };
            let allowed = evaluate(&identity, &request, side).is_allowed();
            // Whatever the open keys hold now must not matter to what is foreseen.
            let foreseen = foresee(&identity, &request, side, &names).allowed;
            match foreseen {
                Outlook::Always => prop_assert!(allowed),
                Outlook::Never => prop_assert!(!allowed),
                Outlook::Depends => prop_assert!(!names.is_empty(), "nothing was open"),
            }
        }
        for (key, values) in WORLD {
            let keys = ConditionKeys::new();
            let request = Request { action: "s3:GetObject", resource: "arn:aws:s3:::b/a", keys: &keys };
            let found = samples(&identity, &request, side, key);
            prop_assert!(found.values().count() > 0);
            // Each value of the world has one among the samples that the conditions treat alike.
            if found.are_complete() {
                let decide = |value: &str| {
                    let keys = ConditionKeys::new().with(key, value);
                    let request = Request { action: "s3:GetObject", resource: "arn:aws:s3:::b/a", keys: &keys };
                    evaluate(&identity, &request, side).decision
                };
                let known: Vec<_> = found.values().map(decide).collect();
                for value in values {
                    prop_assert!(known.contains(&decide(value)), "{key}={value}");
                }
            }
        }
    }
}

#[test]
fn statements_that_matter_are_told() {
    let mut identity = who("user");
    let own = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:Put*","Resource":"*"},
        {"Effect":"Allow","Action":"s3:Get*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}},
        {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;
    identity.policies = Arc::new([parse(own, PolicyKind::Identity)]);
    let owner = account(ACCOUNT);
    let keys = ConditionKeys::new();
    let request = Request { action: "s3:GetObject", resource: "arn:aws:s3:::b/k", keys: &keys };
    let open = ["aws:sourceip", "aws:securetransport"].map(str::to_owned).into();
    let foreseen = foresee(&identity, &request, ResourcePolicy::additive(None, &owner), &open);
    assert_eq!((foreseen.allowed, foreseen.denied), (Outlook::Depends, Outlook::Depends));
    assert_eq!(
        foreseen.mentions.iter().map(|m| (m.statement, m.certain)).collect::<Vec<_>>(),
        [(1, false), (2, false)]
    );
}
