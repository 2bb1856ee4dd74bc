use arqueta_kms::testing::{OTHER_ACCOUNT, user};
use arqueta_store::{MetaStore as _, Scan};

use super::*;
use crate::schema::USES;

async fn usage(world: &World, kms: &Embedded, key: &KeyArn) -> GetKeyLastUsageResponse {
    kms.get_key_last_usage(&world.root, GetKeyLastUsageRequest { key_id: key.to_string() }).await.unwrap()
}

async fn stored(world: &World) -> usize {
    world.meta.scan(Scan::prefix(USES.as_bytes(), 100)).await.unwrap().len()
}

#[tokio::test]
async fn the_last_successful_use_is_told_with_its_event() {
    let world = World::new().await;
    let key = world.key().await;
    let unused = usage(&world, &world.kms, &key).await;
    assert_eq!((unused.key_id.as_str(), unused.key_last_usage), (key.key_id(), KeyLastUsageData::default()));
    assert_eq!(unused.tracking_start_date, unused.key_creation_date);
    world.encrypt(&key, b"x").await;
    world.audit.inner().take();
    world.generate_as(&world.root, key.as_str()).await.unwrap();
    let event = world.audit.inner().take().remove(0);
    let used = usage(&world, &world.kms, &key).await.key_last_usage;
    assert_eq!(used.operation.as_deref(), Some("GenerateDataKey"));
    assert_eq!((used.cloud_trail_event_id, used.kms_request_id), (Some(event.event_id), Some(event.request_id)));
    assert_eq!(used.timestamp, Some(world.root.request.received));
}

#[tokio::test]
async fn refused_and_other_calls_are_no_use() {
    let world = World::new().await;
    let key = world.key().await;
    assert!(world.generate_as(&user(ACCOUNT, "bob", &[]), key.as_str()).await.is_err());
    let dry = EncryptRequest {
        key_id: key.to_string(),
        plaintext: Blob::new(b"x".to_vec()),
        dry_run: true,
        ..Default::default()
    };
    assert!(world.kms.encrypt(&world.root, dry).await.is_err());
    world.kms.describe_key(&world.root, DescribeKeyRequest { key_id: key.to_string() }).await.unwrap();
    world.audit.fail(true);
    assert!(world.generate_as(&world.root, key.as_str()).await.is_err(), "not in the record");
    world.audit.fail(false);
    assert_eq!(usage(&world, &world.kms, &key).await.key_last_usage, KeyLastUsageData::default());
}

#[tokio::test]
async fn both_keys_of_a_re_encryption_are_used() {
    let world = World::new().await;
    let (from, to) = (world.key().await, world.key().await);
    let sealed = world.encrypt(&from, b"x").await;
    let request = ReEncryptRequest {
        ciphertext_blob: Blob::new(sealed),
        destination_key_id: to.to_string(),
        ..Default::default()
    };
    world.kms.re_encrypt(&world.root, request).await.unwrap();
    for key in [&from, &to] {
        assert_eq!(usage(&world, &world.kms, key).await.key_last_usage.operation.as_deref(), Some("ReEncrypt"));
    }
}

#[tokio::test]
async fn uses_are_written_back_a_minute_later_and_once() {
    let world = World::new().await;
    let (one, two) = (world.key().await, world.key().await);
    for _ in 0..3 {
        world.encrypt(&one, b"x").await;
        world.encrypt(&two, b"x").await;
    }
    world.clock.advance(Duration::from_secs(59));
    world.kms.run_due().await.unwrap();
    assert_eq!(stored(&world).await, 0, "no store write for a call");
    let crashed = world.reopened().await;
    assert_eq!(usage(&world, &crashed, &one).await.key_last_usage, KeyLastUsageData::default());
    world.clock.advance(Duration::from_secs(1));
    world.kms.run_due().await.unwrap();
    assert_eq!(stored(&world).await, 2);
    let again = world.reopened().await;
    let (before, after) = (usage(&world, &world.kms, &one).await, usage(&world, &again, &one).await);
    assert_eq!(before, after);
    assert_eq!(after.key_last_usage.operation.as_deref(), Some("Encrypt"));
}

#[tokio::test]
async fn another_account_and_an_alias_are_told_nothing() {
    let world = World::new().await;
    let key = world.key().await;
    let ask = async |caller: &Caller, name: &str| {
        code(world.kms.get_key_last_usage(caller, GetKeyLastUsageRequest { key_id: name.to_owned() }).await)
    };
    assert_eq!(ask(&user(ACCOUNT, "bob", &[]), key.as_str()).await, "AccessDeniedException");
    assert_eq!(ask(&power_user(OTHER_ACCOUNT, "eve"), key.as_str()).await, "AccessDeniedException");
    assert_eq!(ask(&world.root, "alias/x").await, "NotFoundException");
}
