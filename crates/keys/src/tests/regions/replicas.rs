//! How replicas come to be and go.

use super::*;

#[tokio::test]
async fn a_replica_shares_id_and_material_and_nothing_else() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let key = globe.primary().await;
    assert!(crate::key::id::is_multi_region_id(key.key_id()), "{key}");
    let made = globe.describe(&key).await.unwrap();
    assert_eq!((made.multi_region, kind(&made)), (true, "PRIMARY"));
    let request = ReplicateKeyRequest {
        description: "away".into(),
        tags: BTreeMap::from([("a".into(), "b".into())]),
        ..replicate(&key, AWAY)
    };
    let answer = globe.at(HOME).replicate_key(&globe.root, request).await.unwrap();
    assert_eq!(answer.replica_key_metadata.key_state, KeyState::Creating);
    assert_eq!(answer.replica_tags.len(), 1);
    let replica: KeyArn = answer.replica_key_metadata.arn.parse().unwrap();
    assert_eq!((replica.region(), replica.key_id()), (AWAY, key.key_id()));
    let there = globe.describe(&replica).await.unwrap();
    assert_eq!((there.key_state, there.description.as_str(), kind(&there)), (KeyState::Enabled, "away", "REPLICA"));
    let here = globe.describe(&key).await.unwrap();
    assert_eq!(here.description, "");
    assert_eq!(here.current_key_material_id, there.current_key_material_id);
    let regions = |metadata: &KeyMetadata| {
        let all = metadata.multi_region_configuration.clone().unwrap();
        (all.primary_key, all.replica_keys)
    };
    assert_eq!(regions(&here), regions(&there));
    for (from, to) in [(&key, &replica), (&replica, &key)] {
        let sealed = globe.encrypt(from, b"across").await.unwrap();
        assert_eq!(globe.decrypt(to, &sealed).await.unwrap(), b"across");
    }
    let disable = DisableKeyRequest { key_id: replica.to_string() };
    globe.at(AWAY).disable_key(&globe.root, disable).await.unwrap();
    assert_eq!(globe.describe(&key).await.unwrap().key_state, KeyState::Enabled, "states are each Region's own");
}

#[tokio::test]
async fn replication_is_refused_as_the_api_names_it() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, replica) = globe.pair().await;
    for to in [AWAY, HOME] {
        assert_eq!(code(globe.replicate(&key, to).await), "AlreadyExistsException", "{to}");
    }
    assert_eq!(code(globe.replicate(&key, "sa-east-1").await), "UnsupportedOperationException", "not configured");
    assert_eq!(code(globe.replicate(&replica, HOME).await), "UnsupportedOperationException", "of a replica");
    let single = globe.at(HOME).create_key(&globe.root, CreateKeyRequest::default()).await.unwrap();
    let single: KeyArn = single.key_metadata.arn.parse().unwrap();
    assert_eq!(code(globe.replicate(&single, AWAY).await), "UnsupportedOperationException", "of one Region");
    let other = globe.primary().await;
    globe.at(HOME).disable_key(&globe.root, DisableKeyRequest { key_id: other.to_string() }).await.unwrap();
    assert_eq!(code(globe.replicate(&other, AWAY).await), "DisabledException");
    let locked = ReplicateKeyRequest {
        policy: Some(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"kms:*","Resource":"*"}]}"#.into()),
        ..replicate(&globe.primary().await, AWAY)
    };
    let refused = globe.at(HOME).replicate_key(&globe.root, locked.clone()).await;
    assert_eq!(code(refused), "MalformedPolicyDocumentException");
    let bypassed = ReplicateKeyRequest { bypass_policy_lockout_safety_check: true, ..locked };
    globe.at(HOME).replicate_key(&globe.root, bypassed).await.unwrap();
}

#[tokio::test]
async fn who_replicates_needs_both_permissions() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let key = globe.primary().await;
    let statement = |allowed: &str| {
        format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{allowed}],"Resource":"*"}}]}}"#)
    };
    let request = || ReplicateKeyRequest { bypass_policy_lockout_safety_check: true, ..replicate(&key, AWAY) };
    for allowed in [r#""kms:ReplicateKey""#, r#""kms:CreateKey""#] {
        let half = user(ACCOUNT, "half", &[&statement(allowed)]);
        assert_eq!(code(globe.at(HOME).replicate_key(&half, request()).await), "AccessDeniedException", "{allowed}");
    }
    let elsewhere = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"},
        {"Effect":"Allow","Action":"kms:ReplicateKey","Resource":"*","Condition":{"StringNotEquals":{"kms:ReplicaRegion":"eu-west-1"}}}]}"#;
    let elsewhere = user(ACCOUNT, "elsewhere", &[elsewhere]);
    assert_eq!(code(globe.at(HOME).replicate_key(&elsewhere, request()).await), "AccessDeniedException");
    let both = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"kms:CreateKey","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1","kms:MultiRegionKeyType":"REPLICA"}}},
        {"Effect":"Allow","Action":"kms:ReplicateKey","Resource":"*","Condition":{"StringEquals":{"kms:ReplicaRegion":"eu-west-1","kms:MultiRegionKeyType":"PRIMARY"},"Bool":{"kms:MultiRegion":"true"}}}]}"#;
    let both = user(ACCOUNT, "both", &[both]);
    globe.at(HOME).replicate_key(&both, request()).await.unwrap();
}

