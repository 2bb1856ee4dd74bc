//! IAM User Guide, "IAM JSON policy elements: Condition operators", "Set operators for
//! multivalued context keys".

use arqueta_policy::{PolicyKind, Request, ResourcePolicy, evaluate};

use crate::harness::{ACCOUNT, account, keys, parse, rows, who};

/// Whether an Allow statement with the condition applies.
fn applies(effect: &str, condition: &str, given: &str) -> bool {
    let statement = |effect: &str, condition: &str| {
        format!(r#"{{"Effect":"{effect}","Action":"s3:*","Resource":"*","Condition":{condition}}}"#)
    };
    let statements = match effect {
        "Allow" => statement("Allow", condition),
        _ => format!("{},{}", statement("Allow", "{}"), statement("Deny", condition)),
    };
    let json = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let mut identity = who("user");
    identity.policies = [parse(&json, PolicyKind::Identity)].into();
    let keys = keys(given);
    let request = Request { action: "s3:ListBucket", resource: "arn:aws:s3:::bucket", keys: &keys };
    let allowed = evaluate(&identity, &request, ResourcePolicy::additive(None, &account(ACCOUNT))).is_allowed();
    if effect == "Allow" { allowed } else { !allowed }
}

const TABLE: &str = r#"
# String operators
{"StringEquals":{"s3:prefix":"home"}}                              | s3:prefix=home            | yes
{"StringEquals":{"s3:prefix":"home"}}                              | s3:prefix=Home            | no
{"StringEquals":{"s3:prefix":"home"}}                              | s3:prefix=homes           | no
{"StringEquals":{"s3:prefix":"home*"}}                             | s3:prefix=homes           | no
{"StringEquals":{"s3:prefix":"home*"}}                             | s3:prefix=home*           | yes
{"StringEquals":{"s3:prefix":["a","b"]}}                           | s3:prefix=b               | yes
{"StringEquals":{"s3:prefix":["a","b"]}}                           | s3:prefix=c               | no
{"StringEquals":{"s3:prefix":""}}                                  | s3:prefix=                | yes
{"StringEquals":{"S3:PREFIX":"home"}}                              | s3:prefix=home            | yes
{"StringEquals":{"s3:prefix":"home"}}                              | -                         | no
{"StringNotEquals":{"s3:prefix":"home"}}                           | s3:prefix=home            | no
{"StringNotEquals":{"s3:prefix":"home"}}                           | s3:prefix=away            | yes
{"StringNotEquals":{"s3:prefix":["a","b"]}}                        | s3:prefix=b               | no
{"StringNotEquals":{"s3:prefix":["a","b"]}}                        | s3:prefix=c               | yes
{"StringNotEquals":{"s3:prefix":"home"}}                           | -                         | yes
{"StringEqualsIgnoreCase":{"s3:prefix":"HoMe"}}                    | s3:prefix=hOmE            | yes
{"StringEqualsIgnoreCase":{"s3:prefix":"HÉ"}}                      | s3:prefix=hé              | yes
{"StringEqualsIgnoreCase":{"s3:prefix":"home"}}                    | s3:prefix=homes           | no
{"StringNotEqualsIgnoreCase":{"s3:prefix":"HOME"}}                 | s3:prefix=home            | no
{"StringNotEqualsIgnoreCase":{"s3:prefix":"HOME"}}                 | s3:prefix=away            | yes
{"StringLike":{"s3:prefix":"home/*"}}                              | s3:prefix=home/a/b        | yes
{"StringLike":{"s3:prefix":"home/*"}}                              | s3:prefix=home            | no
{"StringLike":{"s3:prefix":"home/?"}}                              | s3:prefix=home/a          | yes
{"StringLike":{"s3:prefix":"home/?"}}                              | s3:prefix=home/ab         | no
{"StringLike":{"s3:prefix":["a*","b*"]}}                           | s3:prefix=bc              | yes
{"StringLike":{"s3:prefix":"*"}}                                   | s3:prefix=                | yes
{"StringLike":{"s3:prefix":"*"}}                                   | -                         | no
{"StringNotLike":{"s3:prefix":"home/*"}}                           | s3:prefix=home/a          | no
{"StringNotLike":{"s3:prefix":"home/*"}}                           | s3:prefix=away            | yes
{"StringNotLike":{"s3:prefix":["a*","b*"]}}                        | s3:prefix=bc              | no

# Numeric operators
{"NumericEquals":{"s3:max-keys":"10"}}                             | s3:max-keys=10            | yes
{"NumericEquals":{"s3:max-keys":10}}                               | s3:max-keys=10.0          | yes
{"NumericEquals":{"s3:max-keys":"10"}}                             | s3:max-keys=11            | no
{"NumericNotEquals":{"s3:max-keys":"10"}}                          | s3:max-keys=11            | yes
{"NumericNotEquals":{"s3:max-keys":["10","11"]}}                   | s3:max-keys=11            | no
{"NumericNotEquals":{"s3:max-keys":"10"}}                          | -                         | yes
{"NumericLessThan":{"s3:max-keys":"10"}}                           | s3:max-keys=9             | yes
{"NumericLessThan":{"s3:max-keys":"10"}}                           | s3:max-keys=10            | no
{"NumericLessThanEquals":{"s3:max-keys":"10"}}                     | s3:max-keys=10            | yes
{"NumericLessThanEquals":{"s3:max-keys":"10"}}                     | s3:max-keys=10.5          | no
{"NumericGreaterThan":{"s3:max-keys":"10"}}                        | s3:max-keys=100           | yes
{"NumericGreaterThan":{"s3:max-keys":"10"}}                        | s3:max-keys=9             | no
{"NumericGreaterThanEquals":{"s3:max-keys":"10"}}                  | s3:max-keys=10            | yes
{"NumericGreaterThanEquals":{"s3:max-keys":"-1"}}                  | s3:max-keys=-2            | no
{"NumericLessThan":{"s3:max-keys":"10"}}                           | s3:max-keys=ten           | neither
{"NumericLessThan":{"s3:max-keys":"10"}}                           | -                         | no
{"NumericLessThanIfExists":{"s3:max-keys":"10"}}                   | -                         | yes

# Date operators
{"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}        | aws:CurrentTime=2025-12-31T23:59:59Z      | yes
{"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}        | aws:CurrentTime=2026-01-01T00:00:00Z      | no
{"DateLessThanEquals":{"aws:CurrentTime":"2026-01-01"}}            | aws:CurrentTime=2026-01-01T00:00:00Z      | yes
{"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00+01:00"}}| aws:CurrentTime=2025-12-31T23:30:00Z      | yes
{"DateGreaterThanEquals":{"aws:CurrentTime":"2026"}}               | aws:CurrentTime=2026-06-01T00:00:00Z      | yes
{"DateGreaterThan":{"aws:EpochTime":"1767225600"}}                 | aws:EpochTime=1767225601                  | yes
{"DateLessThan":{"aws:EpochTime":"2026-01-01T00:00:00Z"}}          | aws:EpochTime=1767225599                  | yes
{"NumericLessThan":{"aws:EpochTime":"1767225600"}}                 | aws:EpochTime=1767225599                  | yes
{"DateEquals":{"aws:TokenIssueTime":"2026-01-01T00:00:00Z"}}       | aws:TokenIssueTime=2026-01-01T01:00:00+01:00 | yes
{"DateNotEquals":{"aws:TokenIssueTime":"2026-01-01T00:00:00Z"}}    | aws:TokenIssueTime=2026-01-01T00:00:00Z   | no
{"DateLessThan":{"aws:TokenIssueTime":"2026-01-01T00:00:00Z"}}     | -                                         | no
{"DateLessThan":{"aws:CurrentTime":"2026"}}                        | aws:CurrentTime=soon                      | neither

# Bool
{"Bool":{"aws:SecureTransport":"true"}}                            | aws:SecureTransport=true  | yes
{"Bool":{"aws:SecureTransport":true}}                              | aws:SecureTransport=true  | yes
{"Bool":{"aws:SecureTransport":"false"}}                           | aws:SecureTransport=true  | no
{"Bool":{"aws:SecureTransport":"TRUE"}}                            | aws:SecureTransport=true  | yes
{"Bool":{"aws:MultiFactorAuthPresent":"false"}}                    | -                         | no
{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}            | -                         | yes
{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}            | aws:MultiFactorAuthPresent=true | no
{"Bool":{"aws:SecureTransport":["true","false"]}}                  | aws:SecureTransport=false | yes
{"Bool":{"aws:SecureTransport":"true"}}                            | aws:SecureTransport=1     | neither

# BinaryEquals
{"BinaryEquals":{"x:key":"QmluYXJ5VmFsdWVJbkJhc2U2NA=="}}          | x:key=QmluYXJ5VmFsdWVJbkJhc2U2NA== | yes
{"BinaryEquals":{"x:key":"QmluYXJ5VmFsdWVJbkJhc2U2NA=="}}          | x:key=QmluYXJ5               | no
{"BinaryEquals":{"x:key":"AAAA"}}                                  | x:key=not base64          | neither

# IP address operators
{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}                    | aws:SourceIp=203.0.113.9  | yes
{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}                    | aws:SourceIp=203.0.114.9  | no
{"IpAddress":{"aws:SourceIp":"203.0.113.9"}}                       | aws:SourceIp=203.0.113.9  | yes
{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:DB8:1234:5678::/64"]}} | aws:SourceIp=2001:db8:1234:5678::1 | yes
{"IpAddress":{"aws:SourceIp":"2001:DB8:1234:5678::/64"}}           | aws:SourceIp=2001:db8:1234:5679::1 | no
{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}                    | aws:SourceIp=::ffff:203.0.113.9 | yes
{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}                         | aws:SourceIp=2001:db8::1  | no
{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}                 | aws:SourceIp=203.0.113.9  | no
{"NotIpAddress":{"aws:SourceIp":["192.0.2.0/24","203.0.113.0/24"]}}| aws:SourceIp=198.51.100.1 | yes
{"NotIpAddress":{"aws:SourceIp":["192.0.2.0/24","203.0.113.0/24"]}}| aws:SourceIp=203.0.113.9  | no
{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}                    | -                         | no
{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}                 | -                         | yes
{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}                    | aws:SourceIp=cloudformation.amazonaws.com | no

# ARN operators: six fields, each with its own wildcards
{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:eu-west-1:111122223333:topic"}}  | aws:SourceArn=arn:aws:sns:eu-west-1:111122223333:topic | yes
{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:eu-west-1:111122223333:topic"}}  | aws:SourceArn=arn:aws:sns:eu-west-1:111122223333:Topic | no
{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:*:111122223333:topic-*"}}        | aws:SourceArn=arn:aws:sns:eu-west-1:111122223333:topic-1 | yes
{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:*:topic"}}                       | aws:SourceArn=arn:aws:sns:eu-west-1:111122223333:topic | yes
{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:topic:x"}}                       | aws:SourceArn=arn:aws:sns:eu-west-1:111122223333:topic:x | no
{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::bucket*"}}                        | aws:SourceArn=arn:aws:s3:::bucket/a:b | yes
{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}}         | aws:PrincipalArn=arn:aws:iam::111122223333:role/a/b | yes
{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}}         | aws:PrincipalArn=arn:aws:iam::444455556666:role/a | no
{"ArnLike":{"aws:PrincipalArn":"*"}}                                        | aws:PrincipalArn=arn:aws:iam::444455556666:role/a | yes
{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::bucket"}}                         | aws:SourceArn=bucket | no
{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/admin"}}             | aws:PrincipalArn=arn:aws:iam::111122223333:role/admin | no
{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/admin"}}             | aws:PrincipalArn=arn:aws:iam::111122223333:role/other | yes
{"ArnNotEquals":{"aws:SourceArn":"arn:aws:s3:::bucket"}}                    | -                         | yes
{"ArnLikeIfExists":{"aws:SourceArn":"arn:aws:s3:::bucket"}}                 | -                         | yes
{"ArnEquals":{"aws:SourceArn":"arn:aws:s3:::bucket"}}                       | -                         | no

# IfExists
{"StringEqualsIfExists":{"s3:prefix":"home"}}                      | -                         | yes
{"StringEqualsIfExists":{"s3:prefix":"home"}}                      | s3:prefix=home            | yes
{"StringEqualsIfExists":{"s3:prefix":"home"}}                      | s3:prefix=away            | no
{"StringNotEqualsIfExists":{"s3:prefix":"home"}}                   | -                         | yes
{"StringNotEqualsIfExists":{"s3:prefix":"home"}}                   | s3:prefix=home            | no
{"IpAddressIfExists":{"aws:SourceIp":"10.0.0.0/8"}}                | aws:SourceIp=11.0.0.1     | no

# Null
{"Null":{"aws:TokenIssueTime":"true"}}                             | -                         | yes
{"Null":{"aws:TokenIssueTime":"true"}}                             | aws:TokenIssueTime=2026-01-01T00:00:00Z | no
{"Null":{"aws:TokenIssueTime":"false"}}                            | aws:TokenIssueTime=2026-01-01T00:00:00Z | yes
{"Null":{"aws:TokenIssueTime":false}}                              | -                         | no
{"Null":{"s3:x-amz-server-side-encryption":"true"}}                | -                         | yes

# Several keys and several operators are all required
{"StringEquals":{"s3:prefix":"a","s3:delimiter":"/"}}              | s3:prefix=a; s3:delimiter=/ | yes
{"StringEquals":{"s3:prefix":"a","s3:delimiter":"/"}}              | s3:prefix=a               | no
{"StringEquals":{"s3:prefix":"a"},"Bool":{"aws:SecureTransport":"true"}} | s3:prefix=a; aws:SecureTransport=true  | yes
{"StringEquals":{"s3:prefix":"a"},"Bool":{"aws:SecureTransport":"true"}} | s3:prefix=a; aws:SecureTransport=false | no
{}                                                                 | -                         | yes

# ForAllValues: every value of the request is listed; a missing key passes
{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}            | aws:TagKeys=a; aws:TagKeys=b | yes
{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}            | aws:TagKeys=a             | yes
{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}            | aws:TagKeys=a; aws:TagKeys=c | no
{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}            | -                         | yes
{"ForAllValues:StringEquals":{"aws:TagKeys":"a"},"Null":{"aws:TagKeys":"false"}} | -           | no
{"ForAllValues:StringNotEquals":{"aws:TagKeys":["a"]}}             | aws:TagKeys=b; aws:TagKeys=c | yes
{"ForAllValues:StringNotEquals":{"aws:TagKeys":["a"]}}             | aws:TagKeys=a; aws:TagKeys=c | no
{"ForAllValues:StringNotEquals":{"aws:TagKeys":["a"]}}             | -                         | yes
{"ForAllValues:StringLike":{"kms:EncryptionContextKeys":["App*"]}} | kms:EncryptionContextKeys=AppName; kms:EncryptionContextKeys=AppId | yes
{"ForAllValues:ArnLike":{"aws:SourceArn":"arn:aws:s3:::a*"}}       | aws:SourceArn=arn:aws:s3:::ab; aws:SourceArn=arn:aws:s3:::b | no

# ForAnyValue: one listed value is enough; a missing key fails
{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}             | aws:TagKeys=b; aws:TagKeys=c | yes
{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}             | aws:TagKeys=c             | no
{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}             | -                         | no
{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a","b"]}}          | aws:TagKeys=a; aws:TagKeys=c | yes
{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a","b"]}}          | aws:TagKeys=a             | no
{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a","b"]}}          | -                         | no
{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["o-a/*"]}}     | aws:PrincipalOrgPaths=o-a/r/ou | yes
{"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":"a"}}           | -                         | yes
{"ForAnyValue:NumericGreaterThan":{"x:sizes":"5"}}                 | x:sizes=1; x:sizes=6      | yes

# KMS: the name of a context pair ignores case, its value does not
{"StringEquals":{"kms:EncryptionContext:Department":"IT"}}         | kms:EncryptionContext:department=IT | yes
{"StringEquals":{"kms:EncryptionContext:Department":"IT"}}         | kms:EncryptionContext:Department=it | no
{"StringEquals":{"kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::b"}} | kms:EncryptionContext:aws:s3:arn=arn:aws:s3:::b | yes
"#;

#[test]
fn operators() {
    let rows = rows(TABLE);
    assert!(rows.len() >= 130, "{}", rows.len());
    for row in rows {
        let [condition, given, expected] = row[..] else { panic!("{row:?}") };
        for effect in ["Allow", "Deny"] {
            // What can be neither said to fit nor to differ: no way to a right, and none around a denial.
            let expected = expected == "yes" || (expected == "neither" && effect == "Deny");
            assert_eq!(applies(effect, condition, given), expected, "{effect} {condition} with {given}");
        }
    }
}

/// Without a set operator several values are ambiguous: an Allow needs all of them, a Deny one.
#[test]
fn several_values_without_a_set_operator_fail_closed() {
    let condition = r#"{"StringEquals":{"aws:TagKeys":"a"}}"#;
    assert!(!applies("Allow", condition, "aws:TagKeys=a; aws:TagKeys=b"));
    assert!(applies("Deny", condition, "aws:TagKeys=a; aws:TagKeys=b"));
    let negated = r#"{"StringNotEquals":{"aws:TagKeys":"a"}}"#;
    assert!(!applies("Allow", negated, "aws:TagKeys=a; aws:TagKeys=b"));
    assert!(applies("Deny", negated, "aws:TagKeys=a; aws:TagKeys=b"));
}
