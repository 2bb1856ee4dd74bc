//! STS: who may assume what, for how long, scoped how, and what ends a session.

use std::time::Duration;

use arqueta_model::{Clock as _, PrincipalKind};

use super::*;
use crate::{AssumeRole, CreatePolicy, FederationToken, Issued, Scope, StsCaller, Tag, TemporaryCredentials};

const ASSUME: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:*"],"Resource":"*"}}"#;
const GET_ONLY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}"#;
const ROLE: &str = "arn:aws:iam::111122223333:role/app";

fn app() -> AssumeRole {
    AssumeRole { role_arn: ROLE.into(), role_session_name: "s1".into(), ..Default::default() }
}

impl World {
    async fn assume_as(&self, identity: &Identity, input: AssumeRole) -> Result<Issued, Error> {
        self.iam.sessions().assume_role(StsCaller { identity, request: &request(), region: &region() }, input).await
    }

    async fn assume(&self, key: &NewAccessKey, input: AssumeRole) -> Result<Issued, Error> {
        self.assume_as(&*self.identity(key).await, input).await
    }

    async fn federate(&self, key: &NewAccessKey, input: FederationToken) -> Result<Issued, Error> {
        let identity = self.identity(key).await;
        self.iam
            .sessions()
            .federation_token(StsCaller { identity: &identity, request: &request(), region: &region() }, input)
            .await
    }

    async fn session(&self, credentials: &TemporaryCredentials) -> Result<Arc<Identity>, Error> {
        let token = Some(credentials.session_token.expose());
        Ok(self.iam.authentication().credential(&credentials.access_key_id, token).await?.identity)
    }

    /// A user that may use STS, and a role that may use S3.
    async fn with_role(&self) -> NewAccessKey {
        let key = self.user("alice").await;
        self.put(Entity::User("alice"), "sts", ASSUME).await.unwrap();
        self.role("app").await;
        self.put(Entity::Role("app"), "s3", ALLOW_S3).await.unwrap();
        key
    }
}

#[tokio::test]
async fn a_session_acts_as_the_role_and_says_so() {
    let world = world().await;
    let key = world.with_role().await;
    let issued = world.assume(&key, app()).await.unwrap();
    assert_eq!(issued.arn.as_str(), "arn:aws:sts::111122223333:assumed-role/app/s1");
    assert_eq!(issued.packed_policy_size, None);
    assert_eq!(issued.credentials.expiration, world.clock.now().plus(Duration::from_secs(3600)));
    let identity = world.session(&issued.credentials).await.unwrap();
    assert_eq!(identity.principal.kind, PrincipalKind::AssumedRole);
    assert_eq!(identity.principal.id, issued.id);
    assert_eq!(identity.principal.identity_arn().as_str(), ROLE);
    assert!(world.may(&identity, "s3:PutObject"));
    assert!(!world.may(&identity, "sts:AssumeRole"));
    let caller = world.iam.sessions().caller_identity(&identity);
    assert_eq!((caller.arn, caller.user_id), (issued.arn, issued.id));
}