#[tokio::test]
async fn a_replica_of_a_region_that_is_down_comes_to_be_when_it_is_back() {
    let mut globe = Globe::new(&[HOME, AWAY]).await;
    globe.cut(HOME, AWAY, true);
    let (key, replica) = globe.pair().await;
    assert_eq!(code(globe.describe(&replica).await), "NotFoundException");
    globe.restart(0).await;
    globe.cut(HOME, AWAY, false);
    globe.settle().await;
    let sealed = globe.encrypt(&key, b"late").await.unwrap();
    assert_eq!(globe.decrypt(&replica, &sealed).await.unwrap(), b"late");
}

#[tokio::test]
async fn a_replica_that_is_still_creating_works_for_nobody() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    // The offer arrives, the material does not.
    *globe.link(HOME, AWAY).fates.lock().unwrap() = vec![Fate::Lost, Fate::Arrives];
    let (key, replica) = globe.pair().await;
    assert_eq!(globe.describe(&replica).await.unwrap().key_state, KeyState::Creating);
    let sealed = globe.encrypt(&key, b"x").await.unwrap();
    assert_eq!(code(globe.decrypt(&replica, &sealed).await), "KMSInvalidStateException");
    assert_eq!(code(globe.encrypt(&replica, b"x").await), "KMSInvalidStateException");
    assert_eq!(code(globe.schedule(&replica).await), "KMSInvalidStateException");
    globe.settle().await;
    assert_eq!(globe.decrypt(&replica, &sealed).await.unwrap(), b"x");
}

#[tokio::test]
async fn a_primary_is_deleted_after_its_last_replica() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, replica) = globe.pair().await;
    let scheduled = globe.schedule(&key).await.unwrap();
    assert_eq!((scheduled.key_state, scheduled.deletion_date), (KeyState::PendingReplicaDeletion, None));
    assert_eq!(globe.describe(&key).await.unwrap().pending_deletion_window_in_days, Some(7));
    assert_eq!(code(globe.encrypt(&key, b"x").await), "KMSInvalidStateException");
    globe.encrypt(&replica, b"x").await.unwrap();
    globe.clock.advance(30 * DAY);
    globe.at(HOME).run_due().await.unwrap();
    assert_eq!(globe.describe(&key).await.unwrap().key_state, KeyState::PendingReplicaDeletion, "replicas first");
    globe.schedule(&replica).await.unwrap();
    globe.clock.advance(8 * DAY);
    globe.at(AWAY).run_due().await.unwrap();
    assert_eq!(code(globe.describe(&replica).await), "NotFoundException");
    globe.settle().await;
    let waiting = globe.describe(&key).await.unwrap();
    assert_eq!(waiting.key_state, KeyState::PendingDeletion, "its own waiting period begins now");
    assert!(waiting.deletion_date.is_some() && waiting.multi_region_configuration.unwrap().replica_keys.is_empty());
    globe.clock.advance(8 * DAY);
    globe.at(HOME).run_due().await.unwrap();
    assert_eq!(code(globe.describe(&key).await), "NotFoundException");
}

#[tokio::test]
async fn cancelling_keeps_the_primary_and_a_deleted_replica_can_be_made_again() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, replica) = globe.pair().await;
    globe.schedule(&key).await.unwrap();
    let cancel = CancelKeyDeletionRequest { key_id: key.to_string() };
    globe.at(HOME).cancel_key_deletion(&globe.root, cancel).await.unwrap();
    assert_eq!(globe.describe(&key).await.unwrap().key_state, KeyState::Disabled);
    globe.at(HOME).enable_key(&globe.root, EnableKeyRequest { key_id: key.to_string() }).await.unwrap();
    let before = globe.link(HOME, AWAY).sent.lock().unwrap().clone();
    globe.schedule(&replica).await.unwrap();
    globe.clock.advance(8 * DAY);
    globe.at(AWAY).run_due().await.unwrap();
    globe.settle().await;
    for old in before {
        let _ = globe.link(HOME, AWAY).deliver(&old).await;
        assert!(globe.record(globe.at(AWAY), key.key_id()).is_none(), "no replayed message makes it again");
    }
    globe.replicate(&key, AWAY).await.unwrap();
    let sealed = globe.encrypt(&key, b"again").await.unwrap();
    assert_eq!(globe.decrypt(&replica, &sealed).await.unwrap(), b"again");
}
