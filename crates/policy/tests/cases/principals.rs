//! IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal".

use arqueta_policy::{PolicyKind, Request, ResourcePolicy, evaluate};

use crate::harness::{ACCOUNT, account, keys, parse, rows, who};

/// Whether a bucket policy alone, in the principal's own account, changes the answer.
fn changes(effect: &str, principal: &str, name: &str) -> bool {
    let statement = |effect: &str, principal: &str| {
        format!(r#"{{"Effect":"{effect}",{principal},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"}}"#)
    };
    let statements = match effect {
        "Allow" => statement("Allow", principal),
        _ => format!("{},{}", statement("Allow", r#""Principal":"*""#), statement("Deny", principal)),
    };
    let policy = parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#), PolicyKind::Resource);
    let identity = who(name);
    let keys = keys("-");
    let request = Request { action: "s3:GetObject", resource: "arn:aws:s3:::b/k", keys: &keys };
    let owner = account(ACCOUNT);
    let allowed = evaluate(&identity, &request, ResourcePolicy::additive(Some(&policy), &owner)).is_allowed();
    if effect == "Allow" { allowed } else { !allowed }
}

/// effect | element | principal | granted or denied
const TABLE: &str = r#"
# Everyone
Allow | "Principal":"*"                    | user      | yes
Allow | "Principal":"*"                    | anonymous | yes
Allow | "Principal":"*"                    | service   | yes
Allow | "Principal":{"AWS":"*"}            | user      | yes
Allow | "Principal":{"AWS":"*"}            | anonymous | yes
Allow | "Principal":{"AWS":"*"}            | service   | no
Deny  | "Principal":"*"                    | root      | yes

# Users, roles and sessions
Allow | "Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"}                 | user      | yes
Allow | "Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"}                 | bob       | no
Allow | "Principal":{"AWS":"arn:aws:iam::111122223333:user/Alice"}                 | user      | no
Allow | "Principal":{"AWS":"arn:aws:iam::444455556666:user/alice"}                 | user      | no
Allow | "Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"}                 | federated | yes
Allow | "Principal":{"AWS":"arn:aws:sts::111122223333:federated-user/ann"}         | federated | yes
Allow | "Principal":{"AWS":"arn:aws:sts::111122223333:federated-user/ann"}         | user      | no
Allow | "Principal":{"AWS":"arn:aws:iam::111122223333:role/app"}                   | role      | yes
Allow | "Principal":{"AWS":"arn:aws:iam::111122223333:role/other"}                 | role      | no
Allow | "Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/app/s1"}        | role      | yes
Allow | "Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/app/s2"}        | role      | no
Allow | "Principal":{"AWS":["arn:aws:iam::111122223333:user/bob","arn:aws:iam::111122223333:role/app"]} | role | yes
Allow | "Principal":{"AWS":"AIDACKCEVSQ6C2EXAMPLE"}                                | user      | yes
Allow | "Principal":{"AWS":"AROACKCEVSQ6C2EXAMPLE"}                                | role      | yes
Allow | "Principal":{"AWS":"AROACKCEVSQ6C2EXAMPLE"}                                | user      | no
Allow | "Principal":{"AWS":"AROACKCEVSQ6C2EXAMPLE:s1"}                             | role      | yes
Allow | "Principal":{"AWS":"AROACKCEVSQ6C2EXAMPLE:s2"}                             | role      | no
Allow | "Principal":{"AWS":"AROACKCEVSQ6C2EXAMPL3:s1"}                             | role      | no
Deny  | "Principal":{"AWS":"AROACKCEVSQ6C2EXAMPLE"}                                | role      | yes

# Naming the account in its own bucket's policy grants nothing by itself, but a deny reaches all
Allow | "Principal":{"AWS":"111122223333"}                                         | user      | no
Allow | "Principal":{"AWS":"arn:aws:iam::111122223333:root"}                       | role      | no
Allow | "Principal":{"AWS":"arn:aws:iam::111122223333:root"}                       | root      | yes
Allow | "Principal":{"AWS":"arn:aws:iam::111122223333:root"}                       | anonymous | no
Deny  | "Principal":{"AWS":"111122223333"}                                         | user      | yes
Deny  | "Principal":{"AWS":"arn:aws:iam::111122223333:root"}                       | role      | yes
Deny  | "Principal":{"AWS":"444455556666"}                                         | user      | no
Deny  | "Principal":{"AWS":"arn:aws:iam::111122223333:role/app"}                   | role      | yes
Deny  | "Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"}                 | bob       | no

# Services, identity providers, canonical users
Allow | "Principal":{"Service":"cloudtrail.amazonaws.com"}                         | service   | yes
Allow | "Principal":{"Service":["s3.amazonaws.com","cloudtrail.amazonaws.com"]}    | service   | yes
Allow | "Principal":{"Service":"s3.amazonaws.com"}                                 | service   | no
Allow | "Principal":{"Service":"cloudtrail.amazonaws.com"}                         | user      | no
Allow | "Principal":{"Federated":"accounts.example.com"}                           | web       | yes
Allow | "Principal":{"Federated":"accounts.example.org"}                           | web       | no
Allow | "Principal":{"Federated":"accounts.example.com"}                           | anonymous | no
Allow | "Principal":{"AWS":"arn:aws:iam::111122223333:user/bob","Service":"cloudtrail.amazonaws.com"} | service | yes

# NotPrincipal: a deny spares only whom it lists at every level
Deny  | "NotPrincipal":{"AWS":["arn:aws:iam::111122223333:user/alice","111122223333"]} | user  | no
Deny  | "NotPrincipal":{"AWS":["arn:aws:iam::111122223333:user/alice","111122223333"]} | bob   | yes
Deny  | "NotPrincipal":{"AWS":["arn:aws:iam::111122223333:user/alice","111122223333"]} | anonymous | yes
Deny  | "NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/alice"}                  | user  | yes
Deny  | "NotPrincipal":{"AWS":"111122223333"}                                          | user  | yes
Deny  | "NotPrincipal":{"AWS":"111122223333"}                                          | root  | no
Deny  | "NotPrincipal":{"AWS":["arn:aws:sts::111122223333:assumed-role/app/s1","arn:aws:iam::111122223333:role/app","111122223333"]} | role | no
Deny  | "NotPrincipal":{"AWS":["arn:aws:iam::111122223333:role/app","111122223333"]}   | role  | yes
Deny  | "NotPrincipal":"*"                                                             | user  | no
Allow | "NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/alice"}                  | user  | no
Allow | "NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/alice"}                  | bob   | yes
Allow | "NotPrincipal":{"AWS":"111122223333"}                                          | bob   | no
Allow | "NotPrincipal":{"AWS":"111122223333"}                                          | anonymous | yes
"#;

#[test]
fn who_a_principal_element_reaches() {
    for row in rows(TABLE) {
        let [effect, element, name, expected] = row[..] else { panic!("{row:?}") };
        // Root's own account allows it anyway; its row is about being named.
        assert_eq!(changes(effect, element, name), expected == "yes", "{row:?}");
    }
}

#[test]
fn a_canonical_user_is_its_account() {
    let id = account(ACCOUNT).canonical_user_id();
    let element = format!(r#""Principal":{{"CanonicalUser":"{id}"}}"#);
    assert!(changes("Deny", &element, "user"));
    assert!(!changes("Deny", &element, "anonymous"));
    let other = account("444455556666").canonical_user_id();
    assert!(!changes("Deny", &format!(r#""Principal":{{"CanonicalUser":"{other}"}}"#), "user"));
}
