use arqueta_kms::testing::{context, user};
use arqueta_kms::{Decrypt, EncryptionAlgorithm, GenerateDataKey, KeyRef, Kms};

use super::*;

#[tokio::test]
async fn data_keys_have_the_size_that_was_asked_for() {
    let world = World::new().await;
    let key = world.key().await;
    for size in [1, 16, 32, 1024] {
        let request = GenerateDataKeyRequest { key_id: key.to_string(), size, ..Default::default() };
        let made = world.kms.generate_data_key(&world.root, request).await.unwrap();
        assert_eq!((made.plaintext.len(), made.key_id), (size, key.to_string()));
        let opened = world.decrypt_as(&world.root, made.ciphertext_blob.expose()).await.unwrap();
        assert_eq!(opened.plaintext, made.plaintext);
        assert_eq!(opened.key_material_id, made.key_material_id);
    }
}

#[tokio::test]
async fn the_largest_plaintext_comes_back() {
    let world = World::new().await;
    let key = world.key().await;
    let request = EncryptRequest { key_id: key.to_string(), plaintext: Blob::new(vec![1; 4096]), ..Default::default() };
    let largest = world.kms.encrypt(&world.root, request).await.unwrap().ciphertext_blob;
    assert!(largest.len() <= 6144);
    assert_eq!(world.decrypt_as(&world.root, largest.expose()).await.unwrap().plaintext.len(), 4096);
}

#[tokio::test]
async fn the_context_is_authenticated_not_echoed() {
    let world = World::new().await;
    let key = world.key().await;
    let request = EncryptRequest {
        key_id: key.to_string(),
        plaintext: Blob::new(b"x".to_vec()),
        encryption_context: context(&[("ab", "c")]),
        ..Default::default()
    };
    let sealed = world.kms.encrypt(&world.root, request).await.unwrap().ciphertext_blob;
    for wrong in [context(&[]), context(&[("a", "bc")]), context(&[("ab", "C")])] {
        let request = DecryptRequest {
            ciphertext_blob: Blob::new(sealed.expose().to_vec()),
            encryption_context: wrong,
            ..Default::default()
        };
        assert_eq!(code(world.kms.decrypt(&world.root, request).await), "InvalidCiphertextException");
    }
}

#[tokio::test]
async fn ciphertext_names_its_key_and_a_wrong_name_is_refused() {
    let world = World::new().await;
    let (key, other) = (world.key().await, world.key().await);
    let sealed = world.encrypt(&key, b"x").await;
    let with = |name: &str| DecryptRequest {
        ciphertext_blob: Blob::new(sealed.clone()),
        key_id: Some(name.to_owned()),
        ..Default::default()
    };
    assert!(world.kms.decrypt(&world.root, with(key.key_id())).await.is_ok());
    assert_eq!(code(world.kms.decrypt(&world.root, with(other.as_str())).await), "IncorrectKeyException");
    assert_eq!(code(world.kms.decrypt(&world.root, with("alias/none")).await), "NotFoundException");
}

