//! S3 User Guide, "The meaning of 'public'".

use arqueta_policy::{Policy, PolicyKind};

use crate::harness::rows;

const TABLE: &str = r#"
"Effect":"Allow","Principal":"*"                                            | {}                                                     | public
"Effect":"Allow","Principal":{"AWS":"*"}                                    | {}                                                     | public
"Effect":"Allow","Principal":{"AWS":"111122223333"}                         | {}                                                     | not
"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"}         | {}                                                     | not
"Effect":"Deny","Principal":"*"                                             | {}                                                     | not
"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"}                      | {}                                                     | public
"Effect":"Allow","Principal":"*" | {"StringEquals":{"aws:SourceVpc":"vpc-91237329"}}                                                 | not
"Effect":"Allow","Principal":"*" | {"StringLike":{"aws:SourceVpc":"vpc-*"}}                                                          | public
"Effect":"Allow","Principal":"*" | {"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}                                                     | public
"Effect":"Allow","Principal":"*" | {"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}                                                | public
"Effect":"Allow","Principal":"*" | {"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}                                                   | not
"Effect":"Allow","Principal":"*" | {"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}}                                                        | public
"Effect":"Allow","Principal":"*" | {"IpAddress":{"aws:SourceIp":["203.0.113.0/24","::/0"]}}                                          | public
"Effect":"Allow","Principal":"*" | {"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/app"}}                           | not
"Effect":"Allow","Principal":"*" | {"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/app"}}                                        | public
"Effect":"Allow","Principal":"*" | {"StringEquals":{"aws:userid":"AIDACKCEVSQ6C2EXAMPLE"}}                                            | not
"Effect":"Allow","Principal":"*" | {"StringEquals":{"aws:userid":"anonymous"}}                                                        | public
"Effect":"Allow","Principal":"*" | {"StringEqualsIgnoreCase":{"aws:userid":"ANONYMOUS"}}                                              | public
"Effect":"Allow","Principal":"*" | {"StringEquals":{"aws:userid":["AIDACKCEVSQ6C2EXAMPLE","anonymous"]}}                              | public
"Effect":"Allow","Principal":"*" | {"StringEquals":{"s3:prefix":"a"}}                                                                | public
"Effect":"Allow","Principal":"*" | {"ForAllValues:StringEquals":{"aws:SourceVpc":"vpc-1"}}                                           | public
"#;

#[test]
fn public_means_what_s3_says() {
    for row in rows(TABLE) {
        let [head, condition, expected] = row[..] else { panic!("{row:?}") };
        let json = format!(
            r#"{{"Version":"2012-10-17","Statement":{{{head},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{condition}}}}}"#
        );
        let policy = Policy::parse(&json, PolicyKind::Resource).unwrap();
        assert_eq!(policy.is_public(), expected == "public", "{row:?}");
    }
}
