use arqueta_kms::testing::{OTHER_ACCOUNT, context, user};
use arqueta_kms::{GenerateDataKey, KeyManager, KeyRef, KeySpec, KeyState, KeyUsage, Kms};
use arqueta_store::{Batch, MetaStore as _, Scan};

use super::*;
use crate::schema::{self, KEYS, KeyRecord};

fn named(key: &KeyArn) -> DescribeKeyRequest {
    DescribeKeyRequest { key_id: key.to_string() }
}

async fn describe(world: &World, key: &KeyArn) -> KeyMetadata {
    world.kms.describe_key(&world.root, named(key)).await.unwrap().key_metadata
}

#[tokio::test]
async fn a_new_key_is_what_was_asked_for() {
    let world = World::new().await;
    let tags = std::collections::BTreeMap::from([("team".into(), "a".into())]);
    let key = world.key_with(CreateKeyRequest { description: "d".into(), tags, ..Default::default() }).await;
    let described = describe(&world, &key).await;
    assert_eq!(
        (described.description.as_str(), described.enabled, described.key_manager),
        ("d", true, KeyManager::Customer)
    );
    assert!(uuid::Uuid::try_parse(key.key_id()).is_ok());
    let tags = world
        .kms
        .list_resource_tags(&world.root, ListResourceTagsRequest { key_id: key.to_string(), ..Default::default() })
        .await;
    assert_eq!(tags.unwrap().tags[0].tag_key, "team");
    let policy = world
        .kms
        .get_key_policy(&world.root, GetKeyPolicyRequest { key_id: key.to_string(), policy_name: None })
        .await
        .unwrap();
    assert!(policy.policy.contains("arn:aws:iam::111122223333:root"));
    let again = world.reopened().await;
    assert_eq!(
        again.describe_key(&world.root, named(&key)).await.unwrap().key_metadata,
        described,
        "it survives a restart"
    );
}

#[tokio::test]
async fn kinds_that_are_not_made_are_refused() {
    let world = World::new().await;
    let symmetric = CreateKeyRequest::default;
    let in_store = || NewOrigin::CustomKeyStore("cks-1".into());
    let of = |key_spec, key_usage| CreateKeyRequest { key_spec, key_usage, ..symmetric() };
    for request in [
        of(KeySpec::SM2, KeyUsage::SignVerify),
        CreateKeyRequest { origin: in_store(), multi_region: true, ..symmetric() },
        CreateKeyRequest { origin: in_store(), ..of(KeySpec::HMAC_256, KeyUsage::GenerateVerifyMac) },
        CreateKeyRequest { origin: NewOrigin::External, ..of(KeySpec::ML_DSA_44, KeyUsage::SignVerify) },
    ] {
        assert_eq!(code(world.kms.create_key(&world.root, request).await), "UnsupportedOperationException");
    }
    for request in [
        of(KeySpec::SYMMETRIC_DEFAULT, KeyUsage::SignVerify),
        of(KeySpec::ECC_NIST_P256, KeyUsage::EncryptDecrypt),
        of(KeySpec::ECC_SECG_P256K1, KeyUsage::KeyAgreement),
        of(KeySpec::HMAC_256, KeyUsage::SignVerify),
    ] {
        assert_eq!(code(world.kms.create_key(&world.root, request).await), "ValidationException");
    }
    assert!(world.kms.list_keys(&world.root, ListKeysRequest::default()).await.unwrap().keys.is_empty());
}

#[tokio::test]
async fn tags_keep_to_the_rules() {
    let world = World::new().await;
    let tags = |keys: std::ops::Range<u8>| keys.map(|n| (n.to_string(), String::new())).collect();
    let many = CreateKeyRequest { tags: tags(0..51), ..Default::default() };
    assert_eq!(code(world.kms.create_key(&world.root, many).await), "TagException");
    let key = world.key().await;
    let many = TagResourceRequest { key_id: key.to_string(), tags: tags(0..50) };
    world.kms.tag_resource(&world.root, many).await.unwrap();
    let one_more = TagResourceRequest { key_id: key.to_string(), tags: tags(50..51) };
    assert_eq!(code(world.kms.tag_resource(&world.root, one_more).await), "TagException");
    let untag = UntagResourceRequest { key_id: key.to_string(), tag_keys: vec!["0".into(), "missing".into()] };
    world.kms.untag_resource(&world.root, untag).await.unwrap();
    let left = world
        .kms
        .list_resource_tags(
            &world.root,
            ListResourceTagsRequest { key_id: key.to_string(), limit: Some(30), marker: None },
        )
        .await
        .unwrap();
    assert!(left.next_marker.is_some() && left.tags.len() == 30);
}

