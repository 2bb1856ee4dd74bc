//! Instance profiles and account aliases.

use super::*;
use crate::{CreateInstanceProfile, List, Tag};

fn named(name: &str) -> CreateInstanceProfile {
    CreateInstanceProfile { name: name.to_owned(), ..CreateInstanceProfile::default() }
}

#[tokio::test]
async fn a_role_in_an_instance_profile_lives_as_long_as_it_is_in_it() {
    let world = world().await;
    let (profiles, account) = (world.iam.instance_profiles(), account());
    world.role("app").await;
    world.role("other").await;
    let input = CreateInstanceProfile { path: Some("/p/".into()), tags: vec![Tag::new("a", "b")], ..named("web") };
    let made = profiles.create(&account, input).await.unwrap();
    assert_eq!(made.arn.as_str(), "arn:aws:iam::111122223333:instance-profile/p/web");
    assert!(made.id.starts_with("AIPA") && made.role.is_none());
    let taken = profiles.create(&account, named("WEB")).await.unwrap_err();
    assert_eq!(taken.to_string(), "Instance Profile WEB already exists.");

    profiles.add_role(&account, "web", "APP").await.unwrap();
    let full = profiles.add_role(&account, "web", "other").await.unwrap_err();
    assert!(matches!(full, Error::LimitExceeded { .. }), "{full}");
    assert_eq!(profiles.get(&account, "web").await.unwrap().role.unwrap().role_name, "app");
    for hindered in [world.iam.roles().delete(&account, "app").await, profiles.delete(&account, "web").await] {
        let hindered = hindered.unwrap_err();
        assert!(matches!(hindered, Error::DeleteConflict { .. }));
        assert_eq!(hindered.to_string(), "Cannot delete entity, must remove roles from instance profile first.");
    }
    let not_in = profiles.remove_role(&account, "web", "other").await;
    assert!(matches!(not_in, Err(Error::NoSuchEntity { .. })));
    profiles.remove_role(&account, "web", "app").await.unwrap();
    world.iam.roles().delete(&account, "app").await.unwrap();
    profiles.delete(&account, "web").await.unwrap();
    for gone in [profiles.get(&account, "web").await.map(drop), profiles.add_role(&account, "web", "other").await] {
        assert_eq!(gone.unwrap_err().to_string(), "Instance Profile web cannot be found.");
    }
}

#[tokio::test]
async fn instance_profiles_come_in_pages_and_are_bounded() {
    let world = world().await;
    let (profiles, account) = (world.iam.instance_profiles(), account());
    world.role("app").await;
    for n in 0..crate::instance_profiles::PROFILES {
        profiles.create(&account, named(&format!("p{n:04}"))).await.unwrap();
    }
    let more = profiles.create(&account, named("more")).await.unwrap_err();
    assert_eq!(more.to_string(), "Cannot exceed quota for InstanceProfilesPerAccount: 1000");
    for name in ["p0003", "p0500", "p0900"] {
        profiles.add_role(&account, name, "app").await.unwrap();
    }
    let mut list = List { max_items: Some(2), ..List::default() };
    let names = |page: &crate::Page<crate::InstanceProfile>| {
        page.items.iter().map(|profile| profile.name.clone()).collect::<Vec<_>>()
    };
    let first = profiles.list(&account, Some("app"), &list).await.unwrap();
    assert_eq!(names(&first), ["p0003", "p0500"]);
    list.marker = first.marker;
    let second = profiles.list(&account, Some("app"), &list).await.unwrap();
    assert_eq!((names(&second), second.marker), (vec!["p0900".to_owned()], None));
    assert!(profiles.list(&account, Some("none"), &List::default()).await.is_err(), "of no role");
    assert!(profiles.list(&other_account(), None, &List::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn an_account_has_one_alias_and_nobody_elses() {
    let world = world().await;
    let (accounts, own, other) = (world.iam.accounts(), account(), other_account());
    accounts.create(&other).await.unwrap();
    accounts.set_alias(&own, "first").await.unwrap();
    for taken in [accounts.set_alias(&other, "first").await, accounts.set_alias(&own, "first").await] {
        assert_eq!(taken.unwrap_err().to_string(), "The account alias first already exists.");
    }
    accounts.set_alias(&own, "second").await.unwrap();
    assert_eq!(accounts.alias(&own).await.unwrap().as_deref(), Some("second"));
    accounts.set_alias(&other, "first").await.unwrap();
    for (account, alias) in [(&own, "first"), (&other, "second"), (&own, "third")] {
        let refused = accounts.delete_alias(account, alias).await;
        assert!(matches!(refused, Err(Error::NoSuchEntity { .. })), "{alias}");
    }
    accounts.delete_alias(&own, "second").await.unwrap();
    assert_eq!(accounts.alias(&own).await.unwrap(), None);
    accounts.set_alias(&other, "second").await.unwrap();
    // Root keys made later keep it.
    world.iam.access_keys().create(&other, KeyHolder::Root).await.unwrap();
    assert_eq!(accounts.alias(&other).await.unwrap().as_deref(), Some("second"));
}

/// A condition that no request can meet, or that every request would, is refused where it is put.
#[tokio::test]
async fn policies_that_ask_for_what_no_request_says_are_not_stored() {
    let world = world().await;
    world.user("u").await;
    world.role("r").await;
    for (key, said) in [("s3:BucketTag/team", "unsupported"), ("sts:ExternalIdd", "invalid")] {
        let said = format!("Policy has an {said} condition key: {key}");
        let denies = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{{"StringEquals":{{"{key}":"x"}}}}}}}}"#
        );
        let roles = world.iam.roles();
        let trusts = trust(r#"{"AWS":"*"}"#, &format!(r#"{{"StringNotEquals":{{"{key}":"x"}}}}"#));
        for refused in [
            world.put(Entity::User("u"), "p", &denies).await,
            world.put(Entity::Role("r"), "p", &denies).await,
            crate::policies::check_document(&denies),
            roles.update_trust(&account(), "r", trusts).await,
        ] {
            let refused = refused.unwrap_err();
            assert!(matches!(refused, Error::MalformedPolicyDocument { .. }), "{key}");
            assert!(refused.to_string().contains(&said), "{refused}");
        }
    }
    let provider = trust(r#"{"AWS":"*"}"#, r#"{"StringEquals":{"id.example.com:sub":"ann"}}"#);
    assert!(world.iam.roles().update_trust(&account(), "r", provider).await.is_ok(), "a provider's own key");
}
