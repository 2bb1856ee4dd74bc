//! How the primary moves.

use super::*;

#[tokio::test]
async fn the_primary_moves_and_the_old_one_follows() {
    let globe = Globe::new(&[HOME, AWAY, "ap-south-1"]).await;
    let (key, replica) = globe.pair().await;
    globe.replicate(&key, "ap-south-1").await.unwrap();
    globe.hand_over(&key, AWAY).await.unwrap();
    globe.settle().await;
    for name in [HOME, AWAY, "ap-south-1"] {
        let metadata =
            globe.describe(&KeyArn::new(&region(name), &ACCOUNT.parse().unwrap(), key.key_id())).await.unwrap();
        assert_eq!(kind(&metadata), if name == AWAY { "PRIMARY" } else { "REPLICA" }, "{name}");
        assert_eq!(metadata.multi_region_configuration.unwrap().primary_key.region, AWAY);
        assert_eq!(metadata.key_state, KeyState::Enabled);
    }
    assert_eq!(code(globe.rotate(&key).await), "UnsupportedOperationException");
    globe.rotate(&replica).await.unwrap();
    globe.settle().await;
    assert_eq!(globe.record(globe.at(HOME), key.key_id()).unwrap().current(), Some(1));
    assert_eq!(code(globe.hand_over(&key, AWAY).await), "UnsupportedOperationException", "only the primary hands over");
    globe.hand_over(&replica, AWAY).await.unwrap();
    globe.hand_over(&replica, HOME).await.unwrap();
    globe.settle().await;
    assert_eq!(kind(&globe.describe(&key).await.unwrap()), "PRIMARY");
}

#[tokio::test]
async fn a_hand_over_that_is_cut_in_the_middle_is_finished_later_and_has_never_two_primaries() {
    for lost in [Fate::Lost, Fate::AnswerLost] {
        let mut globe = Globe::new(&[HOME, AWAY]).await;
        let (key, replica) = globe.pair().await;
        // The question arrives, the hand-over does not; fates are taken from the end.
        *globe.link(HOME, AWAY).fates.lock().unwrap() = vec![lost, Fate::Arrives];
        globe.hand_over(&key, AWAY).await.unwrap();
        globe.cut(HOME, AWAY, true);
        let old = globe.describe(&key).await.unwrap();
        assert_eq!((old.key_state, kind(&old)), (KeyState::Updating, "REPLICA"), "{lost:?}");
        assert_eq!(code(globe.rotate(&key).await), "UnsupportedOperationException");
        for refused in [
            globe.at(HOME).disable_key(&globe.root, DisableKeyRequest { key_id: key.to_string() }).await,
            globe.schedule(&key).await.map(|_| ()),
        ] {
            assert_eq!(code(refused), "KMSInvalidStateException");
        }
        let sealed = globe.encrypt(&key, b"meanwhile").await.unwrap();
        assert_eq!(globe.decrypt(&replica, &sealed).await.unwrap(), b"meanwhile");
        let data = globe.at(HOME).describe(&globe.root, &arqueta_kms::KeyRef::Named(key.to_string())).await.unwrap();
        assert_eq!(data.state, KeyState::Enabled, "S3 goes on with it");
        globe.restart(0).await;
        globe.restart(1).await;
        globe.cut(HOME, AWAY, false);
        globe.settle().await;
        let (old, new) = (globe.describe(&key).await.unwrap(), globe.describe(&replica).await.unwrap());
        assert_eq!((old.key_state, kind(&old)), (KeyState::Enabled, "REPLICA"), "{lost:?}");
        assert_eq!((new.key_state, kind(&new)), (KeyState::Enabled, "PRIMARY"), "{lost:?}");
    }
}

#[tokio::test]
async fn a_hand_over_to_a_region_that_does_not_answer_or_is_not_fit_changes_nothing() {
    let globe = Globe::new(&[HOME, AWAY, "ap-south-1"]).await;
    let (key, replica) = globe.pair().await;
    assert_eq!(code(globe.hand_over(&key, "ap-south-1").await), "NotFoundException", "no replica there");
    globe.cut(HOME, AWAY, true);
    assert_eq!(code(globe.hand_over(&key, AWAY).await), "DependencyTimeoutException");
    globe.cut(HOME, AWAY, false);
    globe.cut(HOME, "ap-south-1", true);
    globe.replicate(&key, "ap-south-1").await.unwrap();
    assert_eq!(code(globe.hand_over(&key, AWAY).await), "KMSInvalidStateException", "a replica is being created");
    globe.cut(HOME, "ap-south-1", false);
    globe.settle().await;
    globe.at(AWAY).disable_key(&globe.root, DisableKeyRequest { key_id: replica.to_string() }).await.unwrap();
    assert_eq!(code(globe.hand_over(&key, AWAY).await), "DisabledException");
    globe.schedule(&replica).await.unwrap();
    assert_eq!(code(globe.hand_over(&key, AWAY).await), "KMSInvalidStateException");
    let still = globe.describe(&key).await.unwrap();
    assert_eq!((still.key_state, kind(&still)), (KeyState::Enabled, "PRIMARY"));
}

#[tokio::test]
async fn the_replicas_own_policy_decides_about_a_hand_over_too() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, replica) = globe.pair().await;
    let deny = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"},
        {"Effect":"Deny","Principal":"*","Action":"kms:UpdatePrimaryRegion","Resource":"*",
         "Condition":{"StringEquals":{"kms:MultiRegionKeyType":"REPLICA","kms:PrimaryRegion":"eu-west-1"}}}]}"#;
    let request = PutKeyPolicyRequest { key_id: replica.to_string(), policy: deny.into(), ..Default::default() };
    globe.at(AWAY).put_key_policy(&globe.root, request).await.unwrap();
    let refused = globe.hand_over(&key, AWAY).await;
    assert!(message(refused).contains(replica.as_str()));
    assert_eq!(kind(&globe.describe(&key).await.unwrap()), "PRIMARY");
}

#[tokio::test]
async fn a_primary_restored_from_before_a_hand_over_steps_down() {
    let mut globe = Globe::new(&[HOME, AWAY]).await;
    let (key, replica) = globe.pair().await;
    let old = globe.record(globe.at(HOME), key.key_id()).unwrap();
    globe.hand_over(&key, AWAY).await.unwrap();
    globe.settle().await;
    let stored = arqueta_store::Batch::default().put(old.store_key(), crate::schema::encode(&old));
    arqueta_store::MetaStore::commit(&*globe.sites[0].meta, stored).await.unwrap();
    globe.restart(0).await;
    assert_eq!(kind(&globe.describe(&key).await.unwrap()), "PRIMARY");
    globe.rotate(&key).await.unwrap();
    globe.settle().await;
    assert_eq!(kind(&globe.describe(&key).await.unwrap()), "REPLICA");
    assert_eq!(kind(&globe.describe(&replica).await.unwrap()), "PRIMARY");
    let versions = |name: &str| globe.record(globe.at(name), key.key_id()).unwrap().versions.len();
    assert_eq!((versions(HOME), versions(AWAY)), (1, 1), "material that encrypted nothing is given up");
}
