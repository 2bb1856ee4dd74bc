//! The laws: deny wins, an Allow never takes away, a Deny never gives, order does not matter,
//! and no text makes the parser panic.

use std::sync::Arc;

use arqueta_policy::{ConditionKeys, Decision, Evaluation, Policy, PolicyKind, Request, ResourcePolicy, evaluate};
use proptest::prelude::*;

use crate::harness::{ACCOUNT, account, who};

fn element(values: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(values)
}

fn effect() -> impl Strategy<Value = &'static str> {
    element(&["Allow", "Deny"])
}

/// A statement without its effect and, for resources, with a principal.
fn body(principal: bool) -> impl Strategy<Value = String> {
    let actions = element(&[
        r#""Action":"*""#,
        r#""Action":"s3:Get*""#,
        r#""Action":["s3:PutObject","s3:GetObject"]"#,
        r#""NotAction":"s3:GetObject""#,
        r#""NotAction":"s3:Delete*""#,
    ]);
    let resources = element(&[
        r#""Resource":"*""#,
        r#""Resource":"arn:aws:s3:::b/*""#,
        r#""Resource":"arn:aws:s3:::b/${aws:username}/*""#,
        r#""NotResource":"arn:aws:s3:::b/k""#,
        r#""NotResource":"arn:aws:s3:::b/${aws:PrincipalTag/none}""#,
    ]);
    let conditions = element(&[
        "{}",
        r#"{"StringEquals":{"s3:prefix":"a"}}"#,
        r#"{"StringNotEquals":{"s3:prefix":"${aws:PrincipalTag/none}"}}"#,
        r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}}"#,
        r#"{"Null":{"aws:TagKeys":"true"}}"#,
    ]);
    let principals = element(&[
        r#""Principal":"*","#,
        r#""Principal":{"AWS":"111122223333"},"#,
        r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/app"},"#,
        r#""Principal":{"AWS":"arn:aws:iam::444455556666:user/eve"},"#,
        r#""NotPrincipal":{"AWS":["arn:aws:iam::111122223333:user/alice","111122223333"]},"#,
    ]);
    (actions, resources, conditions, principals).prop_map(move |(actions, resources, conditions, whom)| {
        let whom = if principal { whom } else { "" };
        format!(r#"{whom}{actions},{resources},"Condition":{conditions}"#)
    })
}

