//! Each mode on its own: what it calls, what it stores, what it binds.

use super::*;

#[tokio::test]
async fn every_mode_opens_again_from_its_stored_record() {
    let world = World::new();
    let alice = user("alice");
    let pairs = context(&[("team", "blue")]);
    let dual = Protection::DualKms { key: KeyRef::AwsManagedS3, context: pairs.clone() };
    let with_pairs = Protection::Kms { key: KeyRef::AwsManagedS3, context: pairs, bucket_key: true };
    let key = customer(7);
    for protection in [
        Protection::ServiceKey,
        under("a", true),
        under("a", false),
        with_pairs,
        dual,
        Protection::Customer(key.clone()),
    ] {
        let mut object = world.seal(&alice, &protection).await.unwrap();
        assert_eq!(object.keys.mode(), protection.mode());
        // As the metadata store keeps it.
        let stored = rmp_serde::to_vec_named(&object.keys).unwrap();
        object.keys = rmp_serde::from_slice(&stored).unwrap();
        let brought = matches!(protection, Protection::Customer(_)).then_some(&*key);
        assert_eq!(world.open_with(&alice, &object, brought).await.unwrap(), CONTENT, "{protection:?}");
    }
}

#[tokio::test]
async fn the_context_names_the_bucket_with_a_bucket_key_and_the_object_without() {
    let world = World::new();
    let alice = user("alice");
    for (bucket_key, arn) in [(true, "arn:aws:s3:::bucket"), (false, "arn:aws:s3:::bucket/some/key")] {
        let own = context(&[("team", "blue")]);
        let protection = Protection::Kms { key: named(key_arn("a").as_str()), context: own.clone(), bucket_key };
        let object = world.seal(&alice, &protection).await.unwrap();
        assert_eq!(object.keys.uses_bucket_key(), bucket_key);
        assert_eq!(object.keys.context(), &own, "the stored context is the caller's own");
        world.open(&alice, &object).await.unwrap();
        let calls = world.kms.calls();
        for call in &calls[calls.len() - 2..] {
            assert_eq!(call.context, context(&[("team", "blue"), (BUCKET_CONTEXT_KEY, arn)]));
            assert_eq!(call.via.as_deref(), Some("s3.us-east-1.amazonaws.com"));
            assert_eq!(call.principal, "arn:aws:iam::111122223333:user/alice");
        }
    }
}

#[tokio::test]
async fn a_caller_cannot_set_or_override_the_pair_of_s3() {
    let world = World::new();
    let own = context(&[(BUCKET_CONTEXT_KEY, "arn:aws:s3:::bucket")]);
    let key = named(key_arn("a").as_str());
    for protection in [
        Protection::Kms { key: key.clone(), context: own.clone(), bucket_key: true },
        Protection::Kms { key: key.clone(), context: own.clone(), bucket_key: false },
        Protection::DualKms { key, context: own },
    ] {
        let refused = world.seal(&user("alice"), &protection).await.err();
        assert!(matches!(refused, Some(Error::Context(_))), "{refused:?}");
    }
    assert_eq!(world.kms.calls(), []);
}

#[tokio::test]
async fn sse_s3_uses_the_service_key_in_the_services_own_name() {
    let world = World::new();
    let (alice, bob) = (user("alice"), user("bob"));
    let object = world.seal(&alice, &Protection::ServiceKey).await.unwrap();
    world.seal(&bob, &Protection::ServiceKey).await.unwrap();
    world.open(&alice, &object).await.unwrap();
    world.open(&bob, &object).await.unwrap();
    assert_eq!(world.calls(), (1, 1), "all users share the service's bucket keys");
    for call in world.kms.calls() {
        assert_eq!(call.principal, "arn:aws:iam::000000000000:service/s3.amazonaws.com");
        assert_eq!(call.context, context(&[(BUCKET_CONTEXT_KEY, "arn:aws:s3:::bucket")]));
    }
    assert!(object.keys.uses_bucket_key());
}

