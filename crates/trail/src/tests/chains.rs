//! Chains of digests.

use super::*;

#[tokio::test]
async fn an_hour_without_events_has_a_digest_too() {
    let rig = Rig::new().await;
    let id = rig.started("one").await;
    for events in [2, 0, 1] {
        for n in 0..events {
            rig.record(&format!("E{n}")).await;
        }
        rig.clock.advance(HOUR);
        rig.trails.deliver_for(&id).await.unwrap();
    }
    let sizes: Vec<_> = rig.digests().values().map(|digest| digest["logFiles"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [1, 0, 1]);
    assert_eq!(rig.validate(), 1, "all of them are one chain");
}

#[tokio::test]
async fn no_digest_before_its_time() {
    let rig = Rig::new().await;
    let id = rig.started("one").await;
    rig.clock.advance(HOUR - Duration::from_secs(1));
    rig.record("E").await;
    rig.trails.deliver_for(&id).await.unwrap();
    assert_eq!((rig.logs().len(), rig.digests().len()), (1, 0));
    rig.clock.advance(Duration::from_secs(1));
    rig.trails.deliver_for(&id).await.unwrap();
    assert_eq!((rig.logs().len(), rig.digests().len()), (1, 1));
    rig.validate();
}

#[tokio::test]
async fn stopping_closes_the_chain_and_starting_begins_another() {
    let rig = Rig::new().await;
    let id = rig.started("one").await;
    rig.record("Before").await;
    rig.trails.stop(&id).await.unwrap();
    rig.record("StopLogging").await;
    rig.trails.deliver_for(&id).await.unwrap();
    assert_eq!(rig.validate(), 1);
    rig.record("Unseen").await;
    rig.trails.deliver_for(&id).await.unwrap();
    // In the same second: the digests must still have names of their own.
    rig.trails.start(&id).await.unwrap();
    rig.record("After").await;
    rig.trails.stop(&id).await.unwrap();
    rig.trails.deliver_for(&id).await.unwrap();
    assert_eq!(rig.delivered(), ["After", "Before", "StopLogging"]);
    assert_eq!(rig.digests().len(), 2);
    assert_eq!(rig.validate(), 2);
}

#[tokio::test]
async fn without_validation_there_are_no_digests_and_switching_it_on_begins_a_chain() {
    let rig = Rig::new().await;
    let id = rig.started("one").await;
    rig.trails.update(&id, Changes { validation: Some(false), ..Changes::default() }).await.unwrap();
    rig.record("Unvouched").await;
    rig.clock.advance(HOUR);
    rig.trails.deliver_for(&id).await.unwrap();
    assert_eq!((rig.logs().len(), rig.digests().len()), (1, 0));
    rig.trails.update(&id, Changes { validation: Some(true), ..Changes::default() }).await.unwrap();
    rig.trails.deliver_for(&id).await.unwrap();
    rig.record("Vouched").await;
    rig.clock.advance(HOUR);
    rig.trails.deliver_for(&id).await.unwrap();
    let digests = rig.digests();
    assert_eq!(digests.len(), 1);
    assert_eq!(digests.values().next().unwrap()["logFiles"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_chain_goes_on_in_another_bucket() {
    let rig = Rig::new().await;
    let id = rig.started("one").await;
    rig.clock.advance(HOUR);
    rig.trails.deliver_for(&id).await.unwrap();
    let moved = Changes { bucket: Some("elsewhere".to_owned()), prefix: Some("p".to_owned()), ..Changes::default() };
    rig.trails.update(&id, moved).await.unwrap();
    rig.clock.advance(HOUR);
    rig.trails.deliver_for(&id).await.unwrap();
    let (key, digest) = rig.digests().pop_last().unwrap();
    assert!(key.starts_with("p/AWSLogs/"), "{key}");
    assert_eq!((&digest["previousDigestS3Bucket"], &digest["digestS3Bucket"]), (&"record".into(), &"elsewhere".into()));
    assert_eq!(rig.validate(), 1);
}
