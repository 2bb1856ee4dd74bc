//! IAM User Guide, "AWS global condition context keys": what each kind of principal and request
//! says about itself, and which answers may be remembered.

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
user      | aws:username           | alice                                  | yes
role      | aws:username           | -                                      | yes
root      | aws:username           | -                                      | yes
user      | aws:userid             | AIDACKCEVSQ6C2EXAMPLE                  | yes
role      | aws:userid             | AROACKCEVSQ6C2EXAMPLE:s1               | no
root      | aws:userid             | 111122223333                           | yes
federated | aws:userid             | 111122223333:ann                       | no
anonymous | aws:userid             | anonymous                              | yes
user      | aws:PrincipalArn       | arn:aws:iam::111122223333:user/alice   | yes
role      | aws:PrincipalArn       | arn:aws:iam::111122223333:role/app     | yes
root      | aws:PrincipalArn       | arn:aws:iam::111122223333:root         | yes
federated | aws:PrincipalArn       | arn:aws:sts::111122223333:federated-user/ann | yes
anonymous | aws:PrincipalArn       | -                                      | yes
user      | aws:PrincipalAccount   | 111122223333                           | yes
anonymous | aws:PrincipalAccount   | -                                      | yes
user      | aws:PrincipalType      | User                                   | yes
role      | aws:PrincipalType      | AssumedRole                            | yes
root      | aws:PrincipalType      | Account                                | yes
federated | aws:PrincipalType      | FederatedUser                          | yes
anonymous | aws:PrincipalType      | Anonymous                              | yes
service   | aws:PrincipalServiceName | cloudtrail.amazonaws.com             | yes
service   | aws:PrincipalIsAWSService | true                                | yes
user      | aws:PrincipalIsAWSService | false                               | yes
user      | aws:TokenIssueTime     | -                                      | yes
role      | aws:TokenIssueTime     | 2026-01-01T00:00:00Z                   | no
user      | aws:MultiFactorAuthPresent | -                                  | yes
role      | aws:MultiFactorAuthPresent | true                               | no
role      | aws:MultiFactorAuthAge | 90                                     | no
web       | aws:FederatedProvider  | accounts.example.com                   | yes
user      | aws:SourceIp           | 203.0.113.9                            | no
user      | aws:SecureTransport    | true                                   | no
user      | aws:UserAgent          | aws-cli/2                              | no
user      | aws:CurrentTime        | 2026-01-01T00:01:30Z                   | no
user      | aws:EpochTime          | 1767225690                             | no
user      | aws:RequestedRegion    | eu-west-1                              | yes
user      | aws:ViaAWSService      | false                                  | yes
user      | kms:ViaService         | -                                      | yes
user      | aws:ResourceAccount    | 111122223333                           | yes
user      | aws:PrincipalTag/team  | -                                      | yes
"#;

#[test]
fn what_each_principal_and_request_says() {
    for row in rows(TABLE) {
        let [name, key, value, remembered] = row[..] else { panic!("{row:?}") };
        let condition = match value {
            "-" => format!(r#"{{"Null":{{"{key}":"true"}}}}"#),
            value => format!(r#"{{"StringEquals":{{"{key}":"{value}"}}}}"#),
        };
        let got = ask(&who(name), &info(), &condition);
        assert!(got.is_allowed(), "{row:?}");
        assert_eq!(!got.volatile, remembered == "yes", "{row:?}");
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
fn naming_a_session_makes_the_answer_one_of_that_session() {
    let policy = parse(
        r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/app/s2"},"Action":"*","Resource":"*"},
            {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/app"},"Action":"*","Resource":"*"}]}"#,
        PolicyKind::Key,
    );
    let keys = ConditionKeys::new();
    let request = Request { action: "kms:Decrypt", resource: "*", keys: &keys };
    let owner = account(ACCOUNT);
    assert!(evaluate(&who("role"), &request, ResourcePolicy::required(&policy, &owner)).volatile);
    assert!(!evaluate(&who("user"), &request, ResourcePolicy::required(&policy, &owner)).volatile);
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
    assert!(got.is_allowed() && !got.volatile);
}
