//! IAM User Guide, "Policy evaluation logic": which policies decide, for each kind of principal.

use std::sync::Arc;

use arqueta_policy::{Decision, Identity, Policy, PolicyKind, PolicyType, Request, ResourcePolicy, evaluate};

use crate::harness::{ACCOUNT, account, keys, parse, rows, who};

/// who | identity | boundary | session | resource | outcome
///
/// `-`: there is none. `silent`: there is one that says nothing about the request. Resource
/// cells name whom the policy allows or denies.
const ADDITIVE: &str = r#"
# A user of the bucket's account
user | -      | -      | - | -               | no identity-based policy
user | silent | -      | - | silent          | no identity-based policy
user | allow  | -      | - | -               | allow
user | deny   | -      | - | allow user      | deny identity-based policy
user | allow  | -      | - | deny everyone   | deny resource-based policy
user | -      | -      | - | allow user      | allow
user | -      | -      | - | allow everyone  | allow
user | -      | -      | - | allow account   | no identity-based policy
user | allow  | -      | - | allow account   | allow

# A boundary limits identity-based policies, not what a resource grants the user itself
user | allow  | silent | - | -               | no permissions boundary
user | allow  | allow  | - | -               | allow
user | allow  | deny   | - | -               | deny permissions boundary
user | silent | allow  | - | -               | no identity-based policy
user | -      | silent | - | allow user      | allow
user | -      | deny   | - | allow user      | deny permissions boundary
user | allow  | silent | - | allow account   | no permissions boundary

# A role session: boundary and session policy limit what the role gets, not what the session gets
role | allow  | -      | -      | -             | allow
role | -      | -      | -      | allow role    | allow
role | -      | silent | -      | allow role    | no permissions boundary
role | -      | -      | silent | allow role    | no session policy
role | -      | allow  | allow  | allow role    | allow
role | -      | silent | silent | allow session | allow
# IAM User Guide, "How AWS enforcement code logic evaluates requests" and "AWS JSON policy elements:
# Principal": boundaries and session policies do not limit what is granted to everyone, with or
# without a condition on aws:PrincipalArn, unless they deny.
role | -      | silent | -      | allow everyone | allow
role | -      | -      | silent | allow everyone | allow
role | -      | -      | deny   | allow everyone | deny session policy
role | -      | deny   | -      | allow session | deny permissions boundary
role | -      | -      | deny   | allow session | deny session policy
role | allow  | -      | silent | -             | no session policy
role | allow  | -      | allow  | -             | allow
role | allow  | silent | allow  | -             | no permissions boundary
role | silent | -      | allow  | -             | no identity-based policy
role | -      | -      | allow  | allow account | no identity-based policy
role | allow  | -      | empty  | -             | no session policy
role | deny   | -      | -      | allow session | deny identity-based policy

# A federated user acts within its user and its session policy
federated | allow | - | empty  | -               | no session policy
federated | allow | - | allow  | -               | allow
federated | -     | - | allow  | -               | no identity-based policy
federated | -     | - | silent | allow user      | no session policy
federated | -     | - | allow  | allow user      | allow
federated | -     | - | empty  | allow federated | allow

# The root user
root | - | - | - | -             | allow
root | - | - | - | silent        | allow
root | - | - | - | deny everyone | deny resource-based policy

# Another account needs both sides
stranger | allow  | -      | - | -               | no resource-based policy
stranger | allow  | -      | - | allow stranger  | allow
stranger | allow  | -      | - | allow strangers | allow
stranger | allow  | -      | - | allow everyone  | allow
stranger | -      | -      | - | allow stranger  | no identity-based policy
stranger | -      | -      | - | allow everyone  | no identity-based policy
stranger | allow  | silent | - | allow stranger  | no permissions boundary
stranger | allow  | -      | - | deny everyone   | deny resource-based policy
stranger | deny   | -      | - | allow stranger  | deny identity-based policy
stranger | allow  | -      | - | allow user      | no resource-based policy
strange-root | -  | -      | - | allow strangers | allow
strange-root | -  | -      | - | -               | no resource-based policy

