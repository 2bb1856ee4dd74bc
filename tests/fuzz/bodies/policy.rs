//! Policies: no text makes the parser or the evaluator panic, and an explicit deny wins over
//! whatever the text allows.

use std::sync::Arc;

use arqueta_model::{AccountId, Principal};
use arqueta_policy::{ConditionKeys, Identity, Policy, PolicyKind, Request, ResourcePolicy, evaluate};

const DENY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;

const REQUESTS: [(&str, &str); 3] = [
    ("s3:GetObject", "arn:aws:s3:::b/k"),
    ("kms:Decrypt", "arn:aws:kms:us-east-1:111122223333:key/k"),
    ("sts:AssumeRole", "arn:aws:iam::111122223333:role/r"),
];

/// What the smoke run begins with.
pub const SEEDS: &[&[u8]] = &[
    br#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}"#,
    br#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:Get*","s3:PutObject"],"Resource":"arn:aws:s3:::b/${aws:username}/*","Condition":{"StringLike":{"s3:prefix":["a*","${aws:PrincipalTag/x}"]}}}}"#,
    br#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:root"},"NotAction":"sts:AssumeRole","Resource":"*","Condition":{"Null":{"kms:ViaService":"true"},"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}}]}"#,
];

/// One input.
pub fn run(text: &str) {
    let account: AccountId = "111122223333".parse().expect("a literal");
    let mut identity = Identity::bare(Principal::root(&account, "AKIA"));
    if let Ok(policy) = Policy::parse(text, PolicyKind::Identity) {
        let deny = Policy::parse(DENY, PolicyKind::Identity).expect("a literal");
        identity.policies = [Arc::new(policy), Arc::new(deny)].into_iter().collect();
    }
    let denied = !identity.policies.is_empty();
    let keys = ConditionKeys::new().with("s3:prefix", "a").with("kms:ViaService", "s3.us-east-1.amazonaws.com");
    for kind in [PolicyKind::Resource, PolicyKind::Key, PolicyKind::Trust] {
        let Ok(policy) = Policy::parse(text, kind) else { continue };
        let _ = policy.is_public();
        for (action, resource) in REQUESTS {
            let request = Request { action, resource, keys: &keys };
            let owner = ResourcePolicy::required(&policy, &account);
            assert!(!(denied && evaluate(&identity, &request, owner).is_allowed()), "a deny lost");
        }
    }
    for (action, resource) in REQUESTS {
        let request = Request { action, resource, keys: &keys };
        let outcome = evaluate(&identity, &request, ResourcePolicy::additive(None, &account));
        assert!(!(denied && outcome.is_allowed()), "a deny lost");
    }
}
