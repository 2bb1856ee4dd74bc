//! What Regions believe, record and give away.

use super::*;

#[tokio::test]
async fn each_region_records_its_side() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, _) = globe.pair().await;
    assert!(names(&globe.sites[0]).ends_with(&["ReplicateKey".into(), "SynchronizeMultiRegionKey".into()]));
    assert!(names(&globe.sites[1]).ends_with(&["CreateKey".into(), "SynchronizeMultiRegionKey".into()]));
    let created = globe.sites[1].audit.inner().events().iter().find(|e| e.event_name == "CreateKey").cloned().unwrap();
    assert_eq!(created.user_identity.arn.as_deref(), Some("arn:aws:iam::111122223333:root"), "who replicated it");
    globe.hand_over(&key, AWAY).await.unwrap();
    assert!(names(&globe.sites[0]).contains(&"UpdatePrimaryRegion".into()));
    assert!(names(&globe.sites[1]).contains(&"UpdatePrimaryRegion".into()));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_taken_over() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, replica) = globe.pair().await;
    globe.sites[1].audit.fail(true);
    globe.rotate(&key).await.unwrap();
    assert!(globe.at(HOME).tell(&region(AWAY)).await.is_err());
    assert_eq!(globe.record(globe.at(AWAY), key.key_id()).unwrap().versions.len(), 1);
    globe.sites[1].audit.fail(false);
    globe.settle().await;
    let sealed = globe.encrypt(&key, b"x").await.unwrap();
    assert_eq!(globe.decrypt(&replica, &sealed).await.unwrap(), b"x");
}

#[tokio::test]
async fn a_region_with_another_peer_key_or_name_is_not_heard() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, _) = globe.pair().await;
    globe.rotate(&key).await.unwrap();
    let sent = globe.link(HOME, AWAY).sent.lock().unwrap().last().cloned().unwrap();
    let away = globe.at(AWAY);
    for from in [AWAY, "ap-south-1", "", "../x"] {
        assert_eq!(code(away.answer_region(from, &sent).await), "AccessDeniedException", "{from:?}");
    }
    for broken in [&[][..], &[0; 64], &sent[..sent.len() - 1]] {
        assert_eq!(code(away.answer_region(HOME, broken).await), "AccessDeniedException");
    }
    let alone = World::new().await;
    assert_eq!(code(alone.kms.answer_region(HOME, &sent).await), "AccessDeniedException", "no Regions at all");
}

#[tokio::test]
async fn material_is_neither_sent_nor_stored_in_the_clear() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, _) = globe.pair().await;
    globe.rotate(&key).await.unwrap();
    globe.settle().await;
    let account: AccountId = ACCOUNT.parse().unwrap();
    let known = globe.at(HOME).state.directory().key(&account, key.key_id()).cloned().unwrap();
    let sent: Vec<Vec<u8>> = globe.links.values().flat_map(|link| link.sent.lock().unwrap().clone()).collect();
    assert!(sent.len() >= 3);
    for number in 0..2 {
        let bytes = globe.at(HOME).material(&known, number).unwrap().expose();
        assert_eq!(bytes.len(), 32);
        let holds = |haystack: &[u8]| haystack.windows(8).any(|window| window == &bytes[..8]);
        assert!(!sent.iter().any(|message| holds(message)), "on the wire");
        assert!(!sent.iter().any(|message| message.windows(8).any(|w| w == &key.key_id().as_bytes()[..8])), "the id");
        for site in &globe.sites {
            let stored = globe.record(&site.kms, key.key_id()).unwrap();
            assert!(!holds(&crate::schema::encode(&stored)), "at rest in {}", site.region);
        }
        let stored =
            |at: usize| globe.record(&globe.sites[at].kms, key.key_id()).unwrap().versions[number].sealed.clone();
        assert_ne!(stored(0), stored(1), "each Region seals under its own root key");
    }
}

#[tokio::test]
async fn an_object_that_names_the_key_in_another_region_opens_with_the_local_one() {
    let globe = Globe::new(&[HOME, AWAY]).await;
    let (key, replica) = globe.pair().await;
    let s3 = globe.root.via_s3(&region(HOME));
    let none = EncryptionContext::default();
    let key_ref = arqueta_kms::KeyRef::Named(key.to_string());
    let (home, away) = (globe.at(HOME), globe.at(AWAY));
    let request = arqueta_kms::GenerateDataKey { key: &key_ref, context: &none };
    let made = arqueta_kms::Kms::generate_data_key(home, &s3, request).await.unwrap();
    let there = globe.root.via_s3(&region(AWAY));
    let open = arqueta_kms::Decrypt { wrapped: &made.wrapped, key: Some(&made.key), context: &none };
    let opened = arqueta_kms::Kms::decrypt(away, &there, open).await.unwrap();
    assert_eq!(opened.expose(), made.plaintext.expose());
    away.recheck(&there, arqueta_kms::Operation::Decrypt, &made.key, &none).await.unwrap();
    let wrong = context(&[("a", "b")]);
    let other = arqueta_kms::Decrypt { wrapped: &made.wrapped, key: Some(&made.key), context: &wrong };
    assert!(matches!(arqueta_kms::Kms::decrypt(away, &there, other).await, Err(Error::InvalidCiphertext)));
    let stranger = KeyArn::new(&region("ap-south-1"), &ACCOUNT.parse().unwrap(), key.key_id());
    let unrelated = arqueta_kms::Decrypt { wrapped: &made.wrapped, key: Some(&stranger), context: &none };
    assert_eq!(code(arqueta_kms::Kms::decrypt(away, &there, unrelated).await), "NotFoundException");
    away.disable_key(&globe.root, DisableKeyRequest { key_id: replica.to_string() }).await.unwrap();
    assert_eq!(code(arqueta_kms::Kms::decrypt(away, &there, open).await), "DisabledException", "its own state counts");
    // Users name keys of their own Region only.
    let foreign = DecryptRequest {
        ciphertext_blob: Blob::new(made.wrapped.clone()),
        key_id: Some(key.to_string()),
        ..Default::default()
    };
    assert_eq!(message(away.decrypt(&globe.root, foreign).await), "Invalid arn us-east-1");
}