# Nobody's identity-based policies
anonymous | - | - | - | -              | no resource-based policy
anonymous | - | - | - | allow everyone | allow
anonymous | - | - | - | allow account  | no resource-based policy
anonymous | - | - | - | deny everyone  | deny resource-based policy
service   | - | - | - | allow service  | allow
service   | - | - | - | -              | no resource-based policy
"#;

const REQUIRED: &str = r#"
# The key policy alone decides who gets in; naming the account lets identity-based policies decide
user | allow | - | - | silent         | no resource-based policy
user | -     | - | - | allow user     | allow
user | -     | - | - | allow account  | no identity-based policy
user | allow | - | - | allow account  | allow
user | deny  | - | - | allow account  | deny identity-based policy
user | allow | silent | - | allow account | no permissions boundary
user | -     | silent | - | allow user    | allow
user | allow | - | - | deny everyone  | deny resource-based policy
role | -     | - | - | allow role     | allow
role | -     | - | silent | allow role    | no session policy
role | -     | - | silent | allow session | allow
role | allow | - | allow  | allow account | allow
role | allow | - | silent | allow account | no session policy
role | allow | - | -      | silent        | no resource-based policy
root | -     | - | - | silent         | no resource-based policy
root | -     | - | - | allow account  | allow
root | -     | - | - | allow user     | no resource-based policy
stranger | allow | - | - | allow strangers | allow
stranger | -     | - | - | allow strangers | no identity-based policy
stranger | allow | - | - | allow account   | no resource-based policy
strange-root | - | - | - | allow strangers | allow
anonymous | -    | - | - | allow account   | no resource-based policy
"#;

const ACTION: &str = "kms:Decrypt";

