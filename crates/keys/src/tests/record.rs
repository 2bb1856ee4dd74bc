use arqueta_kms::testing::{OTHER_ACCOUNT, context, user};
use arqueta_kms::{Decrypt, GenerateDataKey, KeyRef, Kms, Operation};

use super::*;

#[tokio::test]
async fn a_call_through_s3_is_one_event_with_everything_an_auditor_asks() {
    let world = World::new().await;
    let key = world.key().await;
    let alice = power_user(ACCOUNT, "alice").via_s3(&"us-east-1".parse().unwrap());
    let bound = context(&[("aws:s3:arn", "arn:aws:s3:::bucket")]);
    world.audit.inner().take();
    let request = GenerateDataKey { key: &KeyRef::Named(key.to_string()), context: &bound };
    let made = Kms::generate_data_key(&world.kms, &alice, request).await.unwrap();
    Kms::decrypt(&world.kms, &alice, Decrypt { wrapped: &made.wrapped, key: Some(&key), context: &bound })
        .await
        .unwrap();
    let events = world.audit.inner().take();
    assert_eq!(events.iter().map(|e| e.event_name.as_str()).collect::<Vec<_>>(), ["GenerateDataKey", "Decrypt"]);
    let event = serde_json::to_value(&events[0]).unwrap();
    assert_eq!(event["eventSource"], "kms.amazonaws.com");
    assert_eq!(event["userIdentity"]["arn"], "arn:aws:iam::111122223333:user/alice");
    assert_eq!(event["userIdentity"]["invokedBy"], "s3.us-east-1.amazonaws.com");
    assert_eq!(event["sourceIPAddress"], "127.0.0.1");
    assert_eq!(event["requestID"], alice.request.id.to_string());
    assert_eq!(event["requestParameters"]["keySpec"], "AES_256");
    assert_eq!(event["requestParameters"]["keyId"], key.as_str());
    assert_eq!(event["requestParameters"]["encryptionContext"]["aws:s3:arn"], "arn:aws:s3:::bucket");
    assert_eq!(event["responseElements"], serde_json::Value::Null);
    assert_eq!(event["readOnly"], true);
    let resource = serde_json::json!([{ "accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key.as_str() }]);
    assert_eq!(event["resources"], resource);
    assert!(event.get("errorCode").is_none());
    let decrypt = serde_json::to_value(&events[1]).unwrap();
    assert_eq!(decrypt["requestParameters"]["encryptionAlgorithm"], "SYMMETRIC_DEFAULT");
}

#[tokio::test]
async fn a_refused_call_is_an_event_with_its_error() {
    let world = World::new().await;
    let key = world.key().await;
    let bob = user(ACCOUNT, "bob", &[]);
    world.audit.inner().take();
    let denied = message(world.generate_as(&bob, key.as_str()).await);
    assert!(world.decrypt_as(&bob, b"nonsense").await.is_err());
    assert!(world.kms.describe_key(&bob, DescribeKeyRequest { key_id: "x".into() }).await.is_err());
    let events = world.audit.inner().take();
    let errors: Vec<_> = events.iter().map(|e| e.error_code.as_deref().unwrap()).collect();
    assert_eq!(errors, ["AccessDenied", "InvalidCiphertextException", "NotFoundException"]);
    assert_eq!(events[0].error_message.as_deref(), Some(denied.as_str()));
    assert_eq!(events[0].resources[0].arn, key.as_str());
}

#[tokio::test]
async fn every_operation_is_exactly_one_event() {
    let world = World::new().await;
    let (kms, by) = (&world.kms, &world.root);
    let key_id = world.key().await.to_string();
    let one = |name: &str, read_only: bool| {
        let events = world.audit.inner().take();
        assert_eq!(events.len(), 1, "{name}");
        assert_eq!((events[0].event_name.as_str(), events[0].read_only), (name, read_only));
    };
    one("CreateKey", false);
    kms.list_keys(by, ListKeysRequest::default()).await.unwrap();
    one("ListKeys", true);
    kms.create_alias(by, CreateAliasRequest { alias_name: "alias/x".into(), target_key_id: key_id.clone() })
        .await
        .unwrap();
    one("CreateAlias", false);
    kms.put_key_policy(by, PutKeyPolicyRequest { key_id: key_id.clone(), policy: "x".into(), ..Default::default() })
        .await
        .unwrap_err();
    one("PutKeyPolicy", false);
    kms.list_key_policies(by, ListKeyPoliciesRequest { key_id: key_id.clone() }).await.unwrap();
    one("ListKeyPolicies", true);
    kms.rotate_key_on_demand(by, RotateKeyOnDemandRequest { key_id: key_id.clone() }).await.unwrap();
    one("RotateKeyOnDemand", false);
    kms.generate_random(by, GenerateRandomRequest { number_of_bytes: 1, ..Default::default() }).await.unwrap();
    one("GenerateRandom", true);
    kms.delete_alias(by, DeleteAliasRequest { alias_name: "alias/x".into() }).await.unwrap();
    one("DeleteAlias", false);
    kms.disable_key(by, DisableKeyRequest { key_id }).await.unwrap();
    one("DisableKey", false);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let world = World::new().await;
    let key = world.key().await;
    let sealed = world.encrypt(&key, b"secret").await;
    world.audit.fail(true);
    assert!(matches!(world.generate_as(&world.root, key.as_str()).await, Err(Error::Audit(_))));
    assert!(matches!(world.decrypt_as(&world.root, &sealed).await, Err(Error::Audit(_))));
    let bound = context(&[]);
    let request = GenerateDataKey { key: &KeyRef::Named(key.to_string()), context: &bound };
    assert!(matches!(Kms::generate_data_key(&world.kms, &world.root, request).await, Err(Error::Audit(_))));
    let stranger = root(OTHER_ACCOUNT);
    assert!(matches!(world.decrypt_as(&stranger, &sealed).await, Err(Error::Audit(_))), "not even a denial");
    assert!(matches!(
        Kms::recheck(&world.kms, &stranger, Operation::Decrypt, &key, &bound).await,
        Err(Error::Audit(_))
    ));
    world.audit.fail(false);
    assert!(world.decrypt_as(&world.root, &sealed).await.is_ok());
}

#[tokio::test]
async fn a_recheck_is_an_event_only_when_denied() {
    let world = World::new().await;
    let key = world.key().await;
    let bound = context(&[("k", "v")]);
    world.audit.inner().take();
    for _ in 0..10 {
        Kms::recheck(&world.kms, &world.root, Operation::Decrypt, &key, &bound).await.unwrap();
    }
    assert!(world.audit.inner().take().is_empty());
    let bob = user(ACCOUNT, "bob", &[]);
    assert!(Kms::recheck(&world.kms, &bob, Operation::Decrypt, &key, &bound).await.is_err());
    let events = world.audit.inner().take();
    assert_eq!(
        (events.len(), events[0].event_name.as_str(), events[0].error_code.as_deref()),
        (1, "Decrypt", Some("AccessDenied"))
    );
    assert_eq!(events[0].request_parameters["encryptionContext"]["k"], "v");
}

#[tokio::test]
async fn no_secret_is_in_an_event() {
    use base64::Engine as _;
    let world = World::new().await;
    let key = world.key().await;
    let made = world.generate_as(&world.root, key.as_str()).await.unwrap();
    world.decrypt_as(&world.root, made.ciphertext_blob.expose()).await.unwrap();
    let text = serde_json::to_string(&world.audit.inner().take()).unwrap();
    for secret in [made.plaintext.expose(), made.ciphertext_blob.expose()] {
        assert!(!text.contains(&base64::engine::general_purpose::STANDARD.encode(secret)));
        assert!(!text.contains(&format!("{:?}", &secret[..8])));
    }
}
