//! Keys whose material is held elsewhere behave as all others do.

use arqueta_kms::testing::{MemoryHolder, OTHER_ACCOUNT, Subject, context, contract};
use arqueta_kms::{Adopted, Decrypt, GenerateDataKey, KeyHolder, KeyRef, KeyState, Kms};

use super::*;

/// A service whose new keys are held by a double, and the double.
async fn world() -> (World, Arc<MemoryHolder>) {
    let (meta, clock) = (Arc::new(MemoryMeta::new()), Arc::new(ManualClock::default()));
    let audit = Arc::new(Faulty::new(MemoryAudit::default()));
    let holder = Arc::new(MemoryHolder::default());
    let kms = Embedded::open(meta.clone(), audit.clone(), clock.clone(), config_with(&holder)).await.unwrap();
    (World { kms, meta, audit, clock, people: Arc::default(), root: root(ACCOUNT) }, holder)
}

fn config_with(holder: &Arc<MemoryHolder>) -> Config {
    let mut config = config([7; 32]);
    config.holders.insert("elsewhere".to_owned(), holder.clone());
    config.home = Some("elsewhere".to_owned());
    config
}

#[tokio::test]
async fn held_keys_keep_the_contract() {
    let (world, _) = world().await;
    let (key, other, disabled) = (world.key().await, world.key().await, world.key().await);
    world.disable(&disabled).await;
    let stranger = root(OTHER_ACCOUNT);
    contract(&Subject { kms: &world.kms, caller: root(ACCOUNT), stranger, key, other, disabled }).await;
}

#[tokio::test]
async fn every_new_key_is_made_by_its_holder_which_is_told_the_request() {
    let (world, holder) = world().await;
    assert_eq!(holder.names().len(), 1, "the service-owned key");
    let key = world.key().await;
    world.encrypt(&key, b"secret").await;
    assert_eq!(holder.requests(), [world.root.request.id.to_string()]);
    let bound = context(&[]);
    let request = GenerateDataKey { key: &KeyRef::AwsManagedS3, context: &bound };
    let via = world.root.via_s3(&"us-east-1".parse().unwrap());
    Kms::generate_data_key(&world.kms, &via, request).await.unwrap();
    assert_eq!(holder.names().len(), 3);
}

#[tokio::test]
async fn an_outage_is_an_outage_and_ends_by_itself() {
    let (world, holder) = world().await;
    let key = world.key().await;
    let sealed = world.encrypt(&key, b"secret").await;
    holder.set_away(true);
    assert_eq!(code(world.decrypt_as(&world.root, &sealed).await), "DependencyTimeoutException");
    assert_eq!(code(world.generate_as(&world.root, key.as_str()).await), "DependencyTimeoutException");
    let described = |request| world.kms.describe_key(&world.root, request);
    let request = DescribeKeyRequest { key_id: key.to_string() };
    let metadata = described(request.clone()).await.unwrap().key_metadata;
    assert_eq!((metadata.key_state, metadata.enabled), (KeyState::Unavailable, false));
    assert_eq!(
        code(world.kms.create_key(&world.root, CreateKeyRequest::default()).await),
        "DependencyTimeoutException"
    );
    holder.set_away(false);
    assert_eq!(described(request).await.unwrap().key_metadata.key_state, KeyState::Enabled);
    assert_eq!(world.decrypt_as(&world.root, &sealed).await.unwrap().plaintext.expose(), b"secret");
}

#[tokio::test]
async fn an_outage_leaves_what_is_open_open_but_a_disabled_key_closes_it() {
    let (world, holder) = world().await;
    let key = world.key().await;
    holder.set_away(true);
    let again = || {
        let bound = context(&[]);
        let (kms, caller, key) = (&world.kms, &world.root, &key);
        async move { kms.recheck(caller, arqueta_kms::Operation::Decrypt, key, &bound).await }
    };
    again().await.unwrap();
    world.disable(&key).await;
    assert!(again().await.is_err(), "disabling needs no holder and takes effect at once");
}

#[tokio::test]
async fn a_holder_that_is_not_configured_any_more_is_away() {
    let (world, holder) = world().await;
    let key = world.key().await;
    let sealed = world.encrypt(&key, b"secret").await;
    let request = || DecryptRequest { ciphertext_blob: Blob::new(sealed.clone()), ..Default::default() };
    let without = world.reopened().await;
    assert_eq!(code(without.decrypt(&world.root, request()).await), "DependencyTimeoutException");
    let parts = (world.meta.clone(), world.audit.clone(), world.clock.clone());
    let with = Embedded::open(parts.0, parts.1, parts.2, config_with(&holder)).await.unwrap();
    assert_eq!(with.decrypt(&world.root, request()).await.unwrap().plaintext.expose(), b"secret");
}

