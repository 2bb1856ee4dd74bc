//! Users, groups, roles, access keys.

use super::*;
use crate::{List, Tag};

fn user(name: &str) -> CreateUser {
    CreateUser { user_name: name.into(), ..Default::default() }
}

#[tokio::test]
async fn a_name_is_taken_whatever_its_case() {
    let world = world().await;
    let alice = world.iam.users().create(&account(), user("Alice")).await.unwrap();
    assert_eq!(alice.arn.as_str(), "arn:aws:iam::111122223333:user/Alice");
    let error = world.iam.users().create(&account(), user("alice")).await.unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("EntityAlreadyExists", "User with name alice already exists.")
    );
    assert_eq!(world.iam.users().get(&account(), "ALICE").await.unwrap(), alice);
    // Another account has its own names.
    world.iam.accounts().create(&other_account()).await.unwrap();
    assert!(world.iam.users().create(&other_account(), user("alice")).await.is_ok());
    assert_eq!(world.iam.accounts().list().await.unwrap(), [account(), other_account()]);
    assert!(matches!(world.iam.accounts().create(&other_account()).await, Err(Error::EntityAlreadyExists { .. })));
}

#[tokio::test]
async fn unknown_names_are_told_as_aws_does() {
    let world = world().await;
    let said = |error: Error| (error.code(), error.to_string());
    let error = said(world.iam.users().get(&account(), "x").await.unwrap_err());
    assert_eq!(error, ("NoSuchEntity", "The user with name x cannot be found.".to_owned()));
    let error = said(world.iam.roles().get(&account(), "x").await.unwrap_err());
    assert_eq!(error, ("NoSuchEntity", "The role with name x cannot be found.".to_owned()));
    for outcome in [
        world.iam.users().delete(&account(), "x").await,
        world.iam.groups().delete(&account(), "x").await,
        world.iam.roles().delete(&account(), "x").await,
        world.iam.groups().add_user(&account(), "x", "x").await,
        world.iam.users().update(&account(), "x", None, None).await,
        world.iam.roles().set_boundary(&account(), "x", None).await,
        world.iam.users().tag(&account(), "x", vec![]).await,
    ] {
        assert_eq!(outcome.unwrap_err().code(), "NoSuchEntity");
    }
}

#[tokio::test]
async fn bad_shapes_are_refused_before_anything_is_written() {
    let world = world().await;
    let writes = world.meta.writes();
    let bad = [
        user(""),
        user("a b"),
        CreateUser { path: Some("x".into()), ..user("u") },
        CreateUser { tags: vec![Tag::new("aws:x", "y")], ..user("u") },
        CreateUser { permissions_boundary: Some("arn:aws:iam::aws:policy/None".into()), ..user("u") },
    ];
    for input in bad {
        assert!(world.iam.users().create(&account(), input).await.is_err());
    }
    let role = |duration, document: &str| CreateRole {
        role_name: "r".into(),
        max_session_duration: duration,
        assume_role_policy_document: document.into(),
        ..Default::default()
    };
    let good = trust("\"*\"", "{}");
    for (input, code) in [
        (role(Some(3599), &good), "ValidationError"),
        (role(Some(43_201), &good), "ValidationError"),
        (role(None, ALLOW_S3), "MalformedPolicyDocument"),
        (role(None, "{}"), "MalformedPolicyDocument"),
    ] {
        assert_eq!(world.iam.roles().create(&account(), input).await.unwrap_err().code(), code);
    }
    assert_eq!(world.meta.writes(), writes);
}

#[tokio::test]
async fn listings_page_through_everything_once() {
    let world = world().await;
    for number in 0..7 {
        let path = if number % 2 == 0 { "/even/" } else { "/odd/" };
        let input = CreateUser { path: Some(path.into()), ..user(&format!("u{number}")) };
        world.iam.users().create(&account(), input).await.unwrap();
    }
    let mut list = List { max_items: Some(3), ..Default::default() };
    let mut names = Vec::new();
    loop {
        let page = world.iam.users().list(&account(), &list).await.unwrap();
        assert!(page.items.len() <= 3);
        names.extend(page.items.into_iter().map(|user| user.user_name));
        match page.marker {
            Some(marker) => list.marker = Some(marker),
            None => break,
        }
    }
    assert_eq!(names, ["u0", "u1", "u2", "u3", "u4", "u5", "u6"]);
    let even = List { path_prefix: Some("/even/".into()), ..Default::default() };
    assert_eq!(world.iam.users().list(&account(), &even).await.unwrap().items.len(), 4);
}

