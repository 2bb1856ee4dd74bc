//! IAM User Guide, "AWS global condition context keys": what each kind of principal and request
//! says about itself.

use arqueta_model::{Region, RequestId, RequestInfo};
use arqueta_policy::{ConditionKeys, Evaluation, Identity, PolicyKind, Request, ResourcePolicy, evaluate};

use crate::harness::{ACCOUNT, NOW, account, parse, rows, who};

fn info() -> RequestInfo {
    RequestInfo {
        id: RequestId::from_bytes([0; 8]),
        source_ip: "203.0.113.9".parse().unwrap(),
        user_agent: "aws-cli/2".into(),
        secure_transport: true,
        tls: None,
        received: NOW.plus(std::time::Duration::from_secs(90)),
        via_service: None,
    }
}

fn ask(identity: &Identity, info: &RequestInfo, condition: &str) -> Evaluation {
    let region: Region = "eu-west-1".parse().unwrap();
    let json = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*","Condition":{condition}}}}}"#
    );
    let policy = parse(&json, PolicyKind::Key);
    let keys = ConditionKeys::of_request(info, &region);
    let request = Request { action: "kms:Decrypt", resource: "arn:aws:kms:eu-west-1:111122223333:key/k", keys: &keys };
    evaluate(identity, &request, ResourcePolicy::required(&policy, &account(ACCOUNT)))
}

/// who | key | value (`-`: absent) | may the answer be remembered
const TABLE: &str = r#"
user      | aws:username           | alice
role      | aws:username           | -
root      | aws:username           | -
user      | aws:userid             | AIDACKCEVSQ6C2EXAMPLE
role      | aws:userid             | AROACKCEVSQ6C2EXAMPLE:s1
root      | aws:userid             | 111122223333
federated | aws:userid             | 111122223333:ann
anonymous | aws:userid             | anonymous
user      | aws:PrincipalArn       | arn:aws:iam::111122223333:user/alice
role      | aws:PrincipalArn       | arn:aws:iam::111122223333:role/app
root      | aws:PrincipalArn       | arn:aws:iam::111122223333:root
federated | aws:PrincipalArn       | arn:aws:sts::111122223333:federated-user/ann
anonymous | aws:PrincipalArn       | -
user      | aws:PrincipalAccount   | 111122223333
anonymous | aws:PrincipalAccount   | -
user      | aws:PrincipalType      | User
role      | aws:PrincipalType      | AssumedRole
root      | aws:PrincipalType      | Account
federated | aws:PrincipalType      | FederatedUser
anonymous | aws:PrincipalType      | Anonymous
service   | aws:PrincipalServiceName | cloudtrail.amazonaws.com
service   | aws:PrincipalIsAWSService | true
user      | aws:PrincipalIsAWSService | false
user      | aws:TokenIssueTime     | -
role      | aws:TokenIssueTime     | 2026-01-01T00:00:00Z
user      | aws:MultiFactorAuthPresent | -
role      | aws:MultiFactorAuthPresent | true
role      | aws:MultiFactorAuthAge | 90
web       | aws:FederatedProvider  | accounts.example.com
user      | aws:SourceIp           | 203.0.113.9
user      | aws:SecureTransport    | true
user      | aws:UserAgent          | aws-cli/2
user      | aws:CurrentTime        | 2026-01-01T00:01:30Z
user      | aws:EpochTime          | 1767225690
user      | aws:RequestedRegion    | eu-west-1
user      | aws:ViaAWSService      | false
user      | kms:ViaService         | -
user      | aws:ResourceAccount    | 111122223333
user      | aws:PrincipalTag/team  | -
"#;

#[test]
fn what_each_principal_and_request_says() {
    for row in rows(TABLE) {
        let [name, key, value] = row[..] else { panic!("{row:?}") };
        let condition = match value {
            "-" => format!(r#"{{"Null":{{"{key}":"true"}}}}"#),
            value => format!(r#"{{"StringEquals":{{"{key}":"{value}"}}}}"#),
        };
        assert!(ask(&who(name), &info(), &condition).is_allowed(), "{row:?}");
    }
}

#[test]
fn a_service_that_calls_for_the_principal_is_named() {
    let mut info = info();
    info.via_service = Some("s3.eu-west-1.amazonaws.com".into());
    for condition in [
        r#"{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}"#,
        r#"{"Bool":{"aws:ViaAWSService":"true"}}"#,
    ] {
        assert!(ask(&who("user"), &info, condition).is_allowed(), "{condition}");
    }
}

#[test]
fn what_the_service_says_wins_over_the_global_key() {
    let region: Region = "eu-west-1".parse().unwrap();
    let info = info();
    let mut keys = ConditionKeys::of_request(&info, &region).with("aws:SourceIp", "10.0.0.1");
    keys.insert_all("aws:TagKeys", Vec::<String>::new());
    let json = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*",
        "Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"Null":{"aws:TagKeys":"true"}}}}"#;
    let mut identity = who("user");
    identity.policies = [parse(json, PolicyKind::Identity)].into();
    let request = Request { action: "s3:GetObject", resource: "*", keys: &keys };
    let got = evaluate(&identity, &request, ResourcePolicy::additive(None, &account(ACCOUNT)));
    assert!(got.is_allowed());
}

#[test]
fn a_key_of_one_action_is_absent_from_others() {
    let owner = account(ACCOUNT);
    let mut keys = ConditionKeys::new();
    keys.set_for("s3:PutObject", "s3:objectcreationoperation", "true");
    let mut identity = who("user");
    let json = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"s3:ObjectCreationOperation":"true"}}}}"#;
    identity.policies = [parse(json, PolicyKind::Identity)].into();
    for (action, allowed) in [("s3:PutObject", true), ("s3:putobject", true), ("s3:GetObject", false)] {
        let request = Request { action, resource: "arn:aws:s3:::b/k", keys: &keys };
        let got = evaluate(&identity, &request, ResourcePolicy::additive(None, &owner));
        assert_eq!(got.is_allowed(), allowed, "{action}");
    }
}

#[test]
fn who_looks_values_up_can_ask_whether_anybody_wants_them() {
    let json = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}/*",
        "Condition":{"StringEquals":{"S3:ExistingObjectTag/Team":"${aws:PrincipalTag/team, 'x'}"}}}]}"#;
    let policy = parse(json, PolicyKind::Identity);
    for name in ["s3:existingobjecttag/", "s3:existingobjecttag/team", "aws:username", "aws:principaltag/"] {
        assert!(policy.mentions(name), "{name}");
    }
    for name in ["s3:existingobjecttag", "s3:existingobjecttag/t", "s3:requestobjecttag/", "aws:userid", "", "z"] {
        assert!(!policy.mentions(name), "{name}");
    }
}