fn identity_policy(cell: &str, kind: PolicyKind) -> Option<Arc<Policy>> {
    let statement = |effect: &str, action: &str| {
        parse(&format!(r#"{{"Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"*"}}}}"#), kind)
    };
    match cell {
        "-" | "empty" => None,
        "silent" => Some(statement("Allow", "s3:ListBucket")),
        "allow" => Some(statement("Allow", ACTION)),
        "deny" => Some(statement("Deny", ACTION)),
        other => panic!("{other}"),
    }
}

fn resource_policy(cell: &str) -> Option<Arc<Policy>> {
    let (effect, whom) = match cell {
        "-" => return None,
        "silent" => ("allow", "nobody"),
        cell => cell.split_once(' ').unwrap(),
    };
    let principal = match whom {
        "everyone" => r#""*""#.to_owned(),
        "account" => format!(r#"{{"AWS":"{ACCOUNT}"}}"#),
        "strangers" => r#"{"AWS":"arn:aws:iam::444455556666:root"}"#.to_owned(),
        "service" => r#"{"Service":"cloudtrail.amazonaws.com"}"#.to_owned(),
        "nobody" => r#"{"AWS":"999999999999"}"#.to_owned(),
        named => format!(
            r#"{{"AWS":"{}"}}"#,
            match named {
                "user" => "arn:aws:iam::111122223333:user/alice",
                "role" => "arn:aws:iam::111122223333:role/app",
                "session" => "arn:aws:sts::111122223333:assumed-role/app/s1",
                "federated" => "arn:aws:sts::111122223333:federated-user/ann",
                "stranger" => "arn:aws:iam::444455556666:user/eve",
                other => panic!("{other}"),
            }
        ),
    };
    let effect = if effect == "allow" { "Allow" } else { "Deny" };
    let json = format!(
        r#"{{"Statement":{{"Effect":"{effect}","Principal":{principal},"Action":"{ACTION}","Resource":"*"}}}}"#
    );
    Some(parse(&json, PolicyKind::Key))
}

fn outcome(cell: &str) -> Decision {
    let why = |name: &str| match name {
        "identity-based policy" => PolicyType::Identity,
        "permissions boundary" => PolicyType::Boundary,
        "session policy" => PolicyType::Session,
        "resource-based policy" => PolicyType::Resource,
        other => panic!("{other}"),
    };
    match cell.split_once(' ') {
        None => Decision::Allow,
        Some(("no", name)) => Decision::ImplicitDeny { why: why(name) },
        Some((_, name)) => Decision::ExplicitDeny { why: why(name) },
    }
}

fn identity(name: &str, own: &str, boundary: &str, session: &str) -> Identity {
    let mut identity = who(name);
    identity.policies = identity_policy(own, PolicyKind::Identity).into_iter().collect();
    identity.boundary = identity_policy(boundary, PolicyKind::Boundary);
    identity.session = (session != "-").then(|| identity_policy(session, PolicyKind::Session).into_iter().collect());
    identity
}

fn check(table: &str, required: bool) {
    let owner = account(ACCOUNT);
    for row in rows(table) {
        let [name, own, boundary, session, resource, expected] = row[..] else { panic!("{row:?}") };
        let identity = identity(name, own, boundary, session);
        let policy = resource_policy(resource);
        let side = match required {
            true => ResourcePolicy::required(policy.as_deref().unwrap(), &owner),
            false => ResourcePolicy::additive(policy.as_deref(), &owner),
        };
        let keys = keys("-");
        let request = Request { action: ACTION, resource: "arn:aws:kms:r:111122223333:key/k", keys: &keys };
        let got = evaluate(&identity, &request, side);
        assert_eq!(got.decision, outcome(expected), "{row:?}");
        assert_eq!(got.cross_account, name.starts_with("strange"), "{row:?}");
    }
}

#[test]
fn policies_that_add_to_identity_based_ones() {
    check(ADDITIVE, false);
}

#[test]
fn policies_that_are_required() {
    check(REQUIRED, true);
}

#[test]
fn several_session_policies_allow_together_and_deny_alone() {
    let of = |cells: &[&str]| -> Decision {
        let mut identity = identity("role", "allow", "-", "-");
        identity.session = Some(cells.iter().filter_map(|cell| identity_policy(cell, PolicyKind::Session)).collect());
        let keys = keys("-");
        let request = Request { action: ACTION, resource: "*", keys: &keys };
        evaluate(&identity, &request, ResourcePolicy::additive(None, &account(ACCOUNT))).decision
    };
    assert_eq!(of(&["silent", "allow"]), Decision::Allow);
    assert_eq!(of(&["allow", "deny"]), Decision::ExplicitDeny { why: PolicyType::Session });
    assert_eq!(of(&[]), Decision::ImplicitDeny { why: PolicyType::Session });
}

#[test]
fn denials_speak_as_aws_does() {
    let keys = keys("-");
    let request = Request { action: "s3:GetObject", resource: "arn:aws:s3:::b/k", keys: &keys };
    let owner = account(ACCOUNT);
    let message = |identity: &Identity, policy: Option<&Policy>| {
        evaluate(identity, &request, ResourcePolicy::additive(policy, &owner)).denial(identity, &request)
    };
    assert_eq!(
        message(&who("user"), None).as_deref(),
        Some(
            "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: s3:GetObject on resource: \
             \"arn:aws:s3:::b/k\" because no identity-based policy allows the s3:GetObject action"
        )
    );
    let deny = parse(
        r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}}"#,
        PolicyKind::Resource,
    );
    assert!(message(&who("role"), Some(&deny)).unwrap().ends_with("with an explicit deny in a resource-based policy"));
    assert!(
        message(&who("role"), Some(&deny))
            .unwrap()
            .starts_with("User: arn:aws:sts::111122223333:assumed-role/app/s1 is")
    );
    assert!(message(&who("anonymous"), None).unwrap().starts_with("User: Anonymous is"));
    assert_eq!(message(&who("root"), None), None);
    let trust = parse(
        r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"999999999999"},"Action":"sts:AssumeRole"}}"#,
        PolicyKind::Trust,
    );
    let assume = Request { action: "sts:AssumeRole", resource: "arn:aws:iam::111122223333:role/r", keys: &keys };
    let got = evaluate(&who("user"), &assume, ResourcePolicy::required(&trust, &owner));
    let because = got.decision.because("sts:AssumeRole").unwrap();
    assert_eq!(because, "because no role trust policy allows the sts:AssumeRole action");
    let words = |why| Decision::ExplicitDeny { why }.because("x:Y").unwrap();
    assert_eq!(words(PolicyType::Identity), "with an explicit deny in an identity-based policy");
    assert_eq!(words(PolicyType::Boundary), "with an explicit deny in a permissions boundary");
    assert_eq!(words(PolicyType::Session), "with an explicit deny in a session policy");
    assert_eq!(words(PolicyType::Trust), "with an explicit deny in the role trust policy");
}
