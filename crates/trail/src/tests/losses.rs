//! What is lost, doubled or left out: nothing.

use arqueta_store::{Fault, Faulty};

use super::*;

#[tokio::test]
async fn events_are_delivered_once_to_the_trails_of_their_account() {
    let rig = Rig::new().await;
    rig.record("Before").await;
    let id = rig.started("one").await;
    rig.record("One").await;
    rig.record_for("444455556666", "Foreign").await;
    rig.trails.deliver_for(&id).await.unwrap();
    rig.record("Two").await;
    rig.trails.deliver_for(&id).await.unwrap();
    rig.trails.deliver_for(&id).await.unwrap();
    assert_eq!(rig.delivered(), ["One", "Two"]);
    assert_eq!(rig.bucket.puts(), 2, "nothing is delivered where there is nothing new");
    let key = rig.logs().into_keys().next().unwrap();
    let shape =
        "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/01/111122223333_CloudTrail_eu-west-1_20260101T0000Z_";
    assert!(key.starts_with(shape) && key.ends_with(".json.gz"), "{key}");
}

#[tokio::test]
async fn a_bucket_that_refuses_shows_in_the_status_and_delays_only() {
    let rig = Rig::new().await;
    let id = rig.started("one").await;
    rig.bucket.fail(Some(|| DeliveryError::NoSuchBucket));
    rig.record("One").await;
    rig.clock.advance(HOUR);
    rig.trails.deliver_for(&id).await.unwrap_err();
    let status = rig.trails.status(&id).await.unwrap().status;
    let no_bucket = Some("NoSuchBucket".to_owned());
    assert_eq!((&status.delivery_error, &status.digest_error), (&no_bucket, &no_bucket));
    assert_eq!((status.delivered, status.attempted), (None, Some(rig.clock.now())));
    rig.record("Two").await;
    rig.clock.advance(HOUR);
    rig.bucket.fail(None);
    rig.trails.deliver_for(&id).await.unwrap();
    let status = rig.trails.status(&id).await.unwrap().status;
    assert_eq!((status.delivery_error, status.digest_error), (None, None));
    assert_eq!((status.delivered, status.digested), (Some(rig.clock.now()), Some(rig.clock.now())));
    assert_eq!(rig.delivered(), ["One", "Two"]);
    assert_eq!(rig.validate(), 1);
}

/// Starts, records, delivers, digests and stops, going on after whatever fails.
async fn live(rig: &Rig, id: &TrailId) {
    for n in 0..2 {
        rig.record(&format!("E{n}")).await;
        rig.clock.advance(HOUR);
        let _ = rig.trails.deliver_for(id).await;
    }
    let _ = rig.trails.stop(id).await;
    let _ = rig.trails.deliver_for(id).await;
}

#[tokio::test]
async fn a_store_that_fails_at_any_step_loses_and_doubles_nothing() {
    let mut steps = 0;
    for fault in [Fault::Refused, Fault::Unacknowledged] {
        for nth in 1.. {
            let store = Faulty::new(Arc::new(MemoryMeta::default()));
            let mut rig = Rig::over(Arc::new(store.clone())).await;
            let id = rig.started("one").await;
            let before = store.operations();
            store.fail_nth(nth, fault);
            live(&rig, &id).await;
            if store.operations() - before < nth {
                break;
            }
            steps += 1;
            // Whatever was left is done after a restart.
            rig.reopen().await;
            rig.clock.advance(HOUR);
            rig.trails.deliver_for(&id).await.unwrap();
            rig.trails.stop(&id).await.unwrap();
            rig.trails.deliver_for(&id).await.unwrap();
            assert_eq!(rig.delivered(), ["E0", "E1"], "{fault:?} at {nth}");
            assert_eq!(rig.validate(), 1, "{fault:?} at {nth}");
        }
    }
    assert!(steps > 30, "the failures reached {steps} steps");
}

#[tokio::test]
async fn a_damaged_line_is_told_and_what_follows_is_delivered() {
    let rig = Rig::new().await;
    let id = rig.started("one").await;
    rig.record("One").await;
    rig.record("Two").await;
    let path = std::fs::read_dir(rig.folder.path()).unwrap().next().unwrap().unwrap().path();
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.replace_range(..1, "x");
    std::fs::write(&path, text).unwrap();
    rig.clock.advance(HOUR);
    rig.trails.deliver_for(&id).await.unwrap();
    let status = rig.trails.status(&id).await.unwrap().status;
    assert_eq!(status.delivery_error.as_deref(), Some("InternalFailure"));
    assert_eq!((rig.delivered(), rig.digests().len()), (vec!["Two".to_owned()], 1), "the chain goes on");
    rig.record("Three").await;
    rig.trails.deliver_for(&id).await.unwrap();
    assert_eq!(rig.trails.status(&id).await.unwrap().status.delivery_error, None);
}

#[tokio::test]
async fn new_selectors_are_for_new_events() {
    let rig = Rig::new().await;
    let id = rig.started("one").await;
    rig.record("Read").await;
    let writes = EventSelector { read_write_type: ReadWriteType::WriteOnly, ..EventSelector::default() };
    rig.trails.put_selectors(&id, vec![writes]).await.unwrap();
    rig.record("UnwantedRead").await;
    rig.trails.deliver_for(&id).await.unwrap();
    assert_eq!(rig.delivered(), ["Read"]);
    let changed = rig.trails.put_selectors(&id, vec![]).await;
    assert!(matches!(changed, Err(Error::InvalidSelectors(_))));
}

#[tokio::test]
async fn the_schedule_delivers_and_digests_by_the_clock() {
    let rig = Rig::new().await;
    let id = rig.started("one").await;
    let trails = Arc::new(rig.trails);
    let running = tokio::spawn({
        let trails = trails.clone();
        async move { trails.run().await }
    });
    let until = |wanted: usize| {
        let (bucket, clock) = (rig.bucket.clone(), rig.clock.clone());
        async move {
            while bucket.puts() < wanted {
                clock.advance(Duration::from_secs(60));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    };
    rig.sink.append(event("One")).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), until(3)).await.unwrap();
    running.abort();
    assert!(trails.status(&id).await.unwrap().status.digested.is_some());
}