#[tokio::test]
async fn groups_keep_their_members_when_renamed_and_go_only_when_empty() {
    let world = world().await;
    let key = world.user("alice").await;
    world.iam.groups().create(&account(), "devs", None).await.unwrap();
    world.iam.groups().add_user(&account(), "devs", "alice").await.unwrap();
    world.put(Entity::Group("devs"), "s3", ALLOW_S3).await.unwrap();
    assert!(world.key_may(&key, "s3:GetObject").await);
    world.iam.groups().update(&account(), "devs", Some("Developers".into()), None).await.unwrap();
    assert!(world.key_may(&key, "s3:GetObject").await);
    let (group, members) = world.iam.groups().get(&account(), "developers", &List::default()).await.unwrap();
    assert_eq!((group.group_name.as_str(), members.items.len()), ("Developers", 1));
    let groups = world.iam.groups().of_user(&account(), "alice", &List::default()).await.unwrap();
    assert_eq!(groups.items, [group]);

    let error = world.iam.groups().delete(&account(), "developers").await.unwrap_err().to_string();
    assert_eq!(error, "Cannot delete entity, must remove users from group first.");
    world.iam.groups().remove_user(&account(), "developers", "alice").await.unwrap();
    assert!(!world.key_may(&key, "s3:GetObject").await);
    let error = world.iam.groups().delete(&account(), "developers").await.unwrap_err().to_string();
    assert_eq!(error, "Cannot delete entity, must delete policies first.");
    world.iam.permissions().delete_inline(&account(), Entity::Group("developers"), "s3").await.unwrap();
    world.iam.groups().delete(&account(), "developers").await.unwrap();
    assert!(world.iam.groups().get(&account(), "developers", &List::default()).await.is_err());
}

#[tokio::test]
async fn a_user_is_in_ten_groups_at_most() {
    let world = world().await;
    world.user("alice").await;
    for number in 0..11 {
        let name = format!("g{number}");
        world.iam.groups().create(&account(), &name, None).await.unwrap();
        let outcome = world.iam.groups().add_user(&account(), &name, "alice").await;
        assert_eq!(outcome.is_ok(), number < 10, "{number}");
    }
}

#[tokio::test]
async fn a_user_goes_only_when_nothing_hangs_on_it() {
    let world = world().await;
    let key = world.user("alice").await;
    let delete = async || world.iam.users().delete(&account(), "alice").await;
    assert!(delete().await.unwrap_err().to_string().contains("must delete access keys first"));
    world.iam.access_keys().delete(&account(), KeyHolder::User("alice"), &key.access_key_id).await.unwrap();
    let arn = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
    world.iam.permissions().attach(&account(), Entity::User("alice"), arn).await.unwrap();
    assert!(delete().await.unwrap_err().to_string().contains("must detach all policies first"));
    world.iam.permissions().detach(&account(), Entity::User("alice"), arn).await.unwrap();
    delete().await.unwrap();
    assert_eq!(delete().await.unwrap_err().code(), "NoSuchEntity");
}

#[tokio::test]
async fn a_renamed_user_keeps_its_keys_and_frees_its_name() {
    let world = world().await;
    let key = world.user("alice").await;
    world.user("bob").await;
    let update =
        async |to: &str| world.iam.users().update(&account(), "alice", Some(to.into()), Some("/x/".into())).await;
    assert_eq!(update("BOB").await.unwrap_err().code(), "EntityAlreadyExists");
    update("Alice").await.unwrap();
    update("carol").await.unwrap();
    assert_eq!(world.identity(&key).await.principal.arn.as_str(), "arn:aws:iam::111122223333:user/x/carol");
    let used = world.iam.access_keys().last_used(&account(), &key.access_key_id).await.unwrap();
    assert_eq!(used.user_name.as_deref(), Some("carol"));
    assert!(world.iam.users().create(&account(), user("alice")).await.is_ok());
}

