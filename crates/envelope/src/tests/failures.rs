//! What happens when a call fails, and what never may.

use arqueta_kms::{Error as KmsError, KeyUsage};
use futures::future::join_all;

use super::*;
use crate::windows::Window;

#[track_caller]
fn kms_error<T>(result: Result<T, Error>) -> Arc<KmsError> {
    match result.err() {
        Some(Error::Kms(error)) => error,
        other => panic!("expected an error of the key service, not {other:?}"),
    }
}

#[tokio::test]
async fn a_denial_is_handed_to_all_who_wait_and_not_remembered() {
    let world = World::new();
    let alice = user("alice");
    world.kms.deny(&alice, Operation::GenerateDataKey);
    world.kms.close_gate();
    let protection = under("a", true);
    let puts = join_all((0..100).map(|_| world.seal(&alice, &protection)));
    let opener = async {
        settle().await;
        world.kms.open_gate();
    };
    let (puts, ()) = futures::future::join(puts, opener).await;
    puts.into_iter().for_each(assert_denied);
    assert_eq!((world.calls(), world.shelf.len()), ((1, 0), 0));
    // The next one asks again, and may succeed at once.
    assert_denied(world.seal(&alice, &under("a", true)).await);
    assert_eq!(world.calls(), (2, 0));
    world.kms.allow(&alice, Operation::GenerateDataKey);
    world.seal(&alice, &under("a", true)).await.unwrap();
    assert_eq!(world.calls(), (3, 0));
}

#[tokio::test]
async fn an_outage_is_remembered_for_a_second() {
    let world = World::new();
    let alice = user("alice");
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    for (health, calls) in [(Health::Down, 0), (Health::Throttling, 2)] {
        world.kms.is(health);
        assert_outage(world.open(&alice, &object).await);
        assert_outage(world.open(&alice, &object).await);
        assert_eq!(world.calls().1, calls + 1, "the second read was answered from memory");
        world.kms.is(Health::Up);
        world.advance(OUTAGE_MEMORY - Duration::from_millis(1)).await;
        assert_outage(world.open(&alice, &object).await);
        world.advance(Duration::from_millis(1)).await;
        world.open(&alice, &object).await.unwrap();
        assert_eq!(world.calls().1, calls + 2);
        world.envelope.sources().reading.evict_all();
    }
}

#[tokio::test]
async fn open_windows_go_on_through_an_outage_and_nothing_opens_after_them() {
    let world = World::new();
    let alice = user("alice");
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    let without = world.seal(&alice, &under("a", false)).await.unwrap();
    world.open(&alice, &object).await.unwrap();
    world.kms.is(Health::Down);
    let later = world.seal(&alice, &under("a", true)).await.unwrap();
    assert_eq!(world.open(&alice, &later).await.unwrap(), CONTENT);
    // No bucket key, another bucket key, another requester: nothing to go on with.
    assert_outage(world.open(&alice, &without).await);
    assert_outage(world.seal(&alice, &under("a", false)).await);
    assert_outage(world.seal(&alice, &under("b", true)).await);
    assert_outage(world.open(&user("bob"), &object).await);
    assert_outage(world.seal(&user("bob"), &under("a", true)).await);

    world.advance(WINDOW).await;
    assert_outage(world.open(&alice, &object).await);
    assert_outage(world.seal(&alice, &under("a", true)).await);
}

#[tokio::test]
async fn an_outage_does_not_lift_a_denial() {
    let world = World::new();
    let alice = user("alice");
    world.seal(&alice, &under("a", true)).await.unwrap();
    world.kms.is(Health::Down);
    world.kms.deny(&alice, Operation::GenerateDataKey);
    assert_denied(world.seal(&alice, &under("a", true)).await);
}

#[tokio::test]
async fn a_throttled_service_is_told_apart_from_a_denial() {
    let world = World::new();
    world.kms.is(Health::Throttling);
    let error = kms_error(world.seal(&user("alice"), &under("a", true)).await);
    assert!(matches!(*error, KmsError::Throttled));
}

#[tokio::test]
async fn no_object_refers_to_a_bucket_key_that_was_not_stored() {
    let world = World::new();
    let alice = user("alice");
    world.shelf.breaks(true);
    let failed = world.seal(&alice, &under("a", true)).await;
    assert!(matches!(&failed, Err(Error::BucketKeyStore(_))));
    assert_outage(failed);
    world.shelf.breaks(false);
    world.advance(OUTAGE_MEMORY).await;
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    world.open(&alice, &object).await.unwrap();
    assert_eq!((world.calls(), world.shelf.len()), ((2, 1), 1));
}

