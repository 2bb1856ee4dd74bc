//! A review says yes of somebody exactly when the evaluator allows him some request.

use std::collections::BTreeSet;
use std::sync::Arc;

use arqueta_iam::testing::TestSealer;
use arqueta_iam::{CreateUser, Entity, Iam, Identity, Person};
use arqueta_keys::ReviewedGrant;
use arqueta_model::{
    AccountId, Arn, Clock, EncryptionContext, ManualClock, Principal, PrincipalKind, SessionContext, Timestamp,
};
use arqueta_policy::{Outlook, Policy, PolicyKind, ResourceRole};
use arqueta_store::{Counting, MemoryMeta};
use proptest::prelude::*;

use crate::ask::{Ask, Attached, Rules};
use crate::search::{Assignment, Ended, Purse, Search, foresee_all};

const ACCOUNT: &str = "111122223333";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k";
const DEPT: &str = "kms:encryptioncontext:dept";

/// Keys with a value of each kind that the statements below tell apart; none for absent.
const WORLD: [(&str, &[&str]); 4] = [
    ("aws:useragent", &["a", "ab", "b", "c"]),
    ("aws:sourceip", &["10.0.0.1", "10.1.0.1", "192.0.2.1"]),
    ("aws:securetransport", &["true", "false"]),
    (DEPT, &["", "x", "y", "z"]),
];

fn statement(principal: bool) -> impl Strategy<Value = String> {
    let select = |values: &'static [&'static str]| proptest::sample::select(values);
    let conditions = select(&[
        "{}",
        r#"{"StringEquals":{"aws:UserAgent":"a"}}"#,
        r#"{"StringNotEquals":{"aws:UserAgent":["a","b"]}}"#,
        r#"{"StringLike":{"aws:UserAgent":"a*"},"Bool":{"aws:SecureTransport":"true"}}"#,
        r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
        r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/16"}}"#,
        r#"{"Bool":{"aws:SecureTransport":"false"}}"#,
        r#"{"StringEquals":{"kms:EncryptionContext:dept":"x"}}"#,
        r#"{"StringNotEqualsIfExists":{"kms:EncryptionContext:dept":["x","y"]}}"#,
        r#"{"Null":{"kms:EncryptionContext:dept":"true"}}"#,
        r#"{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/alice"}}"#,
        r#"{"StringEquals":{"kms:CallerAccount":"111122223333"}}"#,
    ]);
    let actions = select(&[r#""Action":"kms:*""#, r#""Action":"kms:Decrypt""#, r#""NotAction":"kms:Decrypt""#]);
    let whom = select(&[
        r#""Principal":"*","#,
        r#""Principal":{"AWS":"111122223333"},"#,
        r#""Principal":{"AWS":"AIDAALICEALICEALICE12"},"#,
        r#""Principal":{"AWS":"arn:aws:iam::444455556666:root"},"#,
        r#""NotPrincipal":{"AWS":["AIDAALICEALICEALICE12","111122223333"]},"#,
    ]);
    (select(&["Allow", "Allow", "Allow", "Deny"]), actions, conditions, whom).prop_map(
        move |(effect, action, when, whom)| {
            let whom = if principal { whom } else { "" };
            format!(r#"{{"Effect":"{effect}",{whom}{action},"Resource":"*","Condition":{when}}}"#)
        },
    )
}

fn policy(statements: &[String], kind: PolicyKind) -> Option<Arc<Policy>> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    (!statements.is_empty()).then(|| Arc::new(Policy::parse(&text, kind).unwrap()))
}

fn who(name: &str) -> Identity {
    let principal = |account: &str, kind, arn: Arn, id: &str, session| Principal {
        account: account.parse().unwrap(),
        arn,
        id: id.to_owned(),
        kind,
        access_key_id: String::new(),
        session,
    };
    let iam = |account: &str, resource: &str| Arn::new("iam", "", account, resource);
    Identity::bare(match name {
        "root" => Principal::root(&ACCOUNT.parse().unwrap(), ""),
        "alice" => principal(ACCOUNT, PrincipalKind::User, iam(ACCOUNT, "user/alice"), "AIDAALICEALICEALICE12", None),
        "eve" => principal(
            "444455556666",
            PrincipalKind::User,
            iam("444455556666", "user/eve"),
            "AIDAEVEEVEEVEEVEEVE12",
            None,
        ),
        "app" => {
            let session = SessionContext {
                issuer: iam(ACCOUNT, "role/app"),
                issuer_id: "AROAAPPAPPAPPAPPAPP12".to_owned(),
                created: Timestamp::from_millis(0),
                mfa: false,
                web: None,
            };
            let arn = Arn::new("sts", "", ACCOUNT, "assumed-role/app/any");
            principal(ACCOUNT, PrincipalKind::AssumedRole, arn, "AROAAPPAPPAPPAPPAPP12:any", Some(session))
        }
        _ => principal("000000000000", PrincipalKind::Anonymous, iam("000000000000", "anonymous"), "anonymous", None),
    })
}

fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    EncryptionContext::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()).unwrap()
}

