//! What is no policy, and what its author is told.

use arqueta_policy::{ParseError, Policy, PolicyKind};

use crate::harness::rows;

fn kind(name: &str) -> PolicyKind {
    match name {
        "identity" => PolicyKind::Identity,
        "resource" => PolicyKind::Resource,
        "trust" => PolicyKind::Trust,
        "key" => PolicyKind::Key,
        "session" => PolicyKind::Session,
        "boundary" => PolicyKind::Boundary,
        other => panic!("{other}"),
    }
}

/// kind | document | part of the message
const REFUSED: &str = r#"
# Not a document
identity |                                   | not valid JSON
identity | {                                 | not valid JSON
identity | []                                | must be an object, found a list
identity | "x"                               | must be an object, found a string
identity | {}                                | has no Statement
identity | {"Statement":[]}                  | Statement is empty
identity | {"Statement":"x"}                 | Statement must be an object or a list
identity | {"Statement":[1]}                 | statement 1 must be an object
identity | {"Version":"2012-10-18","Statement":{}} | valid version string
identity | {"Version":20121017,"Statement":{}} | Version of the policy must be a string
identity | {"Version":"2012-10-17","Version":"2012-10-17","Statement":{}} | appears twice
identity | {"Statements":[]}                 | has no Statement
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*"},"Comment":"x"} | unknown element "Comment"

# Elements
identity | {"Statement":{"Action":"*","Resource":"*"}}                          | Missing required field Effect
identity | {"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}         | Invalid effect: allow
identity | {"Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}} | appears twice
identity | {"Statement":{"Effect":"Allow","Resource":"*"}}                      | must contain actions
identity | {"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}          | found an empty list
identity | {"Statement":{"Effect":"Allow","Action":7,"Resource":"*"}}           | found a number
identity | {"Statement":{"Effect":"Allow","Action":null,"Resource":"*"}}        | found null
identity | {"Statement":{"Effect":"Allow","Action":["s3:*",{}],"Resource":"*"}} | found an object
identity | {"Statement":{"Effect":"Allow","Action":"GetObject","Resource":"*"}} | prefaced by a vendor
identity | {"Statement":{"Effect":"Allow","Action":"s3:","Resource":"*"}}       | prefaced by a vendor
identity | {"Statement":{"Effect":"Allow","Action":"*:GetObject","Resource":"*"}} | prefaced by a vendor
identity | {"Statement":{"Effect":"Allow","Action":"s3:Get Object","Resource":"*"}} | prefaced by a vendor
identity | {"Statement":{"Effect":"Allow","Action":"","Resource":"*"}}          | prefaced by a vendor
identity | {"Statement":{"Effect":"Allow","Action":"s3:*","NotAction":"s3:Get*","Resource":"*"}} | both Action and NotAction
identity | {"Statement":{"Effect":"Allow","Action":"*"}}                        | must contain resources
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"bucket"}}    | must be in ARN format or "*"
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":""}}          | must be in ARN format or "*"
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"}} | both Resource and NotResource
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Efect":"Deny"}} | unknown element "Efect"
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","action":"s3:*"}} | unknown element "action"
identity | {"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username"}} | Invalid policy variable
identity | {"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${username}"}} | Invalid policy variable
identity | {"Statement":{"Sid":"a b","Effect":"Allow","Action":"*","Resource":"*"}} | must be alpha-numeric
identity | {"Statement":[{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Deny","Action":"*","Resource":"*"}]} | must be unique

# Conditions
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":[]}} | Condition must be an object
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEqual":{"aws:x":"y"}}}} | Invalid Condition type : StringEqual
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"stringequals":{"aws:x":"y"}}}} | Invalid Condition type
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NullIfExists":{"aws:x":"true"}}}} | Invalid Condition type
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForSomeValues:StringEquals":{"aws:x":"y"}}}} | Invalid Condition type
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericAbout":{"aws:x":"1"}}}} | Invalid Condition type
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":"x"}}} | object of condition keys
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:x":[]}}}} | non-empty list
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:x":{}}}}} | found an object
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"SourceIp":"x"}}}} | prefaced by a vendor
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}}} | CIDR
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericEquals":{"s3:max-keys":"ten"}}}} | decimal number
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}}} | give a date
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"yes"}}}} | give true or false
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"bucket"}}}} | fully qualified ARN
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"BinaryEquals":{"x:y":"***"}}}} | base64
identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:x":"true"},"Bool":{"aws:y":"true"}}}} | appears twice