#[tokio::test]
async fn an_operator_may_choose_a_key_id_once() {
    let world = World::new().await;
    for _ in 0..2 {
        let made = world.kms.provision_key(&world.root, "testkey-1").await.unwrap();
        assert_eq!(made.key_metadata.key_id, "testkey-1");
    }
    assert!(world.generate_as(&world.root, "testkey-1").await.is_ok());
    for bad in ["", "a b", "a/b", "alias:x", &"x".repeat(129)] {
        assert_eq!(code(world.kms.provision_key(&world.root, bad).await), "ValidationException", "{bad}");
    }
}

#[tokio::test]
async fn names_that_lead_nowhere_are_answered_as_aws_does() {
    let world = World::new().await;
    for (name, expected) in [
        ("nonsense", "Invalid keyId 'nonsense'"),
        ("00000000000040008000000000000000", "Invalid keyId '00000000000040008000000000000000'"),
        (
            "00000000-0000-4000-8000-000000000000",
            "Key 'arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000000' does not exist",
        ),
        ("arn:aws:kms:us-east-1:111122223333:key/x", "Key 'arn:aws:kms:us-east-1:111122223333:key/x' does not exist"),
        ("arn:aws:kms:eu-west-1:111122223333:key/x", "Invalid arn eu-west-1"),
        ("arn:aws:s3:::bucket", "Invalid arn arn:aws:s3:::bucket"),
        ("arn:aws:kms:us-east-1:111122223333:store/x", "Invalid arn arn:aws:kms:us-east-1:111122223333:store/x"),
        ("arn:aws", "Invalid arn arn:aws"),
        ("alias/none", "Alias arn:aws:kms:us-east-1:111122223333:alias/none is not found."),
    ] {
        let request = DescribeKeyRequest { key_id: name.into() };
        let error = world.kms.describe_key(&world.root, request).await.unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("NotFoundException", expected));
    }
    let request = DescribeKeyRequest::default();
    assert_eq!(code(world.kms.describe_key(&world.root, request).await), "ValidationException");
}

#[tokio::test]
async fn a_disabled_key_can_be_administered_and_not_used() {
    let world = World::new().await;
    let key = world.key().await;
    let sealed = world.encrypt(&key, b"x").await;
    world.disable(&key).await;
    assert!(!describe(&world, &key).await.enabled);
    let expected = format!("{key} is disabled.");
    let outcome = world.generate_as(&world.root, key.as_str()).await;
    assert_eq!(message(outcome), expected);
    assert_eq!(code(world.decrypt_as(&world.root, &sealed).await), "DisabledException");
    let rotate = RotateKeyOnDemandRequest { key_id: key.to_string() };
    assert_eq!(code(world.kms.rotate_key_on_demand(&world.root, rotate).await), "DisabledException");
    let update = UpdateKeyDescriptionRequest { key_id: key.to_string(), description: "still".into() };
    world.kms.update_key_description(&world.root, update).await.unwrap();
    world.kms.enable_key(&world.root, EnableKeyRequest { key_id: key.to_string() }).await.unwrap();
    assert!(world.decrypt_as(&world.root, &sealed).await.is_ok());
}

#[tokio::test]
async fn a_key_waiting_for_deletion_refuses_all_but_rescue() {
    let world = World::new().await;
    let key = world.key().await;
    let sealed = world.encrypt(&key, b"x").await;
    world.schedule_deletion(&key).await;
    let (kms, by, key_id) = (&world.kms, &world.root, key.to_string());
    let expected = format!("{key} is pending deletion.");
    assert_eq!(message(world.generate_as(by, &key_id).await), expected);
    let codes = [
        code(world.decrypt_as(by, &sealed).await),
        code(kms.enable_key(by, EnableKeyRequest { key_id: key_id.clone() }).await),
        code(kms.disable_key(by, DisableKeyRequest { key_id: key_id.clone() }).await),
        code(
            kms.schedule_key_deletion(by, ScheduleKeyDeletionRequest { key_id: key_id.clone(), ..Default::default() })
                .await,
        ),
        code(
            kms.enable_key_rotation(by, EnableKeyRotationRequest { key_id: key_id.clone(), ..Default::default() })
                .await,
        ),
        code(kms.disable_key_rotation(by, DisableKeyRotationRequest { key_id: key_id.clone() }).await),
        code(kms.rotate_key_on_demand(by, RotateKeyOnDemandRequest { key_id: key_id.clone() }).await),
        code(
            kms.create_alias(by, CreateAliasRequest { alias_name: "alias/x".into(), target_key_id: key_id.clone() })
                .await,
        ),
        code(kms.tag_resource(by, TagResourceRequest { key_id: key_id.clone(), ..Default::default() }).await),
        code(kms.untag_resource(by, UntagResourceRequest { key_id: key_id.clone(), tag_keys: vec![] }).await),
        code(
            kms.update_key_description(
                by,
                UpdateKeyDescriptionRequest { key_id: key_id.clone(), ..Default::default() },
            )
            .await,
        ),
    ];
    assert_eq!(codes, ["KMSInvalidStateException"; 11]);
    assert_eq!(describe(&world, &key).await.key_state, KeyState::PendingDeletion);
    assert!(kms.get_key_policy(by, GetKeyPolicyRequest { key_id: key_id.clone(), policy_name: None }).await.is_ok());
    kms.cancel_key_deletion(by, CancelKeyDeletionRequest { key_id: key_id.clone() }).await.unwrap();
    assert_eq!(
        describe(&world, &key).await.key_state,
        KeyState::Disabled,
        "rescued, and disabled until someone says otherwise"
    );
    let twice = kms.cancel_key_deletion(by, CancelKeyDeletionRequest { key_id }).await;
    assert_eq!(message(twice), format!("{key} is not pending deletion."));
}

