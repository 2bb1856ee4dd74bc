//! What trails are told.

use super::*;
use crate::testing::Failure;

#[tokio::test]
async fn names_belong_to_accounts() {
    let rig = Rig::new().await;
    rig.trails.create(new("one")).await.unwrap();
    assert!(matches!(rig.trails.create(new("one")).await, Err(Error::TrailAlreadyExists { .. })));
    let other: AccountId = "444455556666".parse().unwrap();
    let theirs = NewTrail { id: TrailId::new(&other, "one").unwrap(), ..new("one") };
    rig.trails.create(theirs).await.unwrap();
    assert_eq!(rig.trails.of_account(&other).await.unwrap().len(), 1);
    for name in ["two", "three", "four", "five"] {
        rig.trails.create(new(name)).await.unwrap();
    }
    assert!(matches!(rig.trails.create(new("six")).await, Err(Error::TooManyTrails { most: 5, .. })));
}

#[tokio::test]
async fn what_a_damaged_trail_has_still_to_deliver_is_not_taken_for_delivered() {
    let meta = Arc::new(MemoryMeta::default());
    let rig = Rig::over(meta.clone()).await;
    let id = rig.started("one").await;
    rig.record("First").await;
    assert!(undelivered(meta.clone()).await.unwrap().is_some());
    for kind in ["t", "p"] {
        let key = format!("trail/{kind}/{}/{}", id.account, id.name);
        let whole = meta.get(key.as_bytes()).await.unwrap().unwrap();
        meta.damage(key.as_bytes()).await;
        assert!(undelivered(meta.clone()).await.is_err(), "{key}");
        meta.commit(arqueta_store::Batch::default().put(key.into_bytes(), whole)).await.unwrap();
    }
    assert!(undelivered(meta.clone()).await.unwrap().is_some());
}

#[tokio::test]
async fn trails_that_cannot_be_are_not_made() {
    let rig = Rig::new().await;
    let bad_tag = Tag { key: String::new(), value: String::new() };
    for (case, trail, code) in [
        ("bucket name", NewTrail { bucket: "B".to_owned(), ..new("one") }, "InvalidS3BucketNameException"),
        ("prefix", NewTrail { prefix: Some("/x".to_owned()), ..new("one") }, "InvalidS3PrefixException"),
        ("tag", NewTrail { tags: vec![bad_tag], ..new("one") }, "InvalidTagParameterException"),
        (
            "regions",
            NewTrail { multi_region: true, global_events: false, ..new("one") },
            "InvalidParameterCombinationException",
        ),
    ] {
        assert_eq!(rig.trails.create(trail).await.unwrap_err().code(), code, "{case}");
    }
    let failures: [(Failure, &str); 5] = [
        (|| DeliveryError::NoSuchBucket, "S3BucketDoesNotExistException"),
        (|| DeliveryError::AccessDenied, "InsufficientS3BucketPolicyException"),
        (|| DeliveryError::KeyNotFound, "KmsKeyNotFoundException"),
        (|| DeliveryError::KeyDisabled, "KmsKeyDisabledException"),
        (|| DeliveryError::KeyDenied, "InsufficientEncryptionPolicyException"),
    ];
    for (failure, code) in failures {
        rig.bucket.fail(Some(failure));
        assert_eq!(rig.trails.create(new("one")).await.unwrap_err().code(), code);
    }
    assert!(rig.trails.of_account(&account()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_trail_that_is_not_there_has_no_answers() {
    let rig = Rig::new().await;
    let id = TrailId::new(&account(), "none").unwrap();
    let missing = [
        rig.trails.trail(&id).await.map(drop),
        rig.trails.update(&id, Changes::default()).await.map(drop),
        rig.trails.delete(&id).await,
        rig.trails.start(&id).await,
        rig.trails.stop(&id).await,
        rig.trails.status(&id).await.map(drop),
        rig.trails.put_selectors(&id, vec![EventSelector::default()]).await.map(drop),
        rig.trails.add_tags(&id, &[]).await,
        rig.trails.remove_tags(&id, &[]).await,
        rig.trails.deliver_for(&id).await,
    ];
    for (n, missing) in missing.into_iter().enumerate() {
        assert!(matches!(missing, Err(Error::TrailNotFound { .. })), "call {n}: {missing:?}");
    }
}

#[tokio::test]
async fn settings_change_one_by_one() {
    let rig = Rig::new().await;
    let trail = NewTrail { prefix: Some("p".to_owned()), kms_key: Some("k".to_owned()), ..new("one") };
    let made = rig.trails.create(trail).await.unwrap();
    assert_eq!(made.kms_key.as_deref(), Some("arn:aws:kms:eu-west-1:111122223333:key/k"), "an ARN, whatever was given");
    let same = rig.trails.update(&made.id, Changes::default()).await.unwrap();
    assert_eq!(same.prefix, made.prefix);
    let cleared = Changes { prefix: Some(String::new()), kms_key: Some(String::new()), ..Changes::default() };
    let cleared = rig.trails.update(&made.id, cleared).await.unwrap();
    assert_eq!((&cleared.prefix, &cleared.kms_key), (&None, &None));
    assert_eq!(rig.trails.trail(&made.id).await.unwrap(), cleared);
}

#[tokio::test]
async fn only_trails_that_log_select_and_they_do_after_a_restart() {
    let mut rig = Rig::new().await;
    let id = rig.started("one").await;
    let resource = DataResource { kind: S3_OBJECT.to_owned(), values: vec!["arn:aws:s3:::data/".to_owned()] };
    let selector = EventSelector { data_resources: vec![resource], ..EventSelector::default() };
    rig.trails.put_selectors(&id, vec![selector]).await.unwrap();
    let wanted = |trails: &Trails| trails.selection().wants_data(&account(), "data", "k", true);
    assert!(wanted(&rig.trails));
    rig.reopen().await;
    assert!(wanted(&rig.trails));
    rig.trails.stop(&id).await.unwrap();
    assert!(!wanted(&rig.trails));
}

#[tokio::test]
async fn a_deleted_trail_has_delivered_what_it_had() {
    let rig = Rig::new().await;
    let id = rig.started("one").await;
    rig.record("Last").await;
    rig.trails.delete(&id).await.unwrap();
    assert_eq!(rig.delivered(), ["Last"]);
    assert_eq!(rig.validate(), 1);
    assert!(rig.trails.of_account(&account()).await.unwrap().is_empty());
    let again = rig.started("one").await;
    assert!(rig.trails.status(&again).await.unwrap().status.delivered.is_none(), "another trail of the same name");
}

#[tokio::test]
async fn public_keys_are_those_of_the_time_asked_for() {
    let rig = Rig::new().await;
    let at = |seconds: i64| Some(arqueta_model::Timestamp::from_millis(seconds * 1000));
    let keys = |start, end| rig.trails.public_keys(start, end);
    assert_eq!(keys(None, None).await.unwrap().len(), 1);
    assert_eq!(keys(at(0), at(1_767_225_600)).await.unwrap().len(), 1);
    assert_eq!(keys(at(0), at(1_767_225_599)).await.unwrap().len(), 0);
    assert!(matches!(keys(at(2), at(1)).await, Err(Error::InvalidTimeRange)));
}