fn statement(principal: bool) -> impl Strategy<Value = String> {
    (effect(), body(principal)).prop_map(|(effect, body)| format!(r#"{{"Effect":"{effect}",{body}}}"#))
}

fn policy(statements: &[String], kind: PolicyKind) -> Option<Arc<Policy>> {
    let json = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    (!statements.is_empty()).then(|| Arc::new(Policy::parse(&json, kind).unwrap()))
}

#[derive(Debug, Clone)]
struct World {
    who: &'static str,
    required: bool,
    /// Identity, boundary, session, resource.
    statements: [Vec<String>; 4],
    keys: Vec<(&'static str, &'static str)>,
}

fn world() -> impl Strategy<Value = World> {
    let several = |principal| proptest::collection::vec(statement(principal), 0..3);
    (
        element(&["root", "user", "role", "federated", "stranger", "anonymous", "service"]),
        any::<bool>(),
        [several(false), several(false), several(false)],
        several(true),
        proptest::collection::vec(
            proptest::sample::select(&[("s3:prefix", "a"), ("aws:TagKeys", "a"), ("aws:TagKeys", "b")][..]),
            0..3,
        ),
    )
        .prop_map(|(who, required, [identity, boundary, session], resource, keys)| World {
            who,
            required,
            statements: [identity, boundary, session, resource],
            keys,
        })
}

impl World {
    fn decide(&self) -> Evaluation {
        let mut identity = who(self.who);
        let [own, boundary, session, resource] = &self.statements;
        identity.policies = policy(own, PolicyKind::Identity).into_iter().collect();
        identity.boundary = policy(boundary, PolicyKind::Boundary);
        identity.session = policy(session, PolicyKind::Session).map(|policy| [policy].into());
        let resource = policy(resource, PolicyKind::Key);
        let owner = account(ACCOUNT);
        let side = match (&resource, self.required) {
            (Some(policy), true) => ResourcePolicy::required(policy, &owner),
            (policy, _) => ResourcePolicy::additive(policy.as_deref(), &owner),
        };
        let mut keys = ConditionKeys::new();
        self.keys.iter().for_each(|(name, value)| keys.insert(name, *value));
        let request = Request { action: "s3:GetObject", resource: "arn:aws:s3:::b/k", keys: &keys };
        evaluate(&identity, &request, side)
    }
}

const KINDS: std::ops::Range<usize> = 0..4;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn adding_an_allow_never_takes_access_away(
        world in world(), at in KINDS, identity in body(false), resource in body(true), place in any::<prop::sample::Index>(),
    ) {
        // A first statement creates the policy, and a boundary that exists limits.
        prop_assume!(!world.statements[at].is_empty() || at == 0 || at == 3);
        // Beside no resource policy at all the two roles of one differ in more than a statement.
        prop_assume!(at != 3 || !world.required || !world.statements[3].is_empty());
        let mut more = world.clone();
        let body = if at == 3 { resource } else { identity };
        let index = place.index(more.statements[at].len() + 1);
        more.statements[at].insert(index, format!(r#"{{"Effect":"Allow",{body}}}"#));
        if world.decide().is_allowed() {
            prop_assert!(more.decide().is_allowed());
        }
    }

    #[test]
    fn adding_a_deny_never_gives_access(
        world in world(), at in KINDS, identity in body(false), resource in body(true), place in any::<prop::sample::Index>(),
    ) {
        prop_assume!(at != 3 || !world.required || !world.statements[3].is_empty());
        let mut more = world.clone();
        let body = if at == 3 { resource } else { identity };
        let index = place.index(more.statements[at].len() + 1);
        more.statements[at].insert(index, format!(r#"{{"Effect":"Deny",{body}}}"#));
        if more.decide().is_allowed() {
            prop_assert!(world.decide().is_allowed());
        }
    }

    #[test]
    fn an_unconditional_deny_wins_from_any_place(world in world(), at in KINDS) {
        let mut denied = world;
        let whom = if at == 3 { r#""Principal":"*","# } else { "" };
        denied.statements[at].push(format!(r#"{{"Effect":"Deny",{whom}"Action":"*","Resource":"*"}}"#));
        let explicit = matches!(denied.decide().decision, Decision::ExplicitDeny { .. });
        prop_assert!(explicit);
    }

    #[test]
    fn order_does_not_matter(world in world()) {
        let mut reversed = world.clone();
        reversed.statements.iter_mut().for_each(|statements| statements.reverse());
        prop_assert_eq!(world.decide().decision, reversed.decide().decision);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        for kind in [PolicyKind::Identity, PolicyKind::Resource, PolicyKind::Trust] {
            let _ = Policy::parse(&text, kind);
        }
    }

    #[test]
    fn arbitrary_json_never_panics(json in json(), at in element(&["Statement", "Principal", "Action", "Resource", "Condition"])) {
        let document = match at {
            "Statement" => format!(r#"{{"Version":"2012-10-17","Statement":{json}}}"#),
            element => {
                let rest: Vec<String> = [("Principal", r#""*""#), ("Action", r#""s3:*""#), ("Resource", r#""*""#), ("Condition", "{}")]
                    .iter()
                    .map(|(name, plain)| format!(r#""{name}":{}"#, if *name == element { json.as_str() } else { plain }))
                    .collect();
                format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow",{}}}}}"#, rest.join(","))
            }
        };
        for kind in [PolicyKind::Identity, PolicyKind::Resource, PolicyKind::Trust, PolicyKind::Key] {
            if let Ok(policy) = Policy::parse(&document, kind) {
                let owner = account(ACCOUNT);
                let keys = ConditionKeys::new();
                let request = Request { action: "s3:GetObject", resource: "arn:aws:s3:::b/k", keys: &keys };
                let _ = evaluate(&who("role"), &request, ResourcePolicy::required(&policy, &owner));
            }
        }
    }
}

/// JSON made of the words that mean something to the parser.
fn json() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        element(&[
            "AWS",
            "Service",
            "Effect",
            "Allow",
            "Action",
            "s3:*",
            "*",
            "StringLike",
            "ForAnyValue:ArnLike",
            "IpAddress",
            "NumericLessThan",
            "DateEquals",
            "Null",
            "aws:SourceIp",
            "aws:PrincipalArn",
            "${aws:username}",
            "${",
            "arn:aws:s3:::${*}",
            "111122223333",
            "true",
            "2026-01-01"
        ])
        .prop_map(str::to_owned),
        "[a-z:*$?{}' ,]{0,8}",
    ]
    .prop_map(|word| serde_json::Value::from(word).to_string());
    let leaf = prop_oneof![4 => word.clone(), 1 => element(&["null", "true", "1", "-1.5", "1e300", "{}", "[]"]).prop_map(str::to_owned)];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec((word.clone(), inner), 0..4).prop_map(|members| {
                let members: Vec<String> = members.into_iter().map(|(name, value)| format!("{name}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}