#[tokio::test]
async fn trust_and_identity_policies_both_have_their_say() {
    let world = world().await;
    let key = world.with_role().await;
    world.user("bob").await;
    let bob = world.iam.access_keys().create(&account(), KeyHolder::User("bob")).await.unwrap();
    // The trust policy names the account, so bob's own policies decide, and he has none.
    let error = world.assume(&bob, app()).await.unwrap_err();
    assert!(error.to_string().contains("because no identity-based policy allows the sts:AssumeRole action"), "{error}");
    // Naming bob lets him in without a policy of his own, and keeps alice out.
    let named = trust(r#"{"AWS":"arn:aws:iam::111122223333:user/bob"}"#, "{}");
    world.iam.roles().update_trust(&account(), "app", named).await.unwrap();
    assert!(world.assume(&bob, app()).await.is_ok());
    let error = world.assume(&key, app()).await.unwrap_err();
    assert!(error.to_string().contains("because no role trust policy allows the sts:AssumeRole action"), "{error}");
    let root = world.assume(&world.root, app()).await.unwrap_err();
    assert_eq!(root.to_string(), "Roles may not be assumed by root accounts.");
}

#[tokio::test]
async fn conditions_of_the_trust_policy_are_kept() {
    let world = world().await;
    let key = world.with_role().await;
    let condition = r#"{"StringEquals":{"sts:ExternalId":"secret-7","sts:RoleSessionName":"s1"},"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#;
    world.iam.roles().update_trust(&account(), "app", trust(r#"{"AWS":"111122223333"}"#, condition)).await.unwrap();
    let with = |id: Option<&str>| AssumeRole { external_id: id.map(str::to_owned), ..app() };
    assert!(world.assume(&key, with(Some("secret-7"))).await.is_ok());
    for id in [None, Some("secret-8"), Some("SECRET-7")] {
        assert_eq!(world.assume(&key, with(id)).await.unwrap_err().code(), "AccessDenied", "{id:?}");
    }
    assert_eq!(world.assume(&key, with(Some("x"))).await.unwrap_err().code(), "ValidationError");
    let other = AssumeRole { role_session_name: "s2".into(), ..with(Some("secret-7")) };
    assert_eq!(world.assume(&key, other).await.unwrap_err().code(), "AccessDenied");
}

#[tokio::test]
async fn condition_keys_that_nobody_has_are_refused_where_they_would_let_everyone_in() {
    let world = world().await;
    let key = world.with_role().await;
    let unknown = r#"{"StringNotEquals":{"sts:ExternalIdd":"x"}}"#;
    let document = trust(r#"{"AWS":"111122223333"}"#, unknown);
    let error = world.iam.roles().update_trust(&account(), "app", document.clone()).await.unwrap_err();
    let said = "Policy has an invalid condition key: sts:ExternalIdd".to_owned();
    assert_eq!((error.code(), error.to_string()), ("MalformedPolicyDocument", said));
    let input = CreateRole { role_name: "new".into(), assume_role_policy_document: document, ..Default::default() };
    assert_eq!(world.iam.roles().create(&account(), input).await.unwrap_err().code(), "MalformedPolicyDocument");
    let deny = |key: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{{"StringEquals":{{"{key}":"x"}}}}}}}}"#
        )
    };
    let names = [
        ("s3:if-nonematch", false),
        ("kms:ViaServices", false),
        ("iam:PassedTo", false),
        ("aws:SourceIpp", false),
        ("s3:if-none-match", true),
        ("ec2:InstanceType", true),
        ("idp.example.com/realm:aud", true),
    ];
    for (at, (name, known)) in names.into_iter().enumerate() {
        let put = world.put(Entity::Role("app"), "p", &deny(name)).await.map_err(|error| error.code());
        assert_eq!(put, if known { Ok(()) } else { Err("MalformedPolicyDocument") }, "{name}");
        let input = CreatePolicy { policy_name: format!("p{at}"), document: deny(name), ..Default::default() };
        assert_eq!(world.iam.policies().create(&account(), input).await.is_ok(), known, "{name}");
        let scope = Scope { policy: Some(deny(name)), ..Scope::default() };
        assert_eq!(world.assume(&key, AssumeRole { scope, ..app() }).await.is_ok(), known, "{name}");
    }
}

