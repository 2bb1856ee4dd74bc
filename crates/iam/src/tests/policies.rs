//! Inline and managed policies, versions, boundaries.

use super::*;
use crate::{CreatePolicy, List, PolicyScope, PolicyUsage};

const DENY_GET: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}}"#;
const FULL: &str = "arn:aws:iam::aws:policy/AmazonS3FullAccess";

async fn managed(world: &World, name: &str, document: &str) -> String {
    let input = CreatePolicy { policy_name: name.into(), document: document.into(), ..Default::default() };
    world.iam.policies().create(&account(), input).await.unwrap().arn
}

#[tokio::test]
async fn inline_policies_can_be_written_read_listed_and_deleted() {
    let world = world().await;
    world.user("alice").await;
    let alice = Entity::User("alice");
    world.put(alice, "b", ALLOW_S3).await.unwrap();
    world.put(alice, "A", DENY_GET).await.unwrap();
    assert_eq!(world.iam.permissions().inline(&account(), alice, "b").await.unwrap(), ALLOW_S3);
    assert_eq!(
        world.iam.permissions().inline_names(&account(), alice, &List::default()).await.unwrap().items,
        ["A", "b"]
    );
    world.iam.permissions().delete_inline(&account(), alice, "b").await.unwrap();
    for outcome in [
        world.iam.permissions().inline(&account(), alice, "b").await.map(|_| ()),
        world.iam.permissions().delete_inline(&account(), alice, "b").await,
    ] {
        assert_eq!(outcome.unwrap_err().to_string(), "The user policy with name b cannot be found.");
    }
}

#[tokio::test]
async fn managed_policies_are_of_the_present_version() {
    let world = world().await;
    world.user("u").await;
    for version in ["", r#""Version":"2008-10-17","#] {
        let old = format!(r#"{{{version}"Statement":{{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}}}"#);
        let input = CreatePolicy { policy_name: "old".into(), document: old.clone(), ..Default::default() };
        let error = world.iam.policies().create(&account(), input).await.unwrap_err();
        let said = "Policy document must be version 2012-10-17 or greater.".to_owned();
        assert_eq!((error.code(), error.to_string()), ("MalformedPolicyDocument", said));
        world.put(Entity::User("u"), "old", &old).await.unwrap();
    }
}

#[tokio::test]
async fn malformed_and_oversized_policies_are_refused() {
    let world = world().await;
    world.user("alice").await;
    let alice = Entity::User("alice");
    for document in ["", "{}", r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#] {
        assert_eq!(world.put(alice, "p", document).await.unwrap_err().code(), "MalformedPolicyDocument");
    }
    // All inline policies of a user together have 2,048 characters.
    let large = format!(
        r#"{{"Statement":{{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::{}"}}}}"#,
        "x".repeat(1200)
    );
    world.put(alice, "one", &large).await.unwrap();
    let error = world.put(alice, "two", &large).await.unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user")
    );
    world.put(alice, "one", ALLOW_S3).await.unwrap();
    let input = CreatePolicy { policy_name: "p".into(), document: large.replace('x', "xxxxxx"), ..Default::default() };
    assert_eq!(world.iam.policies().create(&account(), input).await.unwrap_err().code(), "LimitExceeded");
}

#[tokio::test]
async fn attached_policies_grant_and_a_deny_in_any_of_them_wins() {
    let world = world().await;
    let key = world.user("alice").await;
    let alice = Entity::User("alice");
    world.iam.permissions().attach(&account(), alice, FULL).await.unwrap();
    world.iam.permissions().attach(&account(), alice, FULL).await.unwrap();
    assert!(world.key_may(&key, "s3:GetObject").await);
    let deny = managed(&world, "deny", DENY_GET).await;
    world.iam.permissions().attach(&account(), alice, &deny).await.unwrap();
    assert!(!world.key_may(&key, "s3:GetObject").await);
    assert!(world.key_may(&key, "s3:PutObject").await);
    let attached = world.iam.permissions().attached(&account(), alice, &List::default()).await.unwrap();
    let names: Vec<&str> = attached.items.iter().map(|policy| policy.policy_name.as_str()).collect();
    assert_eq!(names, ["AmazonS3FullAccess", "deny"]);
    world.iam.permissions().detach(&account(), alice, &deny).await.unwrap();
    assert!(world.key_may(&key, "s3:GetObject").await);
    assert_eq!(world.iam.permissions().detach(&account(), alice, &deny).await.unwrap_err().code(), "NoSuchEntity");
}

