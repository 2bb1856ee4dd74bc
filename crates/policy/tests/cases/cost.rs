//! What one decision may cost, counted in comparisons.

use arqueta_policy::{BUDGET, ConditionKeys, Decision, Evaluation, PolicyKind, Request, ResourcePolicy, evaluate};

use crate::harness::{ACCOUNT, account, parse, who};

/// Decides under a policy that allows everything but what `condition` denies.
fn decide(condition: &str, keys: &ConditionKeys<'_>) -> Evaluation {
    let json = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}},
            {{"Effect":"Deny","Action":"*","Resource":"*","Condition":{condition}}}]}}"#
    );
    let mut identity = who("user");
    identity.policies = [parse(&json, PolicyKind::Identity)].into();
    let request = Request { action: "s3:ListBucket", resource: "arn:aws:s3:::b", keys };
    evaluate(&identity, &request, ResourcePolicy::additive(None, &account(ACCOUNT)))
}

#[test]
fn a_long_literal_against_a_long_value_costs_their_sum() {
    let keys = ConditionKeys::new().with("s3:prefix", "a".repeat(1024 * 1024));
    let condition = format!(r#"{{"StringLike":{{"s3:prefix":"*{}b"}}}}"#, "a".repeat(10_000));
    let got = decide(&condition, &keys);
    assert!(got.is_allowed());
    assert!(got.steps < 140_000, "{}", got.steps);
}

#[test]
fn what_costs_more_than_the_budget_is_denied_and_stops() {
    let keys = ConditionKeys::new().with("s3:prefix", "a".repeat(1024 * 1024));
    let condition = format!(r#"{{"StringLike":{{"s3:prefix":"*a?{}b*"}}}}"#, "a".repeat(10_000));
    let got = decide(&condition, &keys);
    assert_eq!(got.decision, Decision::TooCostly);
    assert!(got.steps < 2 * BUDGET, "{}", got.steps);
    let said = got.decision.because("s3:ListBucket");
    assert_eq!(said.as_deref(), Some("because the policies that apply are too complex to evaluate"));
}

#[test]
fn many_values_of_a_key_cost_each_its_own_comparison() {
    // 28,000 tags in a header: what a request can carry before anyone knows who sent it.
    let mut keys = ConditionKeys::new();
    for n in 0..28_000 {
        keys.insert(&format!("s3:RequestObjectTag/{n}"), "v");
        keys.insert("s3:RequestObjectTagKeys", n.to_string());
    }
    let got = decide(r#"{"ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":"none"}}"#, &keys);
    assert!(got.is_allowed());
    assert!(got.steps < 40_000, "{}", got.steps);
    let got = decide(r#"{"StringEquals":{"s3:RequestObjectTag/27999":"v"}}"#, &keys);
    assert!(!got.is_allowed());
    assert!(got.steps < 20, "{}", got.steps);
}

#[test]
fn an_ordinary_decision_costs_next_to_nothing() {
    let keys = ConditionKeys::new().with("s3:prefix", "home/alice/");
    let got = decide(r#"{"StringLike":{"s3:prefix":["home/bob/*","*/secret/*"]}}"#, &keys);
    assert!(got.is_allowed());
    assert!(got.steps < BUDGET / 10_000, "{}", got.steps);
}
