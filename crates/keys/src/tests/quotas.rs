use arqueta_call::Kms;
use arqueta_kms::testing::context;
use arqueta_kms::{Decrypt, GenerateDataKey, KeyRef, Kms as KeyService, Operation};

use super::*;
use crate::Quotas;

async fn limited(quotas: &[(&str, f64)]) -> World {
    let mut world = World::new().await;
    let mut set = Quotas::default();
    for (name, rate) in quotas {
        set.set(name, *rate).unwrap();
    }
    let config = Config {
        quotas: set,
        ..Config::new("000000000000".parse().unwrap(), "us-east-1".parse().unwrap(), Arc::new(FixedRootKey([7; 32])))
    };
    world.kms = Embedded::open(world.meta.clone(), world.audit.clone(), world.clock.clone(), config).await.unwrap();
    world
}

#[tokio::test]
async fn cryptographic_calls_of_one_account_share_a_quota_and_time_gives_it_back() {
    let world = limited(&[("symmetric", 2.0)]).await;
    let (key, plaintext) = (world.key().await, b"x");
    let ciphertext = world.encrypt(&key, plaintext).await;
    world.decrypt_as(&power_user(ACCOUNT, "other"), &ciphertext).await.unwrap();
    assert_eq!(code(world.decrypt_as(&world.root, &ciphertext).await), "ThrottlingException");
    world.clock.advance(Duration::from_millis(500));
    world.decrypt_as(&world.root, &ciphertext).await.unwrap();
    let refused = message(world.generate_as(&world.root, key.as_str()).await);
    assert_eq!(refused, "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.");
}

#[tokio::test]
async fn a_refused_call_is_in_the_record_and_does_nothing() {
    let world = limited(&[("CreateKey", 1.0)]).await;
    world.kms.admit_operation(&world.root, Kms::CreateKey).await.unwrap();
    assert_eq!(code(world.kms.admit_operation(&world.root, Kms::CreateKey).await), "ThrottlingException");
    world.kms.admit_operation(&world.root, Kms::ListKeys).await.unwrap();
    let events = world.audit.inner().events();
    let event = events.last().unwrap();
    assert_eq!((event.event_name.as_str(), event.error_code.as_deref()), ("CreateKey", Some("ThrottlingException")));
}

#[tokio::test]
async fn rechecks_and_the_services_own_key_are_not_counted() {
    let world = limited(&[("symmetric", 1.0)]).await;
    let (key, bound) = (world.key().await, context(&[("k", "v")]));
    let via_s3 = world.root.via_s3(&"us-east-1".parse().unwrap());
    let itself = world.root.s3_itself(&"us-east-1".parse().unwrap());
    let named = KeyRef::Named(key.to_string());
    let made = KeyService::generate_data_key(&world.kms, &via_s3, GenerateDataKey { key: &named, context: &bound })
        .await
        .unwrap();
    for _ in 0..20 {
        world.kms.recheck(&via_s3, Operation::Decrypt, &key, &bound).await.unwrap();
        let request = GenerateDataKey { key: &KeyRef::ServiceOwned, context: &bound };
        KeyService::generate_data_key(&world.kms, &itself, request).await.unwrap();
    }
    let request = Decrypt { wrapped: &made.wrapped, key: Some(&key), context: &bound };
    assert!(matches!(KeyService::decrypt(&world.kms, &via_s3, request).await, Err(Error::Throttled)));
}

#[tokio::test]
async fn another_accounts_calls_count_against_their_own_quota() {
    let world = limited(&[("symmetric", 1.0)]).await;
    let key = world.key().await;
    world.generate_as(&world.root, key.as_str()).await.unwrap();
    let stranger = root(arqueta_kms::testing::OTHER_ACCOUNT);
    for _ in 0..3 {
        // Denied and not throttled: what has no permission is not told whose quota it would use.
        assert_eq!(code(world.generate_as(&stranger, key.as_str()).await), "AccessDeniedException");
    }
    assert_eq!(code(world.generate_as(&world.root, key.as_str()).await), "ThrottlingException");
}