#[tokio::test]
async fn a_waiting_period_is_30_days_unless_asked_otherwise() {
    let world = World::new().await;
    let key = world.key().await;
    let request = ScheduleKeyDeletionRequest { key_id: key.to_string(), pending_window_in_days: None };
    assert_eq!(world.kms.schedule_key_deletion(&world.root, request).await.unwrap().pending_window_in_days, 30);
}

#[tokio::test]
async fn deletion_happens_by_the_clock_and_takes_the_material_with_it() {
    use arqueta_store::{MetaStore as _, Scan};
    let world = World::new().await;
    let key = world.key().await;
    let sealed = world.encrypt(&key, b"x").await;
    world
        .kms
        .create_alias(&world.root, CreateAliasRequest { alias_name: "alias/x".into(), target_key_id: key.to_string() })
        .await
        .unwrap();
    world.schedule_deletion(&key).await;
    world.clock.advance(7 * DAY - Duration::from_millis(1));
    world.kms.run_due().await.unwrap();
    assert_eq!(describe(&world, &key).await.key_state, KeyState::PendingDeletion, "not a moment early");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(
        code(world.kms.describe_key(&world.root, named(&key)).await),
        "NotFoundException",
        "gone even before the cleaner came"
    );
    world.audit.inner().take();
    world.kms.run_due().await.unwrap();
    let events = world.audit.inner().take();
    assert_eq!((events[0].event_name.as_str(), events[0].event_type.as_str()), ("DeleteKey", "AwsServiceEvent"));
    let stored = world.meta.scan(Scan::prefix(b"kms/", 1000)).await.unwrap();
    assert!(
        !stored.iter().any(|(name, _)| String::from_utf8_lossy(name).contains(ACCOUNT)),
        "key, material and alias are removed"
    );
    for kms in [&world.kms, &world.reopened().await] {
        let request = DecryptRequest { ciphertext_blob: Blob::new(sealed.clone()), ..Default::default() };
        assert_eq!(code(kms.decrypt(&world.root, request).await), "AccessDeniedException");
    }
}

#[tokio::test]
async fn the_running_service_deletes_without_being_asked() {
    let world = World::new().await;
    let key = world.key().await;
    world.schedule_deletion(&key).await;
    let task = tokio::spawn(world.kms.clone().run());
    world.clock.advance(7 * DAY);
    while world.kms.state.directory().key(&ACCOUNT.parse().unwrap(), key.key_id()).is_some() {
        tokio::task::yield_now().await;
        world.clock.advance(Duration::from_secs(3600));
    }
    task.abort();
}