#[tokio::test]
async fn policies_that_do_not_exist_cannot_be_attached() {
    let world = world().await;
    world.user("alice").await;
    for arn in
        ["arn:aws:iam::aws:policy/None", "arn:aws:iam::444455556666:policy/p", "arn:aws:iam::111122223333:policy/p"]
    {
        let error = world.iam.permissions().attach(&account(), Entity::User("alice"), arn).await.unwrap_err();
        assert_eq!(error.to_string(), format!("Policy {arn} does not exist or is not attachable."));
    }
    for nothing in ["p", "", "arn:aws:iam"] {
        let error = world.iam.permissions().attach(&account(), Entity::User("alice"), nothing).await.unwrap_err();
        assert_eq!((error.code(), &*error.to_string()), ("ValidationError", "Invalid ARN:  Could not be parsed!"));
    }
    for number in 0..11 {
        let arn = managed(&world, &format!("p{number}"), ALLOW_S3).await;
        let outcome = world.iam.permissions().attach(&account(), Entity::User("alice"), &arn).await;
        assert_eq!(outcome.is_ok(), number < 10);
    }
}

#[tokio::test]
async fn the_default_version_is_in_effect_at_once() {
    let world = world().await;
    let key = world.user("alice").await;
    let arn = managed(&world, "p", ALLOW_S3).await;
    world.iam.permissions().attach(&account(), Entity::User("alice"), &arn).await.unwrap();
    assert!(world.key_may(&key, "s3:GetObject").await);
    let second = world.iam.policies().create_version(&account(), &arn, DENY_GET.into(), false).await.unwrap();
    assert_eq!(second.version_id, "v2");
    assert!(world.key_may(&key, "s3:GetObject").await);
    world.iam.policies().set_default_version(&account(), &arn, "v2").await.unwrap();
    assert!(!world.key_may(&key, "s3:GetObject").await);
    let error = world.iam.policies().delete_version(&account(), &arn, "v2").await.unwrap_err();
    assert_eq!(error.to_string(), "Cannot delete the default version of a policy.");
    world.iam.policies().delete_version(&account(), &arn, "v1").await.unwrap();
    assert_eq!(
        world.iam.policies().set_default_version(&account(), &arn, "v1").await.unwrap_err().code(),
        "NoSuchEntity"
    );
    for number in 3..=7 {
        let made = world.iam.policies().create_version(&account(), &arn, ALLOW_S3.into(), true).await;
        assert_eq!(made.map(|version| version.version_id).ok(), (number < 7).then(|| format!("v{number}")));
    }
    let list = List { max_items: Some(2), ..Default::default() };
    let page = world.iam.policies().versions(&account(), &arn, &list).await.unwrap();
    let ids: Vec<&str> = page.items.iter().map(|version| version.version_id.as_str()).collect();
    assert_eq!(ids, ["v6", "v5"]);
    let rest = world.iam.policies().versions(&account(), &arn, &List { marker: page.marker, ..list }).await.unwrap();
    assert_eq!(rest.items.first().map(|version| version.version_id.as_str()), Some("v4"));
    assert_eq!(world.iam.policies().version(&account(), &arn, "v6").await.unwrap().document, ALLOW_S3);
    assert!(world.iam.policies().version(&account(), &arn, "v9").await.is_err());
}

#[tokio::test]
async fn a_policy_in_use_cannot_go() {
    let world = world().await;
    world.user("alice").await;
    world.role("app").await;
    let arn = managed(&world, "p", ALLOW_S3).await;
    world.iam.permissions().attach(&account(), Entity::Role("app"), &arn).await.unwrap();
    world.iam.users().set_boundary(&account(), "alice", Some(arn.clone())).await.unwrap();
    let described = world.iam.policies().get(&account(), &arn).await.unwrap();
    assert_eq!((described.attachment_count, described.permissions_boundary_usage_count), (1, 1));
    let named = |entities: Vec<(String, String)>| entities.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let both = world.iam.policies().entities(&account(), &arn, None).await.unwrap();
    assert_eq!((named(both.users), named(both.roles)), (vec!["alice".to_owned()], vec!["app".to_owned()]));
    let attached = world.iam.policies().entities(&account(), &arn, Some(PolicyUsage::Permissions)).await.unwrap();
    assert!(attached.users.is_empty() && attached.roles.len() == 1);

    let delete = async || world.iam.policies().delete(&account(), &arn).await;
    assert_eq!(delete().await.unwrap_err().code(), "DeleteConflict");
    world.iam.permissions().detach(&account(), Entity::Role("app"), &arn).await.unwrap();
    assert_eq!(delete().await.unwrap_err().code(), "DeleteConflict");
    world.iam.users().set_boundary(&account(), "alice", None).await.unwrap();
    world.iam.policies().create_version(&account(), &arn, ALLOW_S3.into(), true).await.unwrap();
    assert_eq!(delete().await.unwrap_err().code(), "DeleteConflict");
    world.iam.policies().delete_version(&account(), &arn, "v1").await.unwrap();
    delete().await.unwrap();
    assert_eq!(delete().await.unwrap_err().to_string(), format!("Policy {arn} was not found."));
}

