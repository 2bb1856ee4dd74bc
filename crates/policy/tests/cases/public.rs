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
fn a_wide_range_in_pieces_is_as_public_as_in_one() {
    let judged = |nets: Vec<String>| {
        let json = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{{"IpAddress":{{"aws:SourceIp":{nets:?}}}}}}}}}"#
        );
        Policy::parse(&json, PolicyKind::Resource).unwrap().is_public()
    };
    let eighths = |step, count| (0..count).map(|at: usize| format!("{}.0.0.0/8", at * step)).collect::<Vec<_>>();
    assert!(judged(eighths(1, 256)), "all addresses");
    assert!(judged(eighths(1, 2)), "a /7");
    assert!(judged(eighths(2, 17)) && !judged(eighths(2, 16)), "far apart, and many");
    let pieces = |net: &str| (0..16).map(|at| net.replace('N', &format!("{at:x}"))).collect::<Vec<_>>();
    assert!(judged([pieces("2001:db8:N000::/36"), pieces("2001:db9:N000::/36")].concat()), "a /31");
    assert!(!judged(pieces("2001:db8:N000::/36")), "a /32");
    let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00:1::/32"];
    assert!(!judged(private.map(str::to_owned).to_vec()));
}

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
