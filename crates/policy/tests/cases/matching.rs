//! IAM User Guide, "IAM JSON policy elements: Action", "Resource", "NotAction", "NotResource",
//! "Variables and tags".

use arqueta_policy::{PolicyKind, Request, ResourcePolicy, evaluate};

use crate::harness::{ACCOUNT, account, keys, parse, rows, who};

/// action element | resource element | action | resource | allowed
const TABLE: &str = r#"
# Actions ignore case and take wildcards
"Action":"s3:GetObject"                 | "Resource":"*" | s3:GetObject        | arn:aws:s3:::b/k | yes
"Action":"S3:getobject"                 | "Resource":"*" | s3:GetObject        | arn:aws:s3:::b/k | yes
"Action":"s3:GetObject"                 | "Resource":"*" | s3:GetObjectVersion | arn:aws:s3:::b/k | no
"Action":"s3:Get*"                      | "Resource":"*" | s3:GetObjectVersion | arn:aws:s3:::b/k | yes
"Action":"s3:*Object"                   | "Resource":"*" | s3:DeleteObject     | arn:aws:s3:::b/k | yes
"Action":"s3:*Object"                   | "Resource":"*" | s3:DeleteObjectTagging | arn:aws:s3:::b/k | no
"Action":"s3:?etObject"                 | "Resource":"*" | s3:GetObject        | arn:aws:s3:::b/k | yes
"Action":"s3:*"                         | "Resource":"*" | kms:Decrypt         | arn:aws:kms:r:1:key/k | no
"Action":"*"                            | "Resource":"*" | kms:Decrypt         | arn:aws:kms:r:1:key/k | yes
"Action":["s3:PutObject","kms:Decrypt"] | "Resource":"*" | kms:Decrypt         | arn:aws:kms:r:1:key/k | yes
"NotAction":"s3:DeleteBucket"           | "Resource":"*" | s3:GetObject        | arn:aws:s3:::b/k | yes
"NotAction":"s3:Delete*"                | "Resource":"*" | s3:DeleteBucket     | arn:aws:s3:::b   | no
"NotAction":["iam:*","sts:*"]           | "Resource":"*" | iam:CreateUser      | *                | no

# Resources keep case; a wildcard of a field stays in its field, the last one takes everything
"Action":"*" | "Resource":"arn:aws:s3:::b/*"           | s3:GetObject | arn:aws:s3:::b/a/b      | yes
"Action":"*" | "Resource":"arn:aws:s3:::b/*"           | s3:GetObject | arn:aws:s3:::b          | no
"Action":"*" | "Resource":"arn:aws:s3:::b/*"           | s3:GetObject | arn:aws:s3:::B/a        | no
"Action":"*" | "Resource":"arn:aws:s3:::b"             | s3:GetObject | arn:aws:s3:::b/a        | no
"Action":"*" | "Resource":["arn:aws:s3:::a","arn:aws:s3:::b"] | s3:ListBucket | arn:aws:s3:::b  | yes
"Action":"*" | "Resource":"arn:aws:s3:::b/?.txt"       | s3:GetObject | arn:aws:s3:::b/a.txt    | yes
"Action":"*" | "Resource":"arn:aws:s3:::b/?.txt"       | s3:GetObject | arn:aws:s3:::b/ab.txt   | no
"Action":"*" | "Resource":"arn:aws:kms:*:111122223333:key/*" | kms:Decrypt | arn:aws:kms:eu-west-1:111122223333:key/k | yes
"Action":"*" | "Resource":"arn:aws:kms:*:111122223333:key/*" | kms:Decrypt | arn:aws:kms:eu-west-1:444455556666:key/k | no
"Action":"*" | "Resource":"arn:aws:kms:*:key/*"        | kms:Decrypt  | arn:aws:kms:eu-west-1:111122223333:key/k | no
"Action":"*" | "Resource":"arn:aws:iam::*:user/x"      | iam:GetUser  | arn:aws:iam::111122223333:role/y:user/x  | no
"Action":"*" | "Resource":"arn:aws:sqs"                | sqs:SendMessage | arn:aws:sqs:eu-west-1:111122223333:q | yes
"Action":"*" | "Resource":"arn:aws:s3:::*"             | s3:ListAllMyBuckets | arn:aws:s3:::* | yes
"Action":"*" | "Resource":"arn:aws:s3:::bucket"        | s3:ListAllMyBuckets | arn:aws:s3:::* | no
"Action":"*" | "Resource":"*"                          | iam:ListUsers | *                     | yes
"Action":"*" | "NotResource":"arn:aws:s3:::b/*"        | s3:GetObject | arn:aws:s3:::c/k        | yes
"Action":"*" | "NotResource":"arn:aws:s3:::b/*"        | s3:GetObject | arn:aws:s3:::b/k        | no
"Action":"*" | "NotResource":["arn:aws:s3:::a/*","arn:aws:s3:::b/*"] | s3:GetObject | arn:aws:s3:::a/k | no
"Action":"*" | "Resource":"arn:aws:s3:::b/a:*"         | s3:GetObject | arn:aws:s3:::b/a:b:c    | yes

