//! Whom stored policies name: identities, not names.

use std::sync::Arc;

use arqueta_policy::{Known, PrincipalName};
use arqueta_store::{Batch, MetaStore as _};

use super::{ACCOUNT, account, config, open, trust, world};
use crate::record::RoleRecord;
use crate::testing::TestSealer;
use crate::{CreateRole, CreateUser, Error, Iam, Standing};

fn role(name: &str, principal: &str) -> CreateRole {
    CreateRole { role_name: name.into(), assume_role_policy_document: trust(principal, "{}"), ..CreateRole::default() }
}

#[tokio::test]
async fn a_trust_policy_means_the_user_that_there_was() {
    let world = world().await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/eve");
    let eve = || CreateUser { user_name: "eve".into(), ..CreateUser::default() };
    let first = world.iam.users().create(&account(), eve()).await.unwrap();
    let made = world.iam.roles().create(&account(), role("r", &format!(r#"{{"AWS":"{arn}"}}"#))).await.unwrap();
    assert_eq!(made.assume_role_policy_document, trust(&format!(r#"{{"AWS":"{arn}"}}"#), "{}"));
    let stored: RoleRecord = world.iam.state.directory.find(&account(), "r").await.unwrap().unwrap();
    assert!(stored.trust.contains(&first.user_id) && !stored.trust.contains("user/eve"), "{}", stored.trust);

    // Moved, it is the same user under another name.
    world.iam.users().update(&account(), "eve", None, Some("/x/".into())).await.unwrap();
    let shown = world.iam.roles().get(&account(), "r").await.unwrap().assume_role_policy_document;
    assert!(shown.contains("user/x/eve"), "{shown}");

    world.iam.users().delete(&account(), "eve").await.unwrap();
    world.iam.users().create(&account(), eve()).await.unwrap();
    let shown = world.iam.roles().get(&account(), "r").await.unwrap().assume_role_policy_document;
    assert!(shown.contains(&first.user_id) && !shown.contains("eve"), "{shown}");
    // What is shown now names nobody who exists.
    let again = world.iam.roles().update_trust(&account(), "r", shown).await;
    assert!(matches!(again, Err(Error::MalformedPolicyDocument { .. })));
}

#[tokio::test]
async fn nobody_can_be_trusted_who_does_not_exist() {
    let world = world().await;
    world.role("app").await;
    for name in [
        format!("arn:aws:iam::{ACCOUNT}:user/none"),
        format!("arn:aws:iam::{ACCOUNT}:role/none"),
        format!("arn:aws:iam::{ACCOUNT}:role/self"),
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/none/s1"),
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/a/b"),
        "arn:aws:iam::999999999999:root".to_owned(),
        "999999999999".to_owned(),
        "AIDAGONEGONEGONEGONE1".to_owned(),
        "AROAGONEGONEGONEGONE1:s1".to_owned(),
    ] {
        let outcome = world.iam.roles().create(&account(), role("self", &format!(r#"{{"AWS":"{name}"}}"#))).await;
        let Err(Error::MalformedPolicyDocument { message }) = outcome else { panic!("{name}") };
        assert_eq!(message, format!("Invalid principal in policy: \"AWS\":\"{name}\""));
    }
    for principal in [r#"{"Service":"s3.amazonaws.com"}"#, r#"{"Federated":"accounts.example.com"}"#] {
        let name = if principal.contains("Service") { "service" } else { "federated" };
        assert!(world.iam.roles().create(&account(), role(name, principal)).await.is_ok(), "{principal}");
    }
}

#[tokio::test]
async fn a_role_and_its_sessions_have_ids_as_long_as_it_lives() {
    let world = world().await;
    world.role("app").await;
    let id = world.iam.roles().get(&account(), "app").await.unwrap().role_id;
    let (role, session) =
        (format!("arn:aws:iam::{ACCOUNT}:role/app"), format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/s1"));
    for (name, id) in [(&role, id.clone()), (&session, format!("{id}:s1"))] {
        let name = PrincipalName::of_aws(name).unwrap();
        assert_eq!(world.iam.principals().identify(name).await.unwrap(), Known::Id(id.clone()));
        assert_eq!(world.iam.principals().identify(PrincipalName::UniqueId(&id)).await.unwrap(), Known::AsNamed);
    }
    assert_eq!(world.iam.principals().arn_of(&id).await.unwrap(), Some(role));
    assert_eq!(world.iam.principals().arn_of(&format!("{id}:s1")).await.unwrap(), Some(session));
    world.iam.roles().delete(&account(), "app").await.unwrap();
    world.role("app").await;
    for gone in [id.clone(), format!("{id}:s1")] {
        assert_eq!(world.iam.principals().arn_of(&gone).await.unwrap(), None);
        assert_eq!(world.iam.principals().identify(PrincipalName::UniqueId(&gone)).await.unwrap(), Known::Nobody);
    }
}

#[tokio::test]
async fn an_arn_of_a_session_names_one_spelling_of_its_role() {
    let world = world().await;
    world.role("Admin").await;
    for (role, known) in [("Admin", true), ("ADMIN", false), ("admin", false)] {
        let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/s");
        let found = world.iam.principals().identify(PrincipalName::of_aws(&arn).unwrap()).await.unwrap();
        assert_eq!(matches!(found, Known::Id(_)), known, "{role}");
    }
}

#[tokio::test]
async fn roles_of_old_stores_are_found_by_id_after_a_start_and_ids_of_nobody_cost_one_read() {
    let world = world().await;
    world.role("old").await;
    let id = world.iam.roles().get(&account(), "old").await.unwrap().role_id;
    world.meta.commit(Batch::default().delete(format!("iam/i/{id}").into_bytes())).await.unwrap();
    let before = world.meta.reads();
    assert_eq!(world.iam.principals().arn_of(&id).await.unwrap(), None);
    assert_eq!(world.meta.reads() - before, 1, "no role is looked through");
    let (iam, _) = open(&world.meta, &world.clock).await;
    assert_eq!(iam.principals().arn_of(&id).await.unwrap(), Some(format!("arn:aws:iam::{ACCOUNT}:role/old")));
}

#[tokio::test]
async fn connecting_to_a_store_makes_neither_accounts_nor_keys() {
    let world = world().await;
    let connected = async || {
        let sealer = Arc::new(TestSealer::default());
        Iam::connect(Arc::new(world.meta.clone()), world.clock.clone(), sealer, config()).await.unwrap()
    };
    let key = format!("iam/a/{ACCOUNT}");
    assert_eq!(connected().await.accounts().standing(&account()).await.unwrap(), Standing::RootKey);
    assert!(!connected().await.accounts().has_identities(&account()).await.unwrap());
    world.role("app").await;
    world.meta.commit(Batch::default().put(key.clone().into_bytes(), "nonsense")).await.unwrap();
    assert_eq!(connected().await.accounts().standing(&account()).await.unwrap(), Standing::Damaged);
    world.meta.commit(Batch::default().delete(key.clone().into_bytes())).await.unwrap();
    let iam = connected().await;
    assert_eq!(iam.accounts().standing(&account()).await.unwrap(), Standing::Absent);
    assert!(iam.accounts().has_identities(&account()).await.unwrap(), "what it left shows that it was");
    assert!(world.meta.get(key.as_bytes()).await.unwrap().is_none());
    iam.accounts().create(&account()).await.unwrap();
    assert_eq!(iam.accounts().standing(&account()).await.unwrap(), Standing::RootKey);
}