#[tokio::test]
async fn roles_of_other_accounts_need_both_sides_and_hide_whether_they_exist() {
    let world = world().await;
    world.with_role().await;
    world.iam.accounts().create(&other_account()).await.unwrap();
    world
        .iam
        .users()
        .create(&other_account(), CreateUser { user_name: "eve".into(), ..Default::default() })
        .await
        .unwrap();
    let eve = world.iam.access_keys().create(&other_account(), KeyHolder::User("eve")).await.unwrap();
    let message = async |arn: &str| {
        let input = AssumeRole { role_arn: arn.to_owned(), ..app() };
        world.assume(&eve, input).await.unwrap_err().to_string().replace(arn, "ROLE")
    };
    assert_eq!(message(ROLE).await, message("arn:aws:iam::111122223333:role/none").await);
    world.iam.roles().update_trust(&account(), "app", trust(r#"{"AWS":"444455556666"}"#, "{}")).await.unwrap();
    assert!(world.assume(&eve, app()).await.is_err());
    world.iam.permissions().put_inline(&other_account(), Entity::User("eve"), "sts", ASSUME.to_owned()).await.unwrap();
    assert!(world.assume(&eve, app()).await.is_ok());
}

#[tokio::test]
async fn bad_input_is_refused() {
    let world = world().await;
    let key = world.with_role().await;
    let cases = [
        (AssumeRole { role_session_name: "x".into(), ..app() }, "ValidationError"),
        (AssumeRole { role_session_name: "a b".into(), ..app() }, "ValidationError"),
        (AssumeRole { role_arn: "app".into(), ..app() }, "ValidationError"),
        (AssumeRole { role_arn: "arn:aws:iam::111122223333:user/alice".into(), ..app() }, "ValidationError"),
        (AssumeRole { role_arn: "arn:aws:iam::111122223333:role/x/app".into(), ..app() }, "AccessDenied"),
        (AssumeRole { duration_seconds: Some(899), ..app() }, "ValidationError"),
        (AssumeRole { duration_seconds: Some(3601), ..app() }, "ValidationError"),
        (AssumeRole { scope: scope("{}"), ..app() }, "MalformedPolicyDocument"),
        (AssumeRole { scope: scope(&" ".repeat(5000)), ..app() }, "PackedPolicyTooLarge"),
        (
            AssumeRole {
                scope: Scope { policy_arns: vec!["arn:aws:iam::aws:policy/None".into()], ..Default::default() },
                ..app()
            },
            "NoSuchEntity",
        ),
        (AssumeRole { transitive_tag_keys: vec!["team".into()], ..app() }, "InvalidParameterValue"),
        (AssumeRole { tags: vec![Tag::new("aws:x", "y")], ..app() }, "InvalidParameterValue"),
    ];
    for (input, code) in cases {
        let shown = format!("{input:?}");
        assert_eq!(world.assume(&key, input).await.unwrap_err().code(), code, "{shown}");
    }
    world.iam.roles().update(&account(), "app", None, Some(7200)).await.unwrap();
    assert!(world.assume(&key, AssumeRole { duration_seconds: Some(7200), ..app() }).await.is_ok());
}

fn scope(document: &str) -> Scope {
    Scope { policy: Some(document.to_owned()), policy_arns: Vec::new() }
}

#[tokio::test]
async fn session_policies_narrow_and_define_the_requester() {
    let world = world().await;
    let key = world.with_role().await;
    let session = async |scope: Scope, name: &str| {
        let input = AssumeRole { scope, role_session_name: name.into(), ..app() };
        world.session(&world.assume(&key, input).await.unwrap().credentials).await.unwrap()
    };
    let (plain, narrow, same) = (
        session(Scope::default(), "s1").await,
        session(scope(GET_ONLY), "s1").await,
        session(scope(GET_ONLY), "s2").await,
    );
    assert!(world.may(&plain, "s3:PutObject"));
    assert!(world.may(&narrow, "s3:GetObject") && !world.may(&narrow, "s3:PutObject"));
    assert_eq!(narrow.requester(), same.requester());
    assert_ne!(plain.requester(), narrow.requester());
    let arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess".to_owned();
    let managed = session(Scope { policy: None, policy_arns: vec![arn] }, "s1").await;
    assert!(world.may(&managed, "s3:ListBucket") && !world.may(&managed, "s3:PutObject"));
    assert_ne!(managed.requester(), narrow.requester());
    // Session policies never add.
    let wide =
        session(scope(r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#), "s1")
            .await;
    assert!(!world.may(&wide, "iam:CreateUser"));
}

#[tokio::test]
async fn a_session_whose_managed_session_policy_is_gone_is_void() {
    let world = world().await;
    let key = world.with_role().await;
    let input = CreatePolicy { policy_name: "p".into(), document: GET_ONLY.into(), ..Default::default() };
    let arn = world.iam.policies().create(&account(), input).await.unwrap().arn;
    let scope = Scope { policy: None, policy_arns: vec![arn.clone()] };
    let issued = world.assume(&key, AssumeRole { scope, ..app() }).await.unwrap();
    assert!(world.session(&issued.credentials).await.is_ok());
    world.iam.policies().delete(&account(), &arn).await.unwrap();
    assert!(matches!(world.session(&issued.credentials).await, Err(Error::InvalidToken)));
}

#[tokio::test]
async fn sessions_expire_to_the_second() {
    let world = world().await;
    let key = world.with_role().await;
    let issued = world.assume(&key, AssumeRole { duration_seconds: Some(900), ..app() }).await.unwrap();
    world.clock.advance(Duration::from_millis(899_999));
    assert!(world.session(&issued.credentials).await.is_ok());
    world.clock.advance(Duration::from_millis(1));
    // Remembered, and on a gateway that never saw it.
    assert!(matches!(world.session(&issued.credentials).await, Err(Error::ExpiredToken)));
    let (other, _) = open(&world.meta, &world.clock).await;
    let token = Some(issued.credentials.session_token.expose());
    assert!(matches!(
        other.authentication().credential(&issued.credentials.access_key_id, token).await,
        Err(Error::ExpiredToken)
    ));
}

#[tokio::test]
async fn a_token_that_does_not_belong_to_the_key_is_refused() {
    let world = world().await;
    let key = world.with_role().await;
    let (one, two) =
        (world.assume(&key, app()).await.unwrap().credentials, world.assume(&key, app()).await.unwrap().credentials);
    assert!(world.session(&one).await.is_ok());
    // Warm or cold, a session's key without its token is nobody's.
    for iam in [&world.iam, &open(&world.meta, &world.clock).await.0] {
        assert!(matches!(
            iam.authentication().credential(&one.access_key_id, None).await,
            Err(Error::UnknownAccessKey)
        ));
    }
    for token in [Some(two.session_token.expose()), Some(""), Some("x")] {
        let outcome = world.iam.authentication().credential(&one.access_key_id, token).await;
        assert!(matches!(outcome, Err(Error::InvalidToken)), "{token:?}");
    }
    assert!(matches!(
        world.iam.authentication().credential(&key.access_key_id, Some(one.session_token.expose())).await,
        Err(Error::InvalidToken)
    ));
}

#[tokio::test]
async fn sessions_die_with_their_role_or_user() {
    let world = world().await;
    let key = world.with_role().await;
    let role = world.assume(&key, app()).await.unwrap().credentials;
    let own = world.iam.sessions().session_token(&*world.identity(&key).await, None).unwrap();
    assert!(world.session(&role).await.is_ok() && world.session(&own).await.is_ok());

    world.iam.permissions().delete_inline(&account(), Entity::Role("app"), "s3").await.unwrap();
    assert!(!world.may(&world.session(&role).await.unwrap(), "s3:GetObject"));
    world.iam.roles().delete(&account(), "app").await.unwrap();
    assert!(matches!(world.session(&role).await, Err(Error::InvalidToken)));
    world.role("app").await;
    assert!(matches!(world.session(&role).await, Err(Error::InvalidToken)));

    world.iam.access_keys().delete(&account(), KeyHolder::User("alice"), &key.access_key_id).await.unwrap();
    assert!(world.session(&own).await.is_ok());
    world.iam.permissions().delete_inline(&account(), Entity::User("alice"), "sts").await.unwrap();
    world.iam.users().delete(&account(), "alice").await.unwrap();
    assert!(matches!(world.session(&own).await, Err(Error::InvalidToken)));
    world.user("alice").await;
    assert!(matches!(world.session(&own).await, Err(Error::InvalidToken)));
}

/// What the console's "Revoke active sessions" attaches to a role.
#[tokio::test]
async fn older_sessions_of_a_role_can_be_revoked() {
    let world = world().await;
    let key = world.with_role().await;
    let old = world.assume(&key, app()).await.unwrap().credentials;
    world.clock.advance(Duration::from_secs(60));
    let revoke = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{{"DateLessThan":{{"aws:TokenIssueTime":"{}"}}}}}}]}}"#,
        world.clock.now().rfc3339()
    );
    world.put(Entity::Role("app"), "AWSRevokeOlderSessions", &revoke).await.unwrap();
    assert!(!world.may(&world.session(&old).await.unwrap(), "s3:GetObject"));
    let new = world.assume(&key, app()).await.unwrap().credentials;
    assert!(world.may(&world.session(&new).await.unwrap(), "s3:GetObject"));
}