# Variables: the request's value as plain text
"Action":"*" | "Resource":"arn:aws:s3:::b/${aws:username}/*"           | s3:GetObject | arn:aws:s3:::b/alice/k  | yes
"Action":"*" | "Resource":"arn:aws:s3:::b/${AWS:UserName}/*"           | s3:GetObject | arn:aws:s3:::b/alice/k  | yes
"Action":"*" | "Resource":"arn:aws:s3:::b/${aws:username}/*"           | s3:GetObject | arn:aws:s3:::b/bob/k    | no
"Action":"*" | "Resource":"arn:aws:s3:::b/${aws:PrincipalTag/team}/*"  | s3:GetObject | arn:aws:s3:::b/red/k    | yes
"Action":"*" | "Resource":"arn:aws:s3:::b/${aws:PrincipalTag/Team}/*"  | s3:GetObject | arn:aws:s3:::b/red/k    | yes
"Action":"*" | "Resource":"arn:aws:s3:::b/${aws:PrincipalTag/none}/*"  | s3:GetObject | arn:aws:s3:::b//k       | no
"Action":"*" | "Resource":"arn:aws:s3:::b/${aws:PrincipalTag/none, 'all'}/*" | s3:GetObject | arn:aws:s3:::b/all/k | yes
"Action":"*" | "Resource":"arn:aws:s3:::b/${aws:PrincipalTag/team, 'all'}/*" | s3:GetObject | arn:aws:s3:::b/all/k | no
"Action":"*" | "Resource":"arn:aws:s3:::b/${aws:PrincipalTag/star}"    | s3:GetObject | arn:aws:s3:::b/anything | no
"Action":"*" | "Resource":"arn:aws:s3:::b/${aws:PrincipalTag/star}"    | s3:GetObject | arn:aws:s3:::b/*        | yes
"Action":"*" | "Resource":"arn:aws:s3:::b/${*}"                        | s3:GetObject | arn:aws:s3:::b/*        | yes
"Action":"*" | "Resource":"arn:aws:s3:::b/${*}"                        | s3:GetObject | arn:aws:s3:::b/k        | no
"Action":"*" | "Resource":"arn:aws:s3:::b/${?}${$}"                    | s3:GetObject | arn:aws:s3:::b/?$       | yes
"Action":"*" | "Resource":"arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}" | iam:GetUser | arn:aws:iam::111122223333:user/alice | yes
"Action":"*" | "Resource":"arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}" | iam:GetUser | arn:aws:iam::444455556666:user/alice | no
"Action":"*" | "Resource":"arn:aws:s3:::b/${aws:userid}"               | s3:GetObject | arn:aws:s3:::b/AIDACKCEVSQ6C2EXAMPLE | yes
"Action":"*" | "Resource":"arn:aws:s3:::b/${aws:TagKeys}"              | s3:GetObject | arn:aws:s3:::b/a        | no
"Action":"*" | "NotResource":"arn:aws:s3:::b/${aws:PrincipalTag/none}/*" | s3:GetObject | arn:aws:s3:::c/k     | no
"#;

fn allowed(version: &str, actions: &str, resources: &str, action: &str, resource: &str) -> bool {
    let json = format!(r#"{{{version}"Statement":{{"Effect":"Allow",{actions},{resources}}}}}"#);
    let mut identity = who("user");
    identity.tags = [("Team".to_owned(), "red".to_owned()), ("star".to_owned(), "*".to_owned())].into();
    identity.policies = [parse(&json, PolicyKind::Identity)].into();
    let keys = keys("aws:TagKeys=a; aws:TagKeys=b");
    let request = Request { action, resource, keys: &keys };
    evaluate(&identity, &request, ResourcePolicy::additive(None, &account(ACCOUNT))).is_allowed()
}

#[test]
fn actions_resources_and_variables() {
    for row in rows(TABLE) {
        let [actions, resources, action, resource, expected] = row[..] else { panic!("{row:?}") };
        let got = allowed(r#""Version":"2012-10-17","#, actions, resources, action, resource);
        assert_eq!(got, expected == "yes", "{row:?}");
    }
}

#[test]
fn documents_of_2008_have_no_variables() {
    let resources = r#""Resource":"arn:aws:s3:::b/${aws:username}""#;
    for version in ["", r#""Version":"2008-10-17","#] {
        assert!(!allowed(version, r#""Action":"*""#, resources, "s3:GetObject", "arn:aws:s3:::b/alice"));
        assert!(allowed(version, r#""Action":"*""#, resources, "s3:GetObject", "arn:aws:s3:::b/${aws:username}"));
    }
}

/// AWS: "If a variable cannot be resolved, the statement does not match"; a Deny must not be
/// escaped that way.
#[test]
fn a_variable_without_a_value_widens_a_negated_deny() {
    let json = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"*","Resource":"*"},
        {"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::b/${aws:PrincipalTag/none}/*"}]}"#;
    let mut identity = who("user");
    identity.policies = [parse(json, PolicyKind::Identity)].into();
    let keys = keys("-");
    let request = Request { action: "s3:GetObject", resource: "arn:aws:s3:::c/k", keys: &keys };
    assert!(!evaluate(&identity, &request, ResourcePolicy::additive(None, &account(ACCOUNT))).is_allowed());
}

#[test]
fn variables_in_conditions() {
    const TABLE: &str = r#"
        {"StringLike":{"s3:prefix":"${aws:username}/*"}}        | s3:prefix=alice/x  | yes
        {"StringLike":{"s3:prefix":"${aws:username}/*"}}        | s3:prefix=bob/x    | no
        {"StringEquals":{"s3:prefix":"${aws:username}"}}        | s3:prefix=alice    | yes
        {"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}} | aws:ResourceTag/team=red  | yes
        {"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}} | aws:ResourceTag/team=blue | no
        {"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/none}"}} | aws:ResourceTag/team=     | no
        {"StringNotEquals":{"s3:prefix":"${aws:PrincipalTag/none}"}} | s3:prefix=x   | no
        {"ArnLike":{"aws:SourceArn":"arn:aws:iam::*:user/${aws:username}"}} | aws:SourceArn=arn:aws:iam::111122223333:user/alice | yes
        {"StringEquals":{"s3:prefix":["x","${aws:username}"]}}  | s3:prefix=alice    | yes
        {"StringEquals":{"s3:prefix":["x","${aws:PrincipalTag/none}"]}} | s3:prefix=x | yes
    "#;
    for row in rows(TABLE) {
        let [condition, given, expected] = row[..] else { panic!("{row:?}") };
        let json = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}}}"#
        );
        let mut identity = who("user");
        identity.tags = [("team".to_owned(), "red".to_owned())].into();
        identity.policies = [parse(&json, PolicyKind::Identity)].into();
        let keys = keys(given);
        let request = Request { action: "s3:ListBucket", resource: "arn:aws:s3:::b", keys: &keys };
        let got = evaluate(&identity, &request, ResourcePolicy::additive(None, &account(ACCOUNT))).is_allowed();
        assert_eq!(got, expected == "yes", "{row:?}");
    }
}