#[tokio::test]
async fn dsse_has_two_data_keys_and_never_a_bucket_key() {
    let world = World::new();
    let alice = user("alice");
    let protection = Protection::DualKms { key: named(key_arn("a").as_str()), context: EncryptionContext::default() };
    let object = world.seal(&alice, &protection).await.unwrap();
    assert_eq!(world.calls(), (2, 0));
    assert!(!object.keys.uses_bucket_key());
    assert_eq!(world.shelf.len(), 0);
    world.open(&alice, &object).await.unwrap();
    assert_eq!(world.calls(), (2, 2));

    let mut swapped = object.clone();
    swapped.keys.layers.swap(0, 1);
    assert_not_authentic(world.open(&alice, &swapped).await);
    let mut twice = object.clone();
    twice.keys.layers[1] = twice.keys.layers[0].clone();
    assert_not_authentic(world.open(&alice, &twice).await);
    let mut one = object.clone();
    one.keys.layers.truncate(1);
    assert_not_authentic(world.open(&alice, &one).await);
    // A single-layer mode with two layers, and the other way round.
    let mut relabelled = object.clone();
    relabelled.keys.mode = SseMode::Kms;
    assert_not_authentic(world.open(&alice, &relabelled).await);
}

#[tokio::test]
async fn a_customers_key_is_checked_by_opening_and_never_called_for() {
    let world = World::new();
    let alice = user("alice");
    let object = world.seal(&alice, &Protection::Customer(customer(7))).await.unwrap();
    assert_eq!(object.keys.customer_key_md5(), Some([7; 16]));
    assert_eq!(object.keys.key_arn(), None);
    let open = |key: Option<CustomerKey>| {
        let (world, alice, object) = (&world, &alice, &object);
        async move { world.open_with(alice, object, key.as_ref()).await }
    };
    assert_eq!(open(Some(CustomerKey::new(&[7; 32], [7; 16]))).await.unwrap(), CONTENT);
    assert!(matches!(open(None).await, Err(Error::CustomerKeyRequired)));
    assert!(matches!(open(Some(CustomerKey::new(&[8; 32], [8; 16]))).await, Err(Error::CustomerKeyWrong)));
    // Another key that claims the right MD5.
    assert_not_authentic(open(Some(CustomerKey::new(&[8; 32], [7; 16]))).await);
    assert_eq!(world.kms.calls(), []);

    let plain = world.seal(&alice, &Protection::ServiceKey).await.unwrap();
    let brought = world.open_with(&alice, &plain, Some(&customer(7))).await;
    assert!(matches!(brought, Err(Error::CustomerKeyNotApplicable)));
}

#[tokio::test]
async fn keys_belong_to_one_bucket_name_and_object() {
    let world = World::new();
    let alice = user("alice");
    let other_bucket: BucketName = "bucket2".parse().unwrap();
    let other_key: ObjectKey = "some/other".parse().unwrap();
    for protection in [Protection::ServiceKey, under("a", true), under("a", false)] {
        let object = world.seal(&alice, &protection).await.unwrap();
        if let Some(id) = object.keys.bucket_key() {
            world.shelf.copy(id, &world.bucket, &other_bucket);
        }
        world.open(&alice, &object).await.unwrap();
        let open = |bucket: &BucketName, key: &ObjectKey, id| {
            let (envelope, alice, keys) = (world.envelope.clone(), alice.clone(), object.keys.clone());
            let (bucket, key) = (bucket.clone(), key.clone());
            async move { envelope.open(&alice, &bucket, &key, id, &keys, None).await }
        };
        assert_not_authentic(open(&other_bucket, &world.key, object.id).await);
        assert_not_authentic(open(&world.bucket, &other_key, object.id).await);
        assert_not_authentic(open(&world.bucket, &world.key, ObjectId::random()).await);
    }
}