# Kinds
identity | {"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}    | should not specify a principal
session  | {"Statement":{"Effect":"Allow","NotPrincipal":"*","Action":"*","Resource":"*"}} | should not specify a principal
boundary | {"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}    | should not specify a principal
resource | {"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b"}}    | Missing required field Principal
key      | {"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}                | Missing required field Principal
key      | {"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*"}}               | Missing required field Resource
resource | {"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"b"}} | Policy has invalid resource
trust    | {"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}                      | must contain principals
trust    | {"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}} | prohibited field Resource
trust    | {"Statement":{"Effect":"Allow","NotPrincipal":"*","Action":"sts:AssumeRole"}}   | prohibited field NotPrincipal
trust    | {"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}}        | only specify STS AssumeRole actions
trust    | {"Statement":{"Effect":"Allow","Principal":"*","Action":"*"}}                   | only specify STS AssumeRole actions

# Principals
resource | {"Statement":{"Effect":"Allow","Principal":"alice","Action":"s3:*","Resource":"*"}}       | Invalid principal in policy
resource | {"Statement":{"Effect":"Allow","Principal":{},"Action":"s3:*","Resource":"*"}}            | Invalid principal in policy
resource | {"Statement":{"Effect":"Allow","Principal":{"AWS":[]},"Action":"s3:*","Resource":"*"}}    | Invalid principal in policy
resource | {"Statement":{"Effect":"Allow","Principal":{"AWS":"alice"},"Action":"s3:*","Resource":"*"}} | Invalid principal in policy
resource | {"Statement":{"Effect":"Allow","Principal":{"AWS":"12345"},"Action":"s3:*","Resource":"*"}} | Invalid principal in policy
resource | {"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/*"},"Action":"s3:*","Resource":"*"}} | wildcards cannot stand
resource | {"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:group/g"},"Action":"s3:*","Resource":"*"}} | Invalid principal in policy
resource | {"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/"},"Action":"s3:*","Resource":"*"}} | Invalid principal in policy
resource | {"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/app"},"Action":"s3:*","Resource":"*"}} | Invalid principal in policy
resource | {"Statement":{"Effect":"Allow","Principal":{"Service":"cloudtrail"},"Action":"s3:*","Resource":"*"}} | is not a service
resource | {"Statement":{"Effect":"Allow","Principal":{"CanonicalUser":"abc"},"Action":"s3:*","Resource":"*"}} | 64 hexadecimal digits
resource | {"Statement":{"Effect":"Allow","Principal":{"Aws":"*"},"Action":"s3:*","Resource":"*"}}  | unknown kind "Aws"
"#;

#[test]
fn refused_with_a_reason() {
    for row in rows(REFUSED) {
        let [of, document, reason] = row[..] else { panic!("{row:?}") };
        let error = Policy::parse(document, kind(of)).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(reason), "{document}\n{error}");
    }
}

#[test]
fn accepted() {
    const ACCEPTED: &str = r#"
        identity | {"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}
        identity | {"Version":"2008-10-17","Id":"x y","Statement":[{"Sid":"","Effect":"Deny","NotAction":["s3:*"],"NotResource":["*"]}]}
        resource | {"Version":"2012-10-17","Statement":[{"Sid":"a b, c","Effect":"Allow","Principal":{"AWS":["*"]},"Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}]}
        key      | {"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}}
        trust    | {"Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/x"},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession"]}}
        session  | {"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:PrincipalTag/Cost Center, 'no }ne'}/*"}}
        boundary | {"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"NumericLessThan":{"s3:max-keys":[1,"2"]}}}}
    "#;
    for row in rows(ACCEPTED) {
        let [of, document] = row[..] else { panic!("{row:?}") };
        assert!(Policy::parse(document, kind(of)).is_ok(), "{document} {:?}", Policy::parse(document, kind(of)));
    }
}

#[test]
fn sizes_count_as_aws_counts_them() {
    let document = |padding: usize, space: usize| {
        let (padding, space) = ("x".repeat(padding), " ".repeat(space));
        format!(r#"{{"Statement":{{"Sid":"{padding}","Effect":"Allow",{space}"Action":"*","Resource":"*"}}}}"#)
    };
    let room = PolicyKind::Session.limit() - document(0, 0).len();
    let parsed = Policy::parse(&document(room, 5000), PolicyKind::Session).unwrap();
    assert_eq!(parsed.size(), PolicyKind::Session.limit());
    let error = Policy::parse(&document(room + 1, 0), PolicyKind::Session).unwrap_err();
    assert_eq!(error, ParseError::TooLarge { size: 2049, limit: 2048 });
    // White space counts in a bucket policy, and the limit is checked before anything is parsed.
    assert!(matches!(
        Policy::parse(&" ".repeat(20 * 1024 + 1), PolicyKind::Resource),
        Err(ParseError::TooLarge { limit: 20480, .. })
    ));
}

#[test]
fn elements_can_be_read_back() {
    let document =
        r#"{"Id":"doc","Statement":{"Sid":"one","Effect":"Deny","Action":["s3:Get*"],"Resource":["arn:aws:s3:::b"]}}"#;
    let policy = Policy::parse(document, PolicyKind::Identity).unwrap();
    let [statement] = policy.statements() else { panic!() };
    assert_eq!((policy.id(), statement.sid()), (Some("doc"), Some("one")));
    assert_eq!(statement.actions().collect::<Vec<_>>(), ["s3:Get*"]);
    assert_eq!(statement.resources().collect::<Vec<_>>(), ["arn:aws:s3:::b"]);
}