#[tokio::test]
async fn an_object_whose_bucket_key_is_missing_does_not_open() {
    let world = World::new();
    let alice = user("alice");
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    world.shelf.clear();
    let missing = world.open(&alice, &object).await.unwrap_err();
    assert!(matches!(missing, Error::BucketKeyMissing(id) if Some(id) == object.keys.bucket_key()));
    assert!(!missing.is_retryable());
    assert_eq!(world.calls(), (1, 0));
}

#[tokio::test]
async fn a_requester_that_hangs_up_does_not_take_the_others_answer_along() {
    let world = World::new();
    let alice = user("alice");
    world.kms.close_gate();
    let put = |world: &World| {
        let (envelope, alice) = (world.envelope.clone(), alice.clone());
        let (bucket, key) = (world.bucket.clone(), world.key.clone());
        tokio::spawn(async move { envelope.seal(&alice, &bucket, &key, ObjectId::random(), &under("a", true)).await })
    };
    let first = put(&world);
    settle().await;
    assert_eq!(world.calls(), (1, 0));
    let others: Vec<_> = (0..10).map(|_| put(&world)).collect();
    settle().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    world.kms.open_gate();
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!((world.calls(), world.shelf.len()), ((1, 0), 1));
}

#[tokio::test]
async fn keys_that_s3_cannot_use_are_refused_by_their_own_errors() {
    // The double would make data keys under any kind of key: the refusal is the envelope's own.
    let world = World::new();
    let alice = user("alice");
    world.kms.add(key_arn("rsa"), KeyUsage::EncryptDecrypt, "RSA_2048");
    world.kms.add(key_arn("mac"), KeyUsage::GenerateVerifyMac, "HMAC_256");
    for bucket_key in [true, false] {
        for key in ["rsa", "mac"] {
            let error = kms_error(world.seal(&alice, &under(key, bucket_key)).await);
            assert!(matches!(*error, KmsError::InvalidKeyUsage { .. }), "{key}: {error:?}");
        }
        let error = kms_error(world.seal(&alice, &under("none", bucket_key)).await);
        assert!(matches!(&*error, KmsError::NotFound { message } if message.contains("does not exist")));

        world.kms.set_state(&key_arn("a"), KeyState::PendingDeletion);
        let error = kms_error(world.seal(&alice, &under("a", bucket_key)).await);
        assert!(matches!(*error, KmsError::InvalidState { state: KeyState::PendingDeletion, .. }));
        world.kms.set_state(&key_arn("a"), KeyState::Enabled);

        let abroad = "arn:aws:kms:eu-west-1:111122223333:key/far";
        world.kms.add(abroad.parse().unwrap(), KeyUsage::EncryptDecrypt, "SYMMETRIC_DEFAULT");
        let protection = Protection::Kms { key: named(abroad), context: EncryptionContext::default(), bucket_key };
        let calls = world.kms.calls().len();
        let error = kms_error(world.seal(&alice, &protection).await);
        assert_eq!(error.to_string(), "Invalid arn eu-west-1");
        assert_eq!(world.kms.calls().len(), calls, "a key of another region is not called");
    }
}

#[tokio::test]
async fn who_may_not_use_a_key_is_not_told_its_state() {
    let world = World::new();
    let (alice, bob) = (user("alice"), user("bob"));
    let object = world.seal(&alice, &under("a", true)).await.unwrap();
    world.open(&alice, &object).await.unwrap();
    world.kms.set_state(&key_arn("a"), KeyState::Disabled);
    for (caller, bucket_key) in [(&alice, true), (&alice, false), (&bob, true), (&bob, false)] {
        world.kms.deny(caller, Operation::GenerateDataKey);
        world.kms.deny(caller, Operation::Decrypt);
        assert_denied(world.seal(caller, &under("a", bucket_key)).await);
        assert_denied(world.open(caller, &object).await);
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_ends_windows() {
    let world = World::new();
    let alice = user("alice");
    world.seal(&alice, &under("a", true)).await.unwrap();
    let stepped = Window::new(
        arqueta_seal::SourceKey::random(),
        (),
        world.clock.now().plus(Duration::from_secs(1)),
        BucketKeyConfig::default(),
    );
    assert!(stepped.admit(world.clock.now()).is_none());
    assert!(stepped.admit(world.clock.now().plus(Duration::from_secs(1))).is_some());
}