#[tokio::test]
async fn an_edited_record_fails_even_while_its_window_is_open() {
    let world = World::new();
    let alice = user("alice");
    let own = context(&[("team", "blue")]);
    let protection = Protection::Kms { key: named(key_arn("a").as_str()), context: own, bucket_key: true };
    let object = world.seal(&alice, &protection).await.unwrap();
    let other = world.seal(&alice, &under("b", true)).await.unwrap();
    // From here on the bucket key is in memory.
    world.open(&alice, &object).await.unwrap();
    let edited = |edit: &dyn Fn(&mut SealedKeys)| {
        let mut object = object.clone();
        edit(&mut object.keys);
        object
    };
    assert_not_authentic(world.open(&alice, &edited(&|keys| keys.context = context(&[("team", "red")]))).await);
    assert_not_authentic(world.open(&alice, &edited(&|keys| keys.context = EncryptionContext::default())).await);
    assert_not_authentic(world.open(&alice, &edited(&|keys| keys.key = Some(key_arn("b")))).await);
    assert_not_authentic(world.open(&alice, &edited(&|keys| keys.key = None)).await);
    assert_not_authentic(world.open(&alice, &edited(&|keys| keys.mode = SseMode::S3)).await);
    assert_not_authentic(world.open(&alice, &edited(&|keys| keys.layers = other.keys.layers.clone())).await);
    assert_not_authentic(world.open(&alice, &edited(&|keys| keys.layers.clear())).await);
    let reserved = edited(&|keys| keys.context = context(&[(BUCKET_CONTEXT_KEY, "arn:aws:s3:::bucket")]));
    assert!(matches!(world.open(&alice, &reserved).await, Err(Error::Context(_))));
    let newer = world.open(&alice, &edited(&|keys| keys.version = 2)).await;
    assert!(matches!(newer, Err(Error::Seal(arqueta_seal::Error::UnknownFormat(2)))));
    assert_eq!(world.open(&alice, &object).await.unwrap(), CONTENT);
}

#[tokio::test]
async fn rewrapping_changes_the_keys_and_nothing_else() {
    let world = World::new();
    let alice = user("alice");
    let mut object = world.seal(&alice, &Protection::ServiceKey).await.unwrap();
    let etag = async |object: &Object| {
        let cipher =
            world.envelope.open(&alice, &world.bucket, &world.key, object.id, &object.keys, None).await.unwrap();
        (cipher.etag(None), cipher.manifest_tag(b"manifest"))
    };
    let before = etag(&object).await;
    for to in [under("a", true), under("b", false), under("b", true), Protection::ServiceKey] {
        let old = object.keys.clone();
        object.keys =
            world.envelope.rewrap(&alice, &world.bucket, &world.key, object.id, &object.keys, &to).await.unwrap();
        assert_ne!(object.keys, old);
        assert_eq!(object.keys.mode(), to.mode());
        assert_eq!(world.open(&alice, &object).await.unwrap(), CONTENT, "the sealed bytes are untouched");
        assert_eq!(etag(&object).await, before);
    }
}

#[tokio::test]
async fn rewrapping_needs_both_permissions_and_fitting_layers() {
    let world = World::new();
    let alice = user("alice");
    let object = world.seal(&alice, &under("a", false)).await.unwrap();
    let rewrap = async |object: &Object, to: &Protection| {
        world.envelope.rewrap(&alice, &world.bucket, &world.key, object.id, &object.keys, to).await
    };
    world.kms.deny(&alice, Operation::Decrypt);
    assert_denied(rewrap(&object, &under("b", true)).await);
    world.kms.allow(&alice, Operation::Decrypt);
    world.kms.deny(&alice, Operation::GenerateDataKey);
    assert_denied(rewrap(&object, &under("b", true)).await);
    world.kms.allow(&alice, Operation::GenerateDataKey);

    let dual = Protection::DualKms { key: named(key_arn("a").as_str()), context: EncryptionContext::default() };
    let calls = world.kms.calls().len();
    for to in [dual.clone(), Protection::Customer(customer(1))] {
        assert!(matches!(rewrap(&object, &to).await, Err(Error::NotRewrappable { from: SseMode::Kms, .. })));
    }
    assert_eq!(world.kms.calls().len(), calls);
    let own = world.seal(&alice, &Protection::Customer(customer(1))).await.unwrap();
    assert!(matches!(rewrap(&own, &under("a", true)).await, Err(Error::NotRewrappable { .. })));
    let two = world.seal(&alice, &dual).await.unwrap();
    assert!(matches!(rewrap(&two, &under("a", true)).await, Err(Error::NotRewrappable { .. })));
    // Two layers stay two layers under another key.
    let to = Protection::DualKms { key: named(key_arn("b").as_str()), context: EncryptionContext::default() };
    let rewrapped = Object { keys: rewrap(&two, &to).await.unwrap(), ..two };
    assert_eq!(world.open(&alice, &rewrapped).await.unwrap(), CONTENT);
}

#[test]
fn debug_tells_no_secret() {
    assert_eq!(format!("{:?}", customer(0xab)), "CustomerKey");
    assert_eq!(format!("{:?}", Protection::Customer(customer(0xab))), "Customer(CustomerKey)");
}