#[tokio::test]
async fn listings_show_the_own_account_page_by_page() {
    let world = World::new().await;
    let mut made: Vec<_> = Vec::new();
    for _ in 0..5 {
        made.push(world.key().await.to_string());
    }
    made.sort();
    world.kms.create_key(&root(OTHER_ACCOUNT), CreateKeyRequest::default()).await.unwrap();
    let (mut found, mut marker) = (Vec::new(), None);
    loop {
        let page = world.kms.list_keys(&world.root, ListKeysRequest { limit: Some(2), marker }).await.unwrap();
        found.extend(page.keys.into_iter().map(|key| key.key_arn));
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(found, made);
    let denied = world.kms.list_keys(&user(ACCOUNT, "bob", &[]), ListKeysRequest::default()).await;
    assert!(message(denied).contains("because no identity-based policy allows the kms:ListKeys action"));
}

#[tokio::test]
async fn the_aws_managed_key_is_one_per_account_and_only_for_s3() {
    let world = World::new().await;
    let bound = context(&[("k", "v")]);
    let region = "us-east-1".parse().unwrap();
    let request = GenerateDataKey { key: &KeyRef::AwsManagedS3, context: &bound };
    let bob = user(ACCOUNT, "bob", &[]);
    let calls = (0..16).map(|_| {
        let (kms, bob) = (world.kms.clone(), bob.via_s3(&region));
        let bound = bound.clone();
        tokio::spawn(async move {
            Kms::generate_data_key(&kms, &bob, GenerateDataKey { key: &KeyRef::AwsManagedS3, context: &bound })
                .await
                .unwrap()
                .key
        })
    });
    let mut keys = std::collections::BTreeSet::new();
    for call in calls.collect::<Vec<_>>() {
        keys.insert(call.await.unwrap());
    }
    assert_eq!(keys.len(), 1, "made once, however many ask first");
    let key = keys.pop_first().unwrap();
    let foreign = Kms::generate_data_key(&world.kms, &root(OTHER_ACCOUNT).via_s3(&region), request).await.unwrap();
    assert_ne!(foreign.key, key, "each account has its own");
    assert_eq!(
        code(Kms::generate_data_key(&world.kms, &world.root, request).await),
        "AccessDeniedException",
        "not without S3"
    );
    assert_eq!(code(world.generate_as(&power_user(ACCOUNT, "alice"), "alias/aws/s3").await), "AccessDeniedException");
    let described = describe(&world, &key).await;
    assert_eq!((described.key_manager, described.enabled), (KeyManager::Aws, true));
    let key_id = key.to_string();
    let refused = [
        code(world.kms.disable_key(&world.root, DisableKeyRequest { key_id: key_id.clone() }).await),
        code(
            world
                .kms
                .schedule_key_deletion(
                    &world.root,
                    ScheduleKeyDeletionRequest { key_id: key_id.clone(), ..Default::default() },
                )
                .await,
        ),
        code(world.put_policy(&key, "{}").await),
        code(world.kms.disable_key_rotation(&world.root, DisableKeyRotationRequest { key_id }).await),
        code(
            world
                .kms
                .create_alias(
                    &world.root,
                    CreateAliasRequest { alias_name: "alias/mine".into(), target_key_id: key.to_string() },
                )
                .await,
        ),
    ];
    assert_eq!(refused, ["AccessDeniedException"; 5]);
    assert_eq!(
        code(world.kms.delete_alias(&world.root, DeleteAliasRequest { alias_name: "alias/aws/s3".into() }).await),
        "NotAuthorizedException"
    );
}

#[tokio::test]
async fn another_root_key_does_not_open_the_store() {
    let world = World::new().await;
    let other = open(&world.meta, &world.audit, &world.clock, &world.people, [8; 32]).await;
    assert!(matches!(other, Err(Error::RootKey(arqueta_kms::RootKeyError::Wrong))));
}

#[tokio::test]
async fn a_key_that_was_edited_to_have_no_version_is_damaged() {
    let world = World::new().await;
    let key = world.key().await;
    let keys = world.meta.scan(Scan::prefix(KEYS.as_bytes(), 9)).await.unwrap();
    let id = key.as_str().rsplit('/').next().unwrap();
    let (at, value) = keys.iter().find(|(at, _)| at.ends_with(id.as_bytes())).unwrap();
    let mut edited: KeyRecord = schema::decode(at, value).unwrap();
    edited.versions.clear();
    world.meta.commit(Batch::default().put(at.clone(), schema::encode(&edited))).await.unwrap();
    let refused = open(&world.meta, &world.audit, &world.clock, &world.people, [7; 32]).await.unwrap_err();
    assert!(matches!(refused, Error::Store(arqueta_store::Error::Damaged { .. })), "{refused:?}");
    assert!(!format!("{refused:?}").contains("sealed"));
}

#[tokio::test]
async fn a_lost_root_key_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    let config = || {
        let root = Arc::new(arqueta_root::FileRootKey::new(&path));
        Config::new(ACCOUNT.parse().unwrap(), "us-east-1".parse().unwrap(), root)
    };
    let meta = Arc::new(MemoryMeta::new());
    let open =
        || Embedded::open(meta.clone(), Arc::new(MemoryAudit::default()), Arc::new(ManualClock::default()), config());
    open().await.unwrap();
    open().await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = open().await.unwrap_err();
    assert!(matches!(error, Error::RootKey(arqueta_kms::RootKeyError::Missing { .. })));
    assert!(!path.exists());
}
