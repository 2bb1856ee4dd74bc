//! Everybody is met once, as their requests are decided.

use std::collections::BTreeSet;
use std::sync::Arc;

use arqueta_store::{Batch, MetaStore as _};

use super::{ACCOUNT, ALLOW_S3, account, other_account, world};
use crate::{CreateUser, Entity, Met, People, Person};

async fn all(world: &super::World) -> (Vec<Person>, Vec<String>) {
    let mut people = People::of(Arc::new(world.meta.clone()), world.clock.clone()).await.unwrap();
    let (mut met, mut unreadable) = (Vec::new(), Vec::new());
    while let Some(one) = people.next().await.unwrap() {
        match one {
            Met::Person(person) => met.push(*person),
            Met::Unreadable(name) => unreadable.push(name),
        }
    }
    (met, unreadable)
}

#[tokio::test]
async fn roots_users_and_roles_of_all_accounts_chunk_by_chunk() {
    let world = world().await;
    world.iam.accounts().create(&other_account()).await.unwrap();
    for at in 0..300 {
        let user = CreateUser { user_name: format!("u{at}"), ..CreateUser::default() };
        world.iam.users().create(&account(), user).await.unwrap();
    }
    world.role("app").await;
    let (met, unreadable) = all(&world).await;
    let arns: BTreeSet<_> = met.iter().map(|person| person.identity.principal.arn.to_string()).collect();
    assert_eq!((met.len(), arns.len(), unreadable.len()), (303, 303, 0));
    for arn in ["arn:aws:iam::444455556666:root", "arn:aws:iam::111122223333:user/u299"] {
        assert!(arns.contains(arn), "{arn}");
    }
    let role = met.iter().find(|person| person.identity.principal.arn.as_str().contains("assumed-role/app")).unwrap();
    assert!(role.takes_tags, "its trust policy lets tags in");
    let session = role.session("night").identity.principal;
    assert_eq!(session.arn.as_str(), format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/night"));
    assert!(session.id.starts_with("AROA") && session.id.ends_with(":night"), "{}", session.id);
}

#[tokio::test]
async fn policies_stand_in_the_order_of_the_identity_and_say_whose_they_are() {
    let world = world().await;
    let key = world.user("alice").await;
    world.iam.groups().create(&account(), "staff", None).await.unwrap();
    world.iam.groups().add_user(&account(), "staff", "alice").await.unwrap();
    world.put(Entity::Group("staff"), "of-all", ALLOW_S3).await.unwrap();
    world.put(Entity::User("alice"), "own", ALLOW_S3).await.unwrap();
    let managed = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    world.iam.permissions().attach(&account(), Entity::User("alice"), managed).await.unwrap();
    let (met, _) = all(&world).await;
    let alice = met.iter().find(|person| person.identity.principal.arn.as_str().ends_with("user/alice")).unwrap();
    let held: Vec<_> = alice.policies.iter().map(|held| (held.name.as_str(), held.group.as_deref())).collect();
    assert_eq!(held, [("own", None), (managed, None), ("of-all", Some("staff"))]);
    assert_eq!(alice.identity.policies, world.identity(&key).await.policies, "what requests are decided by");
}

#[tokio::test]
async fn whose_policies_cannot_be_read_is_named() {
    let world = world().await;
    world.user("alice").await;
    world.user("bob").await;
    world.put(Entity::User("alice"), "own", ALLOW_S3).await.unwrap();
    let at = format!("iam/u/{ACCOUNT}\0bob").into_bytes();
    world.meta.commit(Batch::default().put(at, "nonsense")).await.unwrap();
    let (met, unreadable) = all(&world).await;
    assert_eq!((met.len(), unreadable), (2, vec!["bob".to_owned()]));
}