fn grants() -> impl Strategy<Value = Vec<ReviewedGrant>> {
    let grantee =
        proptest::sample::select(&["AIDAALICEALICEALICE12", "AIDAEVEEVEEVEEVEEVE12", "AROAAPPAPPAPPAPPAPP12"][..]);
    let wanted = proptest::sample::select(&[None, Some("x"), Some("y")][..]);
    let grant = (grantee, wanted, any::<bool>()).prop_map(|(grantee, wanted, whole)| {
        let wanted = wanted.map(|value| context(&[("dept", value)]));
        let (equals, subset) = if whole { (wanted, None) } else { (None, wanted) };
        ReviewedGrant {
            id: "g".to_owned(),
            name: String::new(),
            operations: BTreeSet::from(["Decrypt".to_owned()]),
            grantee: grantee.to_owned(),
            equals,
            subset,
        }
    });
    proptest::collection::vec(grant, 0..2)
}

/// Every request that there is.
fn requests() -> Vec<Assignment> {
    let mut all = vec![Vec::new()];
    for (name, values) in WORLD {
        let more = |one: &Assignment, value: &str| {
            let mut next = one.clone();
            next.push((name.to_owned(), if value.is_empty() { Vec::new() } else { vec![value.to_owned()] }));
            next
        };
        all = all.iter().flat_map(|one| values.iter().map(|value| more(one, value)).collect::<Vec<_>>()).collect();
    }
    all
}

fn is_allowed(ask: &Ask, identity: &Identity, request: &Assignment) -> bool {
    let mut keys = ask.keys(identity);
    for (name, values) in request.iter().filter(|(name, _)| !ask.knows(name, identity, false)) {
        keys.insert_all(name, values.iter().map(String::as_str));
    }
    ask.is_allowed(identity, &keys)
}

fn asked(attached: Option<Arc<Policy>>, role: ResourceRole, grants: Vec<ReviewedGrant>, foreign: bool) -> Ask {
    let owner: AccountId = ACCOUNT.parse().unwrap();
    Ask {
        action: "kms:Decrypt".to_owned(),
        resource: KEY.to_owned(),
        owner: Some(owner),
        attached: attached.map(|policy| Attached { what: "key policy", policy, document: String::new() }),
        role,
        facts: Vec::new(),
        families: Vec::new(),
        grants,
        context: None,
        rules: Rules { anonymous: role == ResourceRole::Additive, foreign, ..Rules::default() },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1200))]

    #[test]
    fn yes_is_said_of_whom_the_evaluator_allows_some_request(
        name in proptest::sample::select(&["root", "alice", "eve", "app", "nobody"][..]),
        own in proptest::collection::vec(statement(false), 0..3),
        boundary in proptest::collection::vec(statement(false), 0..2),
        first in proptest::collection::vec(statement(true), 1..4),
        second in proptest::collection::vec(statement(true), 0..3),
        grants in grants(),
        foreign in any::<bool>(),
    ) {
        let mut identity = who(name);
        if name != "root" && name != "nobody" {
            identity.policies = policy(&own, PolicyKind::Identity).into_iter().collect();
            identity.boundary = policy(&boundary, PolicyKind::Boundary);
        }
        let person = Person { identity, policies: Vec::new(), boundary: None, takes_tags: false };
        // A key, and sometimes a bucket beside: both have to allow the same request.
        let mut asks = vec![asked(policy(&first, PolicyKind::Key), ResourceRole::Required, grants, foreign)];
        if !second.is_empty() {
            asks.push(asked(policy(&second, PolicyKind::Resource), ResourceRole::Additive, Vec::new(), true));
        }
        let identity = &person.identity;
        let decided: Vec<bool> =
            requests().iter().map(|request| asks.iter().all(|ask| is_allowed(ask, identity, request))).collect();
        let some = decided.contains(&true);
        let mut purse = Purse::full();
        let (outlook, _, open) = foresee_all(&asks, &person, &mut purse);
        match outlook {
            Outlook::Never => prop_assert!(!some, "left out, and allowed"),
            Outlook::Always => prop_assert!(!decided.contains(&false), "always, and denied"),
            Outlook::Depends => match Search::new(&asks, &person, &open).run(&mut purse) {
                Ended::Nothing => prop_assert!(!some, "left out, and allowed"),
                Ended::Undecided => prop_assert!(false, "this world is small enough to be settled"),
                Ended::Found(example) => {
                    prop_assert!(some, "said to be allowed, and never is: {example:?}");
                    prop_assert!(asks.iter().all(|ask| is_allowed(ask, identity, &example)), "{example:?}");
                }
            },
        }
    }
}