#[tokio::test]
async fn session_tags_replace_tags_and_transitive_ones_go_on() {
    let world = world().await;
    let key = world.with_role().await;
    world.iam.roles().tag(&account(), "app", vec![Tag::new("Team", "blue"), Tag::new("kept", "k")]).await.unwrap();
    world.put(Entity::Role("app"), "sts", ASSUME).await.unwrap();
    let input = AssumeRole {
        tags: vec![Tag::new("team", "red"), Tag::new("once", "x")],
        transitive_tag_keys: vec!["TEAM".into()],
        ..app()
    };
    let first = world.session(&world.assume(&key, input).await.unwrap().credentials).await.unwrap();
    let tag = |identity: &Identity, name: &str| {
        identity.tags.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    assert_eq!(
        (tag(&first, "team").as_deref(), tag(&first, "Team"), tag(&first, "kept").as_deref()),
        (Some("red"), None, Some("k"))
    );

    world.role("next").await;
    let next = AssumeRole { role_arn: "arn:aws:iam::111122223333:role/next".into(), ..app() };
    let chained = world.assume_as(&first, next.clone()).await.unwrap();
    let second = world.session(&chained.credentials).await.unwrap();
    assert_eq!((tag(&second, "team").as_deref(), tag(&second, "once")), (Some("red"), None));
    let overriding = AssumeRole { tags: vec![Tag::new("Team", "green")], ..next.clone() };
    assert_eq!(world.assume_as(&first, overriding).await.unwrap_err().code(), "InvalidParameterValue");
    // A session that was assumed from a session lasts an hour at most.
    world.iam.roles().update(&account(), "next", None, Some(7200)).await.unwrap();
    let long = AssumeRole { duration_seconds: Some(3601), ..next };
    assert_eq!(world.assume_as(&first, long).await.unwrap_err().code(), "ValidationError");
}

#[tokio::test]
async fn tagging_a_session_needs_permission_to_tag() {
    let world = world().await;
    let key = world.with_role().await;
    let assume_only = trust(r#"{"AWS":"111122223333"}"#, "{}")
        .replace(r#"["sts:AssumeRole","sts:TagSession"]"#, r#""sts:AssumeRole""#);
    world.iam.roles().update_trust(&account(), "app", assume_only).await.unwrap();
    assert!(world.assume(&key, app()).await.is_ok());
    let error = world.assume(&key, AssumeRole { tags: vec![Tag::new("team", "red")], ..app() }).await.unwrap_err();
    assert!(error.to_string().contains("sts:TagSession"), "{error}");
}

#[tokio::test]
async fn session_tokens_of_users_and_root() {
    let world = world().await;
    let key = world.with_role().await;
    world.put(Entity::User("alice"), "s3", ALLOW_S3).await.unwrap();
    world.put(Entity::User("alice"), "iam", &ALLOW_S3.replace("s3:*", "iam:*")).await.unwrap();
    let identity = world.identity(&key).await;
    let token = world.iam.sessions().session_token(&identity, None).unwrap();
    assert_eq!(token.expiration, world.clock.now().plus(Duration::from_secs(43_200)));
    let session = world.session(&token).await.unwrap();
    assert_eq!((&session.principal.arn, session.principal.kind), (&identity.principal.arn, PrincipalKind::User));
    assert_eq!(session.requester(), identity.requester());
    assert!(world.may(&session, "s3:GetObject"));
    // IAM needs MFA, and temporary credentials make no further ones of their own.
    assert!(world.may(&identity, "iam:GetUser") && !world.may(&session, "iam:GetUser"));
    assert_eq!(world.iam.sessions().session_token(&session, None).unwrap_err().code(), "AccessDenied");
    assert!(world.assume_as(&session, app()).await.is_ok());
    for (seconds, good) in [(899, false), (900, true), (129_600, true), (129_601, false)] {
        assert_eq!(world.iam.sessions().session_token(&identity, Some(seconds)).is_ok(), good, "{seconds}");
    }
    let root = world.iam.sessions().session_token(&*world.identity(&world.root).await, Some(7200)).unwrap();
    assert_eq!(root.expiration, world.clock.now().plus(Duration::from_secs(3600)));
    assert_eq!(world.session(&root).await.unwrap().principal.kind, PrincipalKind::Root);
}

#[tokio::test]
async fn federated_users_do_what_both_their_user_and_their_policy_allow() {
    let world = world().await;
    let key = world.with_role().await;
    world.put(Entity::User("alice"), "s3", ALLOW_S3).await.unwrap();
    let ann = |scope| FederationToken { name: "ann".into(), scope, ..Default::default() };
    let issued = world.federate(&key, ann(scope(GET_ONLY))).await.unwrap();
    assert_eq!(
        (issued.arn.as_str(), issued.id.as_str()),
        ("arn:aws:sts::111122223333:federated-user/ann", "111122223333:ann")
    );
    let session = world.session(&issued.credentials).await.unwrap();
    assert!(world.may(&session, "s3:GetObject") && !world.may(&session, "s3:PutObject"));
    assert!(!world.may(&session, "sts:GetFederationToken"));
    assert!(world.assume_as(&session, app()).await.is_err());
    // Without a policy: nothing but what resources grant.
    let bare = world.session(&world.federate(&key, ann(Scope::default())).await.unwrap().credentials).await.unwrap();
    assert!(!world.may(&bare, "s3:GetObject"));
    assert_ne!(bare.scope, session.scope);
    // The user's own permissions go, and the federated user's with them.
    world.iam.permissions().delete_inline(&account(), Entity::User("alice"), "s3").await.unwrap();
    assert!(!world.may(&world.session(&issued.credentials).await.unwrap(), "s3:GetObject"));
    world.iam.permissions().delete_inline(&account(), Entity::User("alice"), "sts").await.unwrap();
    assert_eq!(world.federate(&key, ann(Scope::default())).await.unwrap_err().code(), "AccessDenied");
    // Root vouches within the policy it passes.
    let of_root = world.federate(&world.root, ann(scope(GET_ONLY))).await.unwrap();
    let session = world.session(&of_root.credentials).await.unwrap();
    assert!(world.may(&session, "s3:GetObject") && !world.may(&session, "s3:PutObject"));
}
