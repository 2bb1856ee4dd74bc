use arqueta_kms::testing::user;

use super::*;

fn enable(key: &KeyArn, days: Option<u16>) -> EnableKeyRotationRequest {
    EnableKeyRotationRequest { key_id: key.to_string(), rotation_period_in_days: days }
}

async fn material(world: &World, key: &KeyArn) -> String {
    world.generate_as(&world.root, key.as_str()).await.unwrap().key_material_id.unwrap()
}

async fn rotations(world: &World, key: &KeyArn, all_material: bool) -> Vec<RotationsListEntry> {
    let request = ListKeyRotationsRequest { key_id: key.to_string(), all_material, ..Default::default() };
    world.kms.list_key_rotations(&world.root, request).await.unwrap().rotations
}

#[tokio::test]
async fn rotation_changes_new_ciphertext_and_keeps_old_ciphertext_opening() {
    let world = World::new().await;
    let key = world.key().await;
    let mut sealed = vec![(material(&world, &key).await, world.encrypt(&key, b"0").await)];
    for n in 1..4u8 {
        world
            .kms
            .rotate_key_on_demand(&world.root, RotateKeyOnDemandRequest { key_id: key.to_string() })
            .await
            .unwrap();
        sealed.push((material(&world, &key).await, world.encrypt(&key, &[b'0' + n]).await));
    }
    let ids: std::collections::BTreeSet<_> = sealed.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids.len(), 4, "each rotation is new material");
    for kms in [world.kms.clone(), world.reopened().await] {
        for (n, (id, ciphertext)) in sealed.iter().enumerate() {
            let request = DecryptRequest { ciphertext_blob: Blob::new(ciphertext.clone()), ..Default::default() };
            let opened = kms.decrypt(&world.root, request).await.unwrap();
            assert_eq!(
                (opened.plaintext.expose(), opened.key_material_id.as_ref().unwrap()),
                (n.to_string().as_bytes(), id)
            );
        }
    }
    let listed = rotations(&world, &key, true).await;
    assert_eq!(listed.len(), 4);
    assert_eq!((listed[0].key_material_state, &listed[0].key_material_id), ("CURRENT", &sealed[3].0));
    assert_eq!(listed[3].rotation_type, None, "the first material is no rotation");
    assert_eq!(rotations(&world, &key, false).await.len(), 3);
}

#[tokio::test]
async fn rotations_on_demand_are_limited() {
    let world = World::new().await;
    let key = world.key().await;
    let request = || RotateKeyOnDemandRequest { key_id: key.to_string() };
    for _ in 0..25 {
        world.kms.rotate_key_on_demand(&world.root, request()).await.unwrap();
    }
    assert_eq!(code(world.kms.rotate_key_on_demand(&world.root, request()).await), "LimitExceededException");
    assert_eq!(
        code(world.kms.rotate_key_on_demand(&user(ACCOUNT, "bob", &[]), request()).await),
        "AccessDeniedException"
    );
}

#[tokio::test]
async fn automatic_rotation_happens_by_the_clock() {
    let world = World::new().await;
    let key = world.key().await;
    world.kms.enable_key_rotation(&world.root, enable(&key, Some(90))).await.unwrap();
    let first = material(&world, &key).await;
    world.clock.advance(89 * DAY);
    world.kms.run_due().await.unwrap();
    assert_eq!(material(&world, &key).await, first, "not early");
    world.clock.advance(DAY);
    world.kms.run_due().await.unwrap();
    world.kms.run_due().await.unwrap();
    assert_eq!(rotations(&world, &key, false).await.len(), 1, "once, however often one looks");
    assert_ne!(material(&world, &key).await, first);
    let status = world
        .kms
        .get_key_rotation_status(&world.root, GetKeyRotationStatusRequest { key_id: key.to_string() })
        .await
        .unwrap();
    assert_eq!(status.next_rotation_date, Some(arqueta_model::Clock::now(&*world.clock).plus(90 * DAY)));
}

#[tokio::test]
async fn neither_disabled_rotation_nor_disabled_keys_rotate() {
    let world = World::new().await;
    let (off, disabled) = (world.key().await, world.key().await);
    for key in [&off, &disabled] {
        world.kms.enable_key_rotation(&world.root, enable(key, None)).await.unwrap();
    }
    world.kms.disable_key_rotation(&world.root, DisableKeyRotationRequest { key_id: off.to_string() }).await.unwrap();
    world.disable(&disabled).await;
    world.clock.advance(400 * DAY);
    world.kms.run_due().await.unwrap();
    for key in [&off, &disabled] {
        assert!(rotations(&world, key, false).await.is_empty());
    }
    let status = world
        .kms
        .get_key_rotation_status(&world.root, GetKeyRotationStatusRequest { key_id: off.to_string() })
        .await
        .unwrap();
    assert_eq!((status.key_rotation_enabled, status.rotation_period_in_days), (false, None));
    world.kms.enable_key(&world.root, EnableKeyRequest { key_id: disabled.to_string() }).await.unwrap();
    world.kms.run_due().await.unwrap();
    assert_eq!(rotations(&world, &disabled, false).await.len(), 1, "overdue once it is enabled again");
}