#[tokio::test]
async fn re_encrypt_moves_between_keys_and_contexts() {
    let world = World::new().await;
    let (key, other) = (world.key().await, world.key().await);
    let sealed = world.encrypt(&key, b"secret").await;
    let request = |source_encryption_context| ReEncryptRequest {
        ciphertext_blob: Blob::new(sealed.clone()),
        destination_key_id: other.to_string(),
        source_encryption_context,
        destination_encryption_context: context(&[("k", "v")]),
        ..Default::default()
    };
    let moved = world.kms.re_encrypt(&world.root, request(context(&[]))).await.unwrap();
    assert_eq!((moved.source_key_id, moved.key_id), (key.to_string(), other.to_string()));
    assert_eq!(code(world.decrypt_as(&world.root, moved.ciphertext_blob.expose()).await), "InvalidCiphertextException");
    let open = DecryptRequest {
        ciphertext_blob: moved.ciphertext_blob,
        encryption_context: context(&[("k", "v")]),
        ..Default::default()
    };
    assert_eq!(world.kms.decrypt(&world.root, open).await.unwrap().plaintext.expose(), b"secret");
    assert_eq!(
        code(world.kms.re_encrypt(&world.root, request(context(&[("x", "y")]))).await),
        "InvalidCiphertextException"
    );
    let one_way = user(
        ACCOUNT,
        "one-way",
        &[r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ReEncryptFrom","Resource":"*"}]}"#],
    );
    assert!(message(world.kms.re_encrypt(&one_way, request(context(&[]))).await).contains("kms:ReEncryptTo"));
}

#[tokio::test]
async fn what_is_not_supported_is_refused_by_name() {
    let world = World::new().await;
    let key_id = world.key().await.to_string();
    let request = GenerateRandomRequest { number_of_bytes: 1, custom_key_store_id: Some("cks-1".into()) };
    assert_eq!(code(world.kms.generate_random(&world.root, request).await), "CustomKeyStoreNotFoundException");
    let request = EncryptRequest {
        key_id,
        plaintext: Blob::new(vec![1]),
        encryption_algorithm: Some(EncryptionAlgorithm::RSAES_OAEP_SHA_256),
        ..Default::default()
    };
    assert_eq!(code(world.kms.encrypt(&world.root, request).await), "InvalidKeyUsageException");
}

#[tokio::test]
async fn a_dry_run_decides_and_does_nothing() {
    let world = World::new().await;
    let key = world.key().await;
    let request = || GenerateDataKeyRequest { key_id: key.to_string(), size: 8, dry_run: true, ..Default::default() };
    assert_eq!(code(world.kms.generate_data_key(&world.root, request()).await), "DryRunOperationException");
    assert_eq!(code(world.kms.generate_data_key(&user(ACCOUNT, "bob", &[]), request()).await), "AccessDeniedException");
    world.disable(&key).await;
    assert_eq!(code(world.kms.generate_data_key(&world.root, request()).await), "DisabledException");
}

#[tokio::test]
async fn random_bytes_are_as_many_as_asked_for() {
    let world = World::new().await;
    let random = |n| GenerateRandomRequest { number_of_bytes: n, ..Default::default() };
    let (one, two) = (
        world.kms.generate_random(&world.root, random(33)).await.unwrap().plaintext,
        world.kms.generate_random(&world.root, random(33)).await.unwrap().plaintext,
    );
    assert_eq!(one.len(), 33);
    assert_ne!(one, two);
}

#[tokio::test]
async fn s3_on_behalf_of_a_user_does_not_reach_the_service_owned_key() {
    let world = World::new().await;
    let region = "us-east-1".parse().unwrap();
    let (s3, via_s3) = (world.root.s3_itself(&region), world.root.via_s3(&region));
    let bound = context(&[("k", "v")]);
    let request = GenerateDataKey { key: &KeyRef::ServiceOwned, context: &bound };
    let made = Kms::generate_data_key(&world.kms, &s3, request).await.unwrap();
    assert_eq!(code(Kms::generate_data_key(&world.kms, &via_s3, request).await), "NotFoundException");
    assert_eq!(code(world.kms.describe(&via_s3, &KeyRef::ServiceOwned).await), "NotFoundException");
    let named = Decrypt { wrapped: &made.wrapped, key: Some(&made.key), context: &bound };
    let unnamed = Decrypt { key: None, ..named };
    for request in [named, unnamed] {
        assert_eq!(code(Kms::decrypt(&world.kms, &via_s3, request).await), "AccessDeniedException");
    }
    let recheck = |caller| world.kms.recheck(caller, arqueta_kms::Operation::Decrypt, &made.key, &bound);
    assert_eq!(code(recheck(&via_s3).await), "AccessDeniedException");
    recheck(&s3).await.unwrap();
}

#[tokio::test]
async fn the_service_owned_key_is_out_of_reach_for_users() {
    let world = World::new().await;
    let region = "us-east-1".parse().unwrap();
    let s3 = world.root.s3_itself(&region);
    let bound = context(&[("k", "v")]);
    let made = Kms::generate_data_key(&world.kms, &s3, GenerateDataKey { key: &KeyRef::ServiceOwned, context: &bound })
        .await
        .unwrap();
    assert!(world.audit.inner().take().is_empty(), "it is not in the users' record");
    for caller in [world.root.clone(), root("000000000000")] {
        let direct = Kms::generate_data_key(
            &world.kms,
            &caller,
            GenerateDataKey { key: &KeyRef::ServiceOwned, context: &bound },
        )
        .await;
        assert_eq!(code(direct), "NotFoundException");
        let by_name = world.generate_as(&caller, made.key.as_str()).await.unwrap_err();
        assert!(matches!(by_name, Error::NotFound { .. } | Error::Denied { .. }));
        let request = DecryptRequest {
            ciphertext_blob: Blob::new(made.wrapped.clone()),
            encryption_context: context(&[("k", "v")]),
            ..Default::default()
        };
        assert_eq!(code(world.kms.decrypt(&caller, request).await), "AccessDeniedException");
        let request = DescribeKeyRequest { key_id: made.key.to_string() };
        assert!(world.kms.describe_key(&caller, request).await.is_err());
        assert!(world.kms.list_keys(&caller, ListKeysRequest::default()).await.unwrap().keys.is_empty());
    }
    let again = world.reopened().await;
    let request = Decrypt { wrapped: &made.wrapped, key: Some(&made.key), context: &bound };
    let opened = Kms::decrypt(&again, &s3, request).await.unwrap();
    assert_eq!(opened.expose(), made.plaintext.expose(), "it is the same key after a restart");
}

#[tokio::test]
async fn no_key_material_is_in_the_store() {
    use arqueta_store::{MetaStore as _, Scan};
    let world = World::new().await;
    let key = world.key().await;
    world.encrypt(&key, b"x").await;
    let held = world.kms.find(&ACCOUNT.parse().unwrap(), key.key_id()).unwrap();
    let secrets = [*held.slots[0].get().unwrap().symmetric().unwrap(), [7; 32]];
    let stored = world.meta.scan(Scan::prefix(b"", 1000)).await.unwrap();
    assert!(stored.len() >= 3);
    for (name, value) in stored {
        for secret in &secrets {
            for window in secret.windows(8) {
                assert!(!value.windows(8).any(|w| w == window), "{name:?} holds key material");
            }
        }
    }
}

#[tokio::test]
async fn a_dry_run_without_a_ciphertext_decides_about_the_named_key() {
    let world = World::new().await;
    let key = world.key().await;
    let stranger = user(ACCOUNT, "stranger", &[]);
    let ask = |key: Option<&str>| DecryptRequest {
        key_id: key.map(str::to_owned),
        dry_run: true,
        ignore_ciphertext: true,
        ..Default::default()
    };
    let id = Some(key.as_str());
    let kms = &world.kms;
    assert_eq!(code(kms.decrypt(&world.root, ask(id)).await), "DryRunOperationException");
    assert_eq!(code(kms.decrypt(&stranger, ask(id)).await), "AccessDeniedException");
    assert_eq!(code(kms.decrypt(&world.root, ask(None)).await), "ValidationException");
    let other = world.key().await;
    let moved = |source: Option<&str>| ReEncryptRequest {
        source_key_id: source.map(str::to_owned),
        destination_key_id: other.to_string(),
        dry_run: true,
        ignore_ciphertext: true,
        ..Default::default()
    };
    assert_eq!(code(kms.re_encrypt(&world.root, moved(id)).await), "DryRunOperationException");
    assert_eq!(code(kms.re_encrypt(&world.root, moved(None)).await), "ValidationException");
    world.disable(&other).await;
    assert_eq!(code(kms.re_encrypt(&world.root, moved(id)).await), "DisabledException");
}
