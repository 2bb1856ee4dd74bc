//! Principals, and tables written as text: one row a line, columns between `|`, `#` for headings.

use std::sync::Arc;

use arqueta_model::{AccountId, Arn, Principal, PrincipalKind, SessionContext, Timestamp};
use arqueta_policy::{ConditionKeys, Identity, Policy, PolicyKind};

pub const ACCOUNT: &str = "111122223333";
pub const OTHER_ACCOUNT: &str = "444455556666";
pub const ROLE_ID: &str = "AROACKCEVSQ6C2EXAMPLE";
pub const USER_ID: &str = "AIDACKCEVSQ6C2EXAMPLE";
/// 2026-01-01T00:00:00Z.
pub const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Rows of a table, their cells trimmed.
pub fn rows(table: &str) -> Vec<Vec<&str>> {
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert!(!rows.is_empty());
    rows
}

pub fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

pub fn parse(json: &str, kind: PolicyKind) -> Arc<Policy> {
    Arc::new(Policy::parse(json, kind).unwrap_or_else(|error| panic!("{json}\n{error}")))
}

/// `key=value; key=value`; a repeated key is multivalued, `-` is no key at all.
pub fn keys(text: &str) -> ConditionKeys<'static> {
    let mut keys = ConditionKeys::new();
    if text != "-" {
        for pair in text.split(';') {
            let (name, value) = pair.trim().split_once('=').unwrap();
            keys.insert(name, value);
        }
    }
    keys
}

/// A principal by the name that the tables use.
pub fn who(name: &str) -> Identity {
    match name {
        "root" => Identity::bare(Principal::root(&account(ACCOUNT), "AKIAROOT")),
        "user" => user(ACCOUNT, "alice"),
        "bob" => user(ACCOUNT, "bob"),
        "role" => {
            session(PrincipalKind::AssumedRole, "assumed-role/app/s1", "role/app", ROLE_ID, &format!("{ROLE_ID}:s1"))
        }
        "federated" => session(
            PrincipalKind::FederatedUser,
            "federated-user/ann",
            "user/alice",
            USER_ID,
            &format!("{ACCOUNT}:ann"),
        ),
        "stranger" => user(OTHER_ACCOUNT, "eve"),
        "strange-root" => Identity::bare(Principal::root(&account(OTHER_ACCOUNT), "AKIAROOT2")),
        "service" => bare(PrincipalKind::Service, "iam", "service/cloudtrail", "cloudtrail.amazonaws.com"),
        "anonymous" => bare(PrincipalKind::Anonymous, "iam", "anonymous", "anonymous"),
        "web" => {
            let mut identity = bare(PrincipalKind::Anonymous, "iam", "anonymous", "anonymous");
            identity.provider = Some("accounts.example.com".into());
            identity
        }
        other => panic!("no principal {other}"),
    }
}

fn user(account_id: &str, name: &str) -> Identity {
    Identity::bare(Principal {
        account: account(account_id),
        arn: Arn::new("iam", "", account_id, &format!("user/{name}")),
        id: USER_ID.to_owned(),
        kind: PrincipalKind::User,
        access_key_id: "AKIAUSER".to_owned(),
        session: None,
    })
}

fn session(kind: PrincipalKind, arn: &str, issuer: &str, issuer_id: &str, id: &str) -> Identity {
    Identity::bare(Principal {
        account: account(ACCOUNT),
        arn: Arn::new("sts", "", ACCOUNT, arn),
        id: id.to_owned(),
        kind,
        access_key_id: "ASIASESSION".to_owned(),
        session: Some(SessionContext {
            issuer: Arn::new("iam", "", ACCOUNT, issuer),
            issuer_id: issuer_id.to_owned(),
            created: NOW,
            mfa: true,
            web: None,
        }),
    })
}

fn bare(kind: PrincipalKind, service: &str, resource: &str, id: &str) -> Identity {
    Identity::bare(Principal {
        account: account(ACCOUNT),
        arn: Arn::new(service, "", ACCOUNT, resource),
        id: id.to_owned(),
        kind,
        access_key_id: String::new(),
        session: None,
    })
}
