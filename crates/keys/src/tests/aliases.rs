use arqueta_kms::testing::{OTHER_ACCOUNT, user};

use super::*;

fn create(name: &str, key: &KeyArn) -> CreateAliasRequest {
    CreateAliasRequest { alias_name: name.into(), target_key_id: key.to_string() }
}

#[tokio::test]
async fn an_alias_stands_for_its_key_and_can_be_moved() {
    let world = World::new().await;
    let (one, two) = (world.key().await, world.key().await);
    world.kms.create_alias(&world.root, create("alias/app", &one)).await.unwrap();
    let sealed = world.generate_as(&world.root, "alias/app").await.unwrap();
    assert_eq!(sealed.key_id, one.to_string());
    let update = UpdateAliasRequest { alias_name: "alias/app".into(), target_key_id: two.to_string() };
    world.kms.update_alias(&world.root, update).await.unwrap();
    assert_eq!(
        world.generate_as(&world.root, "arn:aws:kms:us-east-1:111122223333:alias/app").await.unwrap().key_id,
        two.to_string()
    );
    assert!(
        world.decrypt_as(&world.root, sealed.ciphertext_blob.expose()).await.is_ok(),
        "ciphertext names the key, not the alias"
    );
    for (key, aliases) in [(&one, 0), (&two, 1)] {
        let listed = world
            .kms
            .list_aliases(&world.root, ListAliasesRequest { key_id: Some(key.to_string()), ..Default::default() })
            .await
            .unwrap();
        assert_eq!(listed.aliases.len(), aliases);
    }
    world.kms.delete_alias(&world.root, DeleteAliasRequest { alias_name: "alias/app".into() }).await.unwrap();
    assert_eq!(code(world.generate_as(&world.root, "alias/app").await), "NotFoundException");
    let reopened = world.reopened().await;
    assert!(reopened.list_aliases(&world.root, ListAliasesRequest::default()).await.unwrap().aliases.is_empty());
}

#[tokio::test]
async fn names_and_doubles_are_refused() {
    let world = World::new().await;
    let key = world.key().await;
    world.kms.create_alias(&world.root, create("alias/app", &key)).await.unwrap();
    for (name, expected) in [("alias/app", "AlreadyExistsException"), ("alias/aws/s3", "NotAuthorizedException")] {
        assert_eq!(code(world.kms.create_alias(&world.root, create(name, &key)).await), expected, "{name}");
    }
    let gone = UpdateAliasRequest { alias_name: "alias/none".into(), target_key_id: key.to_string() };
    assert_eq!(code(world.kms.update_alias(&world.root, gone).await), "NotFoundException");
    assert_eq!(
        code(world.kms.delete_alias(&world.root, DeleteAliasRequest { alias_name: "alias/none".into() }).await),
        "NotFoundException"
    );
    let by_alias = CreateAliasRequest { alias_name: "alias/x".into(), target_key_id: "alias/app".into() };
    assert_eq!(
        code(world.kms.create_alias(&world.root, by_alias).await),
        "ValidationException",
        "an alias of an alias"
    );
}

#[tokio::test]
async fn both_the_alias_and_the_key_must_be_permitted() {
    let world = World::new().await;
    let key = world.key().await;
    let on = |resource: &str| {
        user(
            ACCOUNT,
            "bob",
            &[&format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"kms:*Alias","Resource":"{resource}"}}]}}"#
            )],
        )
    };
    for half in [on("arn:aws:kms:*:*:alias/*"), on("arn:aws:kms:*:*:key/*")] {
        assert_eq!(code(world.kms.create_alias(&half, create("alias/app", &key)).await), "AccessDeniedException");
    }
    world.kms.create_alias(&on("*"), create("alias/app", &key)).await.unwrap();
    let foreign = world.kms.create_alias(&power_user(OTHER_ACCOUNT, "eve"), create("alias/mine", &key)).await;
    assert_eq!(code(foreign), "AccessDeniedException");
    for half in [on("arn:aws:kms:*:*:alias/*"), on("arn:aws:kms:*:*:key/*")] {
        assert_eq!(
            code(world.kms.delete_alias(&half, DeleteAliasRequest { alias_name: "alias/app".into() }).await),
            "AccessDeniedException"
        );
    }
}

#[tokio::test]
async fn a_key_has_at_most_fifty_aliases() {
    let world = World::new().await;
    let key = world.key().await;
    for n in 0..50 {
        world.kms.create_alias(&world.root, create(&format!("alias/{n:02}"), &key)).await.unwrap();
    }
    assert_eq!(code(world.kms.create_alias(&world.root, create("alias/more", &key)).await), "LimitExceededException");
    let page = world
        .kms
        .list_aliases(&world.root, ListAliasesRequest { limit: Some(20), ..Default::default() })
        .await
        .unwrap();
    assert_eq!((page.aliases.len(), page.next_marker.as_deref()), (20, Some("alias/19")));
    let rest = ListAliasesRequest { marker: page.next_marker, ..Default::default() };
    assert_eq!(world.kms.list_aliases(&world.root, rest).await.unwrap().aliases[0].alias_name, "alias/20");
}
