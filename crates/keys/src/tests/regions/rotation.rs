//! How rotation reaches every Region.

use super::*;

#[tokio::test]
async fn new_material_is_used_once_every_region_has_it() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, replica) = globe.pair().await;
    let old = globe.describe(&key).await.unwrap().current_key_material_id;
    globe.cut(HOME, AWAY, true);
    globe.rotate(&key).await.unwrap();
    assert!(globe.at(HOME).tell(&region(AWAY)).await.is_err());
    assert_eq!(globe.describe(&key).await.unwrap().current_key_material_id, old);
    assert_eq!(code(globe.rotate(&key).await), "ConflictException", "one rotation at a time");
    let during = globe.encrypt(&key, b"during").await.unwrap();
    assert_eq!(globe.decrypt(&replica, &during).await.unwrap(), b"during", "the replica opens it already");
    globe.cut(HOME, AWAY, false);
    globe.settle().await;
    let new = globe.describe(&key).await.unwrap().current_key_material_id;
    assert_ne!(new, old);
    assert_eq!(globe.describe(&replica).await.unwrap().current_key_material_id, new);
    let after = globe.encrypt(&replica, b"after").await.unwrap();
    assert_eq!(globe.decrypt(&key, &after).await.unwrap(), b"after");
    assert_eq!(globe.decrypt(&key, &during).await.unwrap(), b"during");
}

#[tokio::test]
async fn rotation_is_the_primarys_and_is_seen_everywhere() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, replica) = globe.pair().await;
    let enable = |key: &KeyArn| EnableKeyRotationRequest { key_id: key.to_string(), rotation_period_in_days: Some(90) };
    for refused in [
        globe.at(AWAY).enable_key_rotation(&globe.root, enable(&replica)).await,
        globe
            .at(AWAY)
            .disable_key_rotation(&globe.root, DisableKeyRotationRequest { key_id: replica.to_string() })
            .await,
        globe.rotate(&replica).await,
    ] {
        assert_eq!(code(refused), "UnsupportedOperationException");
    }
    globe.at(HOME).enable_key_rotation(&globe.root, enable(&key)).await.unwrap();
    globe.settle().await;
    let status = |key: KeyArn| {
        let globe = &globe;
        async move {
            let request = GetKeyRotationStatusRequest { key_id: key.to_string() };
            let status = globe.at(key.region()).get_key_rotation_status(&globe.root, request).await.unwrap();
            (status.key_rotation_enabled, status.rotation_period_in_days, status.next_rotation_date)
        }
    };
    assert_eq!(status(key.clone()).await, status(replica.clone()).await);
    assert!(status(replica.clone()).await.0);
    globe.clock.advance(91 * DAY);
    globe.at(AWAY).run_due().await.unwrap();
    assert_eq!(globe.record(globe.at(AWAY), key.key_id()).unwrap().versions.len(), 1, "replicas follow");
    globe.at(HOME).run_due().await.unwrap();
    globe.settle().await;
    for kms in [globe.at(HOME), globe.at(AWAY)] {
        let record = globe.record(kms, key.key_id()).unwrap();
        assert_eq!((record.versions.len(), record.current()), (2, Some(1)));
    }
}

#[tokio::test]
async fn regions_are_told_by_themselves_and_again_after_a_pause() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, _) = globe.pair().await;
    globe.cut(HOME, AWAY, true);
    let running = tokio::spawn(globe.at(HOME).clone().run_regions());
    globe.rotate(&key).await.unwrap();
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(globe.record(globe.at(AWAY), key.key_id()).unwrap().versions.len(), 1);
    globe.cut(HOME, AWAY, false);
    for _ in 0..200 {
        globe.clock.advance(Duration::from_secs(60));
        tokio::task::yield_now().await;
    }
    assert_eq!(globe.record(globe.at(AWAY), key.key_id()).unwrap().current(), Some(1));
    running.abort();
}