#[tokio::test]
async fn two_access_keys_at_most_and_only_ones_own() {
    let world = world().await;
    let first = world.user("alice").await;
    world.user("bob").await;
    let (alice, bob) = (KeyHolder::User("alice"), KeyHolder::User("bob"));
    let second = world.iam.access_keys().create(&account(), alice).await.unwrap();
    let error = world.iam.access_keys().create(&account(), alice).await.unwrap_err();
    assert_eq!(error.to_string(), "Cannot exceed quota for AccessKeysPerUser: 2");
    let ids = world.iam.access_keys().list(&account(), alice).await.unwrap();
    let ids: Vec<&str> = ids.iter().map(|key| key.access_key_id.as_str()).collect();
    assert_eq!(ids, [&first.access_key_id, &second.access_key_id]);
    for outcome in [
        world.iam.access_keys().delete(&account(), bob, &first.access_key_id).await,
        world.iam.access_keys().update(&account(), bob, &first.access_key_id, false).await,
        world.iam.access_keys().update(&account(), KeyHolder::Root, &first.access_key_id, false).await,
    ] {
        assert_eq!(outcome.unwrap_err().code(), "NoSuchEntity");
    }
    let elsewhere = world.iam.access_keys().last_used(&other_account(), &first.access_key_id).await;
    assert_eq!(elsewhere.unwrap_err().code(), "NoSuchEntity");
}

#[tokio::test]
async fn tags_and_boundaries_are_kept() {
    let world = world().await;
    world.user("alice").await;
    world.role("app").await;
    world.iam.users().tag(&account(), "alice", vec![Tag::new("team", "red")]).await.unwrap();
    world.iam.roles().tag(&account(), "app", vec![Tag::new("team", "red"), Tag::new("x", "y")]).await.unwrap();
    world.iam.roles().untag(&account(), "app", &["TEAM".into()]).await.unwrap();
    assert_eq!(world.iam.users().get(&account(), "alice").await.unwrap().tags, [Tag::new("team", "red")]);
    assert_eq!(world.iam.roles().get(&account(), "app").await.unwrap().tags, [Tag::new("x", "y")]);
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    assert_eq!(world.iam.users().set_boundary(&account(), "alice", None).await.unwrap_err().code(), "NoSuchEntity");
    world.iam.users().set_boundary(&account(), "alice", Some(arn.into())).await.unwrap();
    assert_eq!(world.iam.users().get(&account(), "alice").await.unwrap().permissions_boundary.as_deref(), Some(arn));
    world.iam.roles().update(&account(), "app", Some("text".into()), Some(7200)).await.unwrap();
    world.iam.roles().update(&account(), "app", None, None).await.unwrap();
    let role = world.iam.roles().get(&account(), "app").await.unwrap();
    assert_eq!((role.description.as_deref(), role.max_session_duration), (Some("text"), 7200));
}

#[tokio::test]
async fn changes_by_two_gateways_at_once_happen_one_after_the_other() {
    let world = world().await;
    let (other, generated) = open(&world.meta, &world.clock).await;
    assert!(generated.is_none());
    let (iam, account) = (&world.iam, account());
    let one = async { iam.users().create(&account, user("same")).await };
    let two = async { other.users().create(&account, user("same")).await };
    let (one, two) = tokio::join!(one, two);
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
}

#[tokio::test]
async fn a_full_store_changes_nothing() {
    let world = world().await;
    let key = world.user("alice").await;
    world.faulty.fail_always(Some(arqueta_store::Fault::Full));
    let error = world.put(Entity::User("alice"), "s3", ALLOW_S3).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    world.faulty.fail_always(None);
    assert!(!world.key_may(&key, "s3:GetObject").await);
}