#[tokio::test]
async fn policies_of_aws_are_listed_and_cannot_be_changed() {
    let world = world().await;
    let own = managed(&world, "AdministratorAccess", DENY_GET).await;
    let list = |scope, max_items, marker| {
        let list = List { max_items: Some(max_items), marker, ..Default::default() };
        let iam = &world.iam;
        async move { iam.policies().list(&account(), scope, false, &list).await.unwrap() }
    };
    assert_eq!(list(PolicyScope::Local, 100, None).await.items.len(), 1);
    let aws = list(PolicyScope::Aws, 100, None).await.items.len();
    // Equal names of the account and of AWS survive paging.
    let mut seen = Vec::new();
    let mut marker = None;
    loop {
        let page = list(PolicyScope::All, 1, marker).await;
        seen.extend(page.items.into_iter().map(|policy| policy.arn));
        marker = page.marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), aws + 1);
    assert!(seen.contains(&own) && seen.contains(&"arn:aws:iam::aws:policy/AdministratorAccess".to_owned()));
    for outcome in [
        world.iam.policies().delete(&account(), FULL).await,
        world.iam.policies().set_default_version(&account(), FULL, "v1").await,
        world.iam.policies().tag(&account(), FULL, vec![]).await,
        world.iam.policies().create_version(&account(), FULL, ALLOW_S3.into(), true).await.map(|_| ()),
    ] {
        assert_eq!(outcome.unwrap_err().code(), "UnmodifiableEntity");
    }
    assert!(world.iam.policies().version(&account(), FULL, "v1").await.unwrap().document.contains("s3:*"));
}

#[tokio::test]
async fn a_boundary_limits_what_policies_grant() {
    let world = world().await;
    let key = world.user("alice").await;
    world.put(Entity::User("alice"), "s3", ALLOW_S3).await.unwrap();
    let read_only = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess".to_owned();
    world.iam.users().set_boundary(&account(), "alice", Some(read_only)).await.unwrap();
    assert!(world.key_may(&key, "s3:GetObject").await);
    assert!(!world.key_may(&key, "s3:PutObject").await);
}

#[tokio::test]
async fn an_attached_policy_that_is_gone_is_not_made_again_by_whoever_makes_policies() {
    let world = world().await;
    let key = world.user("alice").await;
    let arn = managed(&world, "Limits", DENY_GET).await;
    world.iam.permissions().attach(&account(), Entity::User("alice"), &arn).await.unwrap();
    let record = format!("iam/p/{ACCOUNT}\0limits");
    assert!(world.meta.get(record.as_bytes()).await.unwrap().is_some());
    world.meta.commit(arqueta_store::Batch::default().delete(record.into_bytes())).await.unwrap();
    let make = || CreatePolicy { policy_name: "limits".into(), document: ALLOW_S3.into(), ..Default::default() };
    let same = CreatePolicy { policy_name: "Limits".into(), ..make() };
    let refused = world.iam.policies().create(&account(), same.clone()).await.unwrap_err();
    assert!(matches!(refused, Error::Damaged { .. }), "{refused}");
    world.iam.refresh().await.unwrap();
    assert!(
        world.iam.authentication().credential(&key.access_key_id, None).await.is_err(),
        "nothing is decided without it"
    );
    world.iam.policies().create(&account(), make()).await.unwrap();
    world.iam.policies().delete(&account(), &arn.replace("Limits", "limits")).await.unwrap();
    world.iam.permissions().detach(&account(), Entity::User("alice"), &arn).await.unwrap();
    world.iam.policies().create(&account(), same).await.unwrap();
}