#[tokio::test]
async fn rotation_makes_new_material_at_the_same_holder_and_old_ciphertext_opens() {
    let (world, holder) = world().await;
    let key = world.key().await;
    let before = world.encrypt(&key, b"before").await;
    let names = holder.names().len();
    let request = RotateKeyOnDemandRequest { key_id: key.to_string() };
    world.kms.rotate_key_on_demand(&world.root, request).await.unwrap();
    assert_eq!(holder.names().len(), names + 1);
    let after = world.encrypt(&key, b"after").await;
    for (sealed, plain) in [(before, &b"before"[..]), (after, b"after")] {
        assert_eq!(world.decrypt_as(&world.root, &sealed).await.unwrap().plaintext.expose(), plain);
    }
}

#[tokio::test]
async fn deletion_destroys_the_material_before_the_record_goes() {
    let (world, holder) = world().await;
    let (key, local_due) = (world.key().await, world.key().await);
    let names = holder.names();
    world.schedule_deletion(&key).await;
    world.schedule_deletion(&local_due).await;
    world.clock.advance(7 * DAY);
    holder.set_away(true);
    assert!(world.kms.run_due().await.is_err(), "nothing is destroyed yet");
    assert_eq!(holder.names(), names);
    holder.set_away(false);
    world.kms.run_due().await.unwrap();
    assert_eq!(holder.names().len(), names.len() - 2);
}

#[tokio::test]
async fn a_key_destroyed_behind_the_services_back_is_an_invalid_state() {
    use arqueta_kms::KeyHolder as _;
    let (world, holder) = world().await;
    let key = world.key().await;
    let sealed = world.encrypt(&key, b"secret").await;
    for name in holder.names() {
        holder.destroy(&name).await.unwrap();
    }
    assert_eq!(code(world.decrypt_as(&world.root, &sealed).await), "KMSInvalidStateException");
    let request = Decrypt { wrapped: &sealed, key: None, context: &context(&[]) };
    assert!(Kms::decrypt(&world.kms, &world.root, request).await.is_err());
}

#[tokio::test]
async fn a_key_that_existed_at_its_holder_serves_is_not_rotated_and_stays_there() {
    let (world, holder) = world().await;
    let name = holder.create(&"arn:aws:kms:us-east-1:111122223333:key/theirs".parse().unwrap()).await.unwrap();
    let at = Adopted { holder: "elsewhere", name: &name };
    let adopt = |at| world.kms.provision_held_key(&world.root, "ours", at);
    let metadata = adopt(at).await.unwrap().key_metadata;
    assert_eq!(metadata.origin, "EXTERNAL_KEY_STORE");
    let key: KeyArn = metadata.arn.parse().unwrap();
    assert_eq!(adopt(at).await.unwrap().key_metadata.arn, metadata.arn, "asked for again, it is the same");
    assert_eq!(code(adopt(Adopted { name: "another", ..at }).await), "AlreadyExistsException");

    let sealed = world.encrypt(&key, b"x").await;
    assert_eq!(world.decrypt_as(&world.root, &sealed).await.unwrap().plaintext.expose(), b"x");
    let rotate = RotateKeyOnDemandRequest { key_id: key.to_string() };
    assert_eq!(code(world.kms.rotate_key_on_demand(&world.root, rotate).await), "UnsupportedOperationException");
    let enable = EnableKeyRotationRequest { key_id: key.to_string(), ..Default::default() };
    assert_eq!(code(world.kms.enable_key_rotation(&world.root, enable).await), "UnsupportedOperationException");

    world.schedule_deletion(&key).await;
    world.clock.advance(8 * DAY);
    world.kms.run_due().await.unwrap();
    assert!(holder.names().contains(&name), "its owner has it still");
}

#[tokio::test]
async fn a_key_that_its_holder_does_not_have_is_not_made() {
    let (world, _holder) = world().await;
    let at = Adopted { holder: "elsewhere", name: "nothing" };
    let refused = world.kms.provision_held_key(&world.root, "ours", at).await;
    assert_eq!(code(refused), "KMSInvalidStateException");
    assert!(world.kms.find(&ACCOUNT.parse().unwrap(), "ours").is_none());
}