/// What a review costs is a read for every 256 users and roles, and one for each policy that several hold, however many
/// hold it.
#[tokio::test]
async fn a_thousand_users_cost_a_handful_of_reads() {
    let meta = Counting::new(Arc::new(MemoryMeta::new()));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let account: AccountId = ACCOUNT.parse().unwrap();
    let config = arqueta_iam::Config { account: account.clone(), root: None };
    let sealer = Arc::new(TestSealer::default());
    let (iam, _) = Iam::open(Arc::new(meta.clone()), clock.clone(), sealer, config).await.unwrap();
    iam.groups().create(&account, "staff", None).await.unwrap();
    let inside = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*",
        "Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}"#;
    iam.permissions().put_inline(&account, Entity::Group("staff"), "inside", inside.to_owned()).await.unwrap();
    for at in 0..1000 {
        let name = format!("u{at}");
        let user = CreateUser { user_name: name.clone(), ..CreateUser::default() };
        iam.users().create(&account, user).await.unwrap();
        if at % 2 == 0 {
            iam.groups().add_user(&account, "staff", &name).await.unwrap();
        }
    }
    let whole = r#"{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}"#;
    let asks = [asked(policy(&[whole.to_owned()], PolicyKind::Key), ResourceRole::Required, Vec::new(), true)];
    let before = meta.reads();
    let mut found = Vec::new();
    let tell = |finding: crate::Finding| {
        found.push(finding);
        Ok::<(), arqueta_iam::Error>(())
    };
    let review = crate::who_can(Arc::new(meta.clone()), clock, &asks, tell).await.unwrap();
    assert_eq!(
        (review.principals, review.may, found.len()),
        (1002, 501, 501),
        "all users, the root user, who does not sign"
    );
    let reads = meta.reads() - before;
    assert!(reads <= 10, "{reads} reads");
    let one = found.iter().find(|finding| finding.principal.ends_with("user/u0")).unwrap();
    assert_eq!(one.by[0].group.as_deref(), Some("staff"));
    assert!(matches!(&one.may, crate::May::Sometimes(example) if example["aws:sourceip"][0].starts_with("10.")));
}

#[test]
fn a_deny_that_an_allow_needs_leaves_nobody_and_what_is_too_hard_is_said_to_be() {
    let verdict = |allow: &str, deny: &str| {
        let whole = format!(
            r#"{{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{allow}}},
               {{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{deny}}}"#
        );
        let asks = [asked(policy(&[whole], PolicyKind::Key), ResourceRole::Required, Vec::new(), true)];
        let person = Person { identity: who("alice"), policies: Vec::new(), boundary: None, takes_tags: false };
        let mut purse = Purse::full();
        let (outlook, _, open) = foresee_all(&asks, &person, &mut purse);
        assert_eq!(outlook, Outlook::Depends);
        Search::new(&asks, &person, &open).run(&mut purse)
    };
    let address = |net: &str| format!(r#"{{"IpAddress":{{"aws:SourceIp":"{net}"}}}}"#);
    assert_eq!(verdict(&address("10.0.0.0/16"), &address("10.0.0.0/8")), Ended::Nothing);
    let Ended::Found(example) = verdict(&address("10.0.0.0/8"), &address("10.0.0.0/16")) else {
        panic!("one is allowed")
    };
    assert_eq!(example, [("aws:sourceip".to_owned(), vec!["10.1.0.0".to_owned()])]);
    // Only a text that begins so and ends so would do, and nobody looks for that.
    let like = r#"{"StringLike":{"aws:UserAgent":"*b*a*"}}"#;
    let unlike = r#"{"StringNotLike":{"aws:UserAgent":"*c*d*"}}"#;
    assert_eq!(verdict(like, unlike), Ended::Undecided);
}
